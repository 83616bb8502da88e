//! One slice of a volume as it lies on the screen: the map between pixels, voxels and millimetres.
//!
//! A plane is the **voxel** plane closest to the anatomical one, so every pixel of a view belongs to one
//! voxel slice and editing is exact, on oblique grids too. Within the plane the picture is true to the
//! millimetre in both directions: anisotropic voxels are stretched, sheared slices are drawn sheared.
//!
//! A view may be tilted ([`SliceView::tilted`]): then its pixels lie between the voxels of many slices, and what is said
//! here of voxel slices holds for views that are not.
//!
//! Pixel coordinates are continuous, `x` to the right and `y` down, from the view's top left corner; the
//! centre of pixel `(0, 0)` is at `(0.5, 0.5)`, and the view's centre at `(width / 2, height / 2)`.

use glam::{DMat2, DVec2, DVec3};

use super::{Axis, Convention, Grid, Orientation, Plane, Tilt, VoxelIndex, VoxelPoint, WorldPoint};

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
    tilt: Tilt,
    is_tilted: bool,
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
    /// The unit vector that points into the screen.
    fn normal_mm(&self) -> DVec3 {
        self.right_mm.cross(self.down_mm)
    }

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

/// The letters of a direction: of the axes that it is nearer to than to being across them, the nearest first.
fn letters_of(direction: DVec3) -> String {
    /// The sine of 22.5 degrees: nearer to an axis than to the diagonal.
    const LEAST: f64 = 0.383;
    let mut axes = [0, 1, 2];
    axes.sort_by(|&a, &b| direction[b].abs().total_cmp(&direction[a].abs()));
    let named = axes.into_iter().filter(|&d| direction[d].abs() >= LEAST);
    let letter = |d: usize| match direction[d] > 0.0 {
        true => ['R', 'A', 'S'][d],
        false => ['L', 'P', 'I'][d],
    };
    named.map(letter).collect()
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
            tilt: Tilt::default(),
            is_tilted: false,
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

    /// The view with all planes turned about a voxel position: through it where this turns the view's plane, and as it is
    /// where it does not. The picture stays as upright as it can.
    pub fn tilted(mut self, tilt: Tilt, about: VoxelPoint) -> Self {
        self.tilt = tilt;
        let straight = self.frame.normal_mm();
        self.is_tilted = tilt.moves(straight);
        if !self.is_tilted {
            return self;
        }
        let normal = tilt.normal(straight);
        let in_plane = |v: DVec3| v - normal * v.dot(normal);
        let (right, down) = (in_plane(self.frame.right_mm), in_plane(self.frame.down_mm));
        if down.length_squared() >= right.length_squared() {
            self.frame.down_mm = down.normalize();
            self.frame.right_mm = self.frame.down_mm.cross(normal);
        } else {
            self.frame.right_mm = right.normalize();
            self.frame.down_mm = normal.cross(self.frame.right_mm);
        }
        let center = self.grid.world_from_voxel(self.center).0;
        let about = self.grid.world_from_voxel(about).0;
        let onto = center + normal * (about - center).dot(normal);
        self.center = self.grid.voxel_from_world(WorldPoint(onto));
        self
    }

    /// Whether the plane is no voxel plane.
    pub fn is_tilted(&self) -> bool {
        self.is_tilted
    }

    /// How the planes are turned.
    pub fn tilt(&self) -> Tilt {
        self.tilt
    }

    /// The unit vector in the world that points into the screen.
    pub fn normal_mm(&self) -> DVec3 {
        self.frame.normal_mm()
    }

    /// The angle between the plane and the voxel plane that it is without its turn, in degrees.
    pub fn tilt_deg(&self) -> f64 {
        let straight = Frame::new(&self.grid, self.plane, self.convention).normal_mm();
        straight.angle_between(self.normal_mm()).to_degrees()
    }

    /// How far a place lies beyond the plane, in mm.
    pub fn distance_mm(&self, place: WorldPoint) -> f64 {
        (place.0 - self.center().0).dot(self.normal_mm())
    }

    /// Where the two other planes cut this one: unit steps on the screen, right and down.
    pub fn traces(&self) -> [DVec2; 2] {
        let others = Plane::ALL.into_iter().filter(|other| *other != self.plane);
        let mut traces = others.map(|other| {
            let straight = Frame::new(&self.grid, other, self.convention).normal_mm();
            let along = self.normal_mm().cross(self.tilt.normal(straight));
            DVec2::new(
                along.dot(self.frame.right_mm),
                along.dot(self.frame.down_mm),
            )
            .normalize_or(DVec2::X)
        });
        std::array::from_fn(|_| traces.next().unwrap_or(DVec2::X))
    }

    /// The place on the plane that is nearest to another, in mm.
    pub fn onto(&self, place: VoxelPoint) -> VoxelPoint {
        let place = self.grid.world_from_voxel(place);
        let onto = place.0 - self.normal_mm() * self.distance_mm(place);
        self.grid.voxel_from_world(WorldPoint(onto))
    }

    /// The view with a place, brought onto its plane, in the middle.
    pub fn centered_on(mut self, place: WorldPoint) -> Self {
        self.center = self.onto(self.grid.voxel_from_world(place));
        self
    }

    /// The place that many steps off a tilted plane, towards the patient's head, front or right, clamped into the volume. A
    /// step is a voxel along the axis that the normal is nearest to.
    pub fn stepped_off(&self, from: VoxelPoint, steps: i64) -> VoxelPoint {
        let normal = self.grid.affine.inverse().matrix3 * self.normal_mm();
        let longest = normal.abs().max_element();
        let towards = normal[self.frame.normal].signum() * self.step_sign() as f64;
        let step = normal / longest * towards;
        self.grid.clamped(VoxelPoint(from.0 + step * steps as f64))
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

    /// The letters at the left, right, top and bottom border, of a tilted view perhaps several, the truest first; with a
    /// question mark where nothing says how the patient lies in the voxels.
    pub fn border_texts(&self) -> [String; 4] {
        let doubt = if self.grid.sides_assumed { "?" } else { "" };
        if self.is_tilted {
            let (right, down) = (self.frame.right_mm, self.frame.down_mm);
            return [-right, right, -down, down].map(|v| format!("{}{doubt}", letters_of(v)));
        }
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
            if !self.is_tilted {
                step[self.frame.normal] = 0.0;
            }
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
        if self.is_tilted {
            let off = (self.grid.world_from_voxel(p).0 - self.center().0) / self.mm_per_pixel;
            let [width, height] = self.size.map(f64::from);
            let (right, down) = (self.frame.right_mm, self.frame.down_mm);
            return (off.dot(right) + width / 2.0, off.dot(down) + height / 2.0);
        }
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
