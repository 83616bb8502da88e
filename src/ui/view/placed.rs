//! A slice view placed on the screen: egui points on one side, voxels on the other.

use egui::{Pos2, Rect, pos2};

use crate::geometry::{SliceView, VoxelIndex, VoxelPoint, WorldPoint};

/// A slice view and the rectangle it fills. `SliceView` counts physical pixels, egui counts points.
#[derive(Debug, Clone, Copy)]
pub struct PlacedView {
    /// The map between pixels and voxels.
    pub slice: SliceView,
    /// Where the planes of all views meet: the cross-hair's voxel, or a place in it.
    pub cross_hair: VoxelPoint,
    /// Where it is on the screen, in points.
    pub rect: Rect,
    /// Physical pixels per point.
    pub pixels_per_point: f32,
}

impl PlacedView {
    /// The pixel position of a point on the screen.
    pub fn pixel(&self, pos: Pos2) -> (f64, f64) {
        let offset = (pos - self.rect.min) * self.pixels_per_point;
        (f64::from(offset.x), f64::from(offset.y))
    }

    /// The voxel position under a point on the screen, inside the volume or not.
    pub fn voxel_point(&self, pos: Pos2) -> VoxelPoint {
        let (x, y) = self.pixel(pos);
        self.slice.voxel_from_pixel(x, y)
    }

    /// The place in the patient under a point on the screen.
    pub fn world(&self, pos: Pos2) -> WorldPoint {
        self.slice.grid().world_from_voxel(self.voxel_point(pos))
    }

    /// The voxel under a point on the screen, or `None` beside the volume.
    pub fn voxel(&self, pos: Pos2) -> Option<VoxelIndex> {
        let (x, y) = self.pixel(pos);
        self.slice.voxel_at_pixel(x, y)
    }

    /// The place of the plane inside the volume that is near a point on the screen: the one under it, if that is inside.
    pub fn clamped_place(&self, pos: Pos2) -> VoxelPoint {
        /// Border and plane are gone to in turn: so often, the place is on both for any plane that cuts the volume well.
        const TURNS: usize = 50;
        let grid = self.slice.grid();
        let mut place = self.voxel_point(pos);
        for _ in 0..TURNS {
            let inside = grid.clamped(place);
            if inside == place {
                break;
            }
            place = self.slice.onto(inside);
        }
        grid.clamped(place)
    }

    /// The voxel of the volume nearest to a point on the screen.
    pub fn clamped_voxel(&self, pos: Pos2) -> VoxelIndex {
        self.clamped_place(pos).nearest()
    }

    /// Where a voxel position is on the screen; one on another slice is brought onto this one.
    pub fn pos(&self, voxel: VoxelPoint) -> Pos2 {
        let (x, y) = self.slice.pixel_from_voxel(voxel);
        let scale = 1.0 / f64::from(self.pixels_per_point);
        self.rect.min + egui::vec2((x * scale) as f32, (y * scale) as f32)
    }

    /// Millimetres per point of the screen.
    pub fn mm_per_point(&self) -> f64 {
        self.slice.mm_per_pixel() * f64::from(self.pixels_per_point)
    }

    /// How many slices a voxel lies off this one.
    pub fn slices_off(&self, voxel: VoxelIndex) -> i64 {
        if self.slice.is_tilted() {
            let place = self.slice.grid().world_from_voxel(voxel.center());
            let apart_mm = self.slice.grid().spacing_mm()[self.slice.normal_axis()];
            return (self.slice.distance_mm(place) / apart_mm).round() as i64;
        }
        voxel.0[self.slice.normal_axis()] - self.slice.slice()
    }

    /// The edge of a rounded pixel line, so that thin lines stay sharp.
    pub fn sharp(&self, pos: Pos2) -> Pos2 {
        let snap = |v: f32| ((v * self.pixels_per_point).floor() + 0.5) / self.pixels_per_point;
        pos2(snap(pos.x), snap(pos.y))
    }
}
