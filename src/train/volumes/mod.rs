//! Training of the networks that look at crops of a volume: 3DSAM-adapter, AutoProSAM, and SwinUNETR with or without
//! AutoProSAM as its teacher.

mod autoprosam;
pub(in crate::train) mod crops;
mod fit;
mod recipe;
mod start;
mod swinunetr;
mod threedsam;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use crate::models::checkpoint::WeightMap;
use crate::models::sliding_window::{Blend, SlidingWindow};
use crate::models::volumes::{
    AxisOrder, Blended, LabelledVolume, VolumeSettings, channels, crop_tensor,
};
use crate::util::JobContext;
use crate::volume::VolumeArray;
use crate::volume::metrics::dice;

use super::driver::{RunState, TrainingTask};
use super::published::{self, Scan, Setup};
use super::{TrainError, TrainRequest};
use crops::{Crop, Variation};
use recipe::{VolumeRecipe, VolumeSystem};

/// One case in so many of the training cases chooses the best epoch.
const CHOOSING: usize = 10;

/// Share of a job that reading the scans takes.
const READING: f32 = 0.05;

/// What the trainers are given.
struct VolumeSetup<'a> {
    common: &'a Setup<'a, VolumeRecipe>,
    recipe: &'a VolumeRecipe,
    settings: VolumeSettings,
    training: Vec<LabelledVolume>,
    choosing: Vec<LabelledVolume>,
    /// Classes, the background included.
    classes: usize,
}

/// Trains by a recipe of one of these systems, measures the model on the validation patients, and installs it.
///
/// # Errors
/// A bad recipe, unreadable data, an encoder that is not SAM's, a checkpoint that cannot be written or read, an id that
/// is taken.
pub(super) fn train(request: &TrainRequest, ctx: &JobContext) -> Result<(), TrainError> {
    let recipe = VolumeRecipe::load(&request.recipe)?;
    published::run(&recipe, request, ctx, |setup| {
        let setup = VolumeSetup::read(setup)?;
        match recipe.system {
            VolumeSystem::Threedsam => threedsam::train(&setup),
            VolumeSystem::AutoProSam => autoprosam::train(&setup),
            VolumeSystem::SwinUnetr => swinunetr::train(&setup),
        }
    })
}

impl<'a> VolumeSetup<'a> {
    fn read(common: &'a Setup<'a, VolumeRecipe>) -> Result<Self, TrainError> {
        let Setup {
            recipe, cases, ctx, ..
        } = *common;
        let settings = settings(recipe);
        let values = recipe.dataset.label_values().unwrap_or_default();
        let class = |label: u16| {
            let place = values.iter().position(|(value, _)| *value == label);
            place.map_or(0, |place| place as u16 + 1)
        };
        let count = cases.training.len();
        let first_choosing = count - (count / CHOOSING).max(1).min(count - 1);
        let (mut training, mut choosing) = (Vec::new(), Vec::new());
        for (number, case) in cases.training.iter().enumerate() {
            ctx.step(
                READING * number as f32 / count as f32,
                &format!("reading {case}"),
            )?;
            let scan = Scan::read(&recipe.dataset, case)?;
            let volume = LabelledVolume::of(&scan.image, &scan.labels, &settings, class);
            if number < first_choosing {
                training.push(volume);
            } else {
                choosing.push(volume);
            }
        }
        Ok(Self {
            common,
            recipe,
            settings,
            training,
            choosing,
            classes: values.len() + 1,
        })
    }

    fn device(&self) -> &Device {
        self.common.device
    }

    /// Trains to the end.
    fn run<M: Module, T: TrainingTask<M>>(
        &self,
        fresh: RunState<M>,
        task: &T,
    ) -> Result<WeightMap, TrainError> {
        let trained = self.common.run_from(READING).run(fresh, task)?;
        Ok(trained.weights())
    }

    /// Whether the epoch that just ended is measured: every so often, and the last.
    fn is_measured(&self, epoch: usize) -> bool {
        let schedule = &self.recipe.schedule;
        epoch + 1 == schedule.epochs || (epoch + 1).is_multiple_of(schedule.choose_every)
    }

    /// A varied crop of a training scan.
    fn crop(&self, scan: usize, variation: &Variation, rng: &mut ChaCha8Rng) -> Crop {
        let case = &self.training[scan];
        crops::draw(
            case,
            self.recipe.crops.side,
            &self.settings.intensity,
            variation,
            rng,
        )
    }

    /// Scans that choose the best epoch: the training scans where there is only one scan.
    fn choosing(&self) -> &[LabelledVolume] {
        if self.choosing.is_empty() {
            &self.training
        } else {
            &self.choosing
        }
    }

    /// The mean of `loss` over a crop of each choosing scan, the same ones every time.
    fn mean_over_crops(&self, loss: impl Fn(&Crop, &mut ChaCha8Rng) -> Tensor<1>) -> f64 {
        let mut rng = ChaCha8Rng::seed_from_u64(self.recipe.schedule.seed ^ 1);
        let (scans, side) = (self.choosing(), self.recipe.crops.side);
        let mut sum = 0.0;
        for case in scans {
            let (intensity, none) = (&self.settings.intensity, &Variation::CHOOSING);
            let crop = crops::draw(case, side, intensity, none, &mut rng);
            sum += f64::from(loss(&crop, &mut rng).into_scalar::<f32>());
        }
        sum / scans.len().max(1) as f64
    }

    /// 1 less the mean Dice of the whole choosing scans, found with sliding windows: over all classes, the background
    /// too, that a scan has.
    fn mean_over_scans(&self, predict: impl Fn(Tensor<5>) -> Tensor<5>) -> Result<f64, TrainError> {
        let (mut sum, mut count) = (0.0, 0usize);
        for case in self.choosing() {
            let image = crops::normalised(&case.image, &self.settings.intensity);
            let fields = self.settings.window.run(&image, |crop, _| {
                self.common.ctx.check()?;
                Ok::<_, TrainError>(channels(predict(crop_tensor(&crop, self.device())))?)
            })?;
            let found = highest(&fields);
            for class in 0..self.classes {
                let of_class = |v: &u8| u8::from(usize::from(*v) == class);
                let truth: Vec<u8> = case.classes.values.iter().map(|&v| v as u8).collect();
                let truth: Vec<u8> = truth.iter().map(of_class).collect();
                if truth.contains(&1) {
                    let found: Vec<u8> = found.iter().map(of_class).collect();
                    sum += dice(&found, &truth);
                    count += 1;
                }
            }
        }
        Ok(1.0 - sum / count.max(1) as f64)
    }
}

/// The class with the highest value at each voxel, the first where several have it.
fn highest(fields: &[VolumeArray]) -> Vec<u8> {
    let voxels = fields.first().map_or(0, |field| field.values.len());
    let value = |class: usize, voxel: usize| fields[class].values[voxel];
    let best = |voxel: usize| {
        (1..fields.len()).fold(0, |best, class| {
            if value(class, voxel) > value(best, voxel) {
                class
            } else {
                best
            }
        })
    };
    (0..voxels).map(|voxel| best(voxel) as u8).collect()
}

/// A crop's image and labels on a device.
fn tensors(crop: &Crop, device: &Device) -> (Tensor<5>, Tensor<5>) {
    (
        crop_tensor(&crop.image, device),
        crop_tensor(&crop.classes, device),
    )
}

fn settings(recipe: &VolumeRecipe) -> VolumeSettings {
    let clicks = recipe.system == VolumeSystem::Threedsam;
    VolumeSettings {
        axes: if clicks {
            AxisOrder::SliceRowColumn
        } else {
            AxisOrder::RightAnteriorSuperior
        },
        spacing_mm: recipe.crops.spacing_mm.clone(),
        intensity: recipe.crops.intensity,
        window: SlidingWindow {
            side: recipe.crops.side,
            overlap: if clicks { 0.5 } else { 0.25 },
            blend: if clicks {
                Blend::Gaussian
            } else {
                Blend::Constant
            },
        },
        blended: if clicks {
            Blended::Probabilities
        } else {
            Blended::Logits
        },
    }
}
