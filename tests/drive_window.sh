#!/usr/bin/env bash
# Drives the real window without a hand: opens a scan, segments, clicks, draws a box, paints, undoes and
# saves, and keeps a picture of every step. Needs Xvfb, xdotool and ImageMagick (Debian: xvfb xdotool
# imagemagick), and a Vulkan driver (mesa-vulkan-drivers does).
#
# usage: drive_window.sh OUT_FOLDER SCAN [LABELS]
#   CLICK="x y", BOX="x0 y0 x1 y1", STROKE="x0 y0 x1 y1": where to point in the axial view, in pixels of a
#   1360 x 860 window; PROSECTOR: the program; PACE: waits longer (2: twice); AUTO=no leaves the automatic segmentation out.
set -euo pipefail

out=${1:?an output folder}; scan=${2:?a scan}; labels=${3:-}
program=${PROSECTOR:-"$(dirname "$0")/../target/release/prosector"}
size=1360x860
click=${CLICK:-"330 400"}; box=${BOX:-"270 340 400 470"}; stroke=${STROKE:-"250 300 330 330"}
wait_s() { sleep "$(awk "BEGIN { print $1 * ${PACE:-1} }")"; }
mkdir -p "$out"; rm -f "$out/labels.nii.gz"
home=$(mktemp -d); trap 'kill ${window_pid:-} ${server_pid:-} 2>/dev/null || true; rm -rf "$home"' EXIT

display=:$((90 + RANDOM % 400))
Xvfb "$display" -screen 0 ${size}x24 -nolisten tcp >"$out/xvfb.log" 2>&1 & server_pid=$!
export DISPLAY=$display XDG_DATA_HOME=$home XDG_RUNTIME_DIR=$home WAYLAND_DISPLAY=
for _ in $(seq 100); do xdotool getmouselocation >/dev/null 2>&1 && break; sleep 0.1; done

RUST_LOG=${RUST_LOG:-warn} "$program" "$scan" ${labels:+"$labels"} >"$out/window.log" 2>&1 & window_pid=$!
id=$(timeout 60 xdotool search --sync --onlyvisible --pid "$window_pid" | tail -1)
xdotool windowmove "$id" 0 0 windowsize "$id" ${size/x/ } windowfocus "$id"
wait_s "${START_SECONDS:-6}"

picture() { import -window root "$out/$1.png"; echo "$1"; }
press() { xdotool key "$@"; wait_s 0.6; }
point() { xdotool mousemove "$1" "$2"; wait_s 0.15; }
drag() { # button x0 y0 x1 y1
  point "$2" "$3"; xdotool mousedown "$1"; wait_s 0.15
  for n in 1 2 3 4 5 6; do point $(($2 + ($4 - $2) * n / 6)) $(($3 + ($5 - $3) * n / 6)); done
  xdotool mouseup "$1"; wait_s 0.5
}
settled() { wait_s "${1:-2}"; } # a moment for the model

picture 01_notice
press Return
picture 02_opened
if [ "${AUTO:-yes}" = yes ]; then
  press ctrl+g; settled "${AUTO_SECONDS:-20}"; picture 03_organs_proposed
  press Return; settled 1; picture 04_organs_accepted
fi
press n; press 2                                            # next lesion, click tool
point $click; xdotool click 1; settled "${CLICK_SECONDS:-8}"; picture 05_click
press Return; settled 1
press n; press 3; drag 1 $box; settled "${CLICK_SECONDS:-8}"; picture 06_box
press Return; settled 1; picture 07_box_accepted
press 4; drag 1 $stroke; picture 08_brushed
press ctrl+z; picture 09_undone
press ctrl+shift+z; picture 10_redone
press ctrl+shift+s; settled 2; picture 11_save_as
xdotool key ctrl+a; xdotool type --delay 5 "$(realpath "$out")/labels.nii.gz"
press Return; settled 3; picture 12_saved
test -s "$out/labels.nii.gz" || { echo "nothing was saved" >&2; exit 1; }
press ctrl+q; wait_s 2
if kill -0 "$window_pid" 2>/dev/null; then echo "the window did not close" >&2; exit 1; fi
echo "saved $out/labels.nii.gz"
