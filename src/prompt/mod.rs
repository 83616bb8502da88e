//! What a user points at: clicks, a 3D box, scribbles, lassos and diameters, on the scan's own voxel grid.

mod alike;
mod drawing;
mod other_labels;
mod simulated;
mod target_size;

use std::sync::Arc;

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::volume::{Grid, Mask};

pub use alike::{Alike, kind_of_numbered};
pub use drawing::{Drawing, DrawingKind};
pub use other_labels::OtherLabels;
pub use simulated::{correcting_click, long_diameter, loosened_box};
pub use target_size::TargetSize;

/// Whether a click says "this is it" or "this is not".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Polarity {
    /// Inside the target.
    Positive,
    /// Outside the target.
    Negative,
}

impl Polarity {
    /// The other one, where something such as a held key says "the other way round".
    pub fn turned(self, is_turned: bool) -> Self {
        match (self == Self::Negative) != is_turned {
            true => Self::Negative,
            false => Self::Positive,
        }
    }
}

/// One click.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Click {
    /// The clicked voxel.
    pub voxel: VoxelIndex,
    /// Inside or outside.
    pub polarity: Polarity,
}

/// Everything pointed at for one target.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PromptSet {
    /// Clicks in the order they were made.
    pub clicks: Vec<Click>,
    /// The 3D box, corners included.
    pub target_box: Option<VoxelBox>,
    /// Scribbles, lassos and diameters in the order they were drawn.
    pub drawings: Vec<Drawing>,
}

/// A click or a drawing.
#[derive(Debug, Clone, Copy)]
pub enum Pointed<'a> {
    /// A click.
    Click(&'a Click),
    /// A scribble, a lasso or a diameter.
    Drawing(&'a Drawing),
}

impl Pointed<'_> {
    /// Whether it says "this is it".
    pub fn is_positive(self) -> bool {
        let polarity = match self {
            Self::Click(click) => click.polarity,
            Self::Drawing(drawing) => drawing.polarity,
        };
        polarity == Polarity::Positive
    }
}

/// What a model is asked about one target.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// What was pointed at, on the scan's grid.
    pub prompts: PromptSet,
    /// The target so far, on the scan's grid; refined, not merged.
    pub prior: Option<Arc<Mask>>,
    /// What the target is not, because other labels have it.
    pub others: Option<OtherLabels>,
    /// Earlier targets of the same kind in the scan, for models that find the next one by them.
    pub alike: Option<Alike>,
    /// How large it is, as far as somebody has said so.
    pub size: TargetSize,
    /// What the target is called, where somebody has said so.
    pub called: Option<String>,
}

impl Asked {
    /// What prompts and the target so far ask, beside nothing else.
    pub fn of(prompts: &PromptSet, prior: Option<&Mask>) -> Self {
        Self {
            prompts: prompts.clone(),
            prior: prior.cloned().map(Arc::new),
            ..Self::default()
        }
    }
}

/// Why prompts cannot be used on a scan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// Nothing was pointed at.
    #[error("no prompt given: click on the target or draw a box around it")]
    Empty,
    /// A click lies outside the scan.
    #[error("click {0},{1},{2} is outside the scan of {3}x{4}x{5} voxels: give a voxel inside it")]
    ClickOutside(i64, i64, i64, usize, usize, usize),
    /// A box has no voxel inside the scan.
    #[error("the box has no voxel inside the scan of {0}x{1}x{2} voxels: give corners inside it")]
    BoxOutside(usize, usize, usize),
    /// A scribble, lasso or diameter has no voxel of the scan.
    #[error(
        "the {0} covers no voxel of the scan: draw it on the scan, a lasso with three corners at least"
    )]
    NothingDrawn(&'static str),
}

/// Share of a box's sides that a target may reach beyond it on either side, where a target so far and clicks correct what
/// the box said.
pub const REFINED_SLACK: f64 = 0.25;

impl PromptSet {
    /// The clicks into the target.
    pub fn positive(&self) -> impl Iterator<Item = &Click> {
        let is_positive = |c: &&Click| c.polarity == Polarity::Positive;
        self.clicks.iter().filter(is_positive)
    }

    /// Where the target may be if there is a box: the smallest box around it and the positive clicks, and beyond it on
    /// either side a share `slack` of its sides.
    pub fn reach(&self, slack: f64) -> Option<VoxelBox> {
        let own = self.target_box?;
        let size = own.size();
        let beyond: [i64; 3] = std::array::from_fn(|d| (size[d] as f64 * slack) as i64);
        let reach = VoxelBox {
            min: std::array::from_fn(|d| own.min[d] - beyond[d]),
            max: std::array::from_fn(|d| own.max[d] + beyond[d]),
        };
        let clicked = self
            .positive()
            .map(|c| VoxelBox::from_corners(c.voxel, c.voxel));
        let drawn = self.drawn(DrawingKind::Scribble, Polarity::Positive);
        let drawn = drawn.map(|d| d.region.bounds);
        Some(clicked.chain(drawn).fold(reach, VoxelBox::union))
    }

    /// The drawings of a kind that say the same.
    pub fn drawn(&self, kind: DrawingKind, polarity: Polarity) -> impl Iterator<Item = &Drawing> {
        let is_it = move |d: &&Drawing| d.kind == kind && d.polarity == polarity;
        self.drawings.iter().filter(is_it)
    }

    /// Clicks and drawings in the order in which they were made.
    pub fn in_order(&self) -> Vec<Pointed<'_>> {
        let mut drawings = self.drawings.iter().peekable();
        let mut order = Vec::with_capacity(self.pointed_count());
        for (n, click) in self.clicks.iter().enumerate() {
            while let Some(drawing) = drawings.next_if(|d| d.clicks_before <= n) {
                order.push(Pointed::Drawing(drawing));
            }
            order.push(Pointed::Click(click));
        }
        order.extend(drawings.map(Pointed::Drawing));
        order
    }

    /// Adds clicks, then drawings; a box takes the place of the one before.
    pub fn add(&mut self, added: Self) {
        self.clicks.extend(added.clicks);
        let clicks_before = self.clicks.len();
        let drawings = added.drawings.into_iter();
        self.drawings.extend(drawings.map(|drawing| Drawing {
            clicks_before,
            ..drawing
        }));
        self.target_box = added.target_box.or(self.target_box);
    }

    /// Bytes that it takes in memory.
    pub fn bytes(&self) -> usize {
        let drawn = self.drawings.iter().map(|d| d.region.voxels.len());
        size_of_val(self.clicks.as_slice()) + drawn.sum::<usize>()
    }

    /// Number of clicks and drawings.
    pub fn pointed_count(&self) -> usize {
        self.clicks.len() + self.drawings.len()
    }

    /// The box, and the first `count` clicks and drawings.
    pub fn first(&self, count: usize) -> Self {
        let mut first = Self {
            target_box: self.target_box,
            ..Self::default()
        };
        for pointed in self.in_order().into_iter().take(count) {
            match pointed {
                Pointed::Click(click) => first.clicks.push(*click),
                Pointed::Drawing(drawing) => first.drawings.push(drawing.clone()),
            }
        }
        first
    }

    /// Whether nothing was pointed at.
    pub fn is_empty(&self) -> bool {
        self.pointed_count() == 0 && self.target_box.is_none()
    }

    /// Checks that the prompts lie on `grid` and clips the box to it.
    pub fn on_grid(&self, grid: &Grid) -> Result<Self, PromptError> {
        let [ni, nj, nk] = grid.dims;
        if self.is_empty() {
            return Err(PromptError::Empty);
        }
        if let Some(c) = self.clicks.iter().find(|c| !grid.contains(c.voxel)) {
            let [i, j, k] = c.voxel.0;
            return Err(PromptError::ClickOutside(i, j, k, ni, nj, nk));
        }
        let is_beside = |d: &&Drawing| {
            let bounds = d.region.bounds;
            bounds.clipped(grid.dims) != Some(bounds)
        };
        if let Some(drawing) = self.drawings.iter().find(is_beside) {
            return Err(PromptError::NothingDrawn(drawing.kind.title()));
        }
        let target_box = match self.target_box {
            Some(b) => Some(
                b.clipped(grid.dims)
                    .ok_or(PromptError::BoxOutside(ni, nj, nk))?,
            ),
            None => None,
        };
        Ok(Self {
            target_box,
            ..self.clone()
        })
    }
}
