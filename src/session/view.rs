//! How the scan is shown: cross-hair, window, overlay. Not part of the history.

use crate::geometry::{Convention, Grid, Orientation, VoxelIndex};
use crate::volume::Interpolation;
use crate::volume::morphology::label_bounds;

use super::effect::{Effect, Effects};
use super::{Case, Session, ViewCommand};

/// Display settings that hold for every scan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Display {
    /// How pixels between voxel centres are drawn.
    pub interpolation: Interpolation,
    /// Opacity of the label fill, 0..=1.
    pub overlay_opacity: f32,
    /// Whether outlines are drawn.
    pub overlay_outline: bool,
    /// Whether labels are shown at all.
    pub overlay_shown: bool,
    /// Whether the voxels that the model is unsure of are shown with a proposal.
    pub uncertainty_shown: bool,
    /// Which side the patient's left is drawn on.
    pub convention: Convention,
}

impl Default for Display {
    fn default() -> Self {
        Self {
            interpolation: Interpolation::default(),
            overlay_opacity: 0.4,
            overlay_outline: true,
            overlay_shown: true,
            uncertainty_shown: false,
            convention: Convention::default(),
        }
    }
}

impl Session {
    pub(super) fn apply_view(&mut self, command: ViewCommand, out: &mut Effects) {
        let display = &mut self.display;
        match command {
            ViewCommand::Interpolation(i) => display.interpolation = i,
            ViewCommand::OverlayOpacity(o) if o.is_finite() => {
                display.overlay_opacity = o.clamp(0.0, 1.0);
            }
            ViewCommand::OverlayOpacity(_) => return,
            ViewCommand::OverlayOutline(shown) => display.overlay_outline = shown,
            ViewCommand::OverlayShown(shown) => display.overlay_shown = shown,
            ViewCommand::UncertaintyShown(shown) => display.uncertainty_shown = shown,
            ViewCommand::Convention(c) => display.convention = c,
            ViewCommand::GoToDoubt(plane) => {
                let Some(case) = &mut self.case else { return };
                let Some(voxel) = case.least_sure(plane) else {
                    out.info(
                        "there is no proposal, or none of which the model says where it is unsure",
                    );
                    return;
                };
                case.cross_hair = voxel;
                display.uncertainty_shown = true;
            }
            on_scan => {
                if let Some(case) = &mut self.case {
                    case.apply_view(&on_scan);
                }
            }
        }
        out.push(Effect::ViewChanged);
    }
}

impl Case {
    fn apply_view(&mut self, command: &ViewCommand) {
        match command {
            ViewCommand::CrossHair(voxel) => self.cross_hair = clamped(self.grid(), *voxel),
            ViewCommand::StepSlice { plane, steps } => {
                let orientation = Orientation::of(&self.grid().affine);
                let axis = plane.normal_voxel_axis(&orientation);
                let towards_positive = orientation.0[axis].ras().1;
                let signed = if towards_positive { *steps } else { -steps };
                let mut voxel = self.cross_hair;
                voxel.0[axis] = voxel.0[axis].saturating_add(signed);
                self.cross_hair = clamped(self.grid(), voxel);
            }
            ViewCommand::GoToLabel(value) => {
                if let Some(b) = label_bounds(self.document.labels_with(*value), *value) {
                    self.cross_hair =
                        VoxelIndex(std::array::from_fn(|d| (b.min[d] + b.max[d]) / 2));
                }
            }
            ViewCommand::Window(w) if w.level.is_finite() && w.width.is_finite() => {
                self.window = *w;
                self.window.width = w.width.max(f64::from(f32::EPSILON));
            }
            ViewCommand::Inverted(inverted) => self.inverted = *inverted,
            _ => {}
        }
    }
}

/// The voxel of the grid nearest to one that may lie outside.
pub(super) fn clamped(grid: &Grid, voxel: VoxelIndex) -> VoxelIndex {
    VoxelIndex(std::array::from_fn(|d| {
        voxel.0[d].clamp(0, grid.dims[d] as i64 - 1)
    }))
}
