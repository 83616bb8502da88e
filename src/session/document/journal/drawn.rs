//! Scribbles, lassos and diameters in records: what follows all that records had before there were any, and only where
//! there are some, so that other work is written as earlier versions wrote it.

use std::sync::Arc;

use crate::prompt::{Drawing, DrawingKind, Polarity, PromptSet};
use crate::session::document::step::Step;
use crate::volume::morphology::Crop;
use crate::volume::{Grid, Runs};

use super::bytes::{Coded, Input, Nonsense};
use super::values::{put_runs, read_box, read_runs};

/// All kinds.
const KINDS: [DrawingKind; 3] = [
    DrawingKind::Scribble,
    DrawingKind::Lasso,
    DrawingKind::Diameter,
];

/// What stands for a kind; records have been written with it.
fn code_of(kind: DrawingKind) -> u8 {
    match kind {
        DrawingKind::Scribble => 0,
        DrawingKind::Lasso => 1,
        DrawingKind::Diameter => 2,
    }
}

/// Whether a step has anything of this.
pub fn is_in(step: &Step) -> bool {
    let mut targets = step.target.iter().flat_map(|t| [&t.before, &t.after]);
    targets.any(|t| !t.prompts.drawings.is_empty())
}

/// Appends it to a step's record.
pub fn put(step: &Step, out: &mut Vec<u8>) {
    if let Some(target) = &step.target {
        put_drawings(&target.before.prompts, out);
        put_drawings(&target.after.prompts, out);
    }
}

/// Gives it to a step.
pub fn read(step: &mut Step, input: &mut Input<'_>, grid: &Grid) -> Result<(), Nonsense> {
    if let Some(target) = &mut step.target {
        read_drawings(&mut target.before.prompts, input, grid)?;
        read_drawings(&mut target.after.prompts, input, grid)?;
    }
    Ok(())
}

/// Appends what was drawn.
pub fn put_drawings(prompts: &PromptSet, out: &mut Vec<u8>) {
    prompts.drawings.len().put(out);
    for drawing in &prompts.drawings {
        code_of(drawing.kind).put(out);
        (drawing.polarity == Polarity::Positive).put(out);
        drawing.normal_axis.put(out);
        drawing.clicks_before.put(out);
        drawing.region.bounds.put(out);
        put_runs(&Runs::of_nonzero(&drawing.region.voxels), out);
    }
}

/// Gives prompts what was drawn.
pub fn read_drawings(
    prompts: &mut PromptSet,
    input: &mut Input<'_>,
    grid: &Grid,
) -> Result<(), Nonsense> {
    for _ in 0..input.count()? {
        let drawing = read_drawing(input, grid)?;
        if drawing.clicks_before > prompts.clicks.len() {
            return Err(Nonsense);
        }
        prompts.drawings.push(drawing);
    }
    Ok(())
}

fn read_drawing(input: &mut Input<'_>, grid: &Grid) -> Result<Drawing, Nonsense> {
    let code = u8::read(input)?;
    let kind = KINDS.into_iter().find(|&kind| code_of(kind) == code);
    let polarity = match bool::read(input)? {
        true => Polarity::Positive,
        false => Polarity::Negative,
    };
    let (normal_axis, clicks_before) = (usize::read(input)?, usize::read(input)?);
    let bounds = read_box(input, grid)?;
    if bounds.size().get(normal_axis) != Some(&1) {
        return Err(Nonsense);
    }
    let runs: Runs<u16> = read_runs(input, &grid.sub_grid(bounds))?;
    let mut region = Crop::empty(bounds);
    for run in runs.iter() {
        region.voxels[run.range()].fill(1);
    }
    if region.count() == 0 {
        return Err(Nonsense);
    }
    Ok(Drawing {
        kind: kind.ok_or(Nonsense)?,
        polarity,
        normal_axis,
        region: Arc::new(region),
        clicks_before,
    })
}
