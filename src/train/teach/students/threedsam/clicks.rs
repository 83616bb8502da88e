//! What is clicked: crops and clicks as in the authors' training.

use std::collections::HashMap;

use burn::tensor::{Device, Tensor};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::checkpoint::{Loader, WeightMap};
use crate::models::threedsam::{ThreedsamNet, ThreedsamSettings, narrowed};
use crate::models::trace::Trace;
use crate::models::volumes::{LabelledVolume, crop_tensor};
use crate::train::TrainError;
use crate::train::slices::drawn::target_of;
use crate::train::teach::students::course::{Attending, Course, Wanted};
use crate::train::teach::students::{Pupil, Setup};
use crate::train::teach::teacher::Learned;
use crate::train::volumes::crops::{self, Crop, Variation, training_clicks};
use crate::volume::VolumeArray;

/// The network's output that stands for what is clicked; the other one is for all else.
const TARGET: usize = 1;

/// What learns from the labels of the cases, each a target of its own.
///
/// # Errors
/// Settings that are not 3DSAM-adapter's, nothing to learn from, a job asked to stop.
pub(super) fn pupil(setup: Setup<'_>) -> Result<Box<dyn Pupil + '_>, TrainError> {
    let settings = narrowed(setup.base, None)?;
    let mut volumes = Vec::new();
    for learned in setup.cases {
        setup.ctx.check()?;
        volumes.push(volume_of(learned, &settings));
    }
    if volumes.iter().all(|volume| volume.labelled.is_empty()) {
        return Err(TrainError::NothingToLearn);
    }
    let course = ClickCourse {
        settings,
        weights: setup.start,
        volumes,
        device: setup.device,
    };
    Ok(Box::new(Attending { course, setup }))
}

/// A case before the network; its classes are the places of labels among those that count, from 1.
fn volume_of(learned: &Learned<'_>, settings: &ThreedsamSettings) -> LabelledVolume {
    let case = learned.case;
    let class = |value: u16| {
        let place = case.values.iter().position(|v| *v == value);
        place.map_or(0, |place| place as u16 + 1)
    };
    LabelledVolume::of(&case.image, &case.truth, &settings.volume, class)
}

struct ClickCourse<'a> {
    settings: ThreedsamSettings,
    weights: &'a WeightMap,
    volumes: Vec<LabelledVolume>,
    device: &'a Device,
}

/// A crop, clicks (d, w, h) in it, and what they mean.
struct Clicked {
    image: VolumeArray,
    clicks: Vec<[f32; 3]>,
    wanted: Wanted,
}

impl Course for ClickCourse<'_> {
    type Sample = Clicked;

    fn sample(&self, _at: usize, rng: &mut ChaCha8Rng) -> Clicked {
        let volume = &self.volumes[rng.random_range(0..self.volumes.len())];
        let (side, intensity) = (
            self.settings.network.net.crop,
            &self.settings.volume.intensity,
        );
        let Crop { image, classes } =
            crops::draw(volume, side, intensity, &Variation::THREEDSAM, rng);
        let drawn = one_of(&classes, rng);
        Clicked {
            image,
            clicks: training_clicks(&drawn, rng),
            wanted: Wanted {
                drawn,
                answer: None,
            },
        }
    }

    fn loss(
        &self,
        clicked: &Clicked,
        increments: HashMap<String, Tensor<2>>,
    ) -> Result<Tensor<1>, TrainError> {
        let loader = Loader::new(self.weights.clone(), self.device)
            .with_trainable(|_| false)
            .with_increments(increments);
        let net = ThreedsamNet::load(&loader.root(), &self.settings.network);
        let left = loader.finish("3DSAM-adapter", |_| false);
        left.map_err(ModelError::from)?;
        let off = Trace::off();
        let features = net.encode(crop_tensor(&clicked.image, self.device), &off);
        let logits = net.decode(&features, &clicked.clicks, &off);
        Ok(clicked.wanted.loss(logits.permute([0, 2, 3, 4, 1]), TARGET))
    }
}

/// The mask of one of the classes that a crop holds; of none it is empty.
fn one_of(classes: &VolumeArray, rng: &mut ChaCha8Rng) -> VolumeArray {
    let held: Vec<u16> = classes.values.iter().map(|v| *v as u16).collect();
    VolumeArray {
        dims: classes.dims,
        values: target_of(&held, rng).into_iter().map(f32::from).collect(),
    }
}
