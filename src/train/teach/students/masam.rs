//! MA-SAMs: increments, adapters and decoder learn from stacks of slices.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use half::f16;
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::checkpoint::{Loader, WeightMap};
use crate::models::masam::intensity::scale_window;
use crate::models::masam::windows::SliceStack;
use crate::models::masam::{MaSam, MasamSettings, Mode, narrowed};
use crate::models::ops::SplineOrder;
use crate::models::slices::values;
use crate::models::taught::classes::{output_of, wanted};
use crate::train::TrainError;
use crate::volume::{Mask, VolumeArray};

use super::super::methods::{FACT, Role};
use super::super::teacher::Learned;
use super::course::{Attending, Course, Wanted};
use super::slices::{Choice, chosen};
use super::{Pupil, Setup, Student};

pub(super) const STUDENT: Student = Student {
    system: "masam",
    batch: 1,
    takes_prompts: false,
    only_adds: false,
    spacing_mm: |_base, shown| shown.voxel_mm,
    role,
    rates: &[],
    method: |_cases, _finds| &FACT,
    pupil,
};

/// By their middle slices.
const STACKS: Choice = Choice {
    most: 60,
    others: true,
};

/// Parts of the names of what is left as it is.
const LEFT: [&str; 7] = [
    "pos_embed",
    "rel_pos",
    "iou_",
    "pe_layer",
    "point_embeddings",
    "not_a_point",
    "mask_downscaling",
];

/// All of it may learn but the IoU and the tables of positions. The decoder and the authors' own increments stand around what
/// may stay frozen; their adapters hold ten times as many values, too many for a few cases.
fn role(name: &str, _all: &WeightMap, _finds: bool) -> Option<Role> {
    let is_left = LEFT.iter().any(|part| name.contains(part));
    let answers = ["output_hypernetworks_mlps.", "mask_tokens."];
    (!is_left).then(|| Role {
        normalises: name.contains("norm"),
        answers: answers.iter().any(|part| name.contains(part)),
        surrounds: name.starts_with("mask_decoder.") || name.contains("FacT"),
    })
}

fn pupil(setup: Setup<'_>) -> Result<Box<dyn Pupil + '_>, TrainError> {
    let structure = wanted(setup.structure, setup.base)?;
    let settings = narrowed(setup.base, structure)?;
    let mut stacks = Vec::new();
    for learned in setup.cases {
        setup.ctx.check()?;
        stacks.extend(stacks_of(learned, &settings, setup.cases.len()));
    }
    if stacks.is_empty() {
        return Err(TrainError::NothingToLearn);
    }
    let course = MasamCourse {
        weights: setup.start,
        output: output_of(setup.base, structure),
        settings,
        stacks,
        device: setup.device,
    };
    Ok(Box::new(Attending { course, setup }))
}

/// Slices that are seen together.
struct Stack {
    /// `[slices, side, side]`, of 0..=1.
    values: Vec<f16>,
    wanted: Wanted,
}

/// The stacks of a case that are learnt from.
fn stacks_of(learned: &Learned<'_>, settings: &MasamSettings, cases: usize) -> Vec<Stack> {
    let (side, count) = (
        settings.network.sam.encoder.image_side,
        settings.network.slices,
    );
    let dims = learned.case.image.grid().dims;
    let resized = |values: &[f32], order: SplineOrder| {
        SliceStack::from_volume(values, dims).resized([side; 2], order)
    };
    let mut grey = values(&learned.case.image);
    settings.intensity.apply(&mut grey);
    let image = resized(&grey, SplineOrder::Cubic);
    let masks = |mask: Mask| {
        let inside: Vec<f32> = mask.voxels.into_iter().map(f32::from).collect();
        resized(&inside, SplineOrder::Nearest)
    };
    let drawn = masks(learned.target());
    let answer = learned.beside().map(|(mask, share)| (masks(mask), share));
    let stack = |centre: usize| {
        let mut values = image.window(centre, count);
        scale_window(&mut values);
        let part = |masks: &SliceStack| VolumeArray {
            dims: [count, side, side],
            values: masks.window(centre, count),
        };
        Stack {
            values: values.into_iter().map(f16::from_f32).collect(),
            wanted: Wanted {
                drawn: part(&drawn),
                answer: answer.as_ref().map(|(masks, share)| (part(masks), *share)),
            },
        }
    };
    chosen(learned, |_| true, (STACKS, cases))
        .into_iter()
        .map(stack)
        .collect()
}

struct MasamCourse<'a> {
    settings: MasamSettings,
    weights: &'a WeightMap,
    output: usize,
    stacks: Vec<Stack>,
    device: &'a Device,
}

impl Course for MasamCourse<'_> {
    /// The place of a stack.
    type Sample = usize;

    fn sample(&self, _at: usize, rng: &mut ChaCha8Rng) -> usize {
        rng.random_range(0..self.stacks.len())
    }

    fn loss(
        &self,
        stack: &usize,
        increments: HashMap<String, Tensor<2>>,
    ) -> Result<Tensor<1>, TrainError> {
        let stack = &self.stacks[*stack];
        let loader = Loader::new(self.weights.clone(), self.device)
            .with_trainable(|_| false)
            .with_increments(increments);
        let net = MaSam::load(&loader.root(), &self.settings.network);
        loader
            .finish("MA-SAM", |_| false)
            .map_err(ModelError::from)?;
        let [slices, side, _] = stack.wanted.drawn.dims;
        let values: Vec<f32> = stack.values.iter().map(|v| v.to_f32()).collect();
        let values = TensorData::new(values, [1, slices, 1, side, side]);
        let image = Tensor::<5>::from_data(values, self.device).repeat_dim(2, 3);
        let logits = net.forward(image, None, Mode::Inference);
        let logits = logits.permute([0, 2, 3, 1]).unsqueeze_dim(0);
        Ok(stack.wanted.loss(logits, self.output))
    }
}
