//! How sure a model is of each voxel.

use std::sync::Arc;

use crate::geometry::VoxelBox;
use crate::volume::{Grid, resample};

/// Steps of a logit that are told apart.
const STEPS: f32 = 16.0;

/// How sure a model is of each voxel of the region that it looked at; as large as that region, whatever the scan's size.
#[derive(Debug, Clone, PartialEq)]
pub struct Certainty {
    grid: Grid,
    /// Logits in sixteenths, cut off at ±8, where a voxel is as good as certain.
    logits: Arc<[i8]>,
}

/// The uncertainty of each voxel of a part of a scan.
#[derive(Debug, Clone, PartialEq)]
pub struct UncertainPart {
    /// Where the part lies in the scan.
    pub bounds: VoxelBox,
    /// A value per voxel of `bounds`, `i` fastest: 100 where in and out are equally likely, 0 where there is no doubt.
    pub percent: Vec<u8>,
}

impl Certainty {
    /// From the logits of a region's voxels.
    pub fn of_logits(grid: Grid, logits: &[f32]) -> Self {
        // Values beyond the ends of an i8 become the ends.
        let logits = logits.iter().map(|l| (l * STEPS).round() as i8).collect();
        Self { grid, logits }
    }

    /// From what [`Self::grid`] and [`Self::logits`] give; `None` where there is not a logit for each voxel.
    pub fn of_parts(grid: Grid, logits: Vec<i8>) -> Option<Self> {
        let fits = grid.len() == logits.len();
        let logits = logits.into();
        fits.then_some(Self { grid, logits })
    }

    /// The region that was looked at.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Logits of its voxels, in sixteenths.
    pub fn logits(&self) -> &[i8] {
        &self.logits
    }

    /// The uncertainty on a scan's own grid, `400 p (1 - p)` percent, where the region was; `None` where the two do not
    /// meet.
    pub fn on(&self, scan: &Grid) -> Option<UncertainPart> {
        let bounds = resample::covered(&self.grid, scan)?;
        let logits: Vec<f32> = self.logits.iter().map(|&l| f32::from(l) / STEPS).collect();
        let part = scan.sub_grid(bounds);
        // Far from any doubt beyond the region.
        let outside = f32::from(i8::MIN);
        let percent = resample::resample_field(&logits, &self.grid, &part, outside)
            .into_iter()
            .map(uncertainty_percent)
            .collect();
        Some(UncertainPart { bounds, percent })
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        size_of_val(&*self.logits)
    }
}

impl UncertainPart {
    /// The uncertainty of every voxel of the scan, 0 beyond the part.
    pub fn on_whole(&self, scan: &Grid) -> Vec<u8> {
        let mut percent = vec![0; scan.len()];
        let length = self.bounds.size()[0];
        for (row, values) in self.percent.chunks_exact(length).enumerate() {
            let start = self.row_start(row, scan);
            percent[start..start + length].copy_from_slice(values);
        }
        percent
    }

    /// The scan's voxels that are at least as uncertain as `percent`, as offsets.
    pub fn offsets_above(&self, percent: u8, scan: &Grid) -> impl Iterator<Item = usize> + '_ {
        let length = self.bounds.size()[0];
        let scan = *scan;
        let uncertain = (0..self.percent.len()).filter(move |&v| self.percent[v] >= percent);
        uncertain.map(move |v| self.row_start(v / length, &scan) + v % length)
    }

    fn row_start(&self, row: usize, scan: &Grid) -> usize {
        let rows = self.bounds.size()[1];
        let [i, j, k] = self.bounds.min.map(|v| v as usize);
        scan.offset(i, j + row % rows, k + row / rows)
    }
}

fn uncertainty_percent(logit: f32) -> u8 {
    let p = 1.0 / (1.0 + (-logit).exp());
    (400.0 * p * (1.0 - p)).round() as u8
}
