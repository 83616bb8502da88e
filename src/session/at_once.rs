//! What is drawn in one go: outlines, regions, cuts, and labels that are moved.

use crate::geometry::{Plane, VoxelBox, VoxelPoint};
use crate::volume::morphology::{Crop, label_bounds};
use crate::volume::{Grid, fill_outline, fill_through, slices_cut};

use super::document::Edit;
use super::effect::Effects;
use super::{Case, CutSide, Region, Scissors, StrokeMode, Tools};

impl Case {
    pub(super) fn draw_outline(
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
        let normal_axis = self.grid().normal_axis(plane);
        self.draw_at_once(
            mode,
            name,
            "inside the outline",
            tools,
            out,
            |grid, visit| fill_outline(grid, normal_axis, corners, visit),
        );
    }

    pub(super) fn draw_region(
        &mut self,
        mode: StrokeMode,
        region: Region,
        tools: Tools,
        out: &mut Effects,
    ) {
        let Some(found) = region.found_in(self.image()) else {
            return out.info(match region {
                Region::Flood { .. } => "flood fill: click inside the scan",
                Region::Level { .. } => "level tracing: no closed line goes through there",
            });
        };
        let name = region.step_name();
        self.draw_at_once(mode, name, "there", tools, out, |grid, visit| {
            for (offset, _) in found.offsets(grid.dims) {
                visit(offset);
            }
            Some(found.bounds)
        });
    }

    /// Cuts the active label by an outline drawn on a slice.
    pub(super) fn cut(
        &mut self,
        plane: Plane,
        corners: &[VoxelPoint],
        scissors: Scissors,
        tools: Tools,
        out: &mut Effects,
    ) {
        let normal_axis = self.grid().normal_axis(plane);
        let Some(first) = corners.first().filter(|c| c.0.is_finite()) else {
            return;
        };
        let (slice, grid) = (first.nearest().0[normal_axis], *self.grid());
        let slices = slices_cut(&grid, normal_axis, slice, scissors.depth);
        let active = self.active().map(|label| label.value);
        let bounds = active.and_then(|value| label_bounds(self.document.labels_with(value), value));
        let mode = StrokeMode::Erase;
        let place = match scissors.side {
            CutSide::Inside => "inside the outline",
            CutSide::Outside => "outside of the outline",
        };
        self.draw_at_once(
            mode,
            "scissors",
            place,
            tools,
            out,
            |grid, visit| match scissors.side {
                CutSide::Inside => fill_through(grid, normal_axis, corners, slices, visit),
                CutSide::Outside => outside(grid, bounds?, normal_axis, slices, visit, |mark| {
                    fill_through(grid, normal_axis, corners, slices, mark);
                }),
            },
        );
    }

    /// Draws as a stroke of its own; says so and leaves no trace where nothing changes. What `visit_all` returns is a box
    /// around the voxels that it visits.
    fn draw_at_once(
        &mut self,
        mode: StrokeMode,
        name: &'static str,
        place: &str,
        tools: Tools,
        out: &mut Effects,
        visit_all: impl FnOnce(&Grid, &mut dyn FnMut(usize)) -> Option<VoxelBox>,
    ) {
        if !self.begin_stroke(mode, name, tools, out) {
            return;
        }
        self.draw(visit_all, out);
        if self.stroke.as_ref().is_some_and(|s| s.is_empty()) {
            out.info(format!("{name}: nothing to change {place}"));
            return self.abort_stroke(out);
        }
        self.end_stroke(out);
    }

    /// Moves the active label by so many voxels along each axis; what other labels have there stays theirs.
    pub(super) fn shift_label(&mut self, by: [i64; 3], tools: Tools, out: &mut Effects) {
        let Some(label) = self.active() else {
            return out.refuse("no label is chosen: choose the label to move in the list");
        };
        let (value, title) = (label.value, label.title());
        if self.document.is_locked(value, out) {
            return;
        }
        let Some(mut edit) = Edit::begin(self, tools, out) else {
            return;
        };
        let Some(mut wanted) = edit.crop(value) else {
            return edit.refuse(format!("{title} is empty: there is nothing to move"));
        };
        wanted.shift(by);
        let Some(inside) = wanted.bounds.clipped(edit.grid().dims) else {
            return edit.refuse(format!("{title} would leave the scan: move it less far"));
        };
        let moved = wanted.moved_to(inside);
        let lost = wanted.count() - moved.count();
        edit.replace(value, &moved);
        if lost > 0 {
            let size = edit.size_text(lost);
            edit.info(format!(
                "{size} of {title} went beyond the scan: undo brings it back"
            ));
        }
        edit.finish("move label");
    }
}

/// Visits the voxels of a box on some slices that `mark_all` does not mark.
fn outside(
    grid: &Grid,
    bounds: VoxelBox,
    normal_axis: usize,
    slices: [i64; 2],
    visit: &mut dyn FnMut(usize),
    mark_all: impl FnOnce(&mut dyn FnMut(usize)),
) -> Option<VoxelBox> {
    let mut within = grid.bounds();
    (within.min[normal_axis], within.max[normal_axis]) = (slices[0], slices[1]);
    let within = within.intersection(bounds)?;
    let mut beyond = Crop::empty(within);
    beyond.voxels.fill(1);
    mark_all(&mut |offset| beyond.remove(grid.voxel_at(offset)));
    for (offset, _) in beyond.offsets(grid.dims) {
        visit(offset);
    }
    Some(within)
}
