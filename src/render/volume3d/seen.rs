//! Which label is seen at a voxel, for the textures and for picking alike.

use std::sync::Arc;

use crate::render::scene::{OverlayVoxels, Proposal, Scene};
use crate::volume::LabelMap;

/// What of the labels is shown; the lowest layer first.
pub(super) struct Seen<'a> {
    proposed: Option<OverlayVoxels<'a>>,
    /// The label of a proposed mask.
    proposed_label: u16,
    layers: &'a [Arc<LabelMap>],
    colors: &'a [[u8; 4]],
}

impl<'a> Seen<'a> {
    /// `colors`: colour and visibility of every label value.
    pub(super) fn new(scene: &Scene<'a>, colors: &'a [[u8; 4]]) -> Self {
        Self {
            proposed: scene.proposal_voxels(),
            proposed_label: match scene.proposal {
                Some(Proposal::Mask { label, .. }) => label,
                Some(Proposal::Labels(_)) | None => 0,
            },
            layers: scene.label_layers(),
            colors,
        }
    }

    /// The uppermost label shown at a voxel, a proposed one before all others; 0 where there is none.
    pub(super) fn label(&self, at: usize) -> u16 {
        let proposed = match self.proposed {
            Some(OverlayVoxels::Mask(mask)) if mask[at] != 0 => self.shown(self.proposed_label),
            Some(OverlayVoxels::Labels(labels)) => self.shown(labels[at]),
            Some(OverlayVoxels::Mask(_)) | None => 0,
        };
        if proposed != 0 {
            return proposed;
        }
        let mut labels = self
            .layers
            .iter()
            .rev()
            .map(|map| self.shown(map.voxels[at]));
        labels.find(|label| *label != 0).unwrap_or(0)
    }

    fn shown(&self, label: u16) -> u16 {
        let is_shown = |c: &[u8; 4]| c[3] != 0;
        match label != 0 && self.colors.get(usize::from(label)).is_none_or(is_shown) {
            true => label,
            false => 0,
        }
    }
}
