//! Drawing by hand, with the brush or by an outline: a stroke is a transaction that becomes one step, or leaves no trace.

use std::sync::Arc;

use crate::geometry::{Plane, VoxelBox, VoxelPoint};
use crate::volume::{BrushTip, Grid, LayerId, Runs, edge_aware_sweep, sweep};

use super::document::{Delta, Locks, Mark};
use super::effect::{Effect, Effects};
use super::limits::Allowed;
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
    /// Where it may change voxels.
    allowed: Allowed,
    /// Whether limits are set that the user may have forgotten.
    is_limited: bool,
    /// The brush stays on its side of an edge.
    heeds_edges: bool,
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

impl Stroke {
    /// Whether nothing has changed so far.
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty()
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
            &StrokeCommand::Region { mode, region } => self.draw_region(mode, region, tools, out),
            StrokeCommand::Cut {
                plane,
                corners,
                scissors,
            } => self.cut(*plane, corners, *scissors, tools, out),
            &StrokeCommand::Shift(by) => self.shift_label(by, tools, out),
        }
    }

    /// Readies a stroke; `false` where none can be drawn, which the user is told.
    pub(super) fn begin_stroke(
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
        let (limits, table) = (&tools.limits, document.table());
        let layer = table.layer_of(label);
        let allowed = Allowed::of(limits, &self.scan.image, document.layers(), table, layer);
        let protected = match mode {
            StrokeMode::Paint => limits.over.protected(table),
            StrokeMode::Erase => Locks::of_locked_or_hidden(table),
        };
        self.stroke = Some(Stroke {
            mode,
            label,
            layer,
            step_name,
            brush: None,
            mark,
            protected,
            allowed,
            is_limited: !limits.are_none(),
            heeds_edges: limits.edges,
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
                let normal_axis = self.grid().normal_axis(plane);
                BrushTip::Disc {
                    radius_mm,
                    normal_axis,
                    slice: at.nearest().0[normal_axis],
                }
            }
        }
    }

    fn brush_to(&mut self, tip: BrushTip, from: VoxelPoint, to: VoxelPoint, out: &mut Effects) {
        let edges = self.stroke.as_ref().is_some_and(|s| s.heeds_edges);
        let image = edges.then(|| Arc::clone(self.image()));
        let sweep = |grid: &Grid, visit: &mut dyn FnMut(usize)| match &image {
            Some(image) => edge_aware_sweep(image, tip, from, to, visit),
            None => sweep(grid, tip, from, to, visit),
        };
        self.draw(sweep, out);
        if let Some(stroke) = &mut self.stroke {
            stroke.brush = Some((tip, to));
        }
    }

    /// Gives the stroke's value to the voxels that `visit_all` visits; it returns a box around them.
    pub(super) fn draw(
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
            let new = stroke_value(stroke.mode, stroke.label, old, &stroke.protected);
            if let Some(new) = new.filter(|_| stroke.allowed.holds(offset, old)) {
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

    pub(super) fn end_stroke(&mut self, out: &mut Effects) {
        if self
            .stroke
            .as_ref()
            .is_some_and(|s| s.is_limited && s.is_empty())
        {
            out.info("nothing there may be drawn on: see Limits beside the brush's size");
            return self.abort_stroke(out);
        }
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

    pub(super) fn abort_stroke(&mut self, out: &mut Effects) {
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
