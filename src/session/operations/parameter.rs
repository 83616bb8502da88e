//! What an operation can be told, and how that is read from text.

use std::str::FromStr;

use crate::geometry::{Plane, VoxelBox, VoxelIndex};

use super::values::Value;

/// One thing that an operation can be told.
#[derive(Debug)]
pub struct Parameter {
    /// Its key in `key=value`.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether it must be given.
    pub need: Need,
    /// What it means, in a few words.
    pub hint: &'static str,
}

/// Whether a parameter must be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The operation does nothing without it.
    Required,
    /// It may be left out.
    Optional,
    /// It is this where it is left out.
    Default(&'static str),
}

/// What a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A label that the operation changes.
    Label,
    /// A label that the operation changes, or begins.
    NewLabel,
    /// A label that the operation only looks at.
    OtherLabel,
    /// Several labels.
    Labels,
    /// Several labels, or `all`.
    LabelsOrAll,
    /// A number, both limits included.
    Number {
        /// `mm`, `ml`, or empty for values of the scan and plain numbers.
        unit: &'static str,
        /// The smallest allowed.
        min: f64,
        /// The largest allowed.
        max: f64,
    },
    /// A whole number of something, both limits included.
    Count {
        /// What is counted.
        unit: &'static str,
        /// The smallest allowed.
        min: u32,
        /// The largest allowed.
        max: u32,
    },
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Yes or no.
    Flag,
    /// A voxel.
    Voxel,
    /// A box of voxels, both corners included.
    Box,
    /// One of the three planes.
    Plane,
    /// The index of a slice of the plane that is given.
    Slice,
}

/// Any value of a scan.
pub const SCAN_VALUE: Kind = Kind::Number {
    unit: "",
    min: f64::NEG_INFINITY,
    max: f64::INFINITY,
};

/// A length that is not negative; the longest is that of a body.
pub const LENGTH: Kind = Kind::Number {
    unit: "mm",
    min: 0.0,
    max: MAX_MM,
};

/// A number of voxels.
pub const VOXELS: Kind = Kind::Count {
    unit: "voxels",
    min: 1,
    max: u32::MAX,
};

/// The longest length that makes sense.
pub const MAX_MM: f64 = 2000.0;

/// Which voxels belong together; read by [`super::Values::connectivity`].
pub const CONNECTIVITY: Parameter = connectivity("26");

/// The same with another default.
pub const fn connectivity(default: &'static str) -> Parameter {
    Parameter::new(
        "connectivity",
        Kind::Choice(&["26", "6"]),
        Need::Default(default),
        "voxels that touch by faces (6), or by edges and corners too (26)",
    )
}

/// Which labels may lose voxels to the result.
pub const OVER: Parameter = Parameter::optional(
    "over",
    Kind::LabelsOrAll,
    "the result also takes voxels of these labels",
);

/// Which labels are left as they are, besides those locked in the table.
pub const LOCKED: Parameter = Parameter::optional(
    "locked",
    Kind::Labels,
    "these labels neither gain nor lose voxels",
);

/// The label that most operations are about.
pub const LABEL: Parameter = Parameter::required("label", Kind::Label, "the label to change");

/// The same where it may be a new one.
pub const NEW_LABEL: Parameter = Parameter::required(
    "label",
    Kind::NewLabel,
    "the label, or a new one's value or name",
);

/// A label that the result keeps to.
pub const WITHIN: Parameter =
    Parameter::optional("within", Kind::OtherLabel, "only voxels of this label");

/// The plane whose slices are meant.
pub const PLANE: Parameter = Parameter::required("plane", Kind::Plane, "whose slices");

impl Parameter {
    /// One that must be given.
    pub const fn required(name: &'static str, kind: Kind, hint: &'static str) -> Self {
        Self::new(name, kind, Need::Required, hint)
    }

    /// One that may be left out.
    pub const fn optional(name: &'static str, kind: Kind, hint: &'static str) -> Self {
        Self::new(name, kind, Need::Optional, hint)
    }

    /// One of any need.
    pub const fn new(name: &'static str, kind: Kind, need: Need, hint: &'static str) -> Self {
        Self {
            name,
            kind,
            need,
            hint,
        }
    }
}

impl Kind {
    /// Its name in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Label | Self::NewLabel | Self::OtherLabel => "label",
            Self::Labels | Self::LabelsOrAll => "labels",
            Self::Number { .. } => "number",
            Self::Count { .. } => "whole number",
            Self::Choice(_) => "choice",
            Self::Flag => "flag",
            Self::Voxel => "voxel",
            Self::Box => "box",
            Self::Plane => "plane",
            Self::Slice => "slice",
        }
    }

    /// The words to choose from, where there are such.
    pub fn choices(self) -> Option<Vec<String>> {
        match self {
            Self::Choice(words) => Some(words.iter().map(|&w| w.to_owned()).collect()),
            Self::Plane => Some(Plane::ALL.map(|p| p.name().to_lowercase()).to_vec()),
            _ => None,
        }
    }

    /// What is allowed, in words.
    pub fn allowed(self) -> String {
        match self {
            Self::Label | Self::OtherLabel => "a label's value or name".to_owned(),
            Self::NewLabel => "the value or name of a label, old or new".to_owned(),
            Self::Labels => "values or names of labels, such as 1,2".to_owned(),
            Self::LabelsOrAll => "all, or values or names of labels, such as 1,2".to_owned(),
            Self::Number { unit, min, max } => {
                let unit = if unit.is_empty() {
                    String::new()
                } else {
                    format!(" {unit}")
                };
                match (min.is_finite(), max.is_finite()) {
                    (true, true) => format!("a number from {min} to {max}{unit}"),
                    (true, false) => format!("a number from {min}{unit} on"),
                    _ if unit.is_empty() => "a number".to_owned(),
                    _ => format!("a number in{unit}"),
                }
            }
            Self::Count {
                unit,
                min,
                max: u32::MAX,
            } => format!("a whole number of {unit} from {min} on"),
            Self::Count { unit, min, max } => {
                format!("a whole number of {unit} from {min} to {max}")
            }
            Self::Choice(_) | Self::Plane => self.choices().unwrap_or_default().join(" or "),
            Self::Flag => "yes or no".to_owned(),
            Self::Voxel => "a voxel I,J,K, such as 12,30,7".to_owned(),
            Self::Box => "two corner voxels I0,J0,K0,I1,J1,K1".to_owned(),
            Self::Slice => "the index of a slice, from 0".to_owned(),
        }
    }

    /// Reads a value; `None` where the text is none that is allowed.
    pub(super) fn parse(self, text: &str) -> Option<Value> {
        let words = || text.split(',').map(str::to_owned).collect::<Vec<_>>();
        match self {
            Self::Label | Self::NewLabel | Self::OtherLabel => {
                is_label(text).then(|| Value::Labels(vec![text.to_owned()]))
            }
            Self::Labels | Self::LabelsOrAll => text
                .split(',')
                .all(is_label)
                .then(|| Value::Labels(words())),
            Self::Number { min, max, .. } => {
                let number: f64 = text.parse().ok()?;
                (min..=max)
                    .contains(&number)
                    .then_some(Value::Number(number))
            }
            Self::Count { min, max, .. } => {
                let count: u32 = text.parse().ok()?;
                (min..=max)
                    .contains(&count)
                    .then_some(Value::Number(f64::from(count)))
            }
            Self::Slice => {
                let index: u32 = text.parse().ok()?;
                Some(Value::Slice(i64::from(index)))
            }
            Self::Choice(words) => {
                let chosen = words.iter().find(|&&w| w == text)?;
                Some(Value::Word(chosen))
            }
            Self::Flag => match text {
                "yes" | "true" | "1" => Some(Value::Flag(true)),
                "no" | "false" | "0" => Some(Value::Flag(false)),
                _ => None,
            },
            Self::Voxel => numbers_of(text).map(|v| Value::Voxel(VoxelIndex(v))),
            Self::Box => {
                let [a, b, c, d, e, f] = numbers_of(text)?;
                let corners = [VoxelIndex([a, b, c]), VoxelIndex([d, e, f])];
                Some(Value::Box(VoxelBox::from_corners(corners[0], corners[1])))
            }
            Self::Plane => {
                let is_meant = |p: &Plane| p.name().eq_ignore_ascii_case(text);
                Plane::ALL.into_iter().find(is_meant).map(Value::Plane)
            }
        }
    }
}

/// Whether a text could name a label. Numbers are values; 0 is the background.
fn is_label(text: &str) -> bool {
    let is_value = |number: i64| (1..=i64::from(u16::MAX)).contains(&number);
    !text.is_empty() && text.parse().map_or(true, is_value)
}

/// Exactly `N` numbers between commas.
fn numbers_of<T: FromStr, const N: usize>(text: &str) -> Option<[T; N]> {
    let numbers: Option<Vec<T>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    numbers?.try_into().ok()
}
