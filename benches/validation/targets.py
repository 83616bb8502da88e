"""What was measured, by target: a label of a case with all its scores."""

from dataclasses import dataclass, field

# Columns of the protocols that go on by clicks, and after how many.
STEPS = {
    "box": {"box": 0, "box_2": 2},
    "clicks": {"click_1": 1, "click_3": 3, "click_5": 5},
    "diameter": {"diameter": 0, "diameter_2": 2},
}


@dataclass(frozen=True)
class Score:
    """Agreement with the truth: Dice, and NSD at 2 mm."""

    dice: float
    nsd: float


@dataclass
class Scores:
    """What one model reached on a target, and how long it took."""

    by_column: dict[str, Score] = field(default_factory=dict)
    first_answer_seconds: list[float] = field(default_factory=list)
    click_seconds: list[float] = field(default_factory=list)


@dataclass
class Target:
    """A label of a case. `blind` are the scores of what looks at nothing, `models` those of each model."""

    half: str
    group: str
    case: str
    name: str
    modality: str
    blind: dict[str, Score] = field(default_factory=dict)
    models: list[Scores] = field(default_factory=list)

    def score(self, column, model):
        """The score in a column of the table, or `None`."""
        return self.blind.get(column) or self.models[model].by_column.get(column)


def gather(measured, models):
    """The targets in order, from (run, result) of every group, protocol and model, the ellipsoids of a group first: a
    label without one is not in the truth, and no target."""
    targets = {}
    for run, result in measured:
        for row in result["rows"]:
            key = (run.group.half, run.group.name, row["id"], row["label"])
            if run.model is None:
                target = targets.setdefault(key, _target(run.group, row, len(models)))
                target.blind[run.protocol] = Score(row["dice"], row["nsd"])
            elif key in targets:
                _add(targets[key].models[models.index(run.model)], run.protocol, row)
    return list(targets.values())


def _target(group, row, models):
    """A target without scores. Ultrasound is opened as MR, but is none."""
    modality = "us" if group.name == "prostate_us" else row["modality"]
    return Target(group.half, group.name, row["id"], row["name"], modality, {}, [Scores() for _ in range(models)])


def _add(scores, protocol, row):
    if protocol not in STEPS:
        scores.by_column[protocol] = Score(row["dice"], row["nsd"])
    for step in row["steps"]:
        is_first = step["step"] == row["steps"][0]["step"]
        seconds = scores.first_answer_seconds if is_first else scores.click_seconds
        seconds.append(step["seconds"])
    for column, most in STEPS.get(protocol, {}).items():
        # A target reached early keeps its last score; one that fills no two voxels of a slice has no diameter.
        last = [step for step in row["steps"] if step["step"] <= most][-1:]
        if last:
            scores.by_column[column] = Score(last[0]["dice"], last[0]["nsd"])
