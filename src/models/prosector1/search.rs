//! How the automatic path looks over a scan: all of it closely where it is small; else coarsely first, then closely where
//! that found anything.

use crate::models::ModelError;
use crate::models::loaded::Query;
use crate::models::trust::anatomy;
use crate::util::JobContext;
use crate::volume::{Grid, ImageVolume, Modality};

use super::canvas::{Canvas, Output};
use super::field_of_view;
use super::model::Prosector1;
use super::pace::Pace;
use super::region::SIDE;
use super::sketch::Sketch;
use super::windows;

/// Canvas voxels between neighbouring windows at most, where it is looked at closely.
pub(super) const STRIDE: usize = SIDE / 2;
/// The same where it is looked at coarsely.
const COARSE_STRIDE: usize = SIDE - 8;
/// Windows up to which a coarse pass first would save nothing.
const FEW: usize = 12;
/// Most windows of a pass: some minutes on two cores.
const MOST_COARSE: usize = 600;
const MOST_CLOSE: usize = 300;
/// Part of the job's progress that the search is, from and to.
const PART: [f32; 2] = [0.05, 0.9];
/// Share of the search's progress that a coarse pass is given.
const COARSE_PART: f32 = 0.5;

/// The logits of `outputs` wherever they may be above zero; `None` where a coarse look finds nothing.
///
/// # Errors
/// Cancelled, a device that fails, a scan that is too large, or whose spacing cannot be right.
pub(super) fn search(
    model: &Prosector1,
    query: Query<'_>,
    spacing_mm: [f64; 3],
    outputs: &[Output<'_>],
) -> Result<Option<Canvas>, ModelError> {
    let Query { image, ctx, .. } = query;
    let grid = field_of_view::canvas_grid(image, spacing_mm, outputs.len())?;
    let mut close = windows::covering(grid.dims, STRIDE);
    let [mut from, to] = PART;
    if close.len() > FEW {
        let middle = from + (to - from) * COARSE_PART;
        let sketch = sketched(
            model,
            image,
            (&grid, spacing_mm),
            outputs,
            (ctx, [from, middle]),
        )?;
        close.retain(|&w| sketch.touches(w));
        from = middle;
    }
    if close.is_empty() {
        return Ok(None);
    }
    if close.len() > MOST_CLOSE {
        return Err(field_of_view::too_large(image.grid(), spacing_mm));
    }
    let pace = Pace::new(ctx, "look", [from, to], close.len());
    let refined = query.card.is_refined(image.modality());
    Canvas::fill(&grid, &close, refined, (model, image), outputs, &pace).map(Some)
}

/// What a coarse pass finds, as far as it can be there.
fn sketched(
    model: &Prosector1,
    image: &ImageVolume,
    (grid, spacing_mm): (&Grid, [f64; 3]),
    outputs: &[Output<'_>],
    (ctx, part): (&JobContext, [f32; 2]),
) -> Result<Sketch, ModelError> {
    let all = windows::covering(grid.dims, COARSE_STRIDE);
    let coarse = windows::with_content(all, grid, image);
    if coarse.len() > MOST_COARSE {
        return Err(field_of_view::too_large(image.grid(), spacing_mm));
    }
    let pace = Pace::new(ctx, "coarse look", part, coarse.len());
    let mut sketch = Sketch::new(grid);
    windows::look(
        (model, image),
        grid,
        &coarse,
        false,
        &pace,
        |start, logits| {
            sketch.add(start, logits, outputs);
        },
    )?;
    keep_what_may_be(&mut sketch, image.modality(), outputs);
    Ok(sketch)
}

fn keep_what_may_be(sketch: &mut Sketch, modality: Modality, outputs: &[Output<'_>]) {
    let names: Vec<&str> = outputs.iter().map(|o| o.structure.name.as_str()).collect();
    sketch.keep_where(
        super::automatic::LEAST_VOLUME_ML,
        outputs.len(),
        |n| anatomy::is_of_paired_organ(modality, names[n]),
        |found| {
            let found: Vec<&str> = found.iter().map(|&n| names[n]).collect();
            anatomy::may_be_there(modality, &names, &found)
        },
    );
}
