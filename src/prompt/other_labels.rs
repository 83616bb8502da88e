//! What other labels have already, and a target therefore is not.

use std::sync::Arc;

use crate::util::short_debug;
use crate::volume::{Grid, LabelMap, Mask};

/// Voxels of labels that a target is not of.
#[derive(Clone)]
pub struct OtherLabels {
    labels: Arc<LabelMap>,
    /// Whether the target leaves a value alone, by value.
    held: Arc<[bool]>,
}

short_debug! {
    OtherLabels: |others| format_args!("other labels on {:?}", others.labels.grid.dims);
}

impl OtherLabels {
    /// The voxels of these values; `None` where there are no values.
    pub fn new(labels: Arc<LabelMap>, values: &[u16]) -> Option<Self> {
        let highest = *values.iter().max()?;
        let mut held = vec![false; usize::from(highest) + 1];
        for &value in values {
            held[usize::from(value)] = true;
        }
        let held = held.into();
        Some(Self { labels, held })
    }

    /// The grid of the labels, which is the scan's.
    pub fn grid(&self) -> &Grid {
        &self.labels.grid
    }

    /// Whether another label has the voxel at an array offset.
    pub fn has(&self, offset: usize) -> bool {
        let value = self.labels.voxels[offset];
        self.held.get(usize::from(value)).copied().unwrap_or(false)
    }

    /// The voxels that other labels have.
    pub fn mask(&self) -> Mask {
        let is_held = |value: u16| self.held.get(usize::from(value)).copied();
        self.labels
            .mask_where(|value| is_held(value).unwrap_or(false))
    }

    /// Takes out of a mask on the same grid what other labels have.
    pub fn clear(&self, mask: &mut Mask) {
        for (voxel, &value) in mask.voxels.iter_mut().zip(&self.labels.voxels) {
            let is_held = self.held.get(usize::from(value)).copied().unwrap_or(false);
            *voxel &= u8::from(!is_held);
        }
    }
}
