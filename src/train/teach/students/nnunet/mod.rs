//! nnU-Nets: one network learns from windows of the user's scans, which are prepared as for its answers.

mod scan;
mod variation;

use std::collections::HashMap;

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use rand::RngExt as _;

use crate::models::checkpoint::WeightMap;
use crate::models::nnunet::network::UNet;
use crate::models::nnunet::stage::Stage;
use crate::models::nnunet::{Narrowed, narrowed, spacing_of};
use crate::models::trace::Trace;
use crate::models::{ComputeDevice, ModelError};
use crate::train::TrainError;
use crate::train::batch::random_of;
use crate::train::driver::Learnt;
use crate::train::giving_way::{meanwhile, side_by_side};
use crate::train::losses::{CrossEntropy, mask_losses};
use crate::volume::VolumeArray;

use super::super::increments::Increments;
use super::super::methods::{LORA, Role};
use super::{Pupil, Setup, Student};
use scan::{Scan, Window};

pub(super) const STUDENT: Student = Student {
    system: "nnunet",
    batch: 2,
    takes_prompts: false,
    spacing_mm: |base, shown| spacing_of(base, shown.voxel_mm),
    role,
    method: |_cases, _finds| &LORA,
    pupil,
};

/// Voxels of a sample on a processor, at most: more take too long. A GPU is shown whole windows.
const MOST_VOXELS: usize = 1 << 18;
/// Slices of a sample of a network that sees slices, at most.
const MOST_SLICES: usize = 8;
/// Cross-entropy and Dice count alike, as in nnU-Net's own training.
const LOSS: CrossEntropy = CrossEntropy {
    target_weight: 1.0,
    weight: 1.0,
};

/// The part of a network that may stay frozen ends with the last stage of its decoder.
fn role(name: &str, all: &WeightMap, _finds: bool) -> Option<Role> {
    const HEAD: &str = ".decoder.seg_layers.";
    let head = all.names().find_map(|name| name.split_once(HEAD));
    let last = head.and_then(|(_, rest)| rest.split('.').next())?;
    let is_measured = ["running_mean", "running_var", "num_batches_tracked"]
        .iter()
        .any(|kind| name.ends_with(kind));
    (!is_measured).then(|| Role {
        normalises: name.ends_with(".norm.weight") || name.ends_with(".norm.bias"),
        answers: name.contains(HEAD),
        surrounds: name.contains(&format!(".decoder.stages.{last}.")),
    })
}

fn pupil(setup: Setup<'_>) -> Result<Box<dyn Pupil + '_>, TrainError> {
    let structure = setup.structure.ok_or(TrainError::NothingToLearn)?;
    let narrowed = narrowed(setup.base, structure, 1)?;
    let mut scans = Vec::new();
    for learned in setup.cases {
        setup.ctx.check()?;
        scans.push(Scan::of(&narrowed, learned)?);
    }
    if scans.is_empty() {
        return Err(TrainError::NothingToLearn);
    }
    Ok(Box::new(NetPupil {
        weights: setup.start.under(&narrowed.prefix),
        sides: sides(narrowed.stage(), setup.compute),
        narrowed,
        scans,
        setup,
    }))
}

/// Sides of a sample: those of a window, on a processor shorter ones that the network takes too.
fn sides(stage: &Stage, compute: &ComputeDevice) -> [usize; 3] {
    let mut sides = stage.window();
    let multiple = stage.architecture.multiple();
    let size = |sides: [usize; 3]| sides.iter().product::<usize>();
    while compute.kind == "cpu" && size(sides) > MOST_VOXELS {
        // Below two voxels at its deepest there would be nothing to normalise.
        let longer = (0..3).filter(|&d| sides[d] > 2 * multiple[d]);
        let Some(longest) = longer.max_by_key(|&d| sides[d]) else {
            break;
        };
        sides[longest] -= multiple[longest];
    }
    if stage.architecture.flat {
        sides[0] = (MOST_VOXELS / size(sides)).clamp(1, MOST_SLICES);
    }
    sides
}

struct NetPupil<'a> {
    narrowed: Narrowed,
    /// Under the network's own names.
    weights: WeightMap,
    sides: [usize; 3],
    scans: Vec<Scan>,
    setup: Setup<'a>,
}

impl Pupil for NetPupil<'_> {
    fn learn(&self, increments: &Increments, step: usize) -> Result<Learnt, TrainError> {
        let Setup { ctx, schedule, .. } = self.setup;
        let batch = schedule.batch;
        let draw = || -> Vec<Window> { (0..batch).map(|at| self.window(step, at)).collect() };
        let windows = meanwhile(ctx, draw)?;
        let learnt = side_by_side(&windows, ctx, |_, window| {
            self.learn_from(increments, window)
        })?;
        let parts = learnt.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Learnt::summed(parts, increments))
    }
}

impl NetPupil<'_> {
    /// A varied window. Every other one shows the structure, where any scan does: nnU-Net's batches of two have one such.
    fn window(&self, step: usize, at: usize) -> Window {
        let schedule = self.setup.schedule;
        let mut rng = random_of(schedule.seed, (step * schedule.batch + at) as u64);
        let showing: Vec<&Scan> = self.scans.iter().filter(|s| s.shows_target()).collect();
        let scan = match at % 2 == 1 && !showing.is_empty() {
            true => showing[rng.random_range(0..showing.len())],
            false => &self.scans[rng.random_range(0..self.scans.len())],
        };
        let stage = self.narrowed.stage();
        let flat = 3 - stage.patch.len();
        let extent = variation::extent(self.sides, flat, &mut rng);
        let start = scan.start(extent, at % 2 == 1, &mut rng);
        let mirrored: Vec<usize> = stage.mirror_axes.iter().map(|axis| axis + flat).collect();
        let window = scan.window(start, extent).resized(self.sides);
        variation::varied(window, &mirrored, &mut rng)
    }

    /// What a window teaches, by a copy of the increments of its own: what is shared in the graph has threads wait.
    fn learn_from(&self, increments: &Increments, window: &Window) -> Result<Learnt, TrainError> {
        let Setup { plan, device, .. } = self.setup;
        let architecture = &self.narrowed.stage().architecture;
        let increments = increments.valid().train();
        let of_weights = plan.of_weights(&increments).into_iter();
        let own = of_weights.filter_map(|(name, increment)| {
            let name = name.strip_prefix(&self.narrowed.prefix)?;
            Some((name.to_owned(), increment))
        });
        let own: HashMap<String, Tensor<2>> = own.collect();
        let weights = self.weights.clone();
        let net = UNet::with_increments(weights, architecture, device, own);
        let net = net.map_err(ModelError::from)?;
        let tensor = |array: &VolumeArray| {
            let [d, h, w] = array.dims;
            let (batch, depth) = if architecture.flat { (d, 1) } else { (1, d) };
            let data = TensorData::new(array.values.clone(), [batch, depth, h, w, 1]);
            Tensor::<5>::from_data(data, device)
        };
        let logits = net.forward_last(tensor(&window.image), &Trace::off());
        let logits = against_others(logits, self.narrowed.output);
        let inside = Tensor::<5>::ones(logits.dims(), device);
        let of = |target: &VolumeArray| {
            let target = tensor(target);
            mask_losses(logits.clone(), target, inside.clone(), LOSS).mean()
        };
        let drawn = of(&window.drawn);
        let loss = match &window.answer {
            None => drawn,
            Some((answer, share)) => drawn * (1.0 - share) + of(answer) * *share,
        };
        let loss = loss / self.setup.schedule.batch as f64;
        Ok(Learnt::of(&loss, &increments))
    }
}

/// Of logits `[b, d, h, w, outputs]` by how much one output outweighs all others together, `[b, d, h, w, 1]`: the logit of
/// its probability.
fn against_others(logits: Tensor<5>, output: usize) -> Tensor<5> {
    let outputs = logits.dims()[4];
    let runs = [(0, output), (output + 1, outputs - output - 1)].into_iter();
    let others = runs
        .filter(|(_, length)| *length > 0)
        .map(|(first, length)| logits.clone().narrow(4, first, length));
    let others = Tensor::cat(others.collect(), 4);
    let highest = others.clone().max_dim(4).detach();
    let sum = (others - highest.clone()).exp().sum_dim(4);
    logits.narrow(4, output, 1) - sum.log() - highest
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn the_logit_of_an_output_gives_its_softmax() {
        let device = Device::flex();
        let values = [1.0f32, -2.0, 0.5, 80.0, 79.0, 81.0];
        let logits: Tensor<5> =
            Tensor::from_data(TensorData::new(values.to_vec(), [1, 1, 1, 2, 3]), &device);
        for output in 0..3 {
            let found = against_others(logits.clone(), output).into_data();
            let found: Vec<f32> = found.iter::<f32>().collect();
            for (voxel, found) in values.chunks(3).zip(found) {
                let sum: f64 = voxel
                    .iter()
                    .map(|v| f64::from(v - voxel[output]).exp())
                    .sum();
                let expected = (1.0 / (sum - 1.0)).ln();
                assert!(
                    (f64::from(found) - expected).abs() < 1e-4,
                    "{found} {expected}"
                );
            }
        }
    }
}
