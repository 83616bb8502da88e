//! Where the logits of the automatic path add up: windows on a grid, read back on the scan's own.

use glam::DVec3;
use rayon::prelude::*;

use crate::geometry::VoxelBox;
use crate::models::{Certainty, ModelError, Structure};
use crate::volume::resample::{covered, map_points};
use crate::volume::{Grid, ImageVolume, LabelMap};

use super::model::Prosector1;
use super::pace::Pace;
use super::region::{SIDE, voxel_at};
use super::windows;

/// Logit at which a voxel is taken for a structure. Training counts a structure's voxels twice in the cross-entropy,
/// which alone would put it at ln 2 = 0.7, and once in the Dice, which would put it at 0; chosen between them on
/// training patients.
pub(super) const THRESHOLD: f32 = 0.4;
/// Logit where no window was looked at.
const NOT_LOOKED_AT: f32 = -20.0;

/// A structure to look for, and the network's channel that answers for it.
pub(super) struct Output<'a> {
    pub structure: &'a Structure,
    pub channel: usize,
}

/// Logits of structures on a grid.
pub(super) struct Canvas {
    grid: Grid,
    /// Per structure a value per voxel, zero at the threshold.
    pub logits: Vec<Vec<f32>>,
}

impl Canvas {
    /// Weighted mean logits of the windows, which lie on `grid`; the canvas is no larger than they are together.
    ///
    /// # Errors
    /// Cancelled, or the device fails.
    pub(super) fn fill(
        grid: &Grid,
        looks: &[[usize; 3]],
        refined: bool,
        (model, image): (&Prosector1, &ImageVolume),
        outputs: &[Output<'_>],
        pace: &Pace<'_>,
    ) -> Result<Self, ModelError> {
        let (grid, looks) = trimmed(grid, looks);
        let mut sums = vec![vec![0.0f32; grid.len()]; outputs.len()];
        let mut weights = vec![0.0f32; grid.len()];
        windows::look(
            (model, image),
            &grid,
            &looks,
            refined,
            pace,
            |start, logits| {
                add(&grid, start, logits, outputs, (&mut sums, &mut weights));
            },
        )?;
        for sum in &mut sums {
            for (s, &w) in sum.iter_mut().zip(&weights) {
                *s = if w > 0.0 {
                    *s / w - THRESHOLD
                } else {
                    NOT_LOOKED_AT
                };
            }
        }
        for (output, sum) in outputs.iter().zip(&sums) {
            let highest = sum.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            tracing::debug!("{}: highest logit {highest:.2}", output.structure.name);
        }
        Ok(Self { grid, logits: sums })
    }

    /// How sure the model is that a voxel belongs to one of the wanted structures, or to none.
    pub(super) fn certainty(&self, is_wanted: impl Fn(usize) -> bool) -> Certainty {
        let fields = self.logits.iter().enumerate();
        let wanted: Vec<&Vec<f32>> = fields
            .filter(|(n, _)| is_wanted(*n))
            .map(|(_, field)| field)
            .collect();
        let highest: Vec<f32> = (0..self.grid.len())
            .into_par_iter()
            .map(|v| {
                let here = wanted.iter().map(|l| l[v]);
                here.fold(NOT_LOOKED_AT, f32::max)
            })
            .collect();
        Certainty::of_logits(self.grid, &highest)
    }

    /// The grid of the logits.
    pub(super) fn grid(&self) -> &Grid {
        &self.grid
    }

    /// For each voxel of the part of the scan that the canvas covers the value, one per field of logits, of the highest
    /// logit above zero; `None` where the two do not meet.
    pub(super) fn read(&self, scan: &Grid, values: &[u16]) -> Option<(VoxelBox, LabelMap)> {
        let part = covered(&self.grid, scan)?;
        Some((part, self.read_in(scan, part, values)))
    }

    /// The same of a part of the scan.
    pub(super) fn read_in(&self, scan: &Grid, part: VoxelBox, values: &[u16]) -> LabelMap {
        let local = scan.sub_grid(part);
        let best_value = |p| {
            let corners = Corners::of(p, &self.grid)?;
            let mut best = (0.0, 0);
            for (field, &value) in self.logits.iter().zip(values) {
                let logit = corners.value(field);
                if logit > best.0 {
                    best = (logit, value);
                }
            }
            Some(best.1)
        };
        LabelMap {
            grid: local,
            voxels: map_points(&self.grid, &local, |p| best_value(p).unwrap_or(0)),
        }
    }
}

/// The part of a grid that the windows cover, and the windows on it.
fn trimmed(grid: &Grid, looks: &[[usize; 3]]) -> (Grid, Vec<[usize; 3]>) {
    let edge = |d: usize| looks.iter().map(move |w| w[d]);
    let low: [usize; 3] = std::array::from_fn(|d| edge(d).min().unwrap_or(0));
    let dims = std::array::from_fn(|d| edge(d).max().unwrap_or(0) + SIDE - low[d]);
    let affine = grid.affine.stepped(low.map(|v| v as f64), [1.0; 3]);
    let moved = looks.iter().map(|w| std::array::from_fn(|d| w[d] - low[d]));
    (Grid::new(dims, affine), moved.collect())
}

fn add(
    grid: &Grid,
    start: [usize; 3],
    logits: &[f32],
    outputs: &[Output<'_>],
    (sums, weights): (&mut [Vec<f32>], &mut [f32]),
) {
    let channels = logits.len() / SIDE.pow(3);
    for (v, logits) in logits.chunks_exact(channels).enumerate() {
        let at = voxel_at(v);
        let offset = grid.offset(start[0] + at[0], start[1] + at[1], start[2] + at[2]);
        let weight = windows::weight(at);
        weights[offset] += weight;
        for (output, sum) in outputs.iter().zip(sums.iter_mut()) {
            sum[offset] += weight * logits[output.channel];
        }
    }
}

/// The eight canvas voxels around a point and their trilinear weights.
struct Corners([(usize, f32); 8]);

impl Corners {
    fn of(p: DVec3, grid: &Grid) -> Option<Self> {
        let dims = grid.dims;
        if (0..3).any(|d| p[d] < -0.5 || p[d] > dims[d] as f64 - 0.5) {
            return None;
        }
        let low: [usize; 3] = std::array::from_fn(|d| (p[d].max(0.0) as usize).min(dims[d] - 1));
        Some(Self(std::array::from_fn(|c| {
            let mut weight = 1.0;
            let at: [usize; 3] = std::array::from_fn(|d| {
                let part = (p[d] - low[d] as f64).clamp(0.0, 1.0) as f32;
                let high = c >> d & 1 == 1;
                weight *= if high { part } else { 1.0 - part };
                (low[d] + usize::from(high)).min(dims[d] - 1)
            });
            (grid.offset(at[0], at[1], at[2]), weight)
        })))
    }

    fn value(&self, field: &[f32]) -> f32 {
        self.0.iter().map(|&(v, weight)| weight * field[v]).sum()
    }
}
