//! Drawing by hand, with the brush or by an outline: a stroke is a transaction that becomes one step, or leaves no trace.

use crate::geometry::{Orientation, Plane, VoxelBox, VoxelPoint};
use crate::volume::{BrushTip, Grid, LayerId, Runs, fill_outline, sweep};

use super::document::{Delta, Locks, Mark};
use super::effect::{Effect, Effects};
use super::{Brush, BrushShape, Case, StrokeCommand, StrokeMode, Tools};

/// A stroke in progress; its voxels are already in the labels.
pub(super) struct Stroke {
    mode: StrokeMode,
    label: u16,
    /// The layer that the label is in.
    layer: LayerId,
    step_name: &'static str,
    /// The brush and where it is; an outline has none.
    brush: Option<(BrushTip, VoxelPoint)>,
    mark: Mark,
    /// Labels that the stroke takes no voxel from.
    protected: Locks,
    /// Changed voxels and what they were, in drawing order. No voxel comes twice: once changed it has the
    /// stroke's value.
    changed: Vec<(usize, u16)>,
    bounds: Option<VoxelBox>,
}

impl std::fmt::Debug for Stroke {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stroke")
            .field("mode", &self.mode)
            .field("label", &self.label)
            .field("changed", &self.changed.len())
            .finish_non_exhaustive()
    }
}

impl Case {
    pub(super) fn apply_stroke(
        &mut self,
        command: &StrokeCommand,
        tools: Tools,
        out: &mut Effects,
    ) {
        match command {
            &StrokeCommand::Begin { mode, plane, at } => {
                let tip = self.tip(tools.brush, plane, at);
                if at.0.is_finite() && self.begin_stroke(mode, mode.step_name(), tools, out) {
                    self.brush_to(tip, at, at, out);
                }
            }
            &StrokeCommand::To(at) => {
                if let Some((tip, last)) = self.stroke.as_ref().and_then(|s| s.brush) {
                    self.brush_to(tip, last, at, out);
                }
            }
            StrokeCommand::End => self.end_stroke(out),
            StrokeCommand::Abort => self.abort_stroke(out),
            StrokeCommand::Outline {
                mode,
                plane,
                corners,
            } => self.draw_outline(*mode, *plane, corners, tools, out),
        }
    }

    /// Readies a stroke; `false` where none can be drawn, which the user is told.
    fn begin_stroke(
        &mut self,
        mode: StrokeMode,
        step_name: &'static str,
        tools: Tools,
        out: &mut Effects,
    ) -> bool {
        if !self.settle(tools, out) {
            return false;
        }
        if mode == StrokeMode::Erase && self.document.target.active.is_none() {
            out.refuse("no label is chosen: choose the label to erase from in the list");
            return false;
        }
        let document = &mut self.document;
        let mark = document.mark();
        let Some(label) = document.receiving_label(out) else {
            return false;
        };
        if document.show_label(label) {
            out.push(Effect::TableChanged);
        }
        self.stroke = Some(Stroke {
            mode,
            label,
            layer: document.table().layer_of(label),
            step_name,
            brush: None,
            mark,
            protected: Locks::of_locked_or_hidden(document.table()),
            changed: Vec::new(),
            bounds: None,
        });
        true
    }

    fn tip(&self, brush: Brush, plane: Plane, at: VoxelPoint) -> BrushTip {
        let radius_mm = brush.diameter_mm / 2.0;
        match brush.shape {
            BrushShape::Sphere => BrushTip::Ball { radius_mm },
            BrushShape::Disc => {
                let normal_axis = plane.normal_voxel_axis(&Orientation::of(&self.grid().affine));
                BrushTip::Disc {
                    radius_mm,
                    normal_axis,
                    slice: at.nearest().0[normal_axis],
                }
            }
        }
    }

    fn brush_to(&mut self, tip: BrushTip, from: VoxelPoint, to: VoxelPoint, out: &mut Effects) {
        self.draw(|grid, visit| sweep(grid, tip, from, to, visit), out);
        if let Some(stroke) = &mut self.stroke {
            stroke.brush = Some((tip, to));
        }
    }

    fn draw_outline(
        &mut self,
        mode: StrokeMode,
        plane: Plane,
        corners: &[VoxelPoint],
        tools: Tools,
        out: &mut Effects,
    ) {
        let name = match mode {
            StrokeMode::Paint => "polygon",
            StrokeMode::Erase => "erase by polygon",
        };
        let normal_axis = plane.normal_voxel_axis(&Orientation::of(&self.grid().affine));
        if self.begin_stroke(mode, name, tools, out) {
            let fill = |grid: &Grid, visit: &mut dyn FnMut(usize)| {
                fill_outline(grid, normal_axis, corners, visit)
            };
            self.draw(fill, out);
            if self.stroke.as_ref().is_some_and(|s| s.changed.is_empty()) {
                out.info(format!("{name}: nothing to change inside the outline"));
                return self.abort_stroke(out);
            }
            self.end_stroke(out);
        }
    }

    /// Gives the stroke's value to the voxels that `visit_all` visits; it returns a box around them.
    fn draw(
        &mut self,
        visit_all: impl FnOnce(&Grid, &mut dyn FnMut(usize)) -> Option<VoxelBox>,
        out: &mut Effects,
    ) {
        let Some(stroke) = &mut self.stroke else {
            return;
        };
        let layers = &mut self.document.layers;
        let grid = *layers.grid();
        let Some(voxels) = layers.voxels_mut(stroke.layer) else {
            return;
        };
        let before = stroke.changed.len();
        let touched = visit_all(&grid, &mut |offset| {
            let old = voxels[offset];
            if let Some(new) = stroke_value(stroke.mode, stroke.label, old, &stroke.protected) {
                voxels[offset] = new;
                stroke.changed.push((offset, old));
            }
        });
        if let Some(touched) = touched
            && stroke.changed.len() > before
        {
            stroke.bounds = Some(stroke.bounds.map_or(touched, |b| b.union(touched)));
            out.push(Effect::LabelsChanged(touched));
        }
    }

    fn end_stroke(&mut self, out: &mut Effects) {
        let Some(mut stroke) = self.stroke.take() else {
            return;
        };
        stroke.changed.sort_unstable_by_key(|&(offset, _)| offset);
        let new = match stroke.mode {
            StrokeMode::Paint => stroke.label,
            StrokeMode::Erase => 0,
        };
        let mut runs = Runs::default();
        for &(offset, old) in &stroke.changed {
            runs.push(offset, (old, new));
        }
        runs.shrink();
        let layer = stroke.layer;
        let delta = stroke.bounds.map(|bounds| Delta {
            layer,
            bounds,
            runs,
        });
        let deltas = delta.into_iter().collect();
        self.document
            .commit(stroke.step_name, stroke.mark, deltas, out);
    }

    fn abort_stroke(&mut self, out: &mut Effects) {
        let Some(stroke) = self.stroke.take() else {
            return;
        };
        if let Some(voxels) = self.document.layers.voxels_mut(stroke.layer) {
            for &(offset, old) in &stroke.changed {
                voxels[offset] = old;
            }
        }
        self.document.reset_to(stroke.mark, out);
        if let Some(bounds) = stroke.bounds {
            out.push(Effect::LabelsChanged(bounds));
        }
    }
}

impl StrokeMode {
    fn step_name(self) -> &'static str {
        match self {
            Self::Paint => "brush",
            Self::Erase => "eraser",
        }
    }
}

/// What a voxel under the tip becomes; `None` when it stays.
fn stroke_value(mode: StrokeMode, label: u16, old: u16, protected: &Locks) -> Option<u16> {
    match mode {
        StrokeMode::Paint => (old != label && !protected.holds(old)).then_some(label),
        StrokeMode::Erase => (old == label).then_some(0),
    }
}
