//! One slice of a volume as it lies on the screen: the map between pixels, voxels and millimetres.
//!
//! A plane is the **voxel** plane closest to the anatomical one, so every pixel of a view belongs to one
//! voxel slice and editing is exact, on oblique grids too. Within the plane the picture is true to the
//! millimetre in both directions: anisotropic voxels are stretched, sheared slices are drawn sheared.
//!
//! Pixel coordinates are continuous, `x` to the right and `y` down, from the view's top left corner; the
//! centre of pixel `(0, 0)` is at `(0.5, 0.5)`, and the view's centre at `(width / 2, height / 2)`.

use glam::{DMat2, DVec2, DVec3};

use super::{Axis, Convention, Grid, Orientation, Plane, VoxelIndex, VoxelPoint, WorldPoint};

/// How one view shows one voxel slice. Small and cheap: make a new one for every change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SliceView {
    grid: Grid,
    plane: Plane,
    convention: Convention,
    center: VoxelPoint,
    mm_per_pixel: f64,
    size: [u32; 2],
    frame: Frame,
}

/// The voxel axes of a view and the screen's directions in the world.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Frame {
    across: usize,
    down: usize,
    normal: usize,
    right_mm: DVec3,
    down_mm: DVec3,
}

impl Frame {
    fn new(grid: &Grid, plane: Plane, convention: Convention) -> Self {
        let orientation = Orientation::of(&grid.affine);
        let [right, down] = plane.right_and_down(convention);
        let along = |axis: Axis| {
            let voxel_axis = orientation.voxel_axis_of(axis.ras().0);
            let sign = if orientation.0[voxel_axis] == axis {
                1.0
            } else {
                -1.0
            };
            let unit = grid.affine.column(voxel_axis).normalize() * sign;
            (voxel_axis, unit)
        };
        let (across, right_unit) = along(right);
        let (down_axis, down_unit) = along(down);
        // In a sheared slice one screen axis follows its voxel axis: the one that is anatomically truer,
        // so that a patient scanned with a tilted gantry still stands upright.
        let reject = |v: DVec3, from: DVec3| (v - from * v.dot(from)).normalize();
        let (right_mm, down_mm) =
            if down_unit.dot(down.unit()) > right_unit.dot(right.unit()) + 1e-6 {
                (reject(right_unit, down_unit), down_unit)
            } else {
                (right_unit, reject(down_unit, right_unit))
            };
        Self {
            across,
            down: down_axis,
            normal: 3 - across - down_axis,
            right_mm,
            down_mm,
        }
    }
}

impl SliceView {
    /// The view of the voxel slice nearest to `center`, with `center` (moved onto that slice) in the middle.
    ///
    /// `mm_per_pixel` is above zero and holds in both directions; `width` and `height` are pixels, at least 1.
    pub fn new(
        grid: &Grid,
        plane: Plane,
        convention: Convention,
        center: WorldPoint,
        mm_per_pixel: f64,
        [width, height]: [u32; 2],
    ) -> Self {
        let view = Self {
            grid: *grid,
            plane,
            convention,
            center: grid.voxel_from_world(center),
            mm_per_pixel: mm_per_pixel.clamp(1e-6, 1e6),
            size: [width.max(1), height.max(1)],
            frame: Frame::new(grid, plane, convention),
        };
        view.on_slice(view.center.nearest().0[view.frame.normal])
    }

    /// The view of the slice through `cursor` (clamped into the volume), zoomed and centred so that the
    /// whole slice is just visible.
    pub fn fit(
        grid: &Grid,
        plane: Plane,
        convention: Convention,
        cursor: VoxelIndex,
        width: u32,
        height: u32,
    ) -> Self {
        let frame = Frame::new(grid, plane, convention);
        let mut center = grid.dims.map(|n| (n as f64 - 1.0) / 2.0);
        let last = grid.dims[frame.normal] as i64 - 1;
        center[frame.normal] = cursor.0[frame.normal].clamp(0, last) as f64;
        let extent = |direction: DVec3| -> f64 {
            [frame.across, frame.down]
                .iter()
                .map(|&d| {
                    (grid.affine.column(d) * grid.dims[d] as f64)
                        .dot(direction)
                        .abs()
                })
                .sum()
        };
        let mm_per_pixel = (extent(frame.right_mm) / f64::from(width.max(1)))
            .max(extent(frame.down_mm) / f64::from(height.max(1)));
        let center = grid.world_from_voxel(VoxelPoint(DVec3::from_array(center)));
        Self::new(
            grid,
            plane,
            convention,
            center,
            mm_per_pixel,
            [width, height],
        )
    }

    /// The grid that is looked at.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The anatomical plane.
    pub fn plane(&self) -> Plane {
        self.plane
    }

    /// The display convention.
    pub fn convention(&self) -> Convention {
        self.convention
    }

    /// The world position in the middle of the view; lies on the slice.
    pub fn center(&self) -> WorldPoint {
        self.grid.world_from_voxel(self.center)
    }

    /// Millimetres per pixel, in both directions.
    pub fn mm_per_pixel(&self) -> f64 {
        self.mm_per_pixel
    }

    /// Width and height in pixels.
    pub fn size(&self) -> [u32; 2] {
        self.size
    }

    /// The voxel axis that runs through the screen; the slice index counts along it.
    pub fn normal_axis(&self) -> usize {
        self.frame.normal
    }

    /// The voxel axes that run across and down the screen.
    pub fn in_plane_axes(&self) -> [usize; 2] {
        [self.frame.across, self.frame.down]
    }

    /// The index of the slice along [`Self::normal_axis`]; outside `0..slice_count` beside the volume.
    pub fn slice(&self) -> i64 {
        self.center.nearest().0[self.frame.normal]
    }

    /// How many slices there are along [`Self::normal_axis`].
    pub fn slice_count(&self) -> usize {
        self.grid.dims[self.frame.normal]
    }

    /// `1` when a higher slice index is nearer to the patient's head (axial), front (coronal) or right
    /// (sagittal), else `-1`.
    pub fn step_sign(&self) -> i64 {
        let towards = Orientation::of(&self.grid.affine).0[self.frame.normal];
        if towards.ras().1 { 1 } else { -1 }
    }

    /// The anatomical directions at the left, right, top and bottom border.
    pub fn letters(&self) -> [Axis; 4] {
        let [right, down] = self.plane.right_and_down(self.convention);
        [right.opposite(), right, down.opposite(), down]
    }

    /// The letters at the left, right, top and bottom border; with a question mark where nothing says how the patient
    /// lies in the voxels.
    pub fn border_texts(&self) -> [String; 4] {
        let doubt = if self.grid.sides_assumed { "?" } else { "" };
        self.letters()
            .map(|axis| format!("{}{doubt}", axis.letter()))
    }

    /// The same view on another slice, along the voxel axis, so that a voxel column stays where it is.
    pub fn on_slice(mut self, slice: i64) -> Self {
        self.center.0[self.frame.normal] = slice as f64;
        self
    }

    /// The view `steps` slices towards the head, front or right of the patient (negative: away), stopping
    /// at the volume's ends.
    pub fn stepped(self, steps: i64) -> Self {
        let slice = self
            .slice()
            .saturating_add(steps.saturating_mul(self.step_sign()));
        self.on_slice(slice.clamp(0, self.slice_count() as i64 - 1))
    }

    /// The view with its picture moved by this many pixels to the right and down.
    pub fn panned(mut self, dx: f64, dy: f64) -> Self {
        let [width, height] = self.size.map(f64::from);
        self.center = self.voxel_from_pixel(width / 2.0 - dx, height / 2.0 - dy);
        self
    }

    /// The view magnified by `factor` (above 1: closer), what is under pixel `(x, y)` staying there.
    pub fn zoomed(mut self, factor: f64, x: f64, y: f64) -> Self {
        let [width, height] = self.size.map(f64::from);
        let fixed = self.voxel_from_pixel(x, y);
        self.mm_per_pixel = (self.mm_per_pixel / factor).clamp(1e-6, 1e6);
        self.center = fixed;
        self.panned(x - width / 2.0, y - height / 2.0)
    }

    /// The same view in another number of pixels; centre and scale stay.
    pub fn resized(mut self, width: u32, height: u32) -> Self {
        self.size = [width.max(1), height.max(1)];
        self
    }

    /// The affine map from pixels to voxels: the voxel position of pixel corner `(0, 0)`, and the steps for
    /// one pixel to the right and one down. The component along [`Self::normal_axis`] is the slice index,
    /// exactly, and its steps are exactly zero.
    pub fn voxel_from_pixel_columns(&self) -> [DVec3; 3] {
        let voxel_per_mm = self.grid.affine.inverse().matrix3;
        let step = |direction: DVec3| {
            let mut step = voxel_per_mm * (direction * self.mm_per_pixel);
            step[self.frame.normal] = 0.0;
            step
        };
        let (dx, dy) = (step(self.frame.right_mm), step(self.frame.down_mm));
        let [width, height] = self.size.map(f64::from);
        [
            self.center.0 - dx * (width / 2.0) - dy * (height / 2.0),
            dx,
            dy,
        ]
    }

    /// The voxel position under a pixel position; on the slice, inside the volume or not.
    pub fn voxel_from_pixel(&self, x: f64, y: f64) -> VoxelPoint {
        let [origin, dx, dy] = self.voxel_from_pixel_columns();
        VoxelPoint(origin + dx * x + dy * y)
    }

    /// The voxel under a pixel position, or `None` beside the volume.
    pub fn voxel_at_pixel(&self, x: f64, y: f64) -> Option<VoxelIndex> {
        let voxel = self.voxel_from_pixel(x, y).nearest();
        self.grid.contains(voxel).then_some(voxel)
    }

    /// The pixel position of a voxel position; one on another slice is brought here along the voxel axis.
    pub fn pixel_from_voxel(&self, p: VoxelPoint) -> (f64, f64) {
        let [origin, dx, dy] = self.voxel_from_pixel_columns();
        let flat = |v: DVec3| DVec2::new(v[self.frame.across], v[self.frame.down]);
        let steps = DMat2::from_cols(flat(dx), flat(dy));
        let pixel = steps.inverse() * flat(p.0 - origin);
        (pixel.x, pixel.y)
    }

    /// The world position under a pixel position.
    pub fn world_from_pixel(&self, x: f64, y: f64) -> WorldPoint {
        self.grid.world_from_voxel(self.voxel_from_pixel(x, y))
    }

    /// The pixel position of a world position; one off the slice is brought here along the voxel axis.
    pub fn pixel_from_world(&self, p: WorldPoint) -> (f64, f64) {
        self.pixel_from_voxel(self.grid.voxel_from_world(p))
    }
}
