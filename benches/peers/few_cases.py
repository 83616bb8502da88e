#!/usr/bin/env python3
"""What networks trained from nothing learn from a few cases in the time that `prosector teach` takes.

Usage: pip install torch nnunetv2 nibabel numpy, then
       python3 benches/peers/few_cases.py LEARN.toml HELD_OUT.toml --structure prostate --minutes 5 --cases 1 5 \\
           --binary target/release/prosector

The files of cases are those of `benches/teaching.py`, which prints the same columns for what is taught upon the model in the
box. `unet` is the plain U-Net of `unet3d.py` on 48-cubes at the cases' own mean spacing; `nnunet` is nnunetv2 itself, whose
plans are made small enough for two cores (patch 48, features 16 to 128) and whose number of iterations is what fits into the
time; it learns by `nnUNetTrainerAdam1en3`, which is faster in few iterations, always with the structure in the patch.
The minutes are of training alone. Both write label maps, which `prosector evaluate` measures.
"""

import argparse
import json
import math
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy
import torch
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from nnunet_trained import CONFIGURATION, make_small  # noqa: E402
from teaching import mean_shape_dice, read  # noqa: E402
from unet3d import BATCH, UNet, load, loss_of, sample, segment  # noqa: E402

TRAINER = "nnUNetTrainerAdam1en3"
SMALL = SimpleNamespace(patch=[48, 48, 48], features=[16, 32, 64, 128])


def write_target(case, structure, path):
    """The structure alone, as 1, on the scan's grid."""
    whole = nibabel.load(case["truth"])
    values = [int(v) for v, name in case["labels"].items() if name == structure]
    target = numpy.isin(numpy.asarray(whole.dataobj), values).astype(numpy.uint8)
    nibabel.save(nibabel.Nifti1Image(target, whole.affine), path)
    return path


def unet(learnt, held_out, args, work):
    """Trains a U-Net until the time is over; gives its label maps and the number of samples."""
    zooms = [nibabel.as_closest_canonical(nibabel.load(c["image"])).header.get_zooms()[:3] for c in learnt]
    spacing_mm = tuple(numpy.mean(zooms, axis=0))
    train = []
    for n, case in enumerate(learnt):
        values, truth, _ = load(case["image"], write_target(case, args.structure, work / f"{n}.nii.gz"), spacing_mm)
        train.append((values, truth, {0: torch.nonzero(truth == 1).tolist()}))
    rng = random.Random(1)
    net = UNet(1)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01)
    started, seconds, steps = time.monotonic(), 60 * args.minutes, 0
    while (share := (time.monotonic() - started) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (steps + 1) / 50) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        optimizer.zero_grad()
        samples = [sample(rng.choice(train), rng) for _ in range(BATCH)]
        logits = net(torch.stack([patch for patch, _ in samples])[:, None])
        (sum(loss_of(z, truth, [0]) for z, (_, truth) in zip(logits, samples)) / BATCH).backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        steps += 1
    net.eval()
    for n, case in enumerate(held_out):
        image = nibabel.as_closest_canonical(nibabel.load(case["image"]))
        values, _, stored = load(case["image"], case["truth"], spacing_mm)
        logits = F.interpolate(segment(net, values)[None], size=stored.shape, mode="trilinear", align_corners=False)
        found = (logits[0, 0] > 0).numpy().astype(numpy.uint8)
        nibabel.save(nibabel.Nifti1Image(found, image.affine), work / f"found_{n}.nii.gz")
    return steps * BATCH, sum(p.numel() for p in net.parameters())


def trainer_of(args, epochs):
    from nnunetv2.run.run_training import get_trainer_from_args

    trainer = get_trainer_from_args("903", CONFIGURATION, "all", TRAINER, device=torch.device("cpu"))
    trainer.oversample_foreground_percent = 1.0
    trainer.num_epochs, trainer.num_iterations_per_epoch, trainer.num_val_iterations_per_epoch = epochs, 10, 1
    torch.set_num_threads(args.threads)  # the planner leaves another number
    return trainer


def nnunet(learnt, held_out, args, work):
    """Trains nnunetv2's network for the time; gives its label maps and the number of samples."""
    os.environ |= {"nnUNet_n_proc_DA": "1", "nnUNet_compile": "f"} | {
        f"nnUNet_{part}": str(work / part) for part in ("raw", "preprocessed", "results")
    }
    from nnunetv2.experiment_planning.plan_and_preprocess_api import (
        extract_fingerprints,
        plan_experiments,
        preprocess_dataset,
    )
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    name = "Dataset903_FewCases"
    raw = work / "raw" / name
    for folder in ("imagesTr", "labelsTr"):
        (raw / folder).mkdir(parents=True)
    for n, case in enumerate(learnt):
        (raw / "imagesTr" / f"{n}_0000.nii.gz").symlink_to(case["image"])
        write_target(case, args.structure, raw / "labelsTr" / f"{n}.nii.gz")
    channel = {"ct": "CT", "mr": "MRI", "pet": "PET"}[case["modality"]]
    labels = {"background": 0, args.structure: 1}
    described = {"channel_names": {"0": channel}, "labels": labels, "numTraining": len(learnt), "file_ending": ".nii.gz"}
    (raw / "dataset.json").write_text(json.dumps(described))
    extract_fingerprints([903], num_processes=1)
    plan_experiments([903])
    make_small(work / "preprocessed" / name / "nnUNetPlans.json", SMALL)
    preprocess_dataset(903, "nnUNetPlans", configurations=(CONFIGURATION,), num_processes=(1,))
    torch.manual_seed(0)
    trainer_of(args, 1).run_training()  # starts what has to be started
    started = time.monotonic()
    trainer_of(args, 2).run_training()
    epochs = max(1, round(60 * args.minutes / ((time.monotonic() - started) / 2)))
    trainer = trainer_of(args, epochs)
    trainer.run_training()
    predictor = nnUNetPredictor(perform_everything_on_device=False, device=torch.device("cpu"), allow_tqdm=False)
    folder = work / "results" / name / f"{TRAINER}__nnUNetPlans__{CONFIGURATION}"
    predictor.initialize_from_trained_model_folder(str(folder), use_folds=("all",), checkpoint_name="checkpoint_final.pth")
    for n, case in enumerate(held_out):
        predictor.predict_from_files_sequential([[case["image"]]], [str(work / f"found_{n}")], save_probabilities=False)
    return epochs * 10 * BATCH, sum(p.numel() for p in trainer.network.parameters())


def measured(args, held_out, work):
    """Dice and mean surface distance of each label map."""
    for n, case in enumerate(held_out):
        truth = write_target(case, args.structure, work / f"truth_{n}.nii.gz")
        told = subprocess.run(
            [args.binary, "evaluate", "--pred", str(work / f"found_{n}.nii.gz"), "--truth", str(truth), "--json"],
            stdout=subprocess.PIPE, text=True, check=True,
        )
        rows = json.loads(told.stdout)["cases"]
        yield (rows[0]["dice"], rows[0]["assd_mm"]) if rows else (0.0, None)


def row(way, learnt, held_out, args):
    """Learns one way in a process of its own, so that its memory is its own; prints the row."""
    with tempfile.TemporaryDirectory() as folder:
        work, began = Path(folder), time.monotonic()
        samples, parameters = way(learnt, held_out, args, work)
        minutes = (time.monotonic() - began) / 60
        scores = list(measured(args, held_out, work))
    dice = [dice for dice, _ in scores]
    assd = [assd for _, assd in scores if assd is not None]
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"| {len(learnt)} | {way.__name__}, {samples} samples in {args.minutes:g} min | {numpy.mean(dice):.3f} ({min(dice):.3f}) "
        f"| {numpy.mean(assd) if assd else math.nan:.2f} | {minutes:.1f} | {peak_mb:.0f} | {parameters} | |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learn", type=Path)
    parser.add_argument("held_out", type=Path)
    parser.add_argument("--structure", required=True)
    parser.add_argument("--binary", default="target/release/prosector")
    parser.add_argument("--cases", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--by", nargs="+", choices=["unet", "nnunet"], default=["unet", "nnunet"])
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    learnt, held_out = read(args.learn), read(args.held_out)
    print("| learnt from | by | Dice, mean (worst) | ASSD, mm | minutes with all | peak memory, MB | values that learn | |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for count in args.cases:
        blind = mean_shape_dice(learnt[:count], held_out, args.structure)
        print(f"| {count} | mean shape, looking at nothing | {numpy.mean(blind):.3f} ({min(blind):.3f}) | | | | | |", flush=True)
        for way in args.by:
            child = os.fork()
            if child == 0:
                sys.stdout.flush()
                row({"unet": unet, "nnunet": nnunet}[way], learnt[:count], held_out, args)
                os._exit(0)
            os.waitpid(child, 0)


if __name__ == "__main__":
    main()
