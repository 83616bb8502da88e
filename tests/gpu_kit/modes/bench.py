"""Times of the model in the box and of the published networks, ours beside PyTorch eager on the same device.

Writes bench.json; table.py makes the README's tables of it. Each measurement is a process of its own: the first run,
which makes and chooses a GPU's kernels, the best of those after it, and the most memory of processor and card.
"""

import re
import sys
import threading

from kit import ROOT, Kit, Report, arguments, machine

# Samples of a training step.
BATCHES = [1, 4, 16, 64]
NETWORK = ["encode", "click", "automatic"]
PUBLISHED = ["desam_decoder", "sam_vit_b_512", "sam_vit_b_1024", "masam_vit_b", "autoprosam_128"]
REPEATS = 5
# A case may not take what the others need.
MOST_SECONDS, QUICK_SECONDS = 120, 40
POLL_SECONDS = 0.2


class CardMemory:
    """The most memory of the card in use while a command runs, in MiB above what was in use before; none without one."""

    def __init__(self, kit: Kit):
        self.kit = kit
        self.before = self._used()
        self.most = self.before
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "CardMemory":
        if self.before is not None:
            self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop.set()
        if self.before is not None:
            self.thread.join()

    def above(self) -> int | None:
        return None if self.before is None else self.most - self.before

    def _watch(self) -> None:
        while not self.stop.wait(POLL_SECONDS):
            self.most = max(self.most, self._used() or 0)

    def _used(self) -> int | None:
        query = ["sh", "-c", "nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits"]
        found = re.match(r"\d+", self.kit.run(query, 10).stdout)
        return int(found[0]) if found else None


def measured(kit: Kit, report: Report, names: dict, command: list, seconds_of) -> None:
    """A row: the names, and what `seconds_of` makes of the command's output."""
    with CardMemory(kit) as memory:
        limit = QUICK_SECONDS if kit.is_quick else MOST_SECONDS
        done = kit.run(command, limit)
    row = seconds_of(done) if done.reason is None else {"reason": done.reason}
    report.add(**names, **row, card_mb=memory.above())


def ours(kit: Kit, report: Report, case: str, batch: int = 1) -> None:
    command = [kit.program("published"), case, 1 if kit.is_quick else REPEATS, kit.program_device]
    names = {"case": case, "side": "ours", "batch": batch}
    measured(kit, report, names, command, lambda done: _without_case(done.last_json()))


def torch_published(kit: Kit, report: Report, case: str) -> None:
    script = ROOT / "peers" / "published.py"
    options = ["--torch", "--repeats", 1 if kit.is_quick else REPEATS, "--device", kit.torch_device]
    names = {"case": case, "side": "torch", "batch": 1}
    measured(kit, report, names, [sys.executable, script, case, *options], lambda done: _without_case(done.last_json()))


def torch_network(kit: Kit, report: Report, batch: int, bfloat16: bool) -> None:
    """Training and answers of the model in the box by its twin, a row for each part."""
    command = [sys.executable, ROOT / "twin" / "prosector1.py", "time", "--batch", batch, "--device", kit.torch_device]
    command += ["--bfloat16"] if bfloat16 else []
    side = "torch bf16" if bfloat16 else "torch"
    with CardMemory(kit) as memory:
        done = kit.run(command, QUICK_SECONDS if kit.is_quick else MOST_SECONDS)
    parts = {"learning from a sample": f"prosector1_train_{batch}"}
    if batch == 1:
        parts |= {"encoding a region": "prosector1_encode", "an answer": "prosector1_click"}
    for part, case in parts.items():
        found = re.search(rf"{part}: ([\d.]+) s", done.stdout)
        row = {"seconds": float(found[1]) * batch} if found else {"reason": done.reason or "no such line"}
        report.add(case=case, side=side, batch=batch, **row, card_mb=memory.above())


def _without_case(row: dict) -> dict:
    return {name: value for name, value in row.items() if name != "case"}


def main() -> None:
    kit = Kit(arguments(__doc__))
    report = Report(kit.out / "bench.json", machine=machine(kit))
    # The most telling first: what does not fit into the time is what is left out.
    for part in NETWORK[:1] if kit.is_quick else NETWORK:
        ours(kit, report, f"prosector1_{part}")
    for batch in BATCHES[:1] if kit.is_quick else BATCHES:
        ours(kit, report, f"prosector1_train_{batch}", batch)
        for bfloat16 in (False, True):
            torch_network(kit, report, batch, bfloat16)
    for case in PUBLISHED[:1] if kit.is_quick else PUBLISHED:
        ours(kit, report, case)
        torch_published(kit, report, case)


if __name__ == "__main__":
    main()
