//! Where the logits of the automatic path add up: windows over the whole scan, read back on the scan's own grid.

use glam::DVec3;
use rayon::prelude::*;

use crate::geometry::{Affine, VoxelBox};
use crate::models::{Certainty, ModelError, Segmenter as _, Structure};
use crate::util::JobContext;
use crate::volume::resample::map_points;
use crate::volume::{Grid, ImageVolume, LabelMap, Modality};
use crate::with_voxels;

use super::model::Prosector1;
use super::region::{SIDE, Span, anatomical_axes, on_voxels_of};

/// Voxels between neighbouring windows at most.
const STRIDE: usize = SIDE / 2;
/// Hounsfield units above which a voxel may belong to the body.
const BODY_HU: f64 = -400.0;
/// Logit at which a voxel is taken for a structure. Training counts a structure's voxels twice in the cross-entropy,
/// which alone would put it at ln 2 = 0.7, and once in the Dice, which would put it at 0; chosen between them on
/// training patients.
const THRESHOLD: f32 = 0.4;

/// A structure to look for, and the network's channel that answers for it.
pub(super) struct Output<'a> {
    pub structure: &'a Structure,
    pub channel: usize,
}

/// A grid along the patient's axes at the model's spacing, and the windows on it.
pub(super) struct Canvas {
    grid: Grid,
    windows: Vec<[usize; 3]>,
}

impl Canvas {
    /// Covers the scan, in CT its body.
    pub(super) fn plan(image: &ImageVolume, spacing_mm: [f64; 3]) -> Self {
        let body = body_bounds(image);
        let span = Span::of_voxels(image.grid(), body);
        let axes = anatomical_axes(image.grid());
        let size_mm = span.size_mm();
        let dims: [usize; 3] =
            std::array::from_fn(|d| ((size_mm[d] / spacing_mm[d]).ceil() as usize).max(SIDE));
        let step: [DVec3; 3] = std::array::from_fn(|d| axes.col(d) * spacing_mm[d]);
        let half = |d: usize| step[d] * ((dims[d] as f64 - 1.0) / 2.0);
        let origin = span.centre().0 - half(0) - half(1) - half(2);
        let affine = Affine::from_columns(step[0], step[1], step[2], origin)
            .expect("spacings are positive and the scan's axes independent");
        let starts = dims.map(window_starts);
        let windows = starts[2]
            .iter()
            .flat_map(|&k| starts[1].iter().map(move |&j| (j, k)))
            .flat_map(|(j, k)| starts[0].iter().map(move |&i| [i, j, k]))
            .collect();
        Self {
            grid: on_voxels_of(image.grid(), Grid::new(dims, affine)),
            windows,
        }
    }

    /// Weighted mean logits per structure on the canvas, zero at the threshold.
    ///
    /// # Errors
    /// Cancelled, or the device fails.
    pub(super) fn fill(
        &self,
        model: &Prosector1,
        image: &ImageVolume,
        outputs: &[Output<'_>],
        ctx: &JobContext,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut sums = vec![vec![0.0f32; self.grid.len()]; outputs.len()];
        let mut weights = vec![1e-6f32; self.grid.len()];
        let all = self.windows.len();
        let refined = model.card().is_refined(image.modality());
        for (index, start) in self.windows.iter().enumerate() {
            let progress = 0.05 + 0.85 * index as f32 / all as f32;
            ctx.step(progress, &format!("window {} of {all}", index + 1))?;
            let region = model.encode(image, &self.window_grid(*start));
            let logits = Prosector1::values(model.net.automatic(&region.embedding, refined))?;
            self.add(*start, &logits, outputs, &mut sums, &mut weights);
        }
        for sum in &mut sums {
            for (s, w) in sum.iter_mut().zip(&weights) {
                *s = *s / w - THRESHOLD;
            }
        }
        for (output, sum) in outputs.iter().zip(&sums) {
            let highest = sum.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            tracing::debug!("{}: highest logit {highest:.2}", output.structure.name);
        }
        Ok(sums)
    }

    fn window_grid(&self, start: [usize; 3]) -> Grid {
        let first = start.map(|v| v as f64);
        Grid::new([SIDE; 3], self.grid.affine.stepped(first, [1.0; 3]))
    }

    fn add(
        &self,
        start: [usize; 3],
        logits: &[f32],
        outputs: &[Output<'_>],
        sums: &mut [Vec<f32>],
        weights: &mut [f32],
    ) {
        let channels = logits.len() / SIDE.pow(3);
        for v in 0..SIDE.pow(3) {
            let at = [v % SIDE, v / SIDE % SIDE, v / (SIDE * SIDE)];
            let offset = self
                .grid
                .offset(start[0] + at[0], start[1] + at[1], start[2] + at[2]);
            let weight: f32 = at.iter().map(|&x| window_weight(x)).product();
            weights[offset] += weight;
            for (output, sum) in outputs.iter().zip(sums.iter_mut()) {
                sum[offset] += weight * logits[v * channels + output.channel];
            }
        }
    }

    /// How sure the model is that a voxel belongs to one of the structures of these fields of logits, or to none.
    pub(super) fn certainty(&self, logits: &[Vec<f32>]) -> Certainty {
        let highest: Vec<f32> = (0..self.grid.len())
            .into_par_iter()
            .map(|v| {
                logits
                    .iter()
                    .map(|l| l[v])
                    .fold(f32::NEG_INFINITY, f32::max)
            })
            .collect();
        Certainty::of_logits(self.grid, &highest)
    }

    /// For each voxel of the scan the value, one per field of logits, of the highest logit above zero.
    pub(super) fn read(&self, scan: &Grid, logits: &[Vec<f32>], values: &[u16]) -> LabelMap {
        let best_value = |p| {
            let corners = Corners::of(p, &self.grid)?;
            let mut best = (0.0, 0);
            for (field, &value) in logits.iter().zip(values) {
                let logit = corners.value(field);
                if logit > best.0 {
                    best = (logit, value);
                }
            }
            Some(best.1)
        };
        LabelMap {
            grid: *scan,
            voxels: map_points(&self.grid, scan, |p| best_value(p).unwrap_or(0)),
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

/// First voxels of evenly spread windows that cover `length` voxels.
fn window_starts(length: usize) -> Vec<usize> {
    let room = length.saturating_sub(SIDE);
    let gaps = room.div_ceil(STRIDE);
    (0..=gaps).map(|w| w * room / gaps.max(1)).collect()
}

/// Windows count for more in their middle.
fn window_weight(at: usize) -> f32 {
    let from_border = at.min(SIDE - 1 - at) as f32 + 1.0;
    from_border / (SIDE as f32 / 2.0)
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
    let mask = crate::volume::Mask {
        grid: *grid,
        voxels: is_body,
    };
    mask.bounds().unwrap_or_else(|| grid.bounds())
}
