//! Samples for the prompted path.

use rand_chacha::ChaCha8Rng;

use crate::models::prosector1::RegionImage;
use crate::models::prosector1::prompt_channels::RegionPrompts;

use super::TrainError;
use super::cases::Cases;
use super::config::Mix;
use super::targets::{self, Scene};
use super::user::{self, FirstMove};

/// A region, its target, and what the user did first.
pub(super) struct PromptedSample {
    /// What the network sees.
    pub image: RegionImage,
    /// How much of each voxel the target covers.
    pub truth: Vec<f32>,
    /// How much the sample counts.
    pub weight: f32,
    /// The first prompts.
    pub prompts: RegionPrompts,
    /// How many answers the user asks for.
    pub rounds: usize,
}

/// A sample of what the mix has at `left` of its shares; `None` when the random region missed the target.
pub(super) fn sample(
    rng: &mut ChaCha8Rng,
    mix: &Mix,
    cases: &Cases,
    mut left: f64,
) -> Result<Option<PromptedSample>, TrainError> {
    let first = FirstMove::random(rng);
    for (name, share) in &mix.prompted {
        if left < *share {
            let scene = targets::of_dataset(rng, cases.dataset(name)?, &first);
            return Ok(scene.and_then(|scene| finish(rng, scene, &first)));
        }
        left -= share;
    }
    let mut maker = None;
    for (name, share) in &mix.made {
        if left < *share {
            maker = Some(name.as_str());
            break;
        }
        left -= share;
    }
    let scene = targets::made(rng, maker, cases, &first);
    Ok(scene.and_then(|scene| finish(rng, scene, &first)))
}

fn finish(rng: &mut ChaCha8Rng, scene: Scene, first: &FirstMove) -> Option<PromptedSample> {
    let Scene {
        values,
        inside,
        mut truth,
        modality,
        weight,
    } = scene;
    for (truth, inside) in truth.iter_mut().zip(&inside) {
        *truth *= inside;
    }
    let prompts = first.prompts(rng, &truth)?;
    Some(PromptedSample {
        image: RegionImage::from_values(values, inside, modality),
        truth,
        weight,
        prompts,
        rounds: user::rounds(rng),
    })
}
