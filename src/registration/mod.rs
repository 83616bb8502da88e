//! Rigid registration of two scans of one patient by mutual information.
//!
//! What is sought is the rigid map under which the values of one scan say most about those of the other (normalised mutual
//! information, Studholme 1999), whatever the modalities. `level.rs` makes both scans coarse and measures, `search.rs` looks
//! for the best map: everywhere within reach on the coarsest level, then up the hills from the best of these, level by level.
//! The same scans give the same map, on however many threads.

mod level;
mod search;

use crate::geometry::{RigidTransform, WorldPoint};
use crate::util::{Cancelled, JobContext};
use crate::volume::ImageVolume;

use level::Level;
use search::{Candidate, climb, everywhere};

/// How far from the start the search goes, in mm along each axis and in degrees about each.
pub const REACH: (f64, f64) = (20.0, 10.0);

/// Sides of the voxels of each level in mm; how many candidates are followed there; how far its first steps go, and when it
/// ends, in degrees and mm.
const LEVELS: [LevelPlan; 3] = [
    LevelPlan {
        side_mm: 8.0,
        followed: 20,
        first_step: (4.0, 5.0),
        last_step: 0.7,
    },
    LevelPlan {
        side_mm: 4.5,
        followed: 6,
        first_step: (1.5, 2.0),
        last_step: 0.15,
    },
    LevelPlan {
        side_mm: 2.5,
        followed: 3,
        first_step: (0.5, 0.5),
        last_step: LAST_STEP,
    },
];

/// No step of the finest level is shorter, in degrees or mm.
const LAST_STEP: f64 = 0.05;

/// The first steps of climbs from the top of the finest level, in degrees and mm.
const LONGER_STEPS: [f64; 3] = [3.0, 1.7, 0.9];

/// Candidates that differ by less in every parameter, in degrees or mm, are one.
const SAME_HILL: f64 = 1.0;

struct LevelPlan {
    side_mm: f64,
    followed: usize,
    first_step: (f64, f64),
    last_step: f64,
}

/// How two scans lie to each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Registered {
    /// Carries the moving scan's world to the fixed one's.
    pub fixed_from_moving: RigidTransform,
    /// Normalised mutual information with it, from 1 (nothing in common) to 2.
    pub information: f64,
    /// The same at the start; `None` where too little overlapped there.
    pub information_before: Option<f64>,
    /// The part of the smaller scan that lies within the other, 0 to 1.
    pub overlap: f64,
}

/// Why scans cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// A scan is no volume of one kind of values.
    #[error("films and pictures in colour cannot be registered: give two volumes")]
    NoVolume,
    /// Too little is in common.
    #[error(
        "the scans hardly overlap within {} mm and {} degrees of where they are: move one by hand first",
        REACH.0, REACH.1
    )]
    NoOverlap,
    /// Stopped.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Finds how the moving scan lies on the fixed one, within [`REACH`] of `start` (which carries the moving world to the fixed).
///
/// # Errors
/// One of them is no volume, they hardly overlap, or the job was cancelled.
pub fn register(
    fixed: &ImageVolume,
    moving: &ImageVolume,
    start: RigidTransform,
    ctx: &JobContext,
) -> Result<Registered, RegistrationError> {
    for image in [fixed, moving] {
        if image.third_axis().is_time() || image.colours().is_some() {
            return Err(RegistrationError::NoVolume);
        }
    }
    // The smaller scan is the one that is sampled: all of it can lie within the other.
    if volume_mm3(moving) > volume_mm3(fixed) {
        let other_way = register_smaller(moving, fixed, start.inverse(), ctx)?;
        return Ok(Registered {
            fixed_from_moving: other_way.fixed_from_moving.inverse(),
            ..other_way
        });
    }
    register_smaller(fixed, moving, start, ctx)
}

fn volume_mm3(image: &ImageVolume) -> f64 {
    image.grid().size_mm().iter().product()
}

fn register_smaller(
    fixed: &ImageVolume,
    moving: &ImageVolume,
    start: RigidTransform,
    ctx: &JobContext,
) -> Result<Registered, RegistrationError> {
    let centre = start.apply(moving.grid().middle());
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut finest = None;
    for (n, plan) in LEVELS.iter().enumerate() {
        ctx.step(n as f32 / LEVELS.len() as f32, "looking for the best fit")?;
        let level = Level::new(fixed, moving, plan.side_mm);
        let information = |p: &[f64; 6]| level.information(&moved(start, centre, p));
        if n == 0 {
            candidates = everywhere(REACH, &information, ctx)?;
        }
        keep_distinct(&mut candidates, plan.followed);
        for candidate in &mut candidates {
            *candidate = climb(
                *candidate,
                plan.first_step,
                plan.last_step,
                &information,
                ctx,
            )?;
        }
        candidates.sort_by(|a, b| b.information.total_cmp(&a.information));
        if n + 1 == LEVELS.len()
            && let Some(best) = candidates.first_mut()
        {
            *best = climb_on(*best, &information, ctx)?;
        }
        finest = Some(level);
    }
    let (Some(best), Some(level)) = (candidates.first(), finest) else {
        return Err(RegistrationError::NoOverlap);
    };
    let fixed_from_moving = moved(start, centre, &best.parameters);
    let information = level.information(&fixed_from_moving);
    Ok(Registered {
        fixed_from_moving,
        information: information.ok_or(RegistrationError::NoOverlap)?,
        information_before: level.information(&start),
        overlap: level.overlap(&fixed_from_moving),
    })
}

/// Sets out again from the top in longer steps, which reach over small dents, until there is nothing higher.
fn climb_on(
    mut best: Candidate,
    information: &dyn Fn(&[f64; 6]) -> Option<f64>,
    ctx: &JobContext,
) -> Result<Candidate, Cancelled> {
    for &step in &LONGER_STEPS {
        let again = climb(best, (step, step), LAST_STEP, information, ctx)?;
        if again.information > best.information {
            best = again;
        }
    }
    Ok(best)
}

/// Keeps the best of candidates that lie apart: those that climbed the same hill are one. The best come first.
fn keep_distinct(candidates: &mut Vec<Candidate>, most: usize) {
    let mut kept: Vec<Candidate> = Vec::with_capacity(most);
    for candidate in candidates.drain(..) {
        let is_near = |other: &Candidate| {
            let pairs = other.parameters.iter().zip(candidate.parameters);
            pairs.into_iter().all(|(a, b)| (a - b).abs() < SAME_HILL)
        };
        if kept.len() < most && !kept.iter().any(is_near) {
            kept.push(candidate);
        }
    }
    *candidates = kept;
}

/// The start, then turned (degrees about each axis) and moved (mm) about a centre.
fn moved(start: RigidTransform, centre: WorldPoint, p: &[f64; 6]) -> RigidTransform {
    let turn = glam::DVec3::new(p[0], p[1], p[2]) * 1f64.to_radians();
    let shift = glam::DVec3::new(p[3], p[4], p[5]);
    RigidTransform::about(centre, turn, shift).after(&start)
}
