//! Networks that look at crops of a volume, as in their authors' training: 3DSAM-adapter without prompts, and AutoProSAM.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::checkpoint::{CheckpointError, Loader, WeightMap};
use crate::models::taught::classes::{output_of, wanted};
use crate::models::volumes::{LabelledVolume, VolumeSettings, crop_tensor};
use crate::train::TrainError;
use crate::train::volumes::crops::{self, Crop, Variation};
use crate::volume::{LabelMap, VolumeArray};

use super::super::methods::Role;
use super::super::teacher::Learned;
use super::course::{Attending, Course, Wanted};
use super::{Pupil, Setup};

/// Values of what was drawn, and of what a teacher answered, in one map of both.
const DRAWN: u16 = 1;
const ANSWERED: u16 = 2;

/// Nothing is mirrored or turned: few cases are of few bodies, and what lies on one side of them is not on the other.
const VARIATION: Variation = Variation {
    flip: 0.0,
    turn: 0.0,
    jitter: 0.1,
    ..Variation::AUTOPROSAM
};

/// All of such a network may learn but the tables of positions; the decoder and what writes its prompt stand around the
/// encoder.
pub(super) fn role(name: &str, _all: &WeightMap, _finds: bool) -> Option<Role> {
    let is_left = ["pos_embed", "rel_pos", "depth_embed", ".attn.lr"];
    (!is_left.iter().any(|part| name.contains(part))).then(|| Role {
        normalises: name.contains("norm"),
        answers: name.starts_with("decoder_dict.cls.3."),
        surrounds: !name.starts_with("encoder_dict."),
    })
}

/// The logits `[1, classes, ..]` of a crop `[1, 1, ..]`, of the network that a loader gives.
pub(super) trait Answers:
    Fn(Loader, Tensor<5>) -> Result<Tensor<5>, CheckpointError> + Sync
{
}
impl<F: Fn(Loader, Tensor<5>) -> Result<Tensor<5>, CheckpointError> + Sync> Answers for F {}

/// What learns through a network that answers for crops of `side`.
///
/// # Errors
/// Nothing to learn from, a job asked to stop.
pub(super) fn pupil<'a>(
    setup: Setup<'a>,
    (settings, side): (VolumeSettings, usize),
    answers: impl Answers + 'a,
) -> Result<Box<dyn Pupil + 'a>, TrainError> {
    let structure = wanted(setup.structure, setup.base)?;
    let mut volumes = Vec::new();
    for learned in setup.cases {
        setup.ctx.check()?;
        volumes.push(volume_of(learned, &settings));
    }
    if volumes.is_empty() {
        return Err(TrainError::NothingToLearn);
    }
    let course = VolumeCourse {
        answers,
        weights: setup.start,
        output: output_of(setup.base, structure),
        settings,
        side,
        volumes,
        device: setup.device,
    };
    Ok(Box::new(Attending { course, setup }))
}

/// A case before the network, and the share of a teacher's answers in its loss.
fn volume_of(learned: &Learned<'_>, settings: &VolumeSettings) -> (LabelledVolume, Option<f32>) {
    let mut labels = LabelMap::empty(*learned.case.image.grid());
    for (label, inside) in labels.voxels.iter_mut().zip(learned.targets()) {
        *label = if inside { DRAWN } else { 0 };
    }
    let share = learned.beside().map(|(answer, share)| {
        for (label, inside) in labels.voxels.iter_mut().zip(answer.voxels) {
            *label |= if inside == 1 { ANSWERED } else { 0 };
        }
        share
    });
    let volume = LabelledVolume::of(&learned.case.image, &labels, settings, |v| v);
    (volume, share)
}

struct VolumeCourse<'a, A> {
    answers: A,
    weights: &'a WeightMap,
    output: usize,
    settings: VolumeSettings,
    side: usize,
    volumes: Vec<(LabelledVolume, Option<f32>)>,
    device: &'a Device,
}

impl<A: Answers> Course for VolumeCourse<'_, A> {
    type Sample = (VolumeArray, Wanted);

    fn sample(&self, _at: usize, rng: &mut ChaCha8Rng) -> Self::Sample {
        let (volume, share) = &self.volumes[rng.random_range(0..self.volumes.len())];
        let intensity = &self.settings.intensity;
        let Crop { image, classes } = crops::draw(volume, self.side, intensity, &VARIATION, rng);
        let mask = |bit: u16| VolumeArray {
            dims: classes.dims,
            values: classes
                .values
                .iter()
                .map(|&v| f32::from(u8::from(v as u16 & bit != 0)))
                .collect(),
        };
        let wanted = Wanted {
            drawn: mask(DRAWN),
            answer: share.map(|share| (mask(ANSWERED), share)),
        };
        (image, wanted)
    }

    fn loss(
        &self,
        (image, wanted): &Self::Sample,
        increments: HashMap<String, Tensor<2>>,
    ) -> Result<Tensor<1>, TrainError> {
        let loader = Loader::new(self.weights.clone(), self.device)
            .with_trainable(|_| false)
            .with_increments(increments);
        let logits = (self.answers)(loader, crop_tensor(image, self.device));
        let logits = logits.map_err(ModelError::from)?;
        Ok(wanted.loss(logits.permute([0, 2, 3, 4, 1]), self.output))
    }
}
