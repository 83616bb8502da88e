//! Where the frames of a segmentation lie: on slices of the scan, or else on a grid of their own.

use glam::DVec3;

use super::super::format::PixelFormat;
use super::super::frame::{Frame, Placement};
use super::super::refusal::Refusal;
use crate::geometry::Affine;
use crate::io::LabelTarget;
use crate::volume::Grid;

/// Frames this near to a slice lie on it, as a share of the slice distance, and of a pixel.
const ON_SLICE: f64 = 0.05;

/// Gaps between planes may differ from whole multiples of the step by this share of it.
const ON_STEP: f64 = 0.05;

/// Positions closer than this are the same, in mm.
const SAME_MM: f64 = 1e-3;

/// No grid of planes is larger, in slices and in voxels: positions further apart than that are damaged.
const MOST_SLICES: usize = 1 << 16;
const MOST_VOXELS: usize = 1 << 32;

/// Directions of one object may differ by this.
const SAME_DIRECTION: f64 = 1e-3;

/// The grid of a segmentation.
pub(super) struct Planes {
    /// Columns, rows, planes.
    pub grid: Grid,
    /// For each frame the slice that it is on.
    pub slices: Vec<usize>,
    /// Whether `grid` is the scan's.
    pub is_target: bool,
}

/// Places frames.
///
/// # Errors
/// Frames without a position, in several directions, or that are no even stack.
pub(super) fn place(
    frames: &[Frame],
    format: &PixelFormat,
    target: Option<&LabelTarget>,
) -> Result<Planes, Refusal> {
    let placements: Result<Vec<&Placement>, &String> =
        frames.iter().map(|f| f.placement.as_ref()).collect();
    let placements = placements.map_err(|reason| Refusal::damaged(reason.as_str()))?;
    let Some(first) = placements.first() else {
        return Err(Refusal::damaged("it has no frames"));
    };
    let is_parallel = |p: &&Placement| {
        let apart = |a: DVec3, b: DVec3| (a - b).abs().max_element() <= SAME_DIRECTION;
        apart(p.along_row, first.along_row)
            && apart(p.along_column, first.along_column)
            && (0..2).all(|d| (p.spacing_mm[d] - first.spacing_mm[d]).abs() <= SAME_MM)
    };
    if !placements.iter().all(is_parallel) {
        return Err(Refusal::unsupported(
            "its frames have several directions or pixel sizes; export it on one grid",
        ));
    }
    let on_scan = target.and_then(|target| on_slices(&placements, format, target));
    match on_scan {
        Some(planes) => Ok(planes),
        None => on_own_grid(&placements, format),
    }
}

/// On the slices of the scan, if every frame lies on one.
fn on_slices(
    placements: &[&Placement],
    format: &PixelFormat,
    target: &LabelTarget,
) -> Option<Planes> {
    let grid = target.grid;
    let [ni, nj, nk] = grid.dims;
    if [ni, nj] != [format.columns, format.rows] {
        return None;
    }
    let lps = DVec3::new(-1.0, -1.0, 1.0);
    let [along_i, along_j, along_k] = [0, 1, 2].map(|d| grid.affine.column(d) * lps);
    let origin = grid.affine.matrix().translation * lps;
    let source = target
        .source
        .filter(|s| s.is_on_slices && s.slices.len() == nk);
    let slice_position = |k: usize| match source {
        // Where the images are to the last digit, which a grid evens out.
        Some(source) => DVec3::from_array(source.slices[k].position_mm),
        None => origin + along_k * k as f64,
    };
    let first = placements[0];
    let [row_mm, column_mm] = first.spacing_mm;
    let far = |a: DVec3, b: DVec3, n: usize| (a - b).length() * (n.max(2) - 1) as f64;
    let pixel_mm = row_mm.min(column_mm);
    let is_aligned = far(first.along_row * column_mm, along_i, ni) <= ON_SLICE * pixel_mm
        && far(first.along_column * row_mm, along_j, nj) <= ON_SLICE * pixel_mm;
    if !is_aligned {
        return None;
    }
    let normal = first.normal();
    let step = along_k.dot(normal);
    let slices = placements.iter().map(|p| {
        let about = ((p.position - origin).dot(normal) / step).round();
        let about = about.clamp(0.0, nk as f64 - 1.0) as usize;
        let near = about.saturating_sub(1)..(about + 2).min(nk);
        near.into_iter().find(|&k| {
            let off = p.position - slice_position(k);
            let along = off.dot(normal);
            along.abs() <= ON_SLICE * step.abs()
                && (off - normal * along).length() <= ON_SLICE * pixel_mm
        })
    });
    Some(Planes {
        slices: slices.collect::<Option<_>>()?,
        grid,
        is_target: true,
    })
}

/// On an even stack from the first plane to the last; planes that no frame is on are empty.
fn on_own_grid(placements: &[&Placement], format: &PixelFormat) -> Result<Planes, Refusal> {
    let first = placements[0];
    let normal = first.normal();
    let mut positions: Vec<DVec3> = placements.iter().map(|p| p.position).collect();
    let height = |p: &DVec3| p.dot(normal);
    positions.sort_by(|a, b| height(a).total_cmp(&height(b)));
    positions.dedup_by(|a, b| (height(a) - height(b)).abs() <= SAME_MM);
    let lowest = positions[0];
    let whole = positions[positions.len() - 1] - lowest;
    let (step, slices) = match positions.len() {
        1 => (normal * first.nominal_step_mm.unwrap_or(1.0), 1),
        _ => {
            let steps = steps(&positions, normal, first.nominal_step_mm)?;
            (whole / steps as f64, steps + 1)
        }
    };
    let voxels = slices.checked_mul(format.pixels());
    if slices > MOST_SLICES || voxels.is_none_or(|n| n > MOST_VOXELS) {
        return Err(Refusal::damaged(
            "its frames lie too far apart for their distance; give the scan that it was drawn on",
        ));
    }
    let at = |p: &&Placement| {
        let k = ((p.position - lowest).dot(normal) / step.dot(normal)).round();
        (k.max(0.0) as usize).min(slices - 1)
    };
    let is_straight = placements.iter().all(|p| {
        let off = p.position - (lowest + step * at(p) as f64);
        off.length() <= 0.5 * first.spacing_mm[0].min(first.spacing_mm[1]).max(0.2)
    });
    if !is_straight {
        return Err(Refusal::unsupported(
            "its frames lie on no even stack; give the scan that it was drawn on",
        ));
    }
    let ras = DVec3::new(-1.0, -1.0, 1.0);
    let [row_mm, column_mm] = first.spacing_mm;
    let affine = Affine::from_columns(
        ras * first.along_row * column_mm,
        ras * first.along_column * row_mm,
        ras * step,
        ras * lowest,
    )
    .map_err(|e| Refusal::damaged(e.to_string()))?;
    Ok(Planes {
        grid: Grid::new([format.columns, format.rows, slices], affine),
        slices: placements.iter().map(at).collect(),
        is_target: false,
    })
}

/// The number of steps from the first plane to the last: the stated one if all gaps are whole multiples of it, else the
/// narrowest gap.
fn steps(positions: &[DVec3], normal: DVec3, stated_mm: Option<f64>) -> Result<usize, Refusal> {
    let gaps: Vec<f64> = positions
        .windows(2)
        .map(|w| (w[1] - w[0]).dot(normal))
        .collect();
    let is_step = |step: &f64| {
        let off = |gap: &f64| (gap / step - (gap / step).round()).abs();
        gaps.iter()
            .all(|gap| gap / step > 0.5 && off(gap) <= ON_STEP)
    };
    let narrowest = gaps.iter().copied().fold(f64::MAX, f64::min);
    let step = [stated_mm.unwrap_or(narrowest), narrowest]
        .into_iter()
        .find(is_step)
        .ok_or_else(|| {
            Refusal::unsupported(
                "its frames are not evenly spaced; give the scan that it was drawn on",
            )
        })?;
    let total: f64 = gaps.iter().sum();
    Ok((total / step).round().min(MOST_SLICES as f64 + 1.0) as usize)
}
