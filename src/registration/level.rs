//! Two scans made coarse, and how much each says about the other under a rigid map.

use glam::DVec3;
use rayon::prelude::*;

use crate::geometry::{Grid, RigidTransform};
use crate::volume::resample::resample_image;
use crate::volume::window::auto_window;
use crate::volume::{ImageVolume, Modality};

/// Classes of values of each scan.
const BINS: usize = 32;

/// More points of the smaller scan add time and nothing else.
const MOST_POINTS: usize = 60_000;

/// The smallest part of the smaller scan that must lie within the other: less says too little.
const LEAST_OVERLAP: f64 = 0.4;

/// Points that one thread counts at a time; fixed, so that sums do not depend on the number of threads.
const CHUNK: usize = 4096;

/// HU that tell tissues apart: air is all one, and so is dense bone.
const CT_RANGE: (f64, f64) = (-200.0, 300.0);

/// Two scans at one coarseness.
pub(super) struct Level {
    /// The fixed scan, in bins.
    fixed: Vec<f32>,
    grid: Grid,
    /// Points of the moving scan: where in its world, and their value in bins.
    points: Vec<(DVec3, f32)>,
}

impl Level {
    /// Both scans with voxels of about this side.
    pub(super) fn new(fixed: &ImageVolume, moving: &ImageVolume, side_mm: f64) -> Self {
        let (grid, values) = coarse(fixed, side_mm);
        let (moving_grid, moving_values) = coarse(moving, side_mm);
        // An odd step does not run along with even row lengths.
        let step = match moving_values.len() / MOST_POINTS {
            0 => 1,
            n => n | 1,
        };
        let point = |offset: usize| {
            let voxel = moving_grid.voxel_at(offset).center();
            (moving_grid.world_from_voxel(voxel).0, moving_values[offset])
        };
        let offsets = (0..moving_values.len()).step_by(step);
        Self {
            fixed: values,
            grid,
            points: offsets.map(point).collect(),
        }
    }

    /// The normalised mutual information, (H(a) + H(b)) / H(a, b); `None` where too little overlaps.
    pub(super) fn information(&self, fixed_from_moving: &RigidTransform) -> Option<f64> {
        let joint = self.joint(fixed_from_moving);
        let inside: f64 = joint.iter().sum();
        if inside < LEAST_OVERLAP * self.points.len() as f64 {
            return None;
        }
        let entropy = |counts: &mut dyn Iterator<Item = f64>| -> f64 {
            let parts = counts.filter(|&n| n > 0.0).map(|n| n / inside);
            -parts.map(|p| p * p.ln()).sum::<f64>()
        };
        let both = entropy(&mut joint.iter().copied());
        let row = |a: usize| joint[a * BINS..(a + 1) * BINS].iter().sum();
        let column = |b: usize| (0..BINS).map(|a| joint[a * BINS + b]).sum();
        let alone = entropy(&mut (0..BINS).map(row)) + entropy(&mut (0..BINS).map(column));
        (both > 1e-9).then(|| alone / both)
    }

    /// The part of the points that lies within the fixed scan.
    pub(super) fn overlap(&self, fixed_from_moving: &RigidTransform) -> f64 {
        let inside: f64 = self.joint(fixed_from_moving).iter().sum();
        inside / self.points.len().max(1) as f64
    }

    /// How often values of both occur together; a value between two bins counts for each in part.
    fn joint(&self, fixed_from_moving: &RigidTransform) -> Vec<f64> {
        let map = self.grid.affine.inverse() * fixed_from_moving.matrix();
        let last = self.grid.dims.map(|n| n as f64 - 1.0);
        let last = DVec3::from_array(last);
        let count = |points: &[(DVec3, f32)]| {
            let mut joint = vec![0f32; BINS * BINS];
            for &(point, value) in points {
                let at = map.transform_point3(point);
                if at.cmplt(DVec3::ZERO).any() || at.cmpgt(last).any() {
                    continue;
                }
                let fixed = self.fixed_at(at);
                let (a, b) = (fixed as usize, value as usize);
                let (a, b) = (a.min(BINS - 2), b.min(BINS - 2));
                let (u, v) = (fixed - a as f32, value - b as f32);
                let first = a * BINS + b;
                joint[first] += (1.0 - u) * (1.0 - v);
                joint[first + 1] += (1.0 - u) * v;
                joint[first + BINS] += u * (1.0 - v);
                joint[first + BINS + 1] += u * v;
            }
            joint
        };
        let parts: Vec<Vec<f32>> = self.points.par_chunks(CHUNK).map(count).collect();
        let mut joint = vec![0f64; BINS * BINS];
        for part in parts {
            for (sum, n) in joint.iter_mut().zip(part) {
                *sum += f64::from(n);
            }
        }
        joint
    }

    /// The fixed scan's trilinear value at a voxel position inside it.
    fn fixed_at(&self, at: DVec3) -> f32 {
        let [ni, nj, nk] = self.grid.dims;
        let (i, j, k) = (at.x as usize, at.y as usize, at.z as usize);
        let (u, v, w) = (
            (at.x - i as f64) as f32,
            (at.y - j as f64) as f32,
            (at.z - k as f64) as f32,
        );
        let right = usize::from(i + 1 < ni);
        let below = if j + 1 < nj { ni } else { 0 };
        let behind = if k + 1 < nk { ni * nj } else { 0 };
        let first = i + ni * (j + nj * k);
        let row = |start: usize| {
            let (a, b) = (self.fixed[start], self.fixed[start + right]);
            a + (b - a) * u
        };
        let plane = |start: usize| {
            let (a, b) = (row(start), row(start + below));
            a + (b - a) * v
        };
        let (a, b) = (plane(first), plane(first + behind));
        a + (b - a) * w
    }
}

/// A scan with voxels of about this side, never finer than its own, in bins from the lowest value that matters to the highest.
fn coarse(image: &ImageVolume, side_mm: f64) -> (Grid, Vec<f32>) {
    let own = image.grid();
    let steps = own.spacing_mm().map(|mm| (side_mm / mm).max(1.0));
    let dims: [usize; 3] =
        std::array::from_fn(|d| (own.dims[d] as f64 / steps[d]).floor().max(1.0) as usize);
    // Centred, so that what the last voxels leave over is shared by both ends.
    let first = std::array::from_fn(|d| {
        (own.dims[d] as f64 - 1.0 - (dims[d] as f64 - 1.0) * steps[d]) / 2.0
    });
    let grid = Grid::new(dims, own.affine.stepped(first, steps));
    let (low, high) = match image.modality() {
        Modality::Ct => CT_RANGE,
        Modality::Mr | Modality::Pet => {
            let window = auto_window(image);
            (window.low(), window.high())
        }
    };
    let scale = (BINS - 1) as f32 / (high - low) as f32;
    let mut values = resample_image(image, &grid, low as f32);
    for value in &mut values {
        *value = ((*value - low as f32) * scale).clamp(0.0, (BINS - 1) as f32);
    }
    (grid, values)
}
