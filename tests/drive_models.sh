#!/usr/bin/env bash
# Runs a model of each published system in the real window, and keeps a picture of each. What it needs is said in
# drive_lib.sh.
#
# usage: drive_models.sh OUT_FOLDER [LIST]
#   LIST has a line for each picture: NAME MODEL SCAN ACTION, the action being one of
#     auto | click X Y | box X0 Y0 X1 Y1 | frames X Y (the button that makes frames the third axis, then auto) | none
#   in pixels of a 1360 x 860 window; the models are those of PROSECTOR_MODELS. Without LIST small models are
#   imported from the authors' recordings in SHARED (../shared): their weights are random, and so are their masks.
#   JOB_SECONDS: how long a model may take (20).
set -euo pipefail

out=${1:?an output folder}; list=${2:-}
here=$(cd "$(dirname "$0")" && pwd); shared=${SHARED:-"$here/../../shared"}
. "$here/drive_lib.sh"

# The weights of a recording as a file of their own: recordings hold what a checkpoint leaves out.
weights() { # recording, file
  python3 - "$1" "$2" <<'PYTHON'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
length = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8 : 8 + length])
kept, out = {}, b""
for name, entry in header.items():
    if name.startswith("w/"):
        first, last = entry["data_offsets"]
        kept[name[2:]] = dict(entry, data_offsets=[len(out), len(out) + last - first])
        out += data[8 + length + first : 8 + length + last]
text = json.dumps(kept).encode()
open(sys.argv[2], "wb").write(struct.pack("<Q", len(text)) + text + out)
PYTHON
}

import_small() { # id, system, settings, files and options
  local id=$1 system=$2 settings=$3; shift 3
  printf '%b' "$settings" >"$home/settings.toml"
  "$program" models import "$@" --system "$system" --as "$id" --config "$home/settings.toml" \
    --licence "random weights" >>"$out/window.log" 2>&1
}

small_models() {
  local golden=$shared/golden
  export PROSECTOR_MODELS=$home/models
  weights "$golden/desam/autosam_cnn_ckpt_forward.safetensors" "$home/base.safetensors"
  weights "$golden/autoprosam/swinunetr.safetensors" "$home/swinunetr.safetensors"
  import_small sam sam '[network.decoder.transformer]\nheads = 4\n' "$golden/masam/sam_small.pth"
  import_small masam masam 'image_side = 80\n[network]\nscale = 0.7\n' \
    "$golden/masam/masam_small.pth" --base "$golden/masam/masam_base_sam.pth" --preset prostate
  import_small film masam 'image_side = 80\n[network]\nscale = 0.7\n' \
    "$golden/masam/masam_small.pth" --base "$golden/masam/masam_base_sam.pth" --preset frames
  import_small 3dsam 3dsam '[network.prompt]\nnum_heads = 4\n' "$golden/autoprosam/3dsam_click_last.pth.tar" \
    --preset pancreas
  import_small autoprosam autoprosam '' "$golden/autoprosam/autoprosam_best.pth.tar"
  import_small swinunetr swinunetr '' "$home/swinunetr.safetensors"
  import_small autosam autosam '' "$golden/desam/autosam_cnn_checkpoint_b4.pth.tar" --base "$home/base.safetensors"
  import_small desam desam '[network.decoder.prim.transformer]\nheads = 4\n' "$golden/desam/desam_model_best.pth"
}

small_list() {
  local train=$shared/data/train
  local mr=$train/sarcoma/STS_002/MR_T1_image.nii.gz brain=$train/hippocampus/images/hippocampus_001.nii.gz
  cat <<LIST
sam_click sam $mr click 330 400
sam_box sam $mr box 270 340 400 470
masam masam $brain auto
3dsam 3dsam $mr click 330 400
autoprosam autoprosam $brain auto
swinunetr swinunetr $brain auto
autosam autosam $brain auto
desam desam $brain auto
desam_box desam $brain box 270 340 400 470
over_time film $shared/data/nifti/itksnap/img4d_11f.nii.gz frames ${FRAMES:-"1127 611"}
LIST
}

# One picture: the window on a scan with a model, after what the model does.
shot() { # name, model, scan, action, its numbers
  local name=$1 model=$2 scan=$3 action=$4; shift 4
  # Nothing is left of the window before, neither its size nor its unsaved work.
  rm -rf "$home/prosector"; mkdir "$home/prosector"
  printf 'notice_accepted = true\nmodel = "%s"\n' "$model" >"$home/prosector/settings.toml"
  open_window "$scan"
  case $action in
    auto) press ctrl+g ;;
    click) press 2; point "$1" "$2"; xdotool click 1 ;;
    box) press 3; drag 1 "$@" ;;
    frames) point "$1" "$2"; xdotool click 1; wait_s 2; press ctrl+g ;;
    none) ;;
    *) echo "no such action: $action" >&2; exit 1 ;;
  esac
  settled "${JOB_SECONDS:-20}"
  picture "$name"
  kill "$window_pid"; wait "$window_pid" 2>/dev/null || true
}

if [ -z "$list" ]; then
  small_models
  list=$home/list
  small_list >"$list"
fi
while read -r name model scan action numbers; do
  [ -z "$name" ] || shot "$name" "$model" "$scan" "$action" $numbers </dev/null
done <"$list"
