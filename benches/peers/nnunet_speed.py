#!/usr/bin/env python3
"""nnU-Net's networks at TotalSegmentator's real size, random weights, beside nnunetv2's own predictor.

Usage: pip install nnunetv2, cargo build --release, then
       python3 benches/peers/nnunet_speed.py [CASE..] [--data DATA] [--threads 2] [--repeats 2]
       python3 benches/peers/nnunet_speed.py --shapes [--threads 2]

Cases: patch (one window of 128 voxels a side, 25 outputs), scan_3mm (a scan of DATA through the 3 mm network of 118
outputs), scan_1p5mm (one that is stored at 1.5 mm, through the 25 outputs of a part: two windows), abdomen_1p5mm
(366 x 303 x 336 mm stored at 3 mm, which both bring to 1.5 mm: 27 windows), memory (ours alone: 512 x 512 x 600 voxels
through a small network of 118 outputs, as TotalSegmentator's total_fast). Each run is a process of its own, theirs and
ours in turn, so that both meet the same neighbours; processor time of all threads is what can be compared while other
programs run. Theirs is timed from the image's file to that of the labels, without the start of Python, the import of
PyTorch and the loading of the weights; ours is the whole process, the loading of the weights included. Peak memory is the
process's. The last column counts the voxels that have another label.

`--shapes` times single convolutions by their shape beside PyTorch's (oneDNN) in its own layout and with channels last,
whichever is faster; ours is channels last. Our processor time is counted in hundredths of a second.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION, TRAINER = "3d_fullres", "nnUNetTrainerNoMirroring"
FEATURES = [32, 64, 128, 256, 320, 320]
NETWORKS = {
    "patch": {"outputs": 25, "patch": [128, 128, 128], "last": 2, "mm": 1.5, "features": FEATURES},
    "scan_3mm": {"outputs": 118, "patch": [112, 112, 128], "last": (1, 1, 2), "mm": 3.0, "features": FEATURES},
    "scan_1p5mm": {"outputs": 25, "patch": [128, 128, 128], "last": 2, "mm": 1.5, "features": FEATURES},
    "abdomen_1p5mm": {"outputs": 25, "patch": [128, 128, 128], "last": 2, "mm": 1.5, "features": FEATURES},
    "memory": {"outputs": 118, "patch": [128, 128, 128], "last": 2, "mm": 3.0, "features": [2, 2, 2, 2, 2, 2]},
}
SCANS = {
    "scan_3mm": "labelled/ts_abdomen_3mm/ct.nii.gz", "scan_1p5mm": "labelled/ts_aorta_1p5mm/ct_cropped.nii.gz",
    "abdomen_1p5mm": "labelled/ts_abdomen_3mm/ct.nii.gz",
}
# Channels in and out, sides, stride: the heaviest of the network above, and of a residual encoder.
SHAPES = [(1, 32, 128, 1), (32, 32, 128, 1), (64, 32, 128, 1), (32, 64, 128, 2), (64, 64, 64, 1), (128, 64, 64, 1),
          (128, 128, 32, 1), (256, 128, 32, 1), (256, 256, 16, 1), (320, 320, 8, 1)]


def write_model(folder, case):
    """A trained model's folder as nnU-Net writes it, with random weights."""
    import torch
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    network = NETWORKS[case]
    stages = len(network["features"])
    last = network["last"] if isinstance(network["last"], tuple) else (network["last"],) * 3
    resampling = {"is_seg": False, "order": 3, "order_z": 0, "force_separate_z": None}
    kwargs = {
        "n_stages": stages, "features_per_stage": network["features"], "conv_op": "torch.nn.modules.conv.Conv3d",
        "kernel_sizes": [[3, 3, 3]] * stages, "strides": [[1, 1, 1]] + [[2, 2, 2]] * (stages - 2) + [list(last)],
        "n_conv_per_stage": [2] * stages, "n_conv_per_stage_decoder": [2] * (stages - 1), "conv_bias": True,
        "norm_op": "torch.nn.modules.instancenorm.InstanceNorm3d", "norm_op_kwargs": {"eps": 1e-5, "affine": True},
        "dropout_op": None, "dropout_op_kwargs": None, "nonlin": "torch.nn.LeakyReLU", "nonlin_kwargs": {"inplace": True},
    }
    imports = ["conv_op", "norm_op", "dropout_op", "nonlin"]
    name = "dynamic_network_architectures.architectures.unet.PlainConvUNet"
    configuration = {
        "data_identifier": "x", "preprocessor_name": "DefaultPreprocessor", "batch_size": 2, "patch_size": network["patch"],
        "median_image_size_in_voxels": network["patch"], "spacing": [network["mm"]] * 3,
        "normalization_schemes": ["CTNormalization"], "use_mask_for_norm": [False],
        "resampling_fn_data": "resample_data_or_seg_to_shape", "resampling_fn_data_kwargs": resampling,
        "resampling_fn_seg": "resample_data_or_seg_to_shape", "resampling_fn_seg_kwargs": resampling | {"is_seg": True, "order": 1},
        "resampling_fn_probabilities": "resample_data_or_seg_to_shape",
        "resampling_fn_probabilities_kwargs": resampling | {"order": 1},
        "architecture": {"network_class_name": name, "arch_kwargs": kwargs, "_kw_requires_import": imports}, "batch_dice": False,
    }
    intensities = {"mean": 0.0, "std": 300.0, "percentile_00_5": -1000.0, "percentile_99_5": 1000.0, "min": -1000.0, "max": 3000.0, "median": 0.0}
    plans = {
        "dataset_name": "Dataset999_Speed", "plans_name": "nnUNetPlans", "image_reader_writer": "NibabelIOWithReorient",
        "original_median_spacing_after_transp": [network["mm"]] * 3, "original_median_shape_after_transp": network["patch"],
        "transpose_forward": [0, 1, 2], "transpose_backward": [0, 1, 2], "configurations": {CONFIGURATION: configuration},
        "experiment_planner_used": "x", "label_manager": "LabelManager",
        "foreground_intensity_properties_per_channel": {"0": intensities},
    }
    labels = {"background": 0} | {f"structure_{n}": n for n in range(1, network["outputs"])}
    dataset = {"channel_names": {"0": "CT"}, "labels": labels, "numTraining": 1, "file_ending": ".nii.gz"}
    torch.manual_seed(0)
    net = get_network_from_plans(name, kwargs, imports, 1, network["outputs"], deep_supervision=True)
    dataset_name = "Dataset297_TotalSegmentator_total_3mm_1559subj" if case == "memory" else "Dataset999_Speed"
    folder = folder / dataset_name / f"{TRAINER}__nnUNetPlans__{CONFIGURATION}"
    (folder / "fold_0").mkdir(parents=True)
    (folder / "plans.json").write_text(json.dumps(plans))
    (folder / "dataset.json").write_text(json.dumps(dataset))
    checkpoint = {
        "network_weights": net.state_dict(), "trainer_name": TRAINER, "inference_allowed_mirroring_axes": None,
        "init_args": {"configuration": CONFIGURATION, "fold": 0}, "current_epoch": 1,
    }
    torch.save(checkpoint, folder / "fold_0" / "checkpoint_final.pth")
    return folder


def write_scan(folder, case):
    import nibabel
    import numpy

    mm = NETWORKS[case]["mm"]
    shape = (512, 512, 600) if case == "memory" else (128, 128, 128)
    values = numpy.random.default_rng(0).integers(-1000, 1000, shape, dtype=numpy.int16)
    path = folder / "scan.nii.gz" if case != "memory" else folder / "scan.nii"
    nibabel.save(nibabel.Nifti1Image(values, numpy.diag([mm, mm, mm, 1.0])), path)
    return path


def run_official(model, scan, out, threads):
    """One run of the official predictor, as a line of JSON; PyTorch is imported only in the process that needs it."""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    torch.set_num_threads(threads)
    predictor = nnUNetPredictor(
        tile_step_size=0.5, use_gaussian=True, use_mirroring=False, perform_everything_on_device=False,
        device=torch.device("cpu"), allow_tqdm=False,
    )
    predictor.initialize_from_trained_model_folder(model, use_folds=(0,))
    started, cpu = time.perf_counter(), time.process_time()
    predictor.predict_from_files_sequential([[scan]], [out], save_probabilities=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    times = {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu}
    print(json.dumps(times | {"peak_mb": peak}))


def child(command, threads, **more):
    """The time and peak memory of a process, and what it says last."""
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)} | more
    started = time.perf_counter()
    command = [str(part) for part in command]
    with tempfile.TemporaryFile("w+") as complaints:
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=complaints, text=True) as process:
            said = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = status
        if status:
            complaints.seek(0)
            sys.exit(f"{complaints.read()}{command} failed")
    times = {"seconds": time.perf_counter() - started, "cpu_seconds": usage.ru_utime + usage.ru_stime}
    return times | {"peak_mb": usage.ru_maxrss / 1024}, said


def run_case(case, args):
    import nibabel
    import numpy

    with tempfile.TemporaryDirectory() as home:
        home = Path(home)
        model = write_model(home / "results", case)
        scan = args.data / SCANS[case] if case in SCANS else write_scan(home, case)
        imported = ["models", "import", model, "--system", "nnunet", "--as", "speed"]
        models = {"PROSECTOR_MODELS": str(home / "models")}
        child([args.prosector, *imported], args.threads, **models)
        out = home / "ours.nii.gz"
        segment = [args.prosector, "segment", scan, "-o", out, "--auto", "--model", "speed", "--device", "cpu"]
        ours, theirs = [], []
        for _ in range(args.repeats):
            ours.append(child(segment, args.threads, **models)[0])
            if case != "memory":
                official = [sys.executable, __file__, "--official", model, scan, home / "theirs", "--threads", args.threads]
                theirs.append(json.loads(child(official, args.threads)[1].strip().splitlines()[-1]))
        best = [{key: min(run[key] for run in runs) for key in runs[0]} for runs in (ours, theirs) if runs]
        ours = best[0]
        if case == "memory":
            print(f"{case:13} {ours['seconds']:8.1f} s {ours['cpu_seconds']:8.1f} CPU s {ours['peak_mb']:8.0f} MB")
            return
        theirs = best[1]
        labels = [numpy.asanyarray(nibabel.load(home / f"{name}.nii.gz").dataobj) for name in ("ours", "theirs")]
        numbers = " ".join(f"{ours[key]:8.2f} {theirs[key]:8.2f} {ours[key] / theirs[key]:6.2f}" for key in ("seconds", "cpu_seconds"))
        memory = f"{ours['peak_mb']:8.0f} {theirs['peak_mb']:9.0f} {ours['peak_mb'] / theirs['peak_mb']:6.2f}"
        print(f"{case:13} {numbers} {memory} {(labels[0] != labels[1]).sum():9} of {labels[0].size}", flush=True)


def run_shapes(args):
    import torch

    torch.set_num_threads(args.threads)
    print(f"{'in':>4} {'out':>4} {'side':>5} {'stride':>6} {'ours s':>9} {'torch s':>9} {'ratio':>6} {'CPU s':>9} {'CPU s':>9} {'ratio':>6}")
    for channels_in, channels_out, side, stride in SHAPES:
        case = f"conv_{channels_in}_{channels_out}_{side}_{stride}"
        ours = ["cargo", "bench", "--quiet", "--offline", "--bench", "published", "--", case, str(args.repeats + 3)]
        _, said = child(ours, args.threads)
        ours = json.loads(said.strip().splitlines()[-1])
        conv = torch.nn.Conv3d(channels_in, channels_out, 3, stride, 1).eval()
        x = torch.randn(1, channels_in, side, side, side)
        theirs = []
        with torch.no_grad():
            for layout in (torch.contiguous_format, torch.channels_last_3d):
                conv, x = conv.to(memory_format=layout), x.to(memory_format=layout)
                for _ in range(args.repeats + 3):
                    started, cpu = time.perf_counter(), time.process_time()
                    conv(x)
                    theirs.append((time.perf_counter() - started, time.process_time() - cpu))
        pairs = zip((ours["seconds"], ours["cpu_seconds"]), map(min, zip(*theirs)))
        numbers = " ".join(f"{ours:9.4f} {theirs:9.4f} {ours / theirs:6.2f}" for ours, theirs in pairs)
        print(f"{channels_in:4} {channels_out:4} {side:5} {stride:6} {numbers}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=["patch", "scan_3mm", "scan_1p5mm", "abdomen_1p5mm"])
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data")
    parser.add_argument("--prosector", type=Path, default=ROOT / "target/release/prosector")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--shapes", action="store_true", help="single convolutions")
    parser.add_argument("--official", action="store_true", help="one run of the official predictor alone: MODEL SCAN OUT")
    args = parser.parse_args()
    if args.official:
        return run_official(*args.cases, args.threads)
    if args.shapes:
        return run_shapes(args)
    print(f"{'case':13} {'ours s':>8} {'theirs s':>8} {'ratio':>6} {'CPU s':>8} {'CPU s':>8} {'ratio':>6} {'ours MB':>8} {'theirs MB':>9} {'ratio':>6} other labels")
    for case in args.cases:
        run_case(case, args)


if __name__ == "__main__":
    main()
