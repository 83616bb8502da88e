"""The table: means by group and by modality, in Markdown."""

from statistics import fmean, quantiles

COLUMNS = {
    "ellipsoid": "ellipsoid in the box",
    "box": "box",
    "box_2": "box and 2 clicks",
    "loose_ellipsoid": "ellipsoid, box +15 %",
    "loose_box": "box +15 %",
    "ball": "ball on the diameter",
    "diameter": "diameter",
    "diameter_2": "diameter and 2 clicks",
    "click_1": "1 click",
    "click_3": "3 clicks",
    "click_5": "5 clicks",
    "automatic": "automatic",
}
MODALITIES = {"ct": "CT", "mr": "MR", "pet": "PET", "us": "ultrasound"}
GROUPS = {
    "head_neck": "head and neck CT",
    "hippocampus": "hippocampus MR",
    "brain_tumour": "brain tumour MR",
    "ms_lesions": "multiple-sclerosis lesions MR",
    "heart": "heart MR",
    "prostate_mr": "prostate MR",
    "prostate_us": "prostate ultrasound",
    "lung_tumour": "lung tumour CT",
    "abdomen": "organs, muscles and bones of an abdomen CT",
    "thorax": "vessels and a vertebra of the thorax CT",
    "spine": "vertebrae and parts of one CT",
    "brats": "brain tumour MR (BraTS)",
    "other": "brain and breast tumour, phantom MR",
}


def rows_of(targets):
    """(title, targets) of each row that has any."""
    rows = []
    for modality, title in MODALITIES.items():
        rows.append((f"sarcoma {title}", [t for t in targets if t.group == "sarcoma" and t.modality == modality]))
    rows.append(("sarcoma, all", [t for t in targets if t.group == "sarcoma"]))
    rows += [(title, [t for t in targets if t.group == name]) for name, title in GROUPS.items()]
    for half in ("reporting", "choosing", "labelled"):
        rows.append((f"all of `{half}`", [t for t in targets if t.half == half]))
    for modality, title in MODALITIES.items():
        rows.append((f"all {title}", [t for t in targets if t.modality == modality]))
    return [(title, found) for title, found in rows if found]


def table(targets, models, measure):
    """Means of `dice` or `nsd`; where there are several models, `first → second` in a cell."""
    lines = ["| | targets | " + " | ".join(COLUMNS.values()) + " |", "|---" * (len(COLUMNS) + 2) + "|"]
    for title, found in rows_of(targets):
        cells = [_cell(found, column, models, measure) for column in COLUMNS]
        lines.append(f"| {title} | {len(found)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def mean_of(targets, column, model, measure):
    """Mean over the targets that have a score there; `None` where none has."""
    scores = [t.score(column, model) for t in targets]
    known = [getattr(score, measure) for score in scores if score]
    return fmean(known) if known else None


def worse_than_ellipsoid(targets, model):
    """The targets whose box gives less Dice than its ellipsoid, the largest loss first, as (loss, target)."""
    measured = [t for t in targets if t.score("box", model)]
    losses = [(t.blind["ellipsoid"].dice - t.score("box", model).dice, t) for t in measured]
    return sorted((loss for loss in losses if loss[0] > 0), key=lambda loss: -loss[0])


def worse_rows(targets, before, after):
    """(title, column, Dice before, Dice after) of every cell that fell."""
    fell = []
    for title, found in rows_of(targets):
        for column, heading in COLUMNS.items():
            means = [mean_of(found, column, model, "dice") for model in (before, after)]
            if None not in means and means[1] < means[0]:
                fell.append((title, heading, *means))
    return fell


def spread(seconds):
    """Median and 95th percentile in words."""
    if len(seconds) < 2:
        return "too few to tell"
    twentieths = quantiles(seconds, n=20, method="inclusive")
    return f"median {twentieths[9]:.3f} s, 95th percentile {twentieths[18]:.3f} s"


def number(value):
    return "" if value is None else f"{value:.3f}"


def _cell(targets, column, models, measure):
    means = [number(mean_of(targets, column, model, measure)) for model in range(models)]
    is_blind = column in targets[0].blind
    return means[0] if is_blind or not any(means) else " → ".join(means)
