//! What a batch teaches: losses of both paths, and their gradients.

use burn::module::Module;
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::models::prosector1::prompt_channels::{self, RegionPrompts};
use crate::models::prosector1::region::SIDE;
use crate::models::prosector1::{ImageEmbedding, ProsectorNet};
use crate::util::{Cancelled, JobContext};

use super::answered::AnsweredSample;
use super::automatic::AutomaticSample;
use super::batch::{Batch, random};
use super::config::{Learner, TrainConfig};
use super::driver::Learnt;
use super::giving_way::side_by_side;
use super::losses::{CrossEntropy, image_tensors, mask_losses, region_tensor};
use super::prompted::PromptedSample;
use super::user;

/// A prompted target fills much of its region.
const TARGET: CrossEntropy = CrossEntropy {
    target_weight: 1.0,
    weight: 1.0,
};

/// What the samples of step `step` teach `learner`, group by group; up to `at_once` of a kind go through the network
/// together. `own` makes each group its own copy of what learns, and the network that it learns through: parameters
/// shared in the autodiff graph would make all groups wait for each other.
///
/// # Errors
/// Cancelled.
pub(super) fn learn<M: Module + Sync>(
    learner: &M,
    own: impl Fn(&M) -> (M, ProsectorNet) + Sync,
    batch: &Batch,
    config: &TrainConfig,
    (step, at_once): (usize, usize),
    ctx: &JobContext,
) -> Result<Vec<GroupLearnt>, Cancelled> {
    let alike = batch
        .automatic
        .chunk_by(|(_, a), (_, b)| a.is_refined() == b.is_refined());
    let automatic = alike.flat_map(|samples| samples.chunks(at_once).map(SampleGroup::Automatic));
    let prompted = batch.prompted.chunks(at_once).map(SampleGroup::Prompted);
    let groups: Vec<SampleGroup<'_>> = automatic.chain(prompted).collect();
    side_by_side(&groups, ctx, |index, group| {
        let rng = random(config, u64::MAX - (step << 16 | index) as u64);
        let (learner, net) = own(learner);
        group.learn(&learner, &net, config, rng)
    })
}

/// Samples of one kind that go through the network together.
enum SampleGroup<'a> {
    Automatic(&'a [(String, AutomaticSample)]),
    Prompted(&'a [PromptedSample]),
}

/// What a group of a batch teaches.
pub(super) struct GroupLearnt {
    /// Its share in the gradients and in the loss of the batch.
    pub learnt: Learnt,
    /// For the progress line.
    pub seen: Vec<Seen>,
}

/// What a sample shows: the loss on a dataset without prompts, or the Dice of the first and of the last answer.
pub(super) enum Seen {
    Automatic(String, f32),
    Prompted { first: f32, last: f32 },
}

impl SampleGroup<'_> {
    fn learn<M: Module>(
        &self,
        learner: &M,
        net: &ProsectorNet,
        config: &TrainConfig,
        rng: ChaCha8Rng,
    ) -> GroupLearnt {
        let (losses, seen) = match self {
            Self::Automatic(samples) => automatic_losses(net, samples, config),
            Self::Prompted(samples) => prompted_losses(net, samples, rng),
        };
        let loss = losses.sum() / config.schedule.batch as f64;
        GroupLearnt {
            learnt: Learnt::of(&loss, learner),
            seen,
        }
    }
}

/// A loss per sample, all of them refined or none: the mean over the structures known there.
fn automatic_losses(
    net: &ProsectorNet,
    samples: &[(String, AutomaticSample)],
    config: &TrainConfig,
) -> (Tensor<1>, Vec<Seen>) {
    let device = net.devices().remove(0);
    let inputs = || samples.iter().map(|(_, sample)| sample);
    let (image, inside) = image_tensors(inputs().map(|s| &s.image), &device);
    let targets = Targets::of(inputs(), &device);
    let loss = |logits| targets.losses(logits, &inside, config.structure_loss);
    let embedding = net.encode(image);
    let first = net.first_answer(&embedding);
    let trust: Option<Vec<f32>> = inputs().map(|s| s.trust).collect();
    let losses = match (trust, config.learner) {
        (None, _) => loss(first),
        (Some(trust), Learner::Refiner) => loss(refined(net, &embedding, first, trust)),
        // Where it is not trusted, nothing else would teach the first answer.
        (Some(trust), Learner::Network) => {
            let refined = refined(net, &embedding, first.clone(), trust);
            (loss(refined) + loss(first)) / 2.0
        }
    };
    let dims = losses.dims();
    let weights: Vec<f32> = inputs().flat_map(|s| equal_weights(&s.known)).collect();
    let weights: Tensor<2> = Tensor::from_data(TensorData::new(weights, dims), &device);
    let losses: Tensor<1> = (losses * weights).sum_dim(1).reshape([dims[0]]);
    let shown = losses.clone().into_data();
    let seen = samples.iter().zip(shown.iter::<f32>());
    let seen = seen.map(|((dataset, _), loss)| Seen::Automatic(dataset.clone(), loss));
    (losses, seen.collect())
}

/// What answers to samples are held against.
struct Targets {
    truth: Tensor<5>,
    /// A teacher's answers, and `[samples, 1]` their shares in the loss.
    answered: Option<(Tensor<5>, Tensor<2>)>,
}

impl Targets {
    fn of<'a>(samples: impl Iterator<Item = &'a AutomaticSample> + Clone, device: &Device) -> Self {
        let answered: Option<Vec<&AnsweredSample>> =
            samples.clone().map(|s| s.answered.as_ref()).collect();
        let answered = answered.map(|answered| {
            let shares: Vec<f32> = answered.iter().map(|a| a.share).collect();
            let shares = TensorData::new(shares, [answered.len(), 1]);
            (
                region_tensor(answered.iter().map(|a| a.coverage.as_slice()), device),
                Tensor::from_data(shares, device),
            )
        });
        Self {
            truth: region_tensor(samples.map(|s| s.truth.as_slice()), device),
            answered,
        }
    }

    /// Of each sample and structure, as [`mask_losses`]; where a teacher answered, the truth's loss and the answer's by
    /// their shares.
    fn losses(
        &self,
        logits: Tensor<5>,
        inside: &Tensor<5>,
        cross_entropy: CrossEntropy,
    ) -> Tensor<2> {
        let of = |logits, target: &Tensor<5>| {
            mask_losses(logits, target.clone(), inside.clone(), cross_entropy)
        };
        match &self.answered {
            None => of(logits, &self.truth),
            Some((answer, share)) => {
                let drawn = of(logits.clone(), &self.truth) * (-share.clone() + 1.0);
                drawn + of(logits, answer) * share.clone()
            }
        }
    }
}

/// Logits of the structures, refined with each sample's own trust in the first answer.
fn refined(
    net: &ProsectorNet,
    embedding: &ImageEmbedding,
    first: Tensor<5>,
    trust: Vec<f32>,
) -> Tensor<5> {
    let trust = TensorData::new(trust, [first.dims()[0], 1, 1, 1, 1]);
    let trust = Tensor::from_data(trust, &first.device());
    net.refined(embedding, first, trust)
}

/// One over their number for the known ones, 0 for the others.
fn equal_weights(known: &[bool]) -> Vec<f32> {
    let count = known.iter().filter(|&&k| k).count().max(1) as f32;
    known
        .iter()
        .map(|&k| f32::from(u8::from(k)) / count)
        .collect()
}

/// A loss per sample, over the answer to the first prompts and the last answer that the user asks for. Each correction is
/// made on the answer before it, which is handed over as the previous mask; answers between teach nothing themselves.
fn prompted_losses(
    net: &ProsectorNet,
    samples: &[PromptedSample],
    mut rng: ChaCha8Rng,
) -> (Tensor<1>, Vec<Seen>) {
    let device = net.devices().remove(0);
    let (image, inside) = image_tensors(samples.iter().map(|s| &s.image), &device);
    let truth = region_tensor(samples.iter().map(|s| s.truth.as_slice()), &device);
    let loss = |logits| mask_losses(logits, truth.clone(), inside.clone(), TARGET);
    let embedding = net.encode(image);
    let mut dialogue = Dialogue::new(samples);
    let first = net.prompted(&embedding, dialogue.channels(&device));
    let first_dice = dialogue.correct(&mut rng, &first);
    let rounds = samples.iter().map(|s| s.rounds).max().unwrap_or(1);
    let (plain, known) = (net.valid(), embedding.clone().detached());
    for _ in 2..rounds {
        let between = plain.prompted(&known, dialogue.channels(&known.image.device()));
        dialogue.correct(&mut rng, &between);
    }
    let last = net.prompted(&embedding, dialogue.channels(&device));
    let last_dice = dialogue.correct(&mut rng, &last);
    let seen = first_dice.into_iter().zip(last_dice);
    let seen = seen.map(|(first, last)| Seen::Prompted { first, last });
    let weights: Vec<f32> = samples.iter().map(|s| s.weight).collect();
    let weights = TensorData::new(weights, [samples.len()]);
    let losses = (loss(first) + loss(last)) / 2.0;
    let losses: Tensor<1> = losses.reshape([samples.len()]);
    (losses * Tensor::from_data(weights, &device), seen.collect())
}

/// What users and network tell each other of some samples.
struct Dialogue<'a> {
    samples: &'a [PromptedSample],
    intensities: Vec<Vec<f32>>,
    prompts: Vec<RegionPrompts>,
}

impl<'a> Dialogue<'a> {
    fn new(samples: &'a [PromptedSample]) -> Self {
        Self {
            samples,
            intensities: samples.iter().map(|s| s.image.intensity()).collect(),
            prompts: samples.iter().map(|s| s.prompts.clone()).collect(),
        }
    }

    /// All prompts so far, drawn: `[samples, d, h, w, PROMPT_CHANNELS]`.
    fn channels(&self, device: &Device) -> Tensor<5> {
        let drawn: Vec<Vec<f32>> = self
            .samples
            .par_iter()
            .zip(&self.intensities)
            .zip(&self.prompts)
            .map(|((s, intensity), p)| prompt_channels::draw(p, intensity, &s.image.inside))
            .collect();
        region_tensor(drawn.iter().map(Vec::as_slice), device)
    }

    /// The users correct answers, logits `[samples, d, h, w, 1]`. Returns the answers' Dice.
    fn correct(&mut self, rng: &mut ChaCha8Rng, logits: &Tensor<5>) -> Vec<f32> {
        let probability = sigmoid(logits.clone()).into_data();
        let probability: Vec<f32> = probability.iter::<f32>().collect();
        self.samples
            .iter()
            .zip(&mut self.prompts)
            .zip(probability.chunks_exact(SIDE.pow(3)))
            .map(|((s, prompts), answer)| user::correct(rng, &s.truth, prompts, answer))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_teacher_answered_both_losses_count_by_their_shares() {
        let device = Device::flex();
        let voxels = SIDE.pow(3);
        let of_three = |value: &dyn Fn(usize) -> f32| {
            let one: Vec<f32> = (0..voxels).map(value).collect();
            region_tensor([one.as_slice(); 3], &device)
        };
        let truth = of_three(&|v| f32::from(u8::from(v < voxels / 2)));
        let answer = of_three(&|v| if v < voxels / 4 { 0.0 } else { 0.75 });
        let logits = of_three(&|v| (v % 7) as f32 - 3.0);
        let inside = of_three(&|_| 1.0);
        let shares = Tensor::from_data(TensorData::new(vec![0.0f32, 0.5, 1.0], [3, 1]), &device);
        let targets = Targets {
            truth: truth.clone(),
            answered: Some((answer.clone(), shares)),
        };
        let values = |losses: Tensor<2>| losses.into_data().iter::<f32>().collect::<Vec<_>>();
        let of = |target| values(mask_losses(logits.clone(), target, inside.clone(), TARGET));
        let (drawn, answered) = (of(truth), of(answer));
        assert!((drawn[0] - answered[0]).abs() > 0.01);
        let mixed = values(targets.losses(logits.clone(), &inside, TARGET));
        assert_eq!((mixed[0], mixed[2]), (drawn[0], answered[2]));
        assert!((mixed[1] - (drawn[1] + answered[1]) / 2.0).abs() < 1e-6);
    }
}
