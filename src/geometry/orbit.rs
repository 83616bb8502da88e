//! A look at a whole volume from outside: the map between pixels and the lines of sight behind them.
//!
//! Lines of sight are parallel, so that lengths across them are true to the millimetre. Pixel coordinates are those of
//! [`SliceView`](super::SliceView).

use glam::DVec3;

use super::{Axis, Grid, VoxelPoint, WorldPoint};

/// Where one looks from: angles around the patient, in degrees. The head is up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Orbit {
    /// Around the long axis: 0 from the front, 90 from the patient's right, 180 from behind.
    pub azimuth_degrees: f64,
    /// Above (+) or below (-) the horizon, at most 90.
    pub elevation_degrees: f64,
}

impl Orbit {
    /// From the front.
    pub const FRONT: Self = Self::new(0.0, 0.0);
    /// From behind.
    pub const BACK: Self = Self::new(180.0, 0.0);
    /// From the patient's right.
    pub const RIGHT: Self = Self::new(90.0, 0.0);
    /// From the patient's left.
    pub const LEFT: Self = Self::new(270.0, 0.0);
    /// From above the head.
    pub const HEAD: Self = Self::new(0.0, 90.0);
    /// From below the feet.
    pub const FEET: Self = Self::new(0.0, -90.0);

    const fn new(azimuth_degrees: f64, elevation_degrees: f64) -> Self {
        Self {
            azimuth_degrees,
            elevation_degrees,
        }
    }

    /// Turned by these degrees; the elevation stops over head and feet.
    pub fn turned(self, azimuth_degrees: f64, elevation_degrees: f64) -> Self {
        Self {
            azimuth_degrees: (self.azimuth_degrees + azimuth_degrees).rem_euclid(360.0),
            elevation_degrees: (self.elevation_degrees + elevation_degrees).clamp(-90.0, 90.0),
        }
    }

    /// Unit vectors in RAS: to the right and down on the screen, and away from the eye.
    fn axes(self) -> [DVec3; 3] {
        let (sin_a, cos_a) = self.azimuth_degrees.to_radians().sin_cos();
        let (sin_e, cos_e) = self.elevation_degrees.to_radians().sin_cos();
        let away = -DVec3::new(sin_a * cos_e, cos_a * cos_e, sin_e);
        let up = DVec3::new(-sin_a * sin_e, -cos_a * sin_e, cos_e);
        [away.cross(up), -up, away]
    }
}

/// A volume as it is seen from an [`Orbit`]. Small and cheap: make a new one for every change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrbitView {
    grid: Grid,
    orbit: Orbit,
    center: WorldPoint,
    mm_per_pixel: f64,
    size: [u32; 2],
    axes: [DVec3; 3],
}

impl OrbitView {
    /// The view with `center` in the middle. `mm_per_pixel` is above zero; `size` is width and height in pixels.
    pub fn new(
        grid: &Grid,
        orbit: Orbit,
        center: WorldPoint,
        mm_per_pixel: f64,
        [width, height]: [u32; 2],
    ) -> Self {
        Self {
            grid: *grid,
            orbit,
            center,
            mm_per_pixel: mm_per_pixel.clamp(1e-6, 1e6),
            size: [width.max(1), height.max(1)],
            axes: orbit.axes(),
        }
    }

    /// The view in which the whole volume can just be seen, however it is turned.
    pub fn fit(grid: &Grid, orbit: Orbit, size: [u32; 2]) -> Self {
        let middle = grid.dims.map(|n| (n as f64 - 1.0) / 2.0);
        let center = grid.world_from_voxel(VoxelPoint(DVec3::from_array(middle)));
        let shorter = size[0].min(size[1]).max(1);
        Self::new(
            grid,
            orbit,
            center,
            2.0 * radius_mm(grid) / f64::from(shorter),
            size,
        )
    }

    /// The grid that is looked at.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Where it is looked at from.
    pub fn orbit(&self) -> Orbit {
        self.orbit
    }

    /// The world position in the middle.
    pub fn center(&self) -> WorldPoint {
        self.center
    }

    /// Millimetres per pixel, across the lines of sight.
    pub fn mm_per_pixel(&self) -> f64 {
        self.mm_per_pixel
    }

    /// Width and height in pixels.
    pub fn size(&self) -> [u32; 2] {
        self.size
    }

    /// The direction away from the eye: how many voxels along each axis a millimetre is.
    pub fn voxels_per_mm(&self) -> DVec3 {
        let inverse = self.grid.affine.inverse();
        inverse.transform_vector3(self.axes[2])
    }

    /// The direction away from the eye, of length 1, in RAS.
    pub fn sight(&self) -> DVec3 {
        self.axes[2]
    }

    /// Where the line of sight of a pixel position begins, before the volume, in voxels.
    pub fn voxel_from_pixel(&self, x: f64, y: f64) -> VoxelPoint {
        let [right, down, away] = self.axes;
        let x_mm = (x - f64::from(self.size[0]) / 2.0) * self.mm_per_pixel;
        let y_mm = (y - f64::from(self.size[1]) / 2.0) * self.mm_per_pixel;
        let start = self.center.0 + right * x_mm + down * y_mm - away * self.depth_mm() / 2.0;
        self.grid.voxel_from_world(WorldPoint(start))
    }

    /// How far lines of sight go on to be behind the volume.
    pub fn depth_mm(&self) -> f64 {
        let middle = self.grid.dims.map(|n| (n as f64 - 1.0) / 2.0);
        let middle = self
            .grid
            .world_from_voxel(VoxelPoint(DVec3::from_array(middle)));
        2.0 * (radius_mm(&self.grid) + middle.0.distance(self.center.0))
    }

    /// Where a voxel position is seen.
    pub fn pixel_from_voxel(&self, p: VoxelPoint) -> (f64, f64) {
        let offset = self.grid.world_from_voxel(p).0 - self.center.0;
        let [right, down, _] = self.axes;
        (
            offset.dot(right) / self.mm_per_pixel + f64::from(self.size[0]) / 2.0,
            offset.dot(down) / self.mm_per_pixel + f64::from(self.size[1]) / 2.0,
        )
    }

    /// The directions at the left, right, upper and lower border.
    pub fn letters(&self) -> [Axis; 4] {
        let [right, down, _] = self.axes.map(Axis::closest);
        [right.opposite(), right, down.opposite(), down]
    }

    /// Moved so that what was in the middle is `dx` pixels further right and `dy` further down.
    pub fn panned(mut self, dx: f64, dy: f64) -> Self {
        let [right, down, _] = self.axes;
        self.center.0 -= (right * dx + down * dy) * self.mm_per_pixel;
        self
    }
}

/// Half the diagonal of a grid, voxels taken whole.
fn radius_mm(grid: &Grid) -> f64 {
    let corner = |signs: [f64; 3]| -> f64 {
        let side = |d: usize| grid.affine.column(d) * (grid.dims[d] as f64 * signs[d]);
        (side(0) + side(1) + side(2)).length() / 2.0
    };
    [
        [1.0, 1.0, 1.0],
        [-1.0, 1.0, 1.0],
        [1.0, -1.0, 1.0],
        [1.0, 1.0, -1.0],
    ]
    .map(corner)
    .into_iter()
    .fold(0.0, f64::max)
}
