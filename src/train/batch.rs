//! The samples of a step.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::TrainError;
use super::automatic::{self, AutomaticSample};
use super::cases::Cases;
use super::config::TrainConfig;
use super::prompted::{self, PromptedSample};

/// The samples of a step.
#[derive(Default)]
pub(super) struct Batch {
    /// Of the automatic path, with their dataset's name; first those that are not refined.
    pub automatic: Vec<(String, AutomaticSample)>,
    /// Of the prompted path.
    pub prompted: Vec<PromptedSample>,
}

impl FromIterator<Sample> for Batch {
    fn from_iter<I: IntoIterator<Item = Sample>>(samples: I) -> Self {
        let mut batch = Self::default();
        for sample in samples {
            match sample {
                Sample::Automatic(dataset, sample) => batch.automatic.push((dataset, sample)),
                Sample::Prompted(sample) => batch.prompted.push(sample),
            }
        }
        batch
            .automatic
            .sort_by_key(|(_, sample)| sample.is_refined());
        batch
    }
}

/// One sample of either path.
enum Sample {
    Automatic(String, AutomaticSample),
    Prompted(PromptedSample),
}

/// The samples of a step: they depend on the seed and the step alone.
pub(super) fn draw(config: &TrainConfig, cases: &Cases, step: usize) -> Result<Batch, TrainError> {
    let batch = config.schedule.batch;
    let draw = |index: usize| {
        let mut rng = random(config, (step * batch + index) as u64);
        draw_one(&mut rng, config, cases)
    };
    (0..batch)
        .into_par_iter()
        .map(draw)
        .collect::<Result<Vec<_>, _>>()
        .map(Batch::from_iter)
}

/// Random numbers that depend on the recipe's seed and on `stream` alone.
pub(super) fn random(config: &TrainConfig, stream: u64) -> ChaCha8Rng {
    random_of(config.schedule.seed, stream)
}

/// Random numbers that depend on these two alone.
pub(super) fn random_of(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

fn draw_one(
    rng: &mut ChaCha8Rng,
    config: &TrainConfig,
    cases: &Cases,
) -> Result<Sample, TrainError> {
    loop {
        let mut left = rng.random::<f64>();
        for (name, share) in &config.mix.automatic {
            if left < *share {
                let dataset = cases.dataset(name)?;
                let sample = automatic::sample(rng, dataset, &config.structures);
                return Ok(Sample::Automatic(name.clone(), sample));
            }
            left -= share;
        }
        let sample = prompted::sample(rng, &config.mix, cases, left)?;
        if let Some(sample) = sample {
            return Ok(Sample::Prompted(sample));
        }
    }
}
