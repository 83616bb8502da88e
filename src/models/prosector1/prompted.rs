//! From clicks and a box to a mask on the scan: which region to look at, and how to read the answer.

use glam::{DMat3, DVec3};
use rayon::prelude::*;

use crate::geometry::{VoxelBox, VoxelPoint, WorldPoint};
use crate::models::{ModelError, PromptedResult, ScanKey};
use crate::prompt::{Polarity, PromptSet};
use crate::util::JobContext;
use crate::volume::components::{Connectivity, connected_components};
use crate::volume::{Grid, ImageVolume, Mask, resample};

use super::config::PROMPT_CHANNELS;
use super::model::Prosector1;
use super::prompt_channels::{self, RegionPrompts};
use super::region::{SIDE, anatomical_axes, balanced, region_grid};
use super::region_cache::EncodedRegion;

/// Side of the first region around lone clicks.
const FIRST_EXTENT_MM: f64 = 110.0;
/// Length of a region relative to what it is about.
const CONTEXT: f64 = 1.6;
/// Most regions looked at for lone clicks: one, wider ones while the target leaves it, a closer one.
const MOST_LOOKS: usize = 4;
/// Share of a region's faces that a target may touch before a wider region is looked at.
const TOUCHING: f64 = 0.02;

/// Segments what the prompts point at; see [`crate::models::Segmenter::segment_prompted`].
pub(super) fn segment(
    model: &mut Prosector1,
    image: &ImageVolume,
    scan: ScanKey,
    prompts: &PromptSet,
    prior: Option<&Mask>,
    ctx: &JobContext,
) -> Result<PromptedResult, ModelError> {
    let grid = image.grid();
    let prompts = prompts.on_grid(grid)?;
    let prior = prior.filter(|p| p.count() > 0);
    let mut job = Job {
        model,
        image,
        scan,
        prompts: &prompts,
        prior,
        axes: anatomical_axes(grid),
    };
    ctx.step(0.1, "looking at the region")?;
    let answer = match job.known_extent() {
        Some(part) => {
            let region = job.region_around(part);
            job.answer(region, prior.is_some().then(|| job_prior(prior, &part.2)).flatten())?
        }
        None => job.explore(ctx)?,
    };
    ctx.step(0.9, "writing the mask")?;
    Ok(job.finish(&answer))
}
