//! DeSAMs: the decoder of one structure learns from encoded slices, prompted as it is where the user gives no prompt.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::checkpoint::{HostTensor, Loader, WeightMap};
use crate::models::desam::{
    AutomaticMode, DeSamDecoder, DeSamSettings, ImageFeatures, LossConfig, encoder_input, iou_loss,
    is_unused, narrowed, resize_grey, resize_labels, volume_to_grey,
};
use crate::models::sam::{ImageEncoder, NoAdaptation, Prompts};
use crate::models::slices::values;
use crate::models::taught::classes::wanted;
use crate::models::trace::Trace;
use crate::train::TrainError;
use crate::train::slices::desam::draw_point;
use crate::volume::ImageVolume;

use super::super::methods::{HEAD, Role};
use super::course::{Attending, Course};
use super::encoded::{ENCODER, Encoder, Slice, slices, without_encoder};
use super::slices::Choice;
use super::{Pupil, Setup, Student};

pub(super) const STUDENT: Student = Student {
    system: "desam",
    batch: 4,
    takes_prompts: false,
    only_adds: false,
    spacing_mm: |_base, shown| shown.voxel_mm,
    role,
    rates: &[],
    method: |_cases, _finds| &HEAD,
    pupil,
};

/// Of a point in the structure so many are drawn outside, as the authors do.
const OUTSIDE_POINTS: usize = 1;
const DECODER: &str = "organs.0.mask_decoder.";

/// The authors train the decoder alone. PIMM makes the masks, PRIM what stands between them and the prompt.
fn role(name: &str, _all: &WeightMap, _finds: bool) -> Option<Role> {
    let decoder = name.strip_prefix(DECODER)?;
    (!is_unused(&format!("mask_decoder.{decoder}"))).then(|| Role {
        normalises: decoder.contains("norm"),
        answers: decoder.starts_with("pimm.seg_outputs."),
        surrounds: true,
    })
}

fn pupil(setup: Setup<'_>) -> Result<Box<dyn Pupil + '_>, TrainError> {
    wanted(setup.structure, setup.base)?;
    let settings = narrowed(setup.base)?;
    let loader = Loader::new(setup.start.under(ENCODER), setup.device).with_trainable(|_| false);
    let net = ImageEncoder::load(&loader.root(), &settings.network.encoder);
    loader
        .finish("DeSAM", |_| false)
        .map_err(ModelError::from)?;
    let encoder = DeSamEncoder {
        net,
        settings: &settings,
        device: setup.device,
    };
    let slices = slices(&setup, &encoder)?;
    let course = DeSamCourse {
        slices,
        weights: without_encoder(setup.start),
        settings,
        device: setup.device,
    };
    Ok(Box::new(Attending { course, setup }))
}

struct DeSamEncoder<'a> {
    net: ImageEncoder,
    settings: &'a DeSamSettings,
    device: &'a Device,
}

impl Encoder for DeSamEncoder<'_> {
    fn grey(&self, image: &ImageVolume) -> Vec<u8> {
        volume_to_grey(&values(image))
    }

    fn maps(&self, slice: &[u8], size: [usize; 2]) -> Vec<HostTensor> {
        let network = &self.settings.network;
        let (side, image_side) = (network.mask_side(), network.encoder.image_side);
        let grey = resize_grey(slice, size, side);
        let (mean, std) = (network.pixel_mean, network.pixel_std);
        let (input, _) = encoder_input(&grey, 1, (side, image_side), mean, std);
        let input = TensorData::new(input, [1, 3, image_side, image_side]);
        let input = Tensor::<4>::from_data(input, self.device);
        let blocks = &network.feature_blocks;
        let found = self
            .net
            .forward_with(input, blocks, &NoAdaptation, &Trace::off());
        let features = found.blocks.into_iter().map(|x| x.permute([0, 3, 1, 2]));
        let maps = features.chain([found.embedding]);
        maps.map(|map| HostTensor::of(&map.squeeze_dim::<3>(0)))
            .collect()
    }

    fn mask(&self, slice: &[u8], size: [usize; 2]) -> Vec<u8> {
        resize_labels(slice, size, self.side())
    }

    fn side(&self) -> usize {
        self.settings.network.mask_side()
    }

    /// Features of several blocks are kept of each. Among points, those beside the structure stand for slices without it, as in
    /// the authors' training.
    fn choice(&self) -> Choice {
        Choice {
            most: 80,
            others: self.settings.mode == AutomaticMode::WholeBox,
        }
    }
}

struct DeSamCourse<'a> {
    settings: DeSamSettings,
    /// Those of the decoder and of the prompts' encoder.
    weights: WeightMap,
    slices: Vec<Slice>,
    device: &'a Device,
}

/// The place of a slice, and where points prompt it one, and whether that lies inside.
type Sample = (usize, Option<([f32; 2], bool)>);

impl Course for DeSamCourse<'_> {
    type Sample = Sample;

    fn sample(&self, _at: usize, rng: &mut ChaCha8Rng) -> Sample {
        let place = rng.random_range(0..self.slices.len());
        let network = &self.settings.network;
        let sides = (network.mask_side(), network.encoder.image_side);
        let drawn = &self.slices[place].wanted.drawn.values;
        let drawn: Vec<u8> = drawn.iter().map(|&v| v as u8).collect();
        let by_points = self.settings.mode == AutomaticMode::GridPoints;
        let point = by_points.then(|| draw_point(&drawn, sides, OUTSIDE_POINTS, rng));
        (place, point)
    }

    fn loss(
        &self,
        (place, point): &Sample,
        increments: HashMap<String, Tensor<2>>,
    ) -> Result<Tensor<1>, TrainError> {
        let (slice, config) = (&self.slices[*place], &self.settings.network.decoder);
        let loader = Loader::new(self.weights.clone(), self.device)
            .with_fresh(0, is_unused)
            .with_trainable(|_| false)
            .with_increments(increments);
        let root = loader.root();
        let scope = root.child("organs").child(0).child("mask_decoder");
        let decoder = DeSamDecoder::load(&root.child("prompt_encoder"), &scope, config);
        loader
            .finish("DeSAM", is_unused)
            .map_err(ModelError::from)?;
        let mut maps = slice.maps(config.pimm.stages + 1, self.device)?;
        let embedding = maps.remove(config.pimm.stages);
        let image = ImageFeatures {
            features: maps,
            embedding,
        };
        let off = Trace::off();
        let prepared = decoder.prepare(&image, &off);
        let prompts = match point {
            None => decoder.whole_box(1, self.device),
            Some((at, _)) => Prompts {
                points: Some((
                    Tensor::<1>::from_data(*at, self.device).reshape([1, 1, 2]),
                    Tensor::<2>::ones([1, 1], self.device),
                )),
                ..Prompts::default()
            },
        };
        let found = decoder.decode(&prepared, prompts, &off);
        let logits = found.logits.permute([0, 2, 3, 1]).unsqueeze_dim(1);
        let loss = slice.wanted.loss(logits, 0);
        Ok(match point {
            None => loss,
            Some((_, inside)) => {
                let inside = Tensor::<2>::full([1, 1], f32::from(u8::from(*inside)), self.device);
                loss + iou_loss(found.iou, inside, LossConfig::RELEASED.iou_error)
            }
        })
    }
}
