"""What is measured on: cases in groups, and their files for `prosector evaluate --cases`."""

import os
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """A scan, its truth on the same grid, and the values of the truth that count, each with its name."""

    id: str
    image: Path
    truth: Path
    modality: str
    labels: dict[int, str]
    absent_is_unknown: bool = False
    # Whose scan it is, where the id does not say.
    patient: str | None = None

    def toml(self, folder, domain):
        """One [[case]] with paths relative to the folder that its file lies in."""
        names = ", ".join(f'{value} = "{name}"' for value, name in self.labels.items())
        lines = [
            "[[case]]",
            f'id = "{self.id}"',
            f'image = "{_relative(self.image, folder)}"',
            f'truth = "{_relative(self.truth, folder)}"',
            f'modality = "{self.modality}"',
            f'domain = "{domain}"',
            f"labels = {{ {names} }}",
        ]
        if self.patient:
            lines.append(f'patient = "{self.patient}"')
        if self.absent_is_unknown:
            lines.append("absent_is_unknown = true")
        return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Group:
    """Cases of one data set in one half: `choosing`, `reporting`, `labelled` or `known`."""

    half: str
    name: str
    cases: list[Case] = field(hash=False)

    def write(self, path):
        """Writes the cases to `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(case.toml(path.parent, self.name) for case in self.cases))


def _relative(path, folder):
    return Path(os.path.relpath(path, folder)).as_posix()
