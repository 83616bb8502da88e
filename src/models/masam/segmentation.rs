//! From a scan to classes: windows of slices, averaged where they overlap. Slices may be the frames of a film.

use std::ops::RangeInclusive;

use crate::models::loaded::Query;
use crate::models::ops::{SplineOrder, spline_zoom};
use crate::models::slices::channels;
use crate::models::{AutoResult, ModelError, PromptedResult, Structure};
use crate::prompt::{PromptError, PromptSet};
use crate::volume::{LabelMap, Mask};

use super::intensity::scale_window;
use super::model::MasamModel;
use super::windows::{SliceStack, WindowAverage, most_probable};

/// Finds the card's structures; see [`crate::models::Segmenter::segment_auto`].
pub(super) fn automatic(
    model: &MasamModel,
    query: Query<'_>,
    structures: &[(usize, &Structure)],
) -> Result<AutoResult, ModelError> {
    let image = query.image;
    let mut value_of = vec![0; model.settings.network.classes() + 1];
    for &(place, structure) in structures {
        if let Some(value) = value_of.get_mut(place + 1) {
            *value = structure.value;
        }
    }
    let slices = image.grid().dims[2];
    let classes = classes(model, query, 0..=slices.saturating_sub(1), None)?;
    let mut labels = LabelMap::empty(*image.grid());
    for (voxel, class) in labels.voxels.iter_mut().zip(classes) {
        *voxel = value_of.get(usize::from(class)).copied().unwrap_or(0);
    }
    Ok(AutoResult::of_labels(labels, structures))
}

/// Segments what lies in a box: the same rectangle prompts each slice of its range, the rest stays empty.
pub(super) fn prompted(
    model: &MasamModel,
    query: Query<'_>,
    prompts: &PromptSet,
) -> Result<PromptedResult, ModelError> {
    let target = prompts.target_box.ok_or(PromptError::Empty)?;
    let [low, high] = [target.min, target.max].map(|corner| corner.map(|v| v as usize));
    let corners = [low[0], low[1], high[0] + 1, high[1] + 1];
    let range = low[2]..=high[2];
    let classes = classes(model, query, range, Some(corners))?;
    let classes = classes.into_iter();
    Ok(PromptedResult::of_mask(Mask {
        grid: *query.image.grid(),
        voxels: classes.map(|class| u8::from(class > 0)).collect(),
    }))
}

/// The class of each voxel of the slices of `range`; others are background. `corners`: i0, j0, i1, j1, the second ones
/// beyond the box.
fn classes(
    model: &MasamModel,
    query: Query<'_>,
    range: RangeInclusive<usize>,
    corners: Option<[usize; 4]>,
) -> Result<Vec<u16>, ModelError> {
    let Query { image, ctx, .. } = query;
    let settings = &model.settings;
    let (side, window) = (
        settings.network.sam.encoder.image_side,
        settings.network.slices,
    );
    let dims = image.grid().dims;
    ctx.step(0.0, "preparing the scan")?;
    let mut values = channels(image);
    settings.intensity.apply(&mut values);
    let [columns, rows, slices] = dims;
    let source = [rows, columns];
    let stacks: Vec<SliceStack> = values
        .chunks_exact(image.grid().len())
        .map(|channel| SliceStack::from_volume(channel, dims))
        .map(|stack| stack.resized([side; 2], SplineOrder::Cubic))
        .collect();
    drop(values);
    let corners = corners.map(|corners| turned(corners, source, side));
    let shape = [settings.network.classes() + 1, side * side];
    let mut average = WindowAverage::new(slices, window, shape);
    let mut found = vec![0; slices * rows * columns];
    let count = range.end() + 1 - range.start();
    for (done, centre) in range.clone().enumerate() {
        let stage = format!("slice {} of {count}", done + 1);
        ctx.step(done as f32 / count as f32, &stage)?;
        let channels = stacks.iter().map(|stack| stack.window(centre, window));
        let mut values = channels.collect::<Vec<_>>().concat();
        scale_window(&mut values);
        average.add(centre, &model.probabilities(values, corners)?);
        // No later window reaches a slice that lies further back than half a window.
        let finished = if centre == *range.end() {
            (centre + 1).saturating_sub(window / 2 + 1)..=centre
        } else {
            match centre.checked_sub(window / 2) {
                Some(slice) => slice..=slice,
                None => continue,
            }
        };
        for slice in finished.filter(|slice| range.contains(slice)) {
            let decided = decide(&average.take(slice), side, source);
            found[slice * rows * columns..][..rows * columns].copy_from_slice(&decided);
        }
    }
    Ok(SliceStack::into_volume(&found, [slices, rows, columns]))
}

/// The most probable class of each pixel of a slice of `size`, its probabilities resized as the authors do.
fn decide(sums: &[f32], side: usize, size: [usize; 2]) -> Vec<u16> {
    let [rows, columns] = size;
    if size == [side; 2] {
        return most_probable(sums, rows * columns);
    }
    let classes = sums.len() / (side * side);
    let shape = [classes, rows, columns];
    let resized = spline_zoom(sums, &[classes, side, side], &shape, SplineOrder::Cubic);
    most_probable(&resized, rows * columns)
}

/// A box i0, j0, i1, j1 of the scan as x0, y0, x1, y1 in the network's image: slices are turned round.
fn turned([i0, j0, i1, j1]: [usize; 4], [rows, columns]: [usize; 2], side: usize) -> [f32; 4] {
    let x = |i: usize| (columns - i) as f32 * side as f32 / columns as f32;
    let y = |j: usize| (rows - j) as f32 * side as f32 / rows as f32;
    [x(i1), y(j1), x(i0), y(j0)]
}
