//! Shapes that targets are composed of: each says how deep a point lies in it.

use glam::{Mat3, Quat, Vec3};
use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use crate::train::augment::log_uniform;

/// A solid in the voxel coordinates of a region.
pub(super) trait Form: Send + Sync {
    /// About how many voxels below the surface a point lies; negative outside.
    fn depth(&self, p: Vec3) -> f32;
}

/// Makes a random form about `centre`, about `2 * radius` long.
type Make = fn(&mut ChaCha8Rng, Vec3, f32) -> Box<dyn Form>;

/// Every kind of form; the first is the most common in a body and twice as likely.
const KINDS: [Make; 7] = [ellipsoid, ellipsoid, lobes, tube, sheet, shell, pierced];
/// Kinds that lesions have.
const LUMPS: [Make; 3] = [ellipsoid, ellipsoid, lobes];

/// A form of any kind.
pub(super) fn any(rng: &mut ChaCha8Rng, centre: Vec3, radius: f32) -> Box<dyn Form> {
    KINDS.choose(rng).unwrap_or(&KINDS[0])(rng, centre, radius)
}

/// A solid lump.
pub(super) fn lump(rng: &mut ChaCha8Rng, centre: Vec3, radius: f32) -> Box<dyn Form> {
    LUMPS.choose(rng).unwrap_or(&LUMPS[0])(rng, centre, radius)
}

fn direction(rng: &mut ChaCha8Rng) -> Vec3 {
    let any = Vec3::from_array(std::array::from_fn(|_| rng.random_range(-1.0..1.0)));
    any.try_normalize().unwrap_or(Vec3::X)
}

fn turn(rng: &mut ChaCha8Rng) -> Mat3 {
    let angle = rng.random_range(0.0..std::f32::consts::TAU);
    Mat3::from_quat(Quat::from_axis_angle(direction(rng), angle))
}

struct Ellipsoid {
    centre: Vec3,
    /// From voxels to a ball of radius 1.
    unit: Mat3,
    least_radius: f32,
}

impl Ellipsoid {
    fn random(rng: &mut ChaCha8Rng, centre: Vec3, radius: f32) -> Self {
        let radii = Vec3::from_array(std::array::from_fn(|_| {
            (f64::from(radius) * log_uniform(rng, 0.6, 1.25)).max(1.2) as f32
        }));
        Self {
            centre,
            unit: Mat3::from_diagonal(radii.recip()) * turn(rng),
            least_radius: radii.min_element(),
        }
    }
}

impl Form for Ellipsoid {
    fn depth(&self, p: Vec3) -> f32 {
        (1.0 - (self.unit * (p - self.centre)).length()) * self.least_radius
    }
}

fn ellipsoid(rng: &mut ChaCha8Rng, centre: Vec3, radius: f32) -> Box<dyn Form> {
    Box::new(Ellipsoid::random(rng, centre, radius))
}

/// Ellipsoids that overlap.
struct Lobes(Vec<Ellipsoid>);

impl Form for Lobes {
    fn depth(&self, p: Vec3) -> f32 {
        let depths = self.0.iter().map(|lobe| lobe.depth(p));
        depths.fold(f32::NEG_INFINITY, f32::max)
    }
}

fn lobes(rng: &mut ChaCha8Rng, centre: Vec3, radius: f32) -> Box<dyn Form> {
    let mut lobe = |off: f32, share: f32| {
        let at = centre + direction(rng) * off * radius;
        Ellipsoid::random(rng, at, share * radius)
    };
    let first = lobe(0.0, 0.65);
    let others = (0..3).map(|_| lobe(0.55, 0.45));
    Box::new(Lobes(std::iter::once(first).chain(others).collect()))
}

/// What lies within a radius of a curve.
struct Tube {
    curve: Vec<Vec3>,
    radius: f32,
}

impl Form for Tube {
    fn depth(&self, p: Vec3) -> f32 {
        let squared = self.curve.iter().map(|c| c.distance_squared(p));
        self.radius - squared.fold(f32::INFINITY, f32::min).sqrt()
    }
}

fn tube(rng: &mut ChaCha8Rng, centre: Vec3, radius: f32) -> Box<dyn Form> {
    const POINTS: usize = 20;
    let along = direction(rng) * radius;
    let bend = direction(rng) * radius * rng.random_range(0.0..0.9);
    let curve = (0..POINTS).map(|n| {
        let t = 2.0 * n as f32 / (POINTS - 1) as f32 - 1.0;
        centre + along * t + bend * (t * t - 0.4)
    });
    Box::new(Tube {
        curve: curve.collect(),
        radius: (radius * rng.random_range(0.12..0.4)).max(1.3),
    })
}

/// A bent plate.
struct Sheet {
    centre: Vec3,
    /// To coordinates of which the third is across the plate.
    axes: Mat3,
    bend: f32,
    half_thickness: f32,
    radius: f32,
}

impl Form for Sheet {
    fn depth(&self, p: Vec3) -> f32 {
        let q = self.axes * (p - self.centre);
        let across = self.half_thickness - (q.z - self.bend * q.x * q.x).abs();
        across.min(self.radius - q.x.hypot(q.y))
    }
}

fn sheet(rng: &mut ChaCha8Rng, centre: Vec3, radius: f32) -> Box<dyn Form> {
    Box::new(Sheet {
        centre,
        axes: turn(rng),
        bend: rng.random_range(0.0..0.6) / radius,
        half_thickness: (radius * rng.random_range(0.1..0.25)).max(1.0),
        radius,
    })
}

/// One form without another.
struct Without<A, B>(A, B);

impl<A: Form, B: Form> Form for Without<A, B> {
    fn depth(&self, p: Vec3) -> f32 {
        self.0.depth(p).min(-self.1.depth(p))
    }
}

fn shell(rng: &mut ChaCha8Rng, centre: Vec3, radius: f32) -> Box<dyn Form> {
    let outer = Ellipsoid::random(rng, centre, radius);
    let share = rng.random_range(0.55..0.85);
    let inner = Ellipsoid {
        unit: outer.unit * (1.0 / share),
        least_radius: outer.least_radius * share,
        ..outer
    };
    Box::new(Without(outer, inner))
}

fn pierced(rng: &mut ChaCha8Rng, centre: Vec3, radius: f32) -> Box<dyn Form> {
    let mut hole = || {
        let at = centre + direction(rng) * 0.5 * radius;
        Ellipsoid::random(rng, at, 0.25 * radius)
    };
    let holes = Lobes((0..2).map(|_| hole()).collect());
    Box::new(Without(Ellipsoid::random(rng, centre, radius), holes))
}
