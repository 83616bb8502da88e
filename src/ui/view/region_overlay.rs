//! Voxels that a tool would change, drawn over a view: filled, with their border along the voxels.

use egui::epaint::Mesh;
use egui::{Color32, Painter, Pos2, Shape, Stroke, Vec2};
use glam::DVec3;

use crate::geometry::{VoxelIndex, VoxelPoint};
use crate::volume::morphology::Crop;

use super::PlacedView;

/// Opacity of the filling.
const FILLING: f32 = 0.3;

/// How a region is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// With its border.
    Filled,
    /// A dashed border alone: nothing that is there yet.
    Dashed,
}

/// Draws where a region, inside the volume or not, lies on the slice of a view; nothing on a view that is no voxel slice.
pub fn paint(painter: &Painter, view: &PlacedView, region: &Crop, color: Color32, look: Look) {
    if view.slice.is_tilted() {
        return;
    }
    let normal = view.slice.normal_axis();
    let slice = view.slice.slice();
    let (min, max) = (region.bounds.min, region.bounds.max);
    if !(min[normal]..=max[normal]).contains(&slice) {
        return;
    }
    let [across, down] = view.slice.in_plane_axes();
    let corners = Corners::of(view, region);
    let holds = |a: i64, d: i64| {
        let mut at = [slice; 3];
        (at[across], at[down]) = (a, d);
        region.holds(VoxelIndex(at))
    };
    let mut filling = Mesh::default();
    let mut border = Vec::new();
    for d in min[down]..=max[down] + 1 {
        // Runs of voxels of this row, and stretches of the line above it with a voxel on one side only.
        for run in runs(min[across], max[across], |a| holds(a, d)) {
            let [from, to] = run;
            corners.fill(
                &mut filling,
                [from, d],
                [to, d + 1],
                color.gamma_multiply(FILLING),
            );
            border.push([corners.at(from, d), corners.at(from, d + 1)]);
            border.push([corners.at(to, d), corners.at(to, d + 1)]);
        }
        for [from, to] in runs(min[across], max[across], |a| holds(a, d) != holds(a, d - 1)) {
            border.push([corners.at(from, d), corners.at(to, d)]);
        }
    }
    if look == Look::Filled {
        painter.add(Shape::mesh(filling));
    }
    let dark = Stroke::new(3.0, Color32::from_black_alpha(110));
    let stroke = Stroke::new(1.3, color);
    let dark_lines = border.iter();
    painter.extend(dark_lines.map(|&line| Shape::line_segment(line, dark)));
    for line in &border {
        match look {
            Look::Filled => painter.extend([Shape::line_segment(*line, stroke)]),
            Look::Dashed => painter.extend(dashes(*line, stroke)),
        }
    }
}

/// A line drawn where the dashes of a pattern over the whole screen are, so that short lines make dashes together.
fn dashes([from, to]: [Pos2; 2], stroke: Stroke) -> Vec<Shape> {
    const PERIOD: f32 = 8.0;
    if from.distance(to) > PERIOD {
        return Shape::dashed_line(&[from, to], stroke, PERIOD / 2.0, PERIOD / 2.0);
    }
    let middle = from.lerp(to, 0.5);
    let is_dash = (middle.x + middle.y).rem_euclid(PERIOD) < PERIOD / 2.0;
    Vec::from_iter(is_dash.then(|| Shape::line_segment([from, to], stroke)))
}

/// Stretches of places that are wanted: the first, and the first beyond.
fn runs(first: i64, last: i64, is_wanted: impl Fn(i64) -> bool) -> Vec<[i64; 2]> {
    let mut found: Vec<[i64; 2]> = Vec::new();
    for at in (first..=last).filter(|&at| is_wanted(at)) {
        match found.last_mut().filter(|run| run[1] == at) {
            Some(run) => run[1] = at + 1,
            None => found.push([at, at + 1]),
        }
    }
    found
}

/// Where the corners of voxels are on the screen.
struct Corners {
    origin: Pos2,
    across: Vec2,
    down: Vec2,
}

impl Corners {
    fn of(view: &PlacedView, region: &Crop) -> Self {
        let [across, down] = view.slice.in_plane_axes();
        let base = VoxelIndex(region.bounds.min).center().0;
        let mut corner = DVec3::splat(0.0);
        corner[view.slice.normal_axis()] = base[view.slice.normal_axis()];
        corner[across] = -0.5;
        corner[down] = -0.5;
        let pos = |at: DVec3| view.pos(VoxelPoint(at));
        let step = |axis: usize| {
            let mut other = corner;
            other[axis] += 1.0;
            pos(other) - pos(corner)
        };
        Self {
            origin: pos(corner),
            across: step(across),
            down: step(down),
        }
    }

    /// The corner of a voxel towards lower places.
    fn at(&self, across: i64, down: i64) -> Pos2 {
        self.origin + self.across * across as f32 + self.down * down as f32
    }

    fn fill(&self, mesh: &mut Mesh, from: [i64; 2], to: [i64; 2], color: Color32) {
        let first = mesh.vertices.len() as u32;
        for (across, down) in [
            (from[0], from[1]),
            (to[0], from[1]),
            (to[0], to[1]),
            (from[0], to[1]),
        ] {
            mesh.colored_vertex(self.at(across, down), color);
        }
        mesh.add_triangle(first, first + 1, first + 2);
        mesh.add_triangle(first, first + 2, first + 3);
    }
}
