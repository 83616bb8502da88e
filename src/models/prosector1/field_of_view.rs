//! What of a scan the automatic path looks at, and which scans it does not look at.

use glam::DVec3;
use rayon::prelude::*;

use crate::geometry::{Affine, VoxelBox};
use crate::models::ModelError;
use crate::volume::{Grid, ImageVolume, Mask, Modality};
use crate::with_voxels;

use super::region::{SIDE, Span, anatomical_axes, on_voxels_of};

/// Hounsfield units above which a voxel may belong to the body.
const BODY_HU: f64 = -400.0;
/// No patient and no table is longer.
const LONGEST_MM: f64 = 3000.0;
/// No scan of a patient has longer voxels.
const COARSEST_MM: f64 = 30.0;
/// Most voxels, times the structures looked for, of the logits of a scan: a gigabyte.
const MOST_VALUES: usize = 1 << 28;

/// A grid along the patient's axes at the model's spacing that covers the scan, in CT its body.
///
/// # Errors
/// A spacing that no patient's scan has; a scan too large to be searched.
pub(super) fn canvas_grid(
    image: &ImageVolume,
    spacing_mm: [f64; 3],
    outputs: usize,
) -> Result<Grid, ModelError> {
    check_spacing(image.grid())?;
    let span = Span::of_voxels(image.grid(), body_bounds(image));
    let dims = dims_of(&span, spacing_mm);
    let voxels = dims.iter().product::<usize>();
    if voxels.saturating_mul(outputs + 1) > MOST_VALUES {
        return Err(too_large(image.grid(), spacing_mm));
    }
    Ok(grid_about(image.grid(), &span, spacing_mm, dims))
}

/// Voxels of this spacing along each of the patient's axes that cover a span, and a region at least.
pub(super) fn dims_of(span: &Span, spacing_mm: [f64; 3]) -> [usize; 3] {
    let size_mm = span.size_mm();
    std::array::from_fn(|d| ((size_mm[d] / spacing_mm[d]).ceil() as usize).max(SIDE))
}

/// A grid of so many voxels along the patient's axes, a span in its middle.
pub(super) fn grid_about(scan: &Grid, span: &Span, spacing_mm: [f64; 3], dims: [usize; 3]) -> Grid {
    let axes = anatomical_axes(scan);
    let step: [DVec3; 3] = std::array::from_fn(|d| axes.col(d) * spacing_mm[d]);
    let half = |d: usize| step[d] * ((dims[d] as f64 - 1.0) / 2.0);
    let origin = span.centre().0 - half(0) - half(1) - half(2);
    let affine = Affine::from_columns(step[0], step[1], step[2], origin)
        .expect("spacings are positive and the scan's axes independent");
    on_voxels_of(scan, Grid::new(dims, affine))
}

/// The refusal of a scan that would take too long or too much memory.
pub(super) fn too_large(scan: &Grid, spacing_mm: [f64; 3]) -> ModelError {
    ModelError::Unsupported(format!(
        "the scan covers {}, too much to search at the model's {}: crop it to the part of the body in question",
        in_words(scan.size_mm()),
        in_words(spacing_mm),
    ))
}

fn check_spacing(scan: &Grid) -> Result<(), ModelError> {
    let (spacing_mm, size_mm) = (scan.spacing_mm(), scan.size_mm());
    let longest = |lengths: [f64; 3]| lengths.into_iter().fold(0.0, f64::max);
    if longest(spacing_mm) <= COARSEST_MM && longest(size_mm) <= LONGEST_MM {
        return Ok(());
    }
    Err(ModelError::Unsupported(format!(
        "the spacing of {} makes the scan {} large, which no patient is: perhaps it is in micrometres; correct it in the file",
        in_words(spacing_mm),
        in_words(size_mm),
    )))
}

/// Three lengths: "97.6 x 97.6 x 500 mm".
fn in_words(lengths_mm: [f64; 3]) -> String {
    let in_words = |mm: f64| match mm {
        100.0.. => format!("{mm:.0}"),
        _ => format!("{}", (mm * 100.0).round() / 100.0),
    };
    format!("{} mm", lengths_mm.map(in_words).join(" x "))
}

/// The part of the scan worth looking at: in CT where there is more than air, else all of it.
fn body_bounds(image: &ImageVolume) -> VoxelBox {
    let grid = image.grid();
    if image.modality() != Modality::Ct {
        return grid.bounds();
    }
    let rescale = image.rescale();
    let threshold = (BODY_HU - rescale.intercept) / rescale.slope;
    let is_body: Vec<u8> = with_voxels!(image.voxels(), v => v
        .par_iter()
        .map(|&x| u8::from((x as f64) > threshold))
        .collect());
    let mask = Mask {
        grid: *grid,
        voxels: is_body,
    };
    mask.bounds().unwrap_or_else(|| grid.bounds())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn micrometres_read_as_millimetres_are_refused_by_their_spacing() {
        let affine = Affine::from_spacing([97.6, 97.6, 500.0], [0.0; 3]);
        let refusal = check_spacing(&Grid::new([64, 64, 32], affine)).expect_err("6 m");
        let text = refusal.to_string();
        assert!(text.contains("97.6 x 97.6 x 500 mm"), "{text}");
        assert!(text.contains("6246 x 6246 x 16000 mm"), "{text}");
        let whole_body = Affine::from_spacing([1.0, 1.0, 2.0], [0.0; 3]);
        assert!(check_spacing(&Grid::new([600, 600, 1000], whole_body)).is_ok());
    }
}
