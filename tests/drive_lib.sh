# What the scripts that drive the real window share. Needs Xvfb, xdotool and ImageMagick (Debian: xvfb xdotool
# imagemagick), and a Vulkan driver (mesa-vulkan-drivers does). Set `out` before; PROSECTOR: the program; PACE: waits
# longer (2: twice).

program=${PROSECTOR:-"$(dirname "${BASH_SOURCE[0]}")/../target/release/prosector"}
size=1360x860
mkdir -p "$out"
home=$(mktemp -d)
trap 'kill ${window_pid:-} ${server_pid:-} 2>/dev/null || true; rm -rf "$home"' EXIT

wait_s() { sleep "$(awk "BEGIN { print $1 * ${PACE:-1} }")"; }

display=:$((90 + RANDOM % 400))
Xvfb "$display" -screen 0 ${size}x24 -nolisten tcp >"$out/xvfb.log" 2>&1 & server_pid=$!
export DISPLAY=$display XDG_DATA_HOME=$home XDG_RUNTIME_DIR=$home WAYLAND_DISPLAY=
for _ in $(seq 100); do xdotool getmouselocation >/dev/null 2>&1 && break; sleep 0.1; done

open_window() { # paths to open
  RUST_LOG=${RUST_LOG:-warn} "$program" "$@" >>"$out/window.log" 2>&1 & window_pid=$!
  id=$(timeout 60 xdotool search --sync --onlyvisible --pid "$window_pid" | tail -1)
  xdotool windowmove "$id" 0 0 windowsize "$id" ${size/x/ } windowfocus "$id"
  wait_s "${START_SECONDS:-6}"
}

picture() { import -window root "$out/$1.png"; echo "$1"; }
press() { xdotool key "$@"; wait_s 0.6; }
point() { xdotool mousemove "$1" "$2"; wait_s 0.15; }
drag() { # button x0 y0 x1 y1
  point "$2" "$3"; xdotool mousedown "$1"; wait_s 0.15
  for n in 1 2 3 4 5 6; do point $(($2 + ($4 - $2) * n / 6)) $(($3 + ($5 - $3) * n / 6)); done
  xdotool mouseup "$1"; wait_s 0.5
}
settled() { wait_s "${1:-2}"; } # a moment for the model
