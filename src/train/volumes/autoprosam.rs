//! AutoProSAM's training.

use crate::models::ModelError;
use crate::models::autoprosam::{
    AutoProSamConfig, AutoProSamNet, AutoProSamSettings, GeneratorConfig,
};
use crate::models::checkpoint::Loader;
use crate::models::losses::{DiceCe, dice_ce, dice_per_class, one_hot};
use crate::models::threedsam::{DecoderConfig, NetConfig, Wiring, is_trained};
use crate::models::trace::Trace;
use crate::train::TrainError;

use super::crops::Variation;
use super::fit::{Fit, warm_rate};
use super::start::StartingEncoder;
use super::{Run, Trained, table, tensors};

/// Longest gradient of each part.
const LONGEST: f64 = 1.0;

/// Trains; the epoch with the lowest Dice loss on crops of the choosing scans is kept.
///
/// # Errors
/// A bad encoder, a job asked to stop.
pub(super) fn train(run: &Run<'_>) -> Result<Trained, TrainError> {
    let (Some(start), Some(sizes)) = (&run.recipe.encoder, &run.recipe.network) else {
        unreachable!("the recipe was checked to have both");
    };
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
                num_classes: run.classes,
            },
            wiring: sizes.wiring.unwrap_or(Wiring::PromptOnShallowest),
            crop: run.recipe.crops.side,
        },
    };
    config.net.check().map_err(ModelError::Unsupported)?;
    let autodiff = run.device.clone().autodiff();
    let loader = Loader::new(start.weights, &autodiff)
        .with_fresh(run.recipe.schedule.seed, |_| true)
        .with_trainable(is_trained);
    let net = AutoProSamNet::load(&loader.root(), &config);
    let entries = loader
        .finish("AutoProSAM", |_| false)
        .map_err(ModelError::from)?;
    let fit = Fit {
        recipe: run.recipe,
        scans: run.training.len(),
        rate: warm_rate,
        longest: LONGEST,
    };
    let off = Trace::off();
    let weights = fit.run(
        net,
        &entries,
        run.ctx,
        |net, scan, _, rng| {
            let crop = run.crop(scan, &Variation::AUTOPROSAM, rng);
            let (image, labels) = tensors(&crop, &autodiff);
            Ok(dice_ce(
                net.forward(image, &off),
                labels,
                DiceCe::ALL_CLASSES,
            ))
        },
        |net, rng| {
            Ok(run.mean_over_choosing(rng, |crop, _| {
                let (image, labels) = tensors(crop, &run.device);
                dice_per_class(net.forward(image, &off), one_hot(labels, run.classes)).mean()
            }))
        },
    )?;
    let settings = AutoProSamSettings {
        volume: run.settings.clone(),
        network: config,
    };
    Ok(Trained {
        weights,
        config: table(&settings)?,
    })
}
