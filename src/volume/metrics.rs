//! How well a segmentation agrees with the truth.
//!
//! Empty masks: when both are empty they agree (overlaps 1, distances 0); when only one is, overlaps are 0
//! and there is no distance.

use super::Mask;
use super::surface::SurfaceDistances;

/// Agreement of one predicted mask with the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Dice coefficient, 0..=1.
    pub dice: f64,
    /// Intersection over union, 0..=1.
    pub iou: f64,
    /// Normalised surface Dice at the tolerance asked for, 0..=1.
    pub nsd: f64,
    /// 95th percentile of the surface distances, the larger of the two directions; `None` if one is empty.
    pub hd95_mm: Option<f64>,
    /// Hausdorff distance; `None` if one is empty.
    pub hd_mm: Option<f64>,
    /// Average symmetric surface distance; `None` if one is empty.
    pub assd_mm: Option<f64>,
    /// Volume of the prediction.
    pub volume_pred_ml: f64,
    /// Volume of the truth.
    pub volume_truth_ml: f64,
}

impl Agreement {
    /// Compares two masks on one grid; surfaces within `tolerance_mm` of each other count as agreeing.
    ///
    /// # Panics
    /// If the masks differ in dims: callers check the grids.
    pub fn between(pred: &Mask, truth: &Mask, tolerance_mm: f64) -> Self {
        let overlap = Overlap::between(&pred.voxels, &truth.voxels);
        let surfaces = SurfaceDistances::between(pred, truth);
        let both_empty = overlap.pred + overlap.truth == 0;
        let distance = |measure: &dyn Fn(&SurfaceDistances) -> f64| match &surfaces {
            Some(s) => Some(measure(s)),
            None => both_empty.then_some(0.0),
        };
        Self {
            dice: overlap.dice(),
            iou: overlap.iou(),
            nsd: distance(&|s| s.surface_dice(tolerance_mm))
                .map_or(0.0, |v| if both_empty { 1.0 } else { v }),
            hd95_mm: distance(&|s| s.hausdorff_mm(0.95)),
            hd_mm: distance(&|s| s.hausdorff_mm(1.0)),
            assd_mm: distance(&SurfaceDistances::average_mm),
            volume_pred_ml: pred.volume_ml(),
            volume_truth_ml: truth.volume_ml(),
        }
    }
}

/// Voxel counts of two masks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overlap {
    /// Voxels in the prediction.
    pub pred: usize,
    /// Voxels in the truth.
    pub truth: usize,
    /// Voxels in both.
    pub both: usize,
}

impl Overlap {
    /// Counts the voxels of two masks of one length (non-zero is inside).
    pub fn between(pred: &[u8], truth: &[u8]) -> Self {
        let mut counts = Self {
            pred: 0,
            truth: 0,
            both: 0,
        };
        for (&p, &t) in pred.iter().zip(truth) {
            let (p, t) = (usize::from(p != 0), usize::from(t != 0));
            counts.pred += p;
            counts.truth += t;
            counts.both += p & t;
        }
        counts
    }

    /// Dice coefficient; 1 when both are empty.
    pub fn dice(self) -> f64 {
        ratio(2 * self.both, self.pred + self.truth)
    }

    /// Intersection over union; 1 when both are empty.
    pub fn iou(self) -> f64 {
        ratio(self.both, self.pred + self.truth - self.both)
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        return 1.0;
    }
    part as f64 / whole as f64
}

/// Dice coefficient of two masks (non-zero is inside) of one length; 1 when both are empty.
pub fn dice(pred: &[u8], truth: &[u8]) -> f64 {
    Overlap::between(pred, truth).dice()
}
