//! The values in records as bytes: runs, prompts, labels.

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::models::Estimate;
use crate::prompt::{Click, Polarity, PromptSet};
use crate::volume::{Grid, Label, LabelTable, Run, Runs};

use super::bytes::{Coded, Input, Nonsense, put_text};

/// Runs as gap and length; which of the values that occur a run has is coded with its length.
pub fn put_runs<V: Coded + Copy + Ord>(runs: &Runs<V>, out: &mut Vec<u8>) {
    let mut values: Vec<V> = Vec::new();
    for run in runs.iter() {
        if let Err(at) = values.binary_search(&run.value) {
            values.insert(at, run.value);
        }
    }
    values.put(out);
    runs.iter().count().put(out);
    let mut end = 0;
    for run in runs.iter() {
        (run.start - end).put(out);
        let which = values.binary_search(&run.value).unwrap_or_default();
        (u64::from(run.len - 1) * values.len() as u64 + which as u64).put(out);
        end = run.range().end;
    }
}

pub fn read_runs<V: Coded + Copy + PartialEq>(
    input: &mut Input<'_>,
    grid: &Grid,
) -> Result<Runs<V>, Nonsense> {
    let values = Vec::<V>::read(input)?;
    let mut runs = Runs::default();
    let mut end = 0usize;
    for _ in 0..input.count()? {
        let gap = usize::read(input)?;
        let coded = u64::read(input)?;
        let kinds = values.len() as u64;
        let len = coded.checked_div(kinds).ok_or(Nonsense)? + 1;
        let run = Run {
            start: end.checked_add(gap).ok_or(Nonsense)?,
            len: u32::try_from(len).map_err(|_too_long| Nonsense)?,
            value: values[(coded % kinds) as usize],
        };
        end = run.start.checked_add(run.len as usize).ok_or(Nonsense)?;
        if end > grid.len() {
            return Err(Nonsense);
        }
        runs.push_run(run);
    }
    runs.shrink();
    Ok(runs)
}

pub fn read_box(input: &mut Input<'_>, grid: &Grid) -> Result<VoxelBox, Nonsense> {
    let found = VoxelBox::read(input)?;
    let ordered = (0..3).all(|d| found.min[d] <= found.max[d]);
    let inside = found.clipped(grid.dims) == Some(found);
    (ordered && inside).then_some(found).ok_or(Nonsense)
}

pub fn read_prompts(input: &mut Input<'_>, grid: &Grid) -> Result<PromptSet, Nonsense> {
    let prompts = PromptSet::read(input)?;
    let is_usable = prompts.is_empty() || prompts.on_grid(grid).is_ok_and(|p| p == prompts);
    is_usable.then_some(prompts).ok_or(Nonsense)
}

impl Coded for (u16, u16) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        Ok((u16::read(input)?, u16::read(input)?))
    }
}

impl Coded for VoxelBox {
    fn put(&self, out: &mut Vec<u8>) {
        self.min.put(out);
        self.max.put(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        Ok(Self {
            min: Coded::read(input)?,
            max: Coded::read(input)?,
        })
    }
}

impl Coded for Click {
    fn put(&self, out: &mut Vec<u8>) {
        self.voxel.0.put(out);
        (self.polarity == Polarity::Positive).put(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        Ok(Self {
            voxel: VoxelIndex(Coded::read(input)?),
            polarity: match bool::read(input)? {
                true => Polarity::Positive,
                false => Polarity::Negative,
            },
        })
    }
}

/// Without what is drawn: see `drawn.rs`.
impl Coded for PromptSet {
    fn put(&self, out: &mut Vec<u8>) {
        self.clicks.put(out);
        self.target_box.put(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        Ok(Self {
            clicks: Coded::read(input)?,
            target_box: Coded::read(input)?,
            ..Self::default()
        })
    }
}

impl Coded for Estimate {
    fn put(&self, out: &mut Vec<u8>) {
        let (is_dice, value) = match self {
            Self::Dice(value) => (true, value),
            Self::Iou(value) => (false, value),
        };
        is_dice.put(out);
        value.put(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        Ok(match bool::read(input)? {
            true => Self::Dice(f32::read(input)?),
            false => Self::Iou(f32::read(input)?),
        })
    }
}

/// Without its layer, opacity and group: see `layers.rs` and `measured.rs`.
impl Coded for Label {
    fn put(&self, out: &mut Vec<u8>) {
        self.value.put(out);
        put_text(&self.name, out);
        self.color.put(out);
        self.visible.put(out);
        self.locked.put(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        let value = u16::read(input)?;
        let name = String::read(input)?;
        let color = Coded::read(input)?;
        Ok(Self {
            visible: bool::read(input)?,
            locked: bool::read(input)?,
            ..Self::new(value, name, color)
        })
    }
}

impl Coded for LabelTable {
    fn put(&self, out: &mut Vec<u8>) {
        self.labels().len().put(out);
        for label in self.labels() {
            label.put(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        let mut table = Self::default();
        for label in Vec::<Label>::read(input)? {
            table.insert(label);
        }
        Ok(table)
    }
}
