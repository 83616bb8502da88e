#!/usr/bin/env python3
"""A click in nnInteractive at its published size, random weights, beside the official session (PyPI nnInteractive).

Usage: pip install nnInteractive, cargo build --release, then
       python3 benches/peers/nninteractive_speed.py SCAN [--threads 2] [--repeats 1] [--prosector FILE]

The network is that of the published checkpoint: residual encoder L, a window of 192 voxels a side, eight channels in, two
out. Random weights would find something everywhere and have the session zoom out and look closely again as often as it
may, so the last layer's bias is set first, from one pass of the official network on the scan: so few voxels are found
that the session looks once, as it does around a target that lies well within the window. The click is in the scan's
middle.

Each run is a process of its own, theirs and ours in turn. Theirs is timed from handing over the scan's voxels to the
answer, without the start of Python, the import of PyTorch and the loading of the weights; ours is the whole process, the
reading of the file and of the weights included. Peak memory is the process's. The last columns are the voxels that both
found and those in which they differ.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from nnunet_speed import child

ROOT = Path(__file__).resolve().parents[2]
SIDE, CONFIGURATION, CHANNELS = 192, "3d_fullres_ps192_bs24", 8
NETWORK = "dynamic_network_architectures.architectures.unet.ResidualEncoderUNet"
KWARGS = {
    "n_stages": 6, "features_per_stage": [32, 64, 128, 256, 320, 320], "conv_op": "torch.nn.modules.conv.Conv3d",
    "kernel_sizes": [[3, 3, 3]] * 6, "strides": [[1, 1, 1]] + [[2, 2, 2]] * 5, "n_blocks_per_stage": [1, 3, 4, 6, 6, 6],
    "n_conv_per_stage_decoder": [1] * 5, "conv_bias": True, "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d",
    "norm_op_kwargs": {"eps": 1e-5, "affine": True}, "dropout_op": None, "dropout_op_kwargs": None,
    "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": {"inplace": True},
}
IMPORTS = ["conv_op", "norm_op", "dropout_op", "nonlin"]
# What the session takes for nothing new at a face of the window, in voxels.
QUIET_AT_A_FACE = 40


def write_model(folder):
    """A checkpoint's folder as nnInteractive's authors publish it, with random weights."""
    import torch
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    none = "no_resampling_hack"
    configuration = {
        "data_identifier": "x", "preprocessor_name": "DefaultPreprocessor", "batch_size": 24, "patch_size": [SIDE] * 3,
        "median_image_size_in_voxels": [SIDE] * 3, "spacing": [1.0] * 3, "normalization_schemes": ["ZScoreNormalization"],
        "use_mask_for_norm": [False], "batch_dice": False,
        "architecture": {"network_class_name": NETWORK, "arch_kwargs": KWARGS, "_kw_requires_import": IMPORTS},
    } | {key: none for key in ("resampling_fn_data", "resampling_fn_seg", "resampling_fn_probabilities")} \
      | {f"resampling_fn_{key}_kwargs": {} for key in ("data", "seg", "probabilities")}
    plans = {
        "dataset_name": "Dataset998_Speed", "plans_name": "nnUNetResEncUNetLPlans_noResampling",
        "image_reader_writer": "NibabelIOWithReorient", "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2],
        "original_median_spacing_after_transp": [1.0] * 3, "original_median_shape_after_transp": [SIDE] * 3,
        "configurations": {CONFIGURATION: configuration}, "experiment_planner_used": "x", "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": {}},
    }
    dataset = {"channel_names": {"0": "image"}, "labels": {"background": 0, "object": 1}, "numTraining": 1, "file_ending": ".nii.gz"}
    session = {"inference_class": "nnInteractiveInferenceSession", "point_radius": 4, "preferred_scribble_thickness": 2}
    torch.manual_seed(0)
    net = get_network_from_plans(NETWORK, KWARGS, IMPORTS, CHANNELS, 2, deep_supervision=True)
    (folder / "fold_0").mkdir(parents=True)
    for name, said in (("plans", plans), ("dataset", dataset), ("inference_session_class", session)):
        (folder / f"{name}.json").write_text(json.dumps(said))
    checkpoint = {
        "network_weights": net.state_dict(), "trainer_name": "nnInteractiveTrainer_stub",
        "init_args": {"configuration": CONFIGURATION, "fold": 0}, "inference_allowed_mirroring_axes": None, "current_epoch": 1,
    }
    torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")


def scan_values(scan):
    """Voxels as the session wants them, superior, anterior, right, and the closest canonical image."""
    import nibabel
    import numpy

    image = nibabel.as_closest_canonical(nibabel.load(scan))
    return numpy.asarray(image.dataobj, dtype=numpy.float32).T[None], image


def official_session(model, threads):
    import torch
    from nnInteractive.inference.inference_session import nnInteractiveInferenceSession

    session = nnInteractiveInferenceSession(device=torch.device("cpu"), torch_n_threads=threads)
    session.initialize_from_trained_model_folder(str(model))
    return session


def click(session, values):
    import numpy

    session.set_image(values)
    session.set_target_buffer(numpy.zeros(values.shape[1:], dtype=numpy.uint8))
    session.add_point_interaction([side // 2 for side in values.shape[1:]], include_interaction=True)
    return session.target_buffer


def make_quiet(model, scan, threads):
    """Sets the last layer's bias so that so little is found at the window's faces that nobody zooms out."""
    import torch

    seen = []
    session = official_session(model, threads)
    session.set_do_autozoom(False)
    session.network.register_forward_hook(lambda module, inputs, output: seen.append(output.float()))
    click(session, scan_values(scan)[0])
    more = seen[0][0, 1] - seen[0][0, 0]
    faces = [more.select(axis, at).flatten() for axis in range(3) for at in (0, -1)]
    # A thousandth of the window is found, or less where more would show at a face.
    limits = [face.topk(QUIET_AT_A_FACE).values[-1] for face in faces]
    limits.append(more.flatten().topk(more.numel() // 1000).values[-1])
    path = model / "fold_0" / "checkpoint_final.pth"
    checkpoint = torch.load(path, weights_only=False)
    checkpoint["network_weights"]["decoder.seg_layers.4.bias"][0] += float(max(limits))
    torch.save(checkpoint, path)


def run_official(model, scan, out, threads):
    """One click in the official session, as a line of JSON."""
    import nibabel
    import numpy

    session = official_session(model, threads)
    passes = []
    session.network.register_forward_hook(lambda *_: passes.append(1))
    values, image = scan_values(scan)
    started, cpu = time.perf_counter(), time.process_time()
    found = numpy.asarray(click(session, values))
    times = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    nibabel.save(nibabel.Nifti1Image(found.T.astype(numpy.uint8), image.affine), out)
    print(json.dumps(times | {"peak_mb": peak, "passes": len(passes)}))


def compare(args):
    import nibabel
    import numpy

    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        model = home / "model"
        own = [sys.executable, __file__, args.scan, "--threads", args.threads, "--part"]
        child([*own, "write", "--model", model], args.threads)
        child([*own, "quiet", "--model", model], args.threads)
        models = {"PROSECTOR_MODELS": str(home / "models")}
        child([args.prosector, "models", "import", model, "--system", "nninteractive", "--as", "speed"], args.threads, **models)
        image = nibabel.load(args.scan)
        canonical = nibabel.as_closest_canonical(image)
        middle = numpy.append([side // 2 for side in canonical.shape], 1)
        voxel = numpy.rint(numpy.linalg.inv(image.affine) @ canonical.affine @ middle)[:3].astype(int)
        segment = [args.prosector, "segment", args.scan, "-o", home / "ours.nii.gz", "--model", "speed", "--device", "cpu"]
        segment += ["--click", ",".join(map(str, voxel))]
        ours, theirs = [], []
        for _ in range(args.repeats):
            ours.append(child(segment, args.threads, **models)[0])
            said = child([*own, "official", "--model", model, "--out", home / "theirs.nii.gz"], args.threads)[1]
            theirs.append(json.loads(said.strip().splitlines()[-1]))
        ours, theirs = ({key: min(run[key] for run in runs) for key in runs[0]} for runs in (ours, theirs))
        print(f"{'':12} {'ours':>8} {'theirs':>8} {'ratio':>6}")
        for key in ours:
            print(f"{key:12} {ours[key]:8.1f} {theirs[key]:8.1f} {ours[key] / theirs[key]:6.2f}")
        found = nibabel.as_closest_canonical(nibabel.load(home / "ours.nii.gz"))
        found = numpy.asanyarray(found.dataobj) != 0
        official = numpy.asanyarray(nibabel.load(home / "theirs.nii.gz").dataobj) != 0
        print(f"passes of the network: {theirs['passes']}; voxels found {official.sum()}, in which they differ {(found != official).sum()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scan", type=Path)
    parser.add_argument("--prosector", type=Path, default=ROOT / "target/release/prosector")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--part", choices=["write", "quiet", "official"], help="one of the processes that it is made of")
    parser.add_argument("--model", type=Path, help="with --part")
    parser.add_argument("--out", type=Path, help="with --part official")
    args = parser.parse_args()
    match args.part:
        case None:
            compare(args)
        case "write":
            write_model(args.model)
        case "quiet":
            make_quiet(args.model, args.scan, args.threads)
        case "official":
            run_official(args.model, args.scan, args.out, args.threads)


if __name__ == "__main__":
    main()
