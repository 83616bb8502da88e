//! From slice positions to one grid: the affine, and what has to be said about it.

use glam::DVec3;

use super::frame::Placement;
use super::refusal::Refusal;
use crate::geometry::Affine;
use crate::io::Warning;
use crate::io::figures::{digits, precise};

/// Deviations of slice positions up to this are what rounding in headers makes, in mm.
const ROUNDING_MM: f64 = 0.01;

/// The same, as a share of the slice distance.
const ROUNDING_SHARE: f64 = 0.01;

/// Larger deviations are told up to this, in mm; beyond it slices are resampled or refused.
const TOLERATED_MM: f64 = 0.2;

/// A stack that shifts sideways by more than this over its whole length is tilted, in mm.
const TILT_DRIFT_MM: f64 = 0.1;

/// All these are for patients. Where slices or pixels are smaller than theirs, deviations in mm are held to shares of
/// the slice distance (of a pixel, where they are sideways).
const ROUNDING_SHARE_OF_SMALL: f64 = 0.02;
const TOLERATED_SHARE: f64 = 0.2;
const TOLERATED_PIXELS: f64 = 1.0;
const TILT_PIXELS: f64 = 0.5;

/// A gap wider than this many usual ones is a hole that interpolation cannot honestly fill.
const WIDEST_GAP: f64 = 3.0;

/// Assumed for a single slice that does not say how thick it is, in mm.
const ASSUMED_THICKNESS_MM: f64 = 1.0;

/// Where the slices of a stack go.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    /// RAS from voxel coordinates (column, row, slice).
    pub affine: Affine,
    /// Number of slices of the grid.
    pub slices: usize,
    /// For grids that do not lie on the source slices: each source slice's position on the grid's
    /// third axis, ascending, in grid slices.
    pub resampled_from: Option<Vec<f64>>,
    /// What to tell.
    pub warnings: Vec<Warning>,
}

/// Lays out slices that are sorted ascending along their normal.
///
/// # Errors
/// Slices are missing, leave a hole, or do not lie on a straight line.
pub(super) fn lay_out(slices: &[Placement]) -> Result<Layout, Refusal> {
    let first = slices[0];
    if slices.len() == 1 {
        return single(&first);
    }
    let positions: Vec<DVec3> = slices.iter().map(|s| s.position).collect();
    let last = positions[positions.len() - 1];
    let whole = last - first.position;
    let step = whole / (positions.len() - 1) as f64;
    let mut warnings = tilt_warning(&first, whole).into_iter().collect::<Vec<_>>();
    let (along_mm, across_mm) = residuals(&positions, step);
    let step_mm = step.length();
    let pixel_mm = first.spacing_mm[0].min(first.spacing_mm[1]);
    let rounding_mm = ROUNDING_MM.min(ROUNDING_SHARE_OF_SMALL * step_mm);
    let quiet = rounding_mm.max(ROUNDING_SHARE * step_mm);
    if across_mm > TOLERATED_MM.min(TOLERATED_PIXELS * pixel_mm).max(quiet) {
        return Err(Refusal::unsupported(format!(
            "its slices shift sideways by up to {} mm from a straight line, so they fit no grid; choose another series",
            digits(across_mm, 2)
        )));
    }
    if across_mm > quiet {
        warnings.push(Warning::NearlyStraight { mm: across_mm });
    }
    if along_mm > TOLERATED_MM.min(TOLERATED_SHARE * step_mm).max(quiet) {
        return uneven(&first, &positions, warnings);
    }
    if along_mm > quiet {
        warnings.push(Warning::NearlyEven { mm: along_mm });
    }
    layout(&first, step, slices.len(), None, warnings)
}

/// The largest deviation from even steps on a straight line: along it and across it, in mm.
fn residuals(positions: &[DVec3], step: DVec3) -> (f64, f64) {
    let direction = step.normalize();
    let off = |(k, p): (usize, &DVec3)| {
        let residual = *p - (positions[0] + step * k as f64);
        let along = residual.dot(direction);
        (along.abs(), (residual - direction * along).length())
    };
    let all = positions.iter().enumerate().map(off);
    all.fold((0.0, 0.0), |m, r| (f64::max(m.0, r.0), f64::max(m.1, r.1)))
}

fn tilt_warning(first: &Placement, whole: DVec3) -> Option<Warning> {
    let normal = first.normal();
    let height = whole.dot(normal);
    let drift_mm = (whole - normal * height).length();
    let degrees = drift_mm.atan2(height).to_degrees();
    let pixel_mm = first.spacing_mm[0].min(first.spacing_mm[1]);
    let is_tilted = drift_mm > TILT_DRIFT_MM.min(TILT_PIXELS * pixel_mm);
    is_tilted.then_some(Warning::Tilted { degrees })
}

fn single(first: &Placement) -> Result<Layout, Refusal> {
    let thickness_mm = first.nominal_step_mm.unwrap_or(ASSUMED_THICKNESS_MM);
    let warning = Warning::SingleSlice {
        thickness_mm,
        is_stated: first.nominal_step_mm.is_some(),
    };
    let step = first.normal() * thickness_mm;
    layout(first, step, 1, None, vec![warning])
}

/// Slices that are clearly not evenly spaced: refused when some are missing, else resampled.
fn uneven(
    first: &Placement,
    positions: &[DVec3],
    mut warnings: Vec<Warning>,
) -> Result<Layout, Refusal> {
    let direction = (positions[positions.len() - 1] - positions[0]).normalize();
    let along: Vec<f64> = positions
        .iter()
        .map(|p| (*p - positions[0]).dot(direction))
        .collect();
    let gaps: Vec<f64> = along.windows(2).map(|w| w[1] - w[0]).collect();
    let start = positions[0].dot(first.normal());
    let cosine = direction.dot(first.normal());
    if let Some(missing) = missing_slices(&gaps) {
        return Err(missing_refusal(&missing, &along, start, cosine));
    }
    let (narrowest, widest) = gaps
        .iter()
        .fold((f64::MAX, 0.0f64), |(lo, hi), &g| (lo.min(g), hi.max(g)));
    let usual = median(&gaps);
    if widest > WIDEST_GAP * usual {
        return Err(Refusal::damaged(format!(
            "there is a gap of {} mm between slices that are usually {} mm apart; give the complete series",
            digits(widest, 2),
            digits(usual, 2)
        )));
    }
    let total = along[along.len() - 1];
    let finest = total / (2 * positions.len() - 1) as f64;
    let slices = (total / narrowest.max(finest)).round() as usize + 1;
    let step_mm = total / (slices - 1) as f64;
    warnings.push(Warning::Uneven {
        distances_mm: [narrowest, widest],
        stored: positions.len(),
        slices,
        step_mm,
    });
    let on_grid = along.iter().map(|mm| mm / step_mm).collect();
    layout(first, direction * step_mm, slices, Some(on_grid), warnings)
}

/// Which gaps lack how many slices: all gaps are whole multiples of the narrowest, most of them once,
/// and the wide ones do not make up a region of their own.
fn missing_slices(gaps: &[f64]) -> Option<Vec<(usize, usize)>> {
    const LONGEST_RUN: usize = 3;
    let base = gaps.iter().copied().fold(f64::MAX, f64::min);
    let multiple = |gap: &f64| {
        let times = (gap / base).round();
        ((gap / base - times).abs() <= 0.05 * times).then_some(times as usize)
    };
    let multiples: Vec<usize> = gaps.iter().map(multiple).collect::<Option<_>>()?;
    let wide: Vec<_> = multiples
        .iter()
        .enumerate()
        .filter(|(_, m)| **m > 1)
        .map(|(i, m)| (i, m - 1))
        .collect();
    let runs = multiples.chunk_by(|a, b| a == b);
    let longest = runs.filter(|r| r[0] > 1).map(<[_]>::len).max().unwrap_or(0);
    let isolated = longest <= LONGEST_RUN && 2 * wide.len() < gaps.len();
    isolated.then_some(wide)
}

fn missing_refusal(missing: &[(usize, usize)], along: &[f64], start: f64, cosine: f64) -> Refusal {
    let count: usize = missing.iter().map(|m| m.1).sum();
    let place = |&(gap, n): &(usize, usize)| {
        let at = |i: usize| start + along[i] * cosine;
        let [from, to] =
            [at(gap), at(gap + 1)].map(|mm| precise(mm, along[gap + 1] - along[gap], 2));
        format!("{n} between {from} and {to} mm")
    };
    let shown: Vec<_> = missing.iter().take(4).map(place).collect();
    let more = if missing.len() > shown.len() {
        ", ..."
    } else {
        ""
    };
    let slices = if count == 1 { "slice is" } else { "slices are" };
    Refusal::damaged(format!(
        "{count} {slices} missing ({}{more} along the slice normal); give the complete series",
        shown.join(", ")
    ))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The affine in RAS of a grid whose third axis takes `step` (LPS) per slice.
fn layout(
    first: &Placement,
    step: DVec3,
    slices: usize,
    resampled_from: Option<Vec<f64>>,
    warnings: Vec<Warning>,
) -> Result<Layout, Refusal> {
    let [row_distance, column_distance] = first.spacing_mm;
    let ras_from_lps = DVec3::new(-1.0, -1.0, 1.0);
    let affine = Affine::from_columns(
        ras_from_lps * first.along_row * column_distance,
        ras_from_lps * first.along_column * row_distance,
        ras_from_lps * step,
        ras_from_lps * first.position,
    )
    .map_err(|e| Refusal::damaged(e.to_string()))?;
    Ok(Layout {
        affine,
        slices,
        resampled_from,
        warnings,
    })
}
