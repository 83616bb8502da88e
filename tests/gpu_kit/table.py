#!/usr/bin/env python3
"""The README's tables from what the kit's bench left.

Usage: python3 tests/gpu_kit/table.py bench.json
"""

import json
import sys
from pathlib import Path

NAMES = {
    "prosector1_encode": "encode a region of 48³",
    "prosector1_click": "decode (per click)",
    "prosector1_automatic": "automatic path, a region",
    "sam_vit_b_512": "SAM ViT-B encoder, 512²",
    "sam_vit_b_1024": "SAM ViT-B encoder, 1024²",
    "masam_vit_b": "MA-SAM ViT-B, five slices of 512²",
    "autoprosam_128": "AutoProSAM, 128³",
    "desam_decoder": "DeSAM's decoder, per prompt",
}
TRAINING = "prosector1_train_"


def duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def memory(row: dict) -> str:
    """Of the card, or without one of the process."""
    most = row.get("card_mb") if row.get("card_mb") is not None else row.get("peak_mb")
    return "–" if most is None else f"{most:.0f}"


def answers(rows: dict[tuple[str, str], dict]) -> list[str]:
    """One line a network: ours, PyTorch's, ratio, our first run, memory."""
    lines = ["| what | ours | PyTorch | ratio | our first run | peak memory, ours / PyTorch |", "|---|---|---|---|---|---|"]
    for case, name in NAMES.items():
        ours, torch = rows.get((case, "ours"), {}), rows.get((case, "torch"), {})
        if not ours and not torch:
            continue
        times = ours.get("seconds"), torch.get("seconds")
        ratio = f"{times[0] / times[1]:.2f}" if all(times) else "–"
        cells = [name, *map(duration, times), ratio, duration(ours.get("first_seconds"))]
        lines.append(f"| {' | '.join(cells)} | {memory(ours)} / {memory(torch)} MB |")
    return lines


def training(rows: dict[tuple[str, str], dict]) -> list[str]:
    """One line a batch: samples a second by ours and by PyTorch in both precisions."""
    lines = ["| samples a step | ours | PyTorch, single precision | PyTorch, bfloat16 |", "|---|---|---|---|"]
    batches = sorted({row["batch"] for (case, _), row in rows.items() if case.startswith(TRAINING)})
    for batch in batches:
        found = [rows.get((f"{TRAINING}{batch}", side), {}).get("seconds") for side in ("ours", "torch", "torch bf16")]
        rates = [f"{batch / seconds:.3g} a second" if seconds else "–" for seconds in found]
        lines.append(f"| {' | '.join([str(batch), *rates])} |")
    return lines


def main() -> None:
    content = json.loads(Path(sys.argv[1]).read_text())
    rows = {(row["case"], row["side"]): row for row in content["rows"]}
    machine = content["machine"]
    where = machine.get("card", f"{machine['cores']} cores without a graphics card")
    print(f"On {where}, PyTorch {machine['torch']}, {machine['cores']} cores:\n")
    print("\n".join([*answers(rows), "", "Training the model in the box:", "", *training(rows)]))
    failed = [f"{case} ({side}): {row['reason']}" for (case, side), row in rows.items() if "reason" in row]
    if failed:
        print("\nNot measured: " + "; ".join(failed))


if __name__ == "__main__":
    main()
