//! 3DSAM-adapter's training with clicks.

use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::checkpoint::Loader;
use crate::models::losses::{DiceCe, dice_ce, dice_per_class, one_hot};
use crate::models::threedsam::{
    DecoderConfig, NetConfig, PromptConfig, ThreedsamConfig, ThreedsamNet, ThreedsamSettings,
};
use crate::models::trace::Trace;
use crate::train::TrainError;
use crate::train::driver::RunState;
use crate::train::published::Trained;

use super::crops::{Variation, choosing_clicks, training_clicks};
use super::fit::{CropTask, linear_rate, optimizer};
use super::start::{StartingEncoder, trains};
use super::{VolumeSetup, tensors};

/// Longest gradient of each part.
const LONGEST: f64 = 1.0;
/// Probability from which a voxel is the target.
const THRESHOLD: f32 = 0.5;

/// Trains; the epoch with the lowest Dice loss on crops of the choosing scans is kept.
///
/// # Errors
/// A bad encoder, a job asked to stop.
pub(super) fn train(setup: &VolumeSetup<'_>) -> Result<Trained, TrainError> {
    let (Some(start), Some(sizes)) = (&setup.recipe.encoder, &setup.recipe.network) else {
        unreachable!("the recipe was checked to have both");
    };
    let start_trained = start.trained;
    let start = StartingEncoder::of(start, sizes)?;
    let config = ThreedsamConfig {
        net: NetConfig {
            encoder: start.config,
            decoder: DecoderConfig {
                mla_channels: sizes.channels,
                mlahead_channels: sizes.head_channels,
                num_classes: setup.classes,
            },
            wiring: sizes.wiring.unwrap_or_default(),
            crop: setup.recipe.crops.side,
        },
        prompt: Some(PromptConfig {
            embedding_dim: sizes.channels,
            mlp_dim: sizes.prompt_width.max(1),
            ..PromptConfig::published()
        }),
    };
    config.check().map_err(ModelError::Unsupported)?;
    let autodiff = setup.device().clone().autodiff();
    let loader = Loader::new(start.weights, &autodiff)
        .with_fresh(setup.recipe.schedule.seed, |_| true)
        .with_trainable(trains(start_trained));
    let net = ThreedsamNet::load(&loader.root(), &config);
    let entries = loader
        .finish("3DSAM-adapter", |_| false)
        .map_err(ModelError::from)?;
    let off = Trace::off();
    let task = CropTask {
        setup,
        rate: linear_rate,
        longest: LONGEST,
        loss: |net: &ThreedsamNet, scan: usize, _: usize, rng: &mut ChaCha8Rng| {
            let crop = setup.crop(scan, &Variation::THREEDSAM, rng);
            let clicks = training_clicks(&crop.classes, rng);
            let (image, labels) = tensors(&crop, &autodiff);
            let logits = net.decode(&net.encode(image, &off), &clicks, &off);
            dice_ce(logits, labels, DiceCe::TARGET)
        },
        score: |net: &ThreedsamNet| -> Result<f64, TrainError> {
            Ok(setup.mean_over_crops(|crop, rng| {
                let clicks = choosing_clicks(&crop.classes, rng);
                let (image, labels) = tensors(crop, setup.device());
                let logits = net.decode(&net.encode(image, &off), &clicks, &off);
                let targets = one_hot(labels, setup.classes);
                dice_per_class(logits, targets)
                    .narrow(0, 1, setup.classes - 1)
                    .mean()
            }))
        },
    };
    let weights = setup.run(RunState::fresh(net, entries, optimizer()), &task)?;
    let settings = ThreedsamSettings {
        volume: setup.settings.clone(),
        threshold: THRESHOLD,
        network: config,
    };
    Trained::new(weights, &settings)
}
