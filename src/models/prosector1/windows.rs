//! Where the network looks on a canvas: windows of `SIDE³` voxels, named by their first voxel.

use crate::models::ModelError;
use crate::models::slices::host;
use crate::volume::{Grid, ImageVolume, resample};

use super::model::Prosector1;
use super::pace::Pace;
use super::region::SIDE;

/// Samples of a window along each axis that tell whether anything is in it.
const SAMPLES: usize = 8;
/// Share of the scan's range of values that a window's must have for anything to be in it.
const LEAST_RANGE: f32 = 0.05;
/// Share of a window's values that is left out at either end of their range.
const OUTLIERS: f32 = 0.04;

/// Evenly spread windows that cover `dims`, neighbours at most `stride` voxels apart.
pub(super) fn covering(dims: [usize; 3], stride: usize) -> Vec<[usize; 3]> {
    let starts = dims.map(|length| starts(length, stride));
    let rows = |k| starts[1].iter().map(move |&j| (j, k));
    let places = starts[2].iter().flat_map(|&k| rows(k));
    places
        .flat_map(|(j, k)| starts[0].iter().map(move |&i| [i, j, k]))
        .collect()
}

fn starts(length: usize, stride: usize) -> Vec<usize> {
    let room = length.saturating_sub(SIDE);
    let gaps = room.div_ceil(stride);
    (0..=gaps).map(|w| w * room / gaps.max(1)).collect()
}

/// The window's grid on a canvas.
fn grid_of(canvas: &Grid, start: [usize; 3]) -> Grid {
    let first = start.map(|v| v as f64);
    Grid::new([SIDE; 3], canvas.affine.stepped(first, [1.0; 3]))
}

/// Those of the windows in which the scan is not all alike, as it is beside the body.
pub(super) fn with_content(
    windows: Vec<[usize; 3]>,
    canvas: &Grid,
    image: &ImageVolume,
) -> Vec<[usize; 3]> {
    let ranges: Vec<f32> = windows
        .iter()
        .map(|&w| range_in(w, canvas, image))
        .collect();
    let widest = ranges.iter().copied().fold(0.0, f32::max);
    let kept = windows.into_iter().zip(ranges);
    kept.filter(|&(_, range)| range > LEAST_RANGE * widest)
        .map(|(window, _)| window)
        .collect()
}

fn range_in(window: [usize; 3], canvas: &Grid, image: &ImageVolume) -> f32 {
    let step = SIDE as f64 / SAMPLES as f64;
    let first = window.map(|v| v as f64 + (step - 1.0) / 2.0);
    let sparse = Grid::new([SAMPLES; 3], canvas.affine.stepped(first, [step; 3]));
    let mut values = resample::resample_image(image, &sparse, f32::NAN);
    values.retain(|v| v.is_finite());
    values.sort_by(f32::total_cmp);
    let Some(last) = values.len().checked_sub(1) else {
        return 0.0;
    };
    let at = |share: f32| values[(share * last as f32) as usize];
    at(1.0 - OUTLIERS) - at(OUTLIERS)
}

/// Lets the model answer for windows of a grid, one after another; `seen` gets each window and its logits.
///
/// # Errors
/// Cancelled, or the device fails.
pub(super) fn look(
    (model, image): (&Prosector1, &ImageVolume),
    grid: &Grid,
    windows: &[[usize; 3]],
    refined: bool,
    pace: &Pace<'_>,
    mut seen: impl FnMut([usize; 3], &[f32]),
) -> Result<(), ModelError> {
    for (index, &start) in windows.iter().enumerate() {
        pace.next(index)?;
        let region = model.encode(image, &grid_of(grid, start));
        let logits = host(model.net.automatic(&region.embedding, refined))?;
        seen(start, &logits);
    }
    Ok(())
}

/// Windows count for more in their middle.
pub(super) fn weight(at: [usize; 3]) -> f32 {
    let along = |x: usize| (x.min(SIDE - 1 - x) as f32 + 1.0) / (SIDE as f32 / 2.0);
    at.into_iter().map(along).product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Affine;
    use crate::volume::{Modality, Rescale, VoxelData};

    #[test]
    fn windows_cover_the_canvas_and_no_more() {
        let windows = covering([48, 60, 130], 24);
        let k: Vec<usize> = windows.iter().map(|w| w[2]).collect();
        assert_eq!(windows.len(), 2 * 5);
        assert_eq!((k[0], k[9]), (0, 82));
        assert!(windows.iter().all(|w| w[0] == 0 && w[1] <= 12));
    }

    #[test]
    fn windows_beside_the_body_are_left_out() {
        let grid = Grid::new([144, 48, 48], Affine::from_spacing([1.0; 3], [0.0; 3]));
        let tissue = |v: usize| v % 144 >= 96;
        // A texture that does not repeat from one sample to the next.
        let texture = |v: usize| (v % 7) as i16;
        let value = |v: usize| {
            if tissue(v) {
                100 + 40 * texture(v)
            } else {
                texture(v)
            }
        };
        let voxels = VoxelData::I16((0..grid.len()).map(value).collect());
        let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Mr);
        let all = covering(grid.dims, 48);
        assert_eq!(all.len(), 3);
        assert_eq!(with_content(all, &grid, &image), [[96, 0, 0]]);
    }
}
