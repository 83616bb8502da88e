#!/usr/bin/env bash
# Drives the real window without a hand: opens a scan, segments, clicks, draws a box, paints, undoes and
# saves, and keeps a picture of every step. What it needs is said in drive_lib.sh.
#
# usage: drive_window.sh OUT_FOLDER SCAN [LABELS]
#   CLICK="x y", BOX="x0 y0 x1 y1", STROKE="x0 y0 x1 y1": where to point in the axial view, in pixels of a
#   1360 x 860 window; PROSECTOR: the program; PACE: waits longer (2: twice); AUTO=no leaves the automatic segmentation out.
set -euo pipefail

out=${1:?an output folder}; scan=${2:?a scan}; labels=${3:-}
. "$(dirname "$0")/drive_lib.sh"
click=${CLICK:-"330 400"}; box=${BOX:-"270 340 400 470"}; stroke=${STROKE:-"250 300 330 330"}
rm -f "$out/labels.nii.gz"
open_window "$scan" ${labels:+"$labels"}

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
