//! AutoProSAM's training.

use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::autoprosam::{
    AutoProSamConfig, AutoProSamNet, AutoProSamSettings, GeneratorConfig,
};
use crate::models::checkpoint::Loader;
use crate::models::losses::{DiceCe, dice_ce};
use crate::models::threedsam::{DecoderConfig, NetConfig, Wiring};
use crate::models::trace::Trace;
use crate::train::TrainError;
use crate::train::driver::RunState;
use crate::train::published::Trained;

use super::crops::Variation;
use super::fit::{CropTask, optimizer, warm_rate};
use super::start::{StartingEncoder, trains};
use super::{VolumeSetup, tensors};

/// Longest gradient of each part.
const LONGEST: f64 = 1.0;

/// Trains; the epoch with the highest Dice on the whole choosing scans, the background included, is kept.
///
/// # Errors
/// A bad encoder, a job asked to stop.
pub(super) fn train(setup: &VolumeSetup<'_>) -> Result<Trained, TrainError> {
    let (Some(start), Some(sizes)) = (&setup.recipe.encoder, &setup.recipe.network) else {
        unreachable!("the recipe was checked to have both");
    };
    let start_trained = start.trained;
    let start = StartingEncoder::of(start, sizes)?;
    let side = start.config.position_side() / 2;
    let config = AutoProSamConfig {
        apg: GeneratorConfig {
            in_ch: sizes.channels,
            base_ch: sizes.generator_channels.max(1),
            num_classes: sizes.channels,
            scale: GeneratorConfig::scales(side),
        },
        net: NetConfig {
            encoder: start.config,
            decoder: DecoderConfig {
                mla_channels: sizes.channels,
                mlahead_channels: sizes.head_channels,
                num_classes: setup.classes,
            },
            wiring: sizes.wiring.unwrap_or(Wiring::PromptOnShallowest),
            crop: setup.recipe.crops.side,
        },
    };
    config.net.check().map_err(ModelError::Unsupported)?;
    let autodiff = setup.device().clone().autodiff();
    let loader = Loader::new(start.weights, &autodiff)
        .with_fresh(setup.recipe.schedule.seed, |_| true)
        .with_trainable(trains(start_trained));
    let net = AutoProSamNet::load(&loader.root(), &config);
    let entries = loader
        .finish("AutoProSAM", |_| false)
        .map_err(ModelError::from)?;
    let off = Trace::off();
    let task = CropTask {
        setup,
        rate: warm_rate,
        longest: LONGEST,
        loss: |net: &AutoProSamNet, scan: usize, _: usize, rng: &mut ChaCha8Rng| {
            let crop = setup.crop(scan, &Variation::AUTOPROSAM, rng);
            let (image, labels) = tensors(&crop, &autodiff);
            dice_ce(net.forward(image, &off), labels, DiceCe::ALL_CLASSES)
        },
        score: |net: &AutoProSamNet| setup.mean_over_scans(|crop| net.forward(crop, &off)),
    };
    let weights = setup.run(RunState::fresh(net, entries, optimizer()), &task)?;
    let settings = AutoProSamSettings {
        volume: setup.settings.clone(),
        network: config,
    };
    Trained::new(weights, &settings)
}
