"""Measures models on groups of cases, and keeps what was measured: the same is not measured twice."""

import hashlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from . import blind
from .blind import LOOSEN_PERCENT
from .cases import Group
from .prosector import Model, Prosector, sha256_of

CLICKS = 5
# What a model is given.
PROTOCOLS = {
    "box": ("box+clicks", "--steps", "2"),
    "loose_box": ("box", "--loosen", str(LOOSEN_PERCENT)),
    "clicks": ("clicks", "--steps", str(CLICKS)),
    "diameter": ("diameter", "--steps", str(CLICKS)),
    "automatic": ("auto",),
}


@dataclass(frozen=True)
class Run:
    """One group under one protocol by one model, or by none for what looks at nothing."""

    group: Group
    protocol: str
    model: Model | None


class Bench:
    """Measures with one binary and keeps results in the folder `out`."""

    def __init__(self, prosector: Prosector, out: Path):
        self.prosector = prosector
        self.out = out
        self.binary_sha256 = prosector.sha256()
        (out / "results").mkdir(parents=True, exist_ok=True)

    def measure_all(self, groups, models, protocols, jobs):
        """(run, result) of every group under these of `PROTOCOLS` by every model, in order. A result holds `rows` as
        `prosector evaluate --json` has them and `peak_memory_bytes`."""
        runs = [run for group in groups for run in _runs(group, models, protocols)]
        with ThreadPoolExecutor(jobs) as pool:
            results = list(pool.map(self._kept_or_measured, runs))
        strangers = sum(r["binary_sha256"] != self.binary_sha256 for r in results)
        if strangers:
            print(f"{strangers} results are by another binary; remove {self.out}/results to repeat", file=sys.stderr)
        return list(zip(runs, results, strict=True))

    def _kept_or_measured(self, run):
        path = self.out / "results" / f"{self._key(run)}.json"
        if path.exists():
            return json.loads(path.read_text())
        start = time.monotonic()
        rows, peak_memory_bytes = self._measure(run)
        result = {
            "half": run.group.half,
            "group": run.group.name,
            "protocol": run.protocol,
            "model_sha256": run.model and run.model.sha256,
            "binary_sha256": self.binary_sha256,
            "peak_memory_bytes": peak_memory_bytes,
            "rows": rows,
        }
        _write_whole(path, json.dumps(result))
        seconds = time.monotonic() - start
        what = f"{run.group.half} {run.group.name}, {run.protocol}"
        print(f"{what}: {len(rows)} targets in {seconds:.0f} s", file=sys.stderr, flush=True)
        return result

    def _measure(self, run):
        if run.model is None:
            return blind.measure(self.prosector, run.group.cases, run.protocol), None
        name = f"{run.group.name}_{run.protocol}_{run.model.sha256[:16]}.toml"
        path = self.out / "cases" / run.group.half / name
        run.group.write(path)
        return self.prosector.measure(path, PROTOCOLS[run.protocol], run.model.card)

    def _key(self, run):
        """Names all that the result depends on but the binary."""
        given = PROTOCOLS.get(run.protocol) or (run.protocol, LOOSEN_PERCENT)
        cases = [_identity(case) for case in run.group.cases]
        by = (run.model.sha256, self.prosector.device) if run.model else None
        return hashlib.sha256(json.dumps([given, cases, by]).encode()).hexdigest()[:32]


def _identity(case):
    """What a case is, wherever its files lie."""
    return case.id, case.modality, case.labels, case.absent_is_unknown, sha256_of(case.image, case.truth)


def _runs(group, models, protocols):
    """What looks at nothing first, then each model; automatic only for structures that the model knows."""
    yield from (Run(group, name, None) for name in blind.SHAPES)
    for model in models:
        known = _only(group, model.structures)
        for protocol in protocols:
            measured = known if protocol == "automatic" else group
            if measured.cases:
                yield Run(measured, protocol, model)


def _only(group, structures):
    """The group with these structures alone."""
    cases = []
    for case in group.cases:
        known = {value: name for value, name in case.labels.items() if name in structures}
        if known:
            cases.append(replace(case, labels=known))
    return replace(group, cases=cases)


def _write_whole(path, text):
    """Writes a file that is never seen half written."""
    part = path.with_suffix(f".{os.getpid()}")
    part.write_text(text)
    part.rename(path)
