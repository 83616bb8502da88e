//! What earlier targets of the same kind in a scan tell of the next one, without any training: how large it will be, and
//! what the encoder makes of the inside of such a target and of what lies around it.

use crate::models::ModelError;
use crate::models::slices::host;
use crate::prompt::Alike;
use crate::volume::morphology::Crop;
use crate::volume::{Grid, Mask, resample};

use super::encoded_region::{EncodedRegion, Regions};
use super::likeness::Likeness;
use super::region::{SIDE, Span, voxel_at};

/// Earlier targets that are looked at, the latest: their regions are kept beside those of the target.
const MOST: usize = 4;
/// Length of a region relative to a target in it: what is around it is seen as well.
const CONTEXT: f64 = 2.0;
/// Side of the encoder's finest level in cells.
const CELLS: usize = SIDE / 2;
/// Share of a cell that a target covers at least to hold an example of its inside, and at most to hold one of its outside.
const INSIDE: f32 = 0.6;
const OUTSIDE: f32 = 0.05;

/// What earlier targets teach.
#[derive(Debug, Clone)]
pub(super) struct Examples {
    /// Lengths of a region for such a target, along the patient's axes, in mm.
    pub extent_mm: [f64; 3],
    /// How to tell inside from outside; `None` where the targets are too small to learn that from.
    likeness: Option<Likeness>,
}

impl Examples {
    /// Looks at the latest of earlier targets; `None` where none has a voxel.
    ///
    /// # Errors
    /// The device fails.
    pub fn of(
        regions: &Regions<'_>,
        alike: &Alike,
        least_mm: f64,
    ) -> Result<Option<Self>, ModelError> {
        let grid = regions.image.grid();
        let mut sizes_mm = Vec::new();
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        for target in alike.latest(MOST) {
            let span = Span::of_voxels(grid, target.bounds);
            sizes_mm.push(span.size_mm());
            let region = regions.encoded(&span.region(CONTEXT, least_mm));
            let covered = pooled(&share(target, grid, &region.grid));
            let in_scan = pooled(&region.inside);
            for (cell, features) in features(&region)?.into_iter().enumerate() {
                match covered[cell] {
                    _ if in_scan[cell] < 0.5 => {}
                    INSIDE.. => inside.push(features),
                    ..=OUTSIDE => outside.push(features),
                    _ => {}
                }
            }
        }
        if sizes_mm.is_empty() {
            return Ok(None);
        }
        let length = |d: usize| middle(sizes_mm.iter().map(|size| size[d]).collect());
        Ok(Some(Self {
            extent_mm: [0, 1, 2].map(|d| CONTEXT * length(d)),
            likeness: Likeness::learnt(&inside, &outside),
        }))
    }

    /// For each region voxel a third of the log-odds that it is of such a target, within ±1: as the network is told how
    /// likely intensities are.
    ///
    /// # Errors
    /// The device fails.
    pub fn likelihood(&self, region: &EncodedRegion) -> Result<Option<Vec<f32>>, ModelError> {
        let Some(likeness) = &self.likeness else {
            return Ok(None);
        };
        let cells = features(region)?;
        let of_cell: Vec<f32> = cells
            .iter()
            .map(|features| (likeness.log_odds(features) / 3.0).clamp(-1.0, 1.0) as f32)
            .collect();
        let voxels = 0..SIDE.pow(3);
        Ok(Some(
            voxels
                .map(|v| of_cell[cell_of(v)] * region.inside[v])
                .collect(),
        ))
    }
}

/// The finest level's channels of each cell, and its mean intensity.
fn features(region: &EncodedRegion) -> Result<Vec<Vec<f32>>, ModelError> {
    let level = region.embedding.levels[0].clone();
    let channels = level.dims()[4];
    let values = host(level)?;
    let cells = values.chunks_exact(channels).zip(pooled(&region.intensity));
    Ok(cells
        .map(|(values, mean)| values.iter().copied().chain([mean]).collect())
        .collect())
}

/// The mean over the voxels of each cell.
fn pooled(values: &[f32]) -> Vec<f32> {
    let mut means = vec![0.0; CELLS.pow(3)];
    for (v, value) in values.iter().enumerate() {
        means[cell_of(v)] += value / 8.0;
    }
    means
}

/// The cell that a region's voxel lies in.
fn cell_of(v: usize) -> usize {
    let [i, j, k] = voxel_at(v).map(|x| x / 2);
    i + CELLS * (j + CELLS * k)
}

/// How much of each region voxel a target of the scan covers.
fn share(target: Crop, scan: &Grid, region: &Grid) -> Vec<f32> {
    let mask = Mask {
        grid: scan.sub_grid(target.bounds),
        voxels: target.voxels,
    };
    resample::resample_mask(&mask, region)
}

fn middle(mut lengths: Vec<f64>) -> f64 {
    lengths.sort_by(f64::total_cmp);
    lengths[lengths.len() / 2]
}
