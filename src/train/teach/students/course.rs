//! What students have in common whose networks tell one structure from all else, sample by sample.

use std::collections::HashMap;

use burn::module::Module as _;
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;

use crate::train::TrainError;
use crate::train::batch::random_of;
use crate::train::driver::Learnt;
use crate::train::giving_way::{meanwhile, side_by_side};
use crate::train::losses::{CrossEntropy, mask_losses};
use crate::volume::VolumeArray;

use super::super::increments::Increments;
use super::{Pupil, Setup};

/// Cross-entropy and Dice count alike, as in nnU-Net's own training.
const LOSS: CrossEntropy = CrossEntropy {
    target_weight: 1.0,
    weight: 1.0,
};

/// A network that learns from samples.
pub(super) trait Course: Sync {
    /// What it is shown, and what it should answer.
    type Sample: Send + Sync;

    /// The `at`th sample of a step.
    fn sample(&self, at: usize, rng: &mut ChaCha8Rng) -> Self::Sample;

    /// The loss of a sample, of the network with these increments, by the names of its weights.
    ///
    /// # Errors
    /// Weights that do not fit, what was kept of a sample and cannot be read.
    fn loss(
        &self,
        sample: &Self::Sample,
        increments: HashMap<String, Tensor<2>>,
    ) -> Result<Tensor<1>, TrainError>;
}

/// A course, and what it is taken for.
pub(super) struct Attending<'a, C> {
    pub course: C,
    pub setup: Setup<'a>,
}

impl<C: Course> Pupil for Attending<'_, C> {
    fn learn(&self, increments: &Increments, step: usize) -> Result<Learnt, TrainError> {
        let Setup { ctx, schedule, .. } = self.setup;
        let batch = schedule.batch;
        let sample = |at: usize| {
            let mut rng = random_of(schedule.seed, (step * batch + at) as u64);
            self.course.sample(at, &mut rng)
        };
        let draw = || -> Vec<C::Sample> { (0..batch).map(sample).collect() };
        let samples = meanwhile(ctx, draw)?;
        let learnt = side_by_side(&samples, ctx, |_, sample| {
            self.learn_from(increments, sample)
        })?;
        let parts = learnt.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Learnt::summed(parts, increments))
    }
}

impl<C: Course> Attending<'_, C> {
    /// What a sample teaches, by a copy of the increments of its own: what is shared in the graph has threads wait.
    fn learn_from(
        &self,
        increments: &Increments,
        sample: &C::Sample,
    ) -> Result<Learnt, TrainError> {
        let increments = increments.valid().train();
        let own = self.setup.plan.of_weights(&increments);
        let loss = self.course.loss(sample, own)? / self.setup.schedule.batch as f64;
        Ok(Learnt::of(&loss, &increments))
    }
}

/// What a network should answer, in masks of 1 inside.
pub(super) struct Wanted {
    pub drawn: VolumeArray,
    /// What a teacher answered beside that, with its share in the loss.
    pub answer: Option<(VolumeArray, f32)>,
}

impl Wanted {
    /// The masks changed alike.
    pub fn map(self, change: impl Fn(VolumeArray) -> VolumeArray) -> Self {
        Self {
            answer: self.answer.map(|(mask, share)| (change(mask), share)),
            drawn: change(self.drawn),
        }
    }

    /// The loss of logits `[b, d, h, w, outputs]`, of which one stands for the structure and the others for all else; the
    /// arrays hold as many voxels, in the same order.
    pub fn loss(&self, logits: Tensor<5>, output: usize) -> Tensor<1> {
        let [b, d, h, w, _] = logits.dims();
        let device: Device = logits.device();
        let logits = against_others(logits, output);
        let inside = Tensor::<5>::ones(logits.dims(), &device);
        let of = |target: &VolumeArray| {
            let target = TensorData::new(target.values.clone(), [b, d, h, w, 1]);
            let target = Tensor::<5>::from_data(target, &device);
            mask_losses(logits.clone(), target, inside.clone(), LOSS).mean()
        };
        let drawn = of(&self.drawn);
        match &self.answer {
            None => drawn,
            Some((answer, share)) => drawn * (1.0 - share) + of(answer) * *share,
        }
    }
}

/// Of logits `[b, d, h, w, outputs]` by how much one output outweighs all others together, `[b, d, h, w, 1]`: the logit of
/// its probability, which one alone is by itself.
fn against_others(logits: Tensor<5>, output: usize) -> Tensor<5> {
    let outputs = logits.dims()[4];
    if outputs == 1 {
        return logits;
    }
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
