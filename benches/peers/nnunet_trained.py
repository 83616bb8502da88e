#!/usr/bin/env python3
"""A small nnU-Net trained by nnunetv2 itself, segmented by its own predictor and by Prosector, and their Dice.

Usage: pip install nnunetv2, then
       python3 benches/peers/nnunet_trained.py DATA/train/hippocampus assets/splits.toml target/release/prosector WORK

nnunetv2 makes the fingerprint, the plans, the preprocessed data and the checkpoint in WORK; only the sizes are made
small, so that it trains on two cores: patch, features, and the number of iterations. It learns from the first patients
of the recipe's training share in whom all structures are contoured. The folder is imported with `prosector models
import --system nnunet`, and patients of the reporting share are segmented by nnunetv2's predictor and by `prosector
segment --auto`. Of both files it prints the Dice of each structure that is contoured, nnunetv2's by NumPy and ours by
`prosector evaluate`, and how many voxels have another label. What lies in WORK already, the trained folder and
nnunetv2's results, is not made again.

The data are the folder's: `hippocampus`, small crops with two parts, or `head_neck`, of whose organs it learns the
mandible, which shows first. Where the training was too short to find anything
(hippocampus after 270 of 300 iterations), every Dice is 0, and that both agree says nothing: give it more `--epochs`, or
`--trainer nnUNetTrainerAdam1en3`. Beside other programs `--threads 1` trains several times faster than two, which wait
for each other.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

CONFIGURATION, BATCH = "3d_fullres", 2


class DataSet(NamedTuple):
    number: int
    name: str
    channel: str
    image: str
    label: str
    patch: list[int]
    features: list[int]
    structures: dict[str, int]  # with their values in the data


DATA_SETS = {
    "hippocampus": DataSet(
        902, "Dataset902_Hippocampus", "MRI", "images/{}.nii.gz", "labels/{}.nii.gz", [24, 32, 24], [8, 16, 32, 64],
        {"anterior": 1, "posterior": 2},
    ),
    "head_neck": DataSet(
        901, "Dataset901_HeadNeck", "CT", "{}_ct.nii.gz", "{}_oar.nii.gz", [24, 32, 32], [8, 16, 32],
        {"mandible": 7},
    ),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("splits", type=Path)
    parser.add_argument("prosector", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--training", type=int, default=40, help="patients to learn from")
    parser.add_argument("--held-out", type=int, default=10, help="patients to segment")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=30, help="of an epoch")
    parser.add_argument("--trainer", default="nnUNetTrainer", help="nnunetv2's class, for instance nnUNetTrainerAdam1en3")
    parser.add_argument("--checkpoint", choices=["final", "best"], default="final", help="the state that is compared")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--train-only", action="store_true")
    args = parser.parse_args()
    args.set = DATA_SETS[args.data.name]
    return args


def image_of(args, case):
    return args.data / args.set.image.format(case)


def label_of(args, case):
    return args.data / args.set.label.format(case)


def patients(args):
    """Patients to learn from, and the first of the reporting share."""
    import nibabel
    import numpy

    split = tomllib.loads(args.splits.read_text())[args.data.name]
    before, after = args.set.image.split("{}")
    learned = []
    for image in sorted(args.data.glob(f"{before}*{after}")):
        case = image.name.removesuffix(after)
        if case in split["validation"] or len(learned) == args.training:
            continue
        labels = numpy.asanyarray(nibabel.load(label_of(args, case)).dataobj)
        if numpy.isin(list(args.set.structures.values()), labels).all():
            learned.append(case)
    return learned, split["reporting"][: args.held_out]


def write_labels(args, case, path):
    """The structures of a patient, counted from 1."""
    import nibabel
    import numpy

    whole = nibabel.load(label_of(args, case))
    voxels = numpy.asanyarray(whole.dataobj)
    labels = numpy.zeros(voxels.shape, numpy.uint8)
    for label, value in enumerate(args.set.structures.values(), start=1):
        labels[voxels == value] = label
    nibabel.save(nibabel.Nifti1Image(labels, whole.affine), path)


def write_raw(args, learned):
    raw = args.work / "raw" / args.set.name
    for folder in ("imagesTr", "labelsTr"):
        (raw / folder).mkdir(parents=True, exist_ok=True)
    for case in learned:
        link = raw / "imagesTr" / f"{case}_0000.nii.gz"
        if not link.exists():
            link.symlink_to(image_of(args, case).resolve())
        write_labels(args, case, raw / "labelsTr" / f"{case}.nii.gz")
    labels = {"background": 0} | {name: value + 1 for value, name in enumerate(args.set.structures)}
    channels = {"0": args.set.channel}
    dataset = {"channel_names": channels, "labels": labels, "numTraining": len(learned), "file_ending": ".nii.gz"}
    (raw / "dataset.json").write_text(json.dumps(dataset))


def make_small(plans_file, small):
    """The planner's plans with a network and a patch that two cores can train."""
    plans = json.loads(plans_file.read_text())
    configuration = plans["configurations"][CONFIGURATION]
    configuration["patch_size"], configuration["batch_size"] = small.patch, BATCH
    stages = len(small.features)
    configuration["architecture"]["arch_kwargs"] |= {
        "n_stages": stages,
        "features_per_stage": small.features,
        "kernel_sizes": [[3, 3, 3]] * stages,
        "strides": [[1, 1, 1]] + [[2, 2, 2]] * (stages - 1),
        "n_conv_per_stage": [2] * stages,
        "n_conv_per_stage_decoder": [2] * (stages - 1),
    }
    plans["configurations"] = {CONFIGURATION: configuration}
    plans_file.write_text(json.dumps(plans, indent=1))


def trained_folder(args):
    return args.work / "results" / args.set.name / f"{args.trainer}__nnUNetPlans__{CONFIGURATION}"


def train(args, learned):
    import torch
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess_dataset,
    )
    from nnunetv2.run.run_training import get_trainer_from_args

    preprocessed = args.work / "preprocessed" / args.set.name
    if not (preprocessed / "nnUNetPlans_3d_fullres").exists():
        write_raw(args, learned)
        extract_fingerprints([args.set.number], num_processes=1)
        plan_experiments([args.set.number])
        make_small(preprocessed / "nnUNetPlans.json", args.set)
        preprocess_dataset(args.set.number, "nnUNetPlans", configurations=(CONFIGURATION,), num_processes=(1,))
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)  # the planner leaves another number
    trainer = get_trainer_from_args(str(args.set.number), CONFIGURATION, "all", args.trainer, device=torch.device("cpu"))
    trainer.oversample_foreground_percent = 1.0  # few iterations: none of them on background alone
    trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = args.epochs, args.iterations, 2
    start = time.monotonic()
    trainer.run_training()
    print(f"trained {args.epochs * args.iterations} iterations in {time.monotonic() - start:.0f} s")


def predict_officially(args, cases):
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    torch.set_num_threads(args.threads)
    predictor = nnUNetPredictor(
        tile_step_size=0.5, use_gaussian=True, use_mirroring=True, perform_everything_on_device=False,
        device=torch.device("cpu"), allow_tqdm=False,
    )
    predictor.initialize_from_trained_model_folder(str(trained_folder(args)), use_folds=("all",), checkpoint_name=f"checkpoint_{args.checkpoint}.pth")
    for case in cases:
        out = args.work / f"{case}_official"  # it adds the ending
        if not out.with_suffix(".nii.gz").exists():
            predictor.predict_from_files_sequential([[str(image_of(args, case))]], [str(out)], save_probabilities=False)


def prosector(args, *command, **more):
    done = subprocess.run([args.prosector, *map(str, command)], stdout=subprocess.PIPE, text=True, check=True, **more)
    return json.loads(done.stdout) if "--json" in command else done.stdout


def segment_with_ours(args, cases):
    with tempfile.TemporaryDirectory() as home:
        env = os.environ | {"PROSECTOR_MODELS": home}
        chosen = ["--folds", "all", "--checkpoint", args.checkpoint]
        prosector(args, "models", "import", trained_folder(args), "--system", "nnunet", *chosen, env=env)
        (card,) = Path(home).glob("*/*.toml")
        model = tomllib.loads(card.read_text())["id"]
        for case in cases:
            out = args.work / f"{case}_ours.nii.gz"
            prosector(args, "segment", image_of(args, case), "-o", out, "--auto", "--model", model, "--device", "cpu", env=env)


def compare(args, cases):
    import nibabel
    import numpy

    def voxels(path):
        return numpy.asanyarray(nibabel.load(path).dataobj)

    print("| patient | structure | Dice, nnunetv2 | Dice, Prosector | voxels with another label |\n|---|---|---|---|---|")
    worst, pairs = 0.0, {name: [] for name in args.set.structures}
    for case in cases:
        truth_file, ours_file = args.work / f"{case}_truth.nii.gz", args.work / f"{case}_ours.nii.gz"
        write_labels(args, case, truth_file)
        truth, official, ours = voxels(truth_file), voxels(args.work / f"{case}_official.nii.gz"), voxels(ours_file)
        differing = int((official != ours).sum())
        found = prosector(args, "evaluate", "--pred", ours_file, "--truth", truth_file, "--json")
        dice_of = {row["label"]: row["dice"] for row in found["cases"]}
        for value, name in enumerate(args.set.structures, start=1):
            if not (truth == value).any():
                continue
            both = ((official == value) & (truth == value)).sum()
            theirs = 2 * both / ((official == value).sum() + (truth == value).sum())
            worst = max(worst, abs(theirs - dice_of[value]))
            pairs[name].append((theirs, dice_of[value]))
            print(f"| {case} | {name} | {theirs:.4f} | {dice_of[value]:.4f} | {differing} of {truth.size} |")
    for name, dice in pairs.items():
        theirs, ours = numpy.mean(dice, axis=0)
        print(f"| mean of {len(dice)} | {name} | {theirs:.4f} | {ours:.4f} | |")
    print(f"largest difference of Dice {worst:.1e}")


def main():
    args = arguments()
    args.work = args.work.resolve()
    os.environ |= {
        "nnUNet_raw": str(args.work / "raw"), "nnUNet_preprocessed": str(args.work / "preprocessed"),
        "nnUNet_results": str(args.work / "results"), "nnUNet_n_proc_DA": "1", "nnUNet_compile": "f",
    }
    learned, held_out = patients(args)
    if not (trained_folder(args) / "fold_all" / f"checkpoint_{args.checkpoint}.pth").exists():
        train(args, learned)
    if not args.train_only:
        predict_officially(args, held_out)
        segment_with_ours(args, held_out)
        compare(args, held_out)


if __name__ == "__main__":
    main()
