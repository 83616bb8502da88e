//! AutoSAMs: the head learns from encoded slices.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::autosam::{
    AutoSam, AutoSamConfig, SegmentationHead, narrowed, network_slice, resize_labels, volume_to_png,
};
use crate::models::checkpoint::{HostTensor, Loader, WeightMap};
use crate::models::slices::values;
use crate::models::taught::classes::{output_of, wanted};
use crate::models::trace::Trace;
use crate::train::TrainError;
use crate::volume::ImageVolume;

use super::super::methods::{HEAD, Role};
use super::course::{Attending, Course};
use super::encoded::{Encoder, Slice, slices, without_encoder};
use super::slices::Choice;
use super::{Pupil, Setup, Student};

pub(super) const STUDENT: Student = Student {
    system: "autosam",
    batch: 4,
    takes_prompts: false,
    only_adds: false,
    spacing_mm: |_base, shown| shown.voxel_mm,
    role,
    rates: &[],
    method: |_cases, _finds| &HEAD,
    pupil,
};

/// The encoder stays as it is, and so does what predicts the IoU: the authors train neither.
fn role(name: &str, _all: &WeightMap, _finds: bool) -> Option<Role> {
    let head = name.strip_prefix("mask_decoder.")?;
    let answers = ["final.", "output_hypernetworks_mlps.", "mask_tokens."];
    (!head.starts_with("iou_prediction")).then(|| Role {
        normalises: head.contains("norm"),
        answers: answers.iter().any(|part| head.starts_with(part)),
        surrounds: true,
    })
}

fn pupil(setup: Setup<'_>) -> Result<Box<dyn Pupil + '_>, TrainError> {
    let structure = wanted(setup.structure, setup.base)?;
    let config = narrowed(setup.base, structure)?;
    let loader = Loader::new(setup.start.clone(), setup.device).with_trainable(|_| false);
    let (net, _) = AutoSam::load_with(loader, &config).map_err(ModelError::from)?;
    let encoder = AutoSamEncoder {
        net,
        side: config.input_side,
        device: setup.device,
    };
    let course = AutoSamCourse {
        slices: slices(&setup, &encoder)?,
        weights: without_encoder(setup.start),
        output: output_of(setup.base, structure),
        config,
        device: setup.device,
    };
    Ok(Box::new(Attending { course, setup }))
}

struct AutoSamEncoder<'a> {
    net: AutoSam,
    side: usize,
    device: &'a Device,
}

impl Encoder for AutoSamEncoder<'_> {
    fn grey(&self, image: &ImageVolume) -> Vec<u8> {
        volume_to_png(&values(image))
    }

    fn maps(&self, slice: &[u8], size: [usize; 2]) -> Vec<HostTensor> {
        let side = self.side;
        let slice = network_slice(slice, size, side);
        let slice = TensorData::new(slice, [1, 1, side, side]);
        let slice = Tensor::<4>::from_data(slice, self.device).expand([1, 3, side, side]);
        let embedding = self.net.encode(slice, &Trace::off());
        vec![HostTensor::of(&embedding.squeeze_dim::<3>(0))]
    }

    fn mask(&self, slice: &[u8], size: [usize; 2]) -> Vec<u8> {
        resize_labels(slice, size, self.side)
    }

    fn side(&self) -> usize {
        self.side
    }

    fn choice(&self) -> Choice {
        Choice {
            most: 240,
            others: true,
        }
    }
}

struct AutoSamCourse<'a> {
    config: AutoSamConfig,
    /// Those of the head.
    weights: WeightMap,
    output: usize,
    slices: Vec<Slice>,
    device: &'a Device,
}

impl Course for AutoSamCourse<'_> {
    /// The place of a slice.
    type Sample = usize;

    fn sample(&self, _at: usize, rng: &mut ChaCha8Rng) -> usize {
        rng.random_range(0..self.slices.len())
    }

    fn loss(
        &self,
        slice: &usize,
        increments: HashMap<String, Tensor<2>>,
    ) -> Result<Tensor<1>, TrainError> {
        let slice = &self.slices[*slice];
        let loader = Loader::new(self.weights.clone(), self.device)
            .with_trainable(|_| false)
            .with_increments(increments);
        let head = SegmentationHead::load(&loader.root(), &self.config.head);
        loader
            .finish("AutoSAM", |_| false)
            .map_err(ModelError::from)?;
        let embedding = slice.maps(1, self.device)?.remove(0);
        let found = head.forward_to(embedding, self.config.input_side, &Trace::off());
        let logits = found.logits.permute([0, 2, 3, 1]).unsqueeze_dim(1);
        Ok(slice.wanted.loss(logits, self.output))
    }
}
