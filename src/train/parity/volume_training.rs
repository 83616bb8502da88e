//! Recorded training steps of the volume networks.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, Tensor};

use crate::models::autoprosam::AutoProSamNet;
use crate::models::checkpoint::{HostTensor, Loader, ParamEntry};
use crate::models::losses::{DiceCe, dice_ce};
use crate::models::threedsam::{ThreedsamNet, canonical, is_trained};
use crate::models::trace::Trace;
use crate::train::clipping::clip_parts;

use super::parameters::{compare_gradients, values_by_name};
use super::volume_nets::{autoprosam_config, points, threedsam_config};
use super::{Check, Fixture, Kind, Limit, ParityError};

const WHOLE: f64 = 1e-4;
/// Of the length of a module's gradients.
const LENGTH: f64 = 1e-3;
/// A gradient that is 0 but for rounding.
const NOTHING: f64 = 1e-7;
/// A first step of Adam is as long as the learning rate whatever the gradient, whose sign is noise below this.
const LEAST_GRADIENT: f32 = 1e-5;

pub(super) const KINDS: &[Kind] = &[
    ("3dsam_train_step", threedsam_step),
    ("autoprosam_train_step", autoprosam_step),
];

fn threedsam_step(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let device = &device.clone().autodiff();
    let config = threedsam_config(f)?;
    let loader = Loader::new(canonical(f.weights("w/")), device).with_trainable(is_trained);
    let net = ThreedsamNet::load(&loader.root(), &config);
    let entries = loader.finish("3DSAM-adapter", |_| false)?;
    let clicks = if config.prompt.is_some() {
        points(f, "in/points")?
    } else {
        Vec::new()
    };
    let off = Trace::off();
    let features = net.encode(f.tensor("in/img", device)?, &off);
    let logits = net.decode(&features, &clicks, &off);
    let labels: Tensor<4> = f.tensor("in/seg", device)?;
    let loss = dice_ce(logits.clone(), labels.unsqueeze_dim(1), DiceCe::TARGET);
    let lengths: BTreeMap<String, f64> = f.setting("/grad_norm_pre_clip")?;
    let step = Step {
        rate: f.setting("/lr")?,
        longest: f.setting("/clip")?,
        lengths,
    };
    check.tensor(f, "out/logits", logits, WHOLE)?;
    step.run(f, check, (net, &entries), loss)
}

fn autoprosam_step(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let device = &device.clone().autodiff();
    let config = autoprosam_config(f)?;
    let loader = Loader::new(canonical(f.weights("w/")), device).with_trainable(is_trained);
    let net = AutoProSamNet::load(&loader.root(), &config);
    let entries = loader.finish("AutoProSAM", |_| false)?;
    let logits = net.forward(f.tensor("in/img", device)?, &Trace::off());
    let loss = dice_ce(
        logits.clone(),
        f.tensor("in/label", device)?,
        DiceCe::ALL_CLASSES,
    );
    let recorded: BTreeMap<String, f64> = f.setting("/grad_norms")?;
    let names = [
        ("encoder", "encoder_dict"),
        ("decoder", "decoder_dict"),
        ("prompt", "feature_dict"),
    ];
    let lengths = names
        .iter()
        .filter_map(|(theirs, ours)| Some(((*ours).to_owned(), *recorded.get(*theirs)?)));
    let step = Step {
        rate: f.setting("/lr_used")?,
        longest: f.setting("/clip")?,
        lengths: lengths.collect(),
    };
    check.tensor(f, "out/logits", logits, WHOLE)?;
    step.run(f, check, (net, &entries), loss)
}

struct Step {
    rate: f64,
    longest: f64,
    /// Lengths of the gradients of each part before clipping.
    lengths: BTreeMap<String, f64>,
}

impl Step {
    fn run<M: Module>(
        &self,
        f: &Fixture,
        check: &mut Check,
        (net, entries): (M, &[ParamEntry]),
        loss: Tensor<1>,
    ) -> Result<(), ParityError> {
        check.tensor(f, "out/loss", loss.clone(), WHOLE)?;
        let mut gradients = GradientsParams::from_grads(loss.backward(), &net);
        let recorded: Vec<ParamEntry> = entries.iter().map(|e| as_recorded(f, e)).collect();
        let expected = f.names("grad/").count() as f64;
        check.number(
            "parameters with a gradient",
            expected,
            gradients.len() as f64,
            0.0,
        );
        let zero = without_effect(f);
        compare_gradients(check, f, "grad/", (&net, &recorded), &gradients, &zero)?;
        compare_zero(f, check, &recorded, &gradients, &zero)?;
        let lengths = clip_parts(&net, entries, &mut gradients, self.longest);
        for (part, expected) in &self.lengths {
            let part = part.strip_suffix("/3").unwrap_or(part);
            if let Some(found) = lengths.get(part) {
                let name = format!("length of the gradients of {part}");
                check.number(&name, *expected, *found, LENGTH * expected.max(1.0));
            }
        }
        let mut optimizer = AdamWConfig::new()
            .with_weight_decay(0.0)
            .with_epsilon(1e-8)
            .init();
        let net = optimizer.step(self.rate, net, gradients);
        self.compare_stepped(f, check, &net, &recorded)
    }

    /// Compares the parameters after the step where their gradients say which way they go.
    fn compare_stepped<M: Module>(
        &self,
        f: &Fixture,
        check: &mut Check,
        net: &M,
        entries: &[ParamEntry],
    ) -> Result<(), ParityError> {
        let found = values_by_name(net, entries);
        let names: Vec<String> = f.names("w1/").map(str::to_owned).collect();
        for name in names {
            let plain = &name["w1/".len()..];
            let expected = f.host(&name)?;
            let gradient = f.host(&format!("grad/{plain}"))?;
            let missing = HostTensor::new([0], Vec::new());
            let found = found.get(plain).unwrap_or(&missing);
            let compared = expected.data.iter().zip(&found.data).zip(&gradient.data);
            let values: Vec<f32> = compared
                .map(|((&expected, &found), gradient)| {
                    if gradient.abs() > LEAST_GRADIENT {
                        found
                    } else {
                        expected
                    }
                })
                .collect();
            let limit = Limit::MaxAbs(self.rate * 1e-2);
            check.host(&name, &expected, &found.shape, &values, limit);
        }
        Ok(())
    }
}

/// The parameters whose gradients are 0 but for rounding: a bias of all keys shifts all scores alike.
fn without_effect(f: &Fixture) -> Vec<String> {
    f.names("grad/")
        .filter(|name| name.ends_with("k_proj.bias"))
        .map(|name| name["grad/".len()..].to_owned())
        .collect()
}

fn compare_zero(
    f: &Fixture,
    check: &mut Check,
    entries: &[ParamEntry],
    gradients: &GradientsParams,
    zero: &[String],
) -> Result<(), ParityError> {
    for entry in entries.iter().filter(|entry| zero.contains(&entry.name)) {
        let Some(found) = gradients.get::<1>(entry.id) else {
            continue;
        };
        check.tensor(f, &format!("grad/{}", entry.name), found, NOTHING)?;
    }
    Ok(())
}

/// The parameter under the name that the recording gives it: dictionaries are separated by slashes there, and a prompt
/// encoder may be one of a list.
fn as_recorded(f: &Fixture, entry: &ParamEntry) -> ParamEntry {
    let (part, rest) = entry.name.split_once('.').unwrap_or((&entry.name, ""));
    let listed = format!("{part}/3/{rest}");
    let name = if f.contains(&format!("w/{listed}")) {
        listed
    } else {
        format!("{part}/{rest}")
    };
    ParamEntry {
        name,
        ..entry.clone()
    }
}
