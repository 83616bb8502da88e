//! What a view shows, and how: the input of the GPU renderer and of its CPU twin.

use std::sync::Arc;

use crate::geometry::RigidTransform;
use crate::volume::{ColourMap, ImageVolume, Interpolation, LabelMap, LabelTable, Mask, Window};

use super::slab::Slab;

/// What there is to see. Labels and proposals whose dims are not the scan's are not drawn.
///
/// Label layers are drawn in order: first what fills the labels, the lowest layer first, then the outlines of all, so that
/// one sees where labels overlap.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The scan.
    pub image: &'a ImageVolume,
    /// The label layers on the scan's grid, the lowest first.
    pub labels: &'a [Arc<LabelMap>],
    /// Names the labels' colours and which are shown; values that it lacks get the palette's colour.
    pub table: &'a LabelTable,
    /// An AI result that waits to be accepted.
    pub proposal: Option<Proposal<'a>>,
    /// Another scan of the same patient, drawn over the scan and below the labels.
    pub second: Option<Second<'a>>,
}

/// A second scan over the first; where it does not reach, the first is seen.
#[derive(Debug, Clone, Copy)]
pub struct Second<'a> {
    /// Its voxels; of colours their luminance.
    pub image: &'a ImageVolume,
    /// Where a place of the first scan's world is in the second's.
    pub second_from_first: RigidTransform,
    /// Which of its values are the first and the last colour of the map.
    pub window: Window,
    /// Its colours.
    pub map: ColourMap,
    /// How much it hides of the first, 0 to 1.
    pub opacity: f32,
    /// Only it is drawn, not the first.
    pub is_alone: bool,
}

/// An AI result on the scan's grid; drawn lighter than labels, with a dashed outline.
#[derive(Debug, Clone, Copy)]
pub enum Proposal<'a> {
    /// One structure.
    Mask {
        /// Its voxels.
        mask: &'a Mask,
        /// The label that it will become, above 0; gives the colour.
        label: u16,
    },
    /// Several structures; values as in the table.
    Labels(&'a LabelMap),
}

/// How a view is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SliceStyle {
    /// Which values are black and white.
    pub window: Window,
    /// Low values are white and high ones black.
    pub inverted: bool,
    /// Several slices of the scan at once; labels, proposal and a second scan are always those of one slice.
    pub slab: Option<Slab>,
    /// How the scan is sampled; labels are never interpolated.
    pub interpolation: Interpolation,
    /// How much a label's fill hides of the scan, 0 to 1.
    pub fill_opacity: f32,
    /// Width of a label's outline in pixels of the picture; 0 draws none.
    pub outline_px: f32,
    /// The label that is worked on, drawn with a stronger outline; 0 for none.
    pub active_label: u16,
}

impl SliceStyle {
    /// The usual style with this window.
    pub fn new(window: Window) -> Self {
        Self {
            window,
            inverted: false,
            slab: None,
            interpolation: Interpolation::Linear,
            fill_opacity: 0.3,
            outline_px: 1.0,
            active_label: 0,
        }
    }
}

impl<'a> Scene<'a> {
    /// The label layers, if they lie on the scan's voxels.
    pub(super) fn label_layers(&self) -> &'a [Arc<LabelMap>] {
        let fit = self.labels.iter().all(|map| self.fits(map.grid.dims));
        if fit { self.labels } else { &[] }
    }

    /// The proposal, if it lies on the scan's voxels.
    pub(super) fn proposal_voxels(&self) -> Option<OverlayVoxels<'a>> {
        match self.proposal? {
            Proposal::Mask { mask, .. } if self.fits(mask.grid.dims) => {
                Some(OverlayVoxels::Mask(&mask.voxels))
            }
            Proposal::Labels(map) if self.fits(map.grid.dims) => {
                Some(OverlayVoxels::Labels(&map.voxels))
            }
            Proposal::Mask { .. } | Proposal::Labels(_) => None,
        }
    }

    fn fits(&self, dims: [usize; 3]) -> bool {
        dims == self.image.grid().dims
    }
}

/// Voxels of an overlay, `i` fastest.
#[derive(Debug, Clone, Copy)]
pub(super) enum OverlayVoxels<'a> {
    /// Zero outside, anything else inside.
    Mask(&'a [u8]),
    /// Label values.
    Labels(&'a [u16]),
}
