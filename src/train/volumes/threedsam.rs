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

use super::crops::{Variation, choosing_clicks, training_clicks};
use super::fit::{CropLesson, linear_rate, optimizer};
use super::start::{StartingEncoder, trains};
use super::{Run, Trained, table, tensors};

/// Longest gradient of each part.
const LONGEST: f64 = 1.0;
/// Probability from which a voxel is the target.
const THRESHOLD: f32 = 0.5;

/// Trains; the epoch with the lowest Dice loss on crops of the choosing scans is kept.
///
/// # Errors
/// A bad encoder, a job asked to stop.
pub(super) fn train(run: &Run<'_>) -> Result<Trained, TrainError> {
    let (Some(start), Some(sizes)) = (&run.recipe.encoder, &run.recipe.network) else {
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
                num_classes: run.classes,
            },
            wiring: sizes.wiring.unwrap_or_default(),
            crop: run.recipe.crops.side,
        },
        prompt: Some(PromptConfig {
            embedding_dim: sizes.channels,
            mlp_dim: sizes.prompt_width.max(1),
            ..PromptConfig::published()
        }),
    };
    config.check().map_err(ModelError::Unsupported)?;
    let autodiff = run.device.clone().autodiff();
    let loader = Loader::new(start.weights, &autodiff)
        .with_fresh(run.recipe.schedule.seed, |_| true)
        .with_trainable(trains(start_trained));
    let net = ThreedsamNet::load(&loader.root(), &config);
    let entries = loader
        .finish("3DSAM-adapter", |_| false)
        .map_err(ModelError::from)?;
    let off = Trace::off();
    let lesson = CropLesson {
        run,
        rate: linear_rate,
        longest: LONGEST,
        loss: |net: &ThreedsamNet, scan: usize, _: usize, rng: &mut ChaCha8Rng| {
            let crop = run.crop(scan, &Variation::THREEDSAM, rng);
            let clicks = training_clicks(&crop.classes, rng);
            let (image, labels) = tensors(&crop, &autodiff);
            let logits = net.decode(&net.encode(image, &off), &clicks, &off);
            dice_ce(logits, labels, DiceCe::TARGET)
        },
        score: |net: &ThreedsamNet| -> Result<f64, TrainError> {
            Ok(run.mean_over_crops(|crop, rng| {
                let clicks = choosing_clicks(&crop.classes, rng);
                let (image, labels) = tensors(crop, &run.device);
                let logits = net.decode(&net.encode(image, &off), &clicks, &off);
                let targets = one_hot(labels, run.classes);
                dice_per_class(logits, targets)
                    .narrow(0, 1, run.classes - 1)
                    .mean()
            }))
        },
    };
    let weights = run.course().run(net, entries, optimizer(), &lesson)?;
    let settings = ThreedsamSettings {
        volume: run.settings.clone(),
        threshold: THRESHOLD,
        network: config,
    };
    Ok(Trained {
        weights,
        config: table(&settings)?,
    })
}
