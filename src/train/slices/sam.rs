//! SAM's training: its own decoder, and its encoder where the recipe says so, learn boxes as MedSAM did, and clicks as SAM
//! did.

use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::checkpoint::{CheckpointError, HostTensor, Scope};
use crate::models::desam::LossConfig;
use crate::models::ops::sum_rows;
use crate::models::sam::{DecodedMasks, Prompts, SamConfig, SamDecoder, SamSettings, Slice};
use crate::train::TrainError;
use crate::train::published::{Scan, StartingSam, Trained};

use super::Setup;
use super::drawn::{labelled_slices, target_of};
use super::prompted::{self, Decoded, Prompted, mask_tensor};
use super::recipe::SamRecipe;
use super::samples::{Batch, Place, PlainSlice, Preparation};

/// Its name, for people.
const TITLE: &str = "SAM";
/// Added to numerator and denominator where a share of two areas is taken.
const SMOOTHING: f64 = 1e-5;

/// Trains the decoder; that of the epoch with the lowest Dice loss on the choosing cases is kept.
///
/// # Errors
/// A decoder that is not SAM's, data that cannot be read, a cache that cannot be written, a job asked to stop.
pub(super) fn train(
    setup: &Setup<'_>,
    own: &SamRecipe,
    start: &StartingSam,
) -> Result<Trained, TrainError> {
    check(&start.config)?;
    let settings = SamSettings {
        framing: own.framing,
        ..SamSettings::of(start.config.clone())
    };
    let system = SamLessons {
        own,
        labels: setup.recipe.dataset.label_values().unwrap_or_default(),
        settings: &settings,
    };
    Trained::new(prompted::train(setup, start, system)?, &settings)
}

/// Masks must come at the size of the mask prompt, and several of them.
fn check(config: &SamConfig) -> Result<(), TrainError> {
    let decoder = &config.decoder;
    if decoder.upscaling.len() == 2 && decoder.masks > 1 {
        return Ok(());
    }
    let problem = "the mask decoder is not SAM's: four masks, four times as fine as its tokens";
    let misfit = CheckpointError::misfit(TITLE, problem);
    Err(ModelError::from(misfit).into())
}

/// Labelled slices as the model prepares any slice, and their prompts.
struct SamLessons<'a> {
    own: &'a SamRecipe,
    labels: Vec<(u16, String)>,
    settings: &'a SamSettings,
}

impl Preparation for SamLessons<'_> {
    fn name(&self) -> String {
        format!("sam {:?} {:?}", self.labels, self.settings.framing)
    }

    fn wanted_blocks(&self) -> &[usize] {
        &[]
    }

    fn places(&self, scan: &Scan) -> (Vec<u8>, Vec<Place>) {
        let pixels = self.settings.pixels(&scan.image).into_values();
        (pixels, labelled_slices(scan, &self.labels))
    }

    fn slice(&self, scan: &Scan, pixels: &[u8], place: Place) -> PlainSlice {
        let [ni, nj, nk] = scan.image.grid().dims;
        let (size, device) = ([nj, ni], Device::flex());
        let values = pixels.len() / nk;
        let slice = Slice::of(&pixels[place.slice * values..][..values], size);
        let labelled = scan.classes(place.slice, &self.labels);
        let mut classes = vec![0; self.mask_side().pow(2)];
        for class in (1..=u8::MAX).take(self.labels.len()) {
            if !labelled.contains(&class) {
                continue;
            }
            let mask: Vec<u8> = labelled.iter().map(|&c| u8::from(c == class)).collect();
            let logits = HostTensor::of(&self.settings.mask_prompt(&mask, size, &device));
            for (pixel, logit) in classes.iter_mut().zip(logits.data) {
                if logit > 0.0 {
                    *pixel = class;
                }
            }
        }
        PlainSlice {
            picture: HostTensor::of(&self.settings.image(slice, &device)).data,
            classes,
        }
    }

    fn images(&self, pictures: &[&[f32]], device: &Device) -> Tensor<4> {
        let side = self.settings.network.encoder.image_side;
        let shape = [pictures.len(), 3, side, side];
        Tensor::from_data(TensorData::new(pictures.concat(), shape), device)
    }
}

impl Prompted for SamLessons<'_> {
    type Decoder = SamDecoder;

    const TITLE: &'static str = TITLE;

    fn is_unused(_name: &str) -> bool {
        false
    }

    /// MedSAM leaves the prompt encoder as it is. Who clicks comes back with a mask, which it encodes.
    fn trained(&self) -> &'static [&'static str] {
        if self.own.clicks > 0.0 {
            &["mask_decoder.", "prompt_encoder."]
        } else {
            &["mask_decoder."]
        }
    }

    fn loss(&self) -> &LossConfig {
        &self.own.loss
    }

    fn load(&self, root: &Scope<'_>) -> SamDecoder {
        SamDecoder::load(root, &self.settings.network)
    }

    /// Boxes in one round; where clicks are learnt, some batches begin with a click, and a second round adds the mask so far
    /// and a click where it is wrong.
    fn decode(
        &self,
        decoder: &SamDecoder,
        mut batch: Batch,
        device: &Device,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Decoded> {
        let embedding = batch.maps.swap_remove(0);
        let structures = batch.classes.iter().map(|classes| target_of(classes, rng));
        let targets: Vec<Vec<u8>> = structures.collect();
        let side = self.mask_side();
        let truth = mask_tensor(targets.iter().map(Vec::as_slice), side, device);
        let frame = self.settings.network.frame();
        let by_click = self.own.clicks > 0.0 && rng.random_bool(self.own.clicks);
        let mut given = if by_click {
            Given::clicks(self.clicks(&targets, None, rng))
        } else {
            Given::boxes(self.boxes(&targets, rng))
        };
        let found = decoder.decode(embedding.clone(), given.prompts(None, device), frame);
        // A lone click may mean a part or the whole, for which there are several masks.
        let first = best_of(found.select(by_click), truth.clone());
        if self.own.clicks == 0.0 {
            return vec![first];
        }
        let so_far = first.logits.clone().detach();
        let masks = HostTensor::of(&so_far).data;
        given.clicked.push(self.clicks(&targets, Some(&masks), rng));
        let found = decoder.decode(embedding, given.prompts(Some(so_far), device), frame);
        vec![first, best_of(found.select(false), truth)]
    }
}

/// A click in pixels of the network's image, x before y, and its label: 1 inside, 0 outside, -1 no click.
type LabelledClick = ([f32; 2], f32);

/// What each slice of a batch is prompted with.
struct Given {
    /// Corners in pixels of the network's image, or none of any slice.
    corners: Vec<[f32; 4]>,
    /// Rounds of clicks.
    clicked: Vec<Vec<LabelledClick>>,
}

impl Given {
    fn boxes(corners: Vec<[f32; 4]>) -> Self {
        Self {
            corners,
            clicked: Vec::new(),
        }
    }

    fn clicks(first: Vec<LabelledClick>) -> Self {
        Self {
            corners: Vec::new(),
            clicked: vec![first],
        }
    }

    fn prompts(&self, masks: Option<Tensor<4>>, device: &Device) -> Prompts {
        let points = self.clicked.first().map(|first| {
            let (rows, count) = (first.len(), self.clicked.len());
            let in_order = || (0..rows).flat_map(|row| self.clicked.iter().map(move |c| c[row]));
            let places: Vec<f32> = in_order().flat_map(|(place, _)| place).collect();
            let labels: Vec<f32> = in_order().map(|(_, label)| label).collect();
            (
                Tensor::from_data(TensorData::new(places, [rows, count, 2]), device),
                Tensor::from_data(TensorData::new(labels, [rows, count]), device),
            )
        });
        let boxes = (!self.corners.is_empty()).then(|| {
            let corners = self.corners.as_flattened().to_vec();
            Tensor::from_data(TensorData::new(corners, [self.corners.len(), 4]), device)
        });
        Prompts {
            points,
            boxes,
            masks,
        }
    }
}

impl SamLessons<'_> {
    fn mask_side(&self) -> usize {
        4 * self.settings.network.encoder.grid()
    }

    fn boxes(&self, targets: &[Vec<u8>], rng: &mut ChaCha8Rng) -> Vec<[f32; 4]> {
        let image_side = self.settings.network.encoder.image_side as f32;
        let around = |target: &Vec<u8>| self.own.boxes.around(target, self.mask_side(), rng);
        let shares = targets.iter().map(around);
        shares
            .map(|corners| corners.map(|c| c * image_side))
            .collect()
    }

    /// A click on each slice: somewhere in the target, or where the masks so far, logits one after another, are wrong.
    fn clicks(
        &self,
        targets: &[Vec<u8>],
        so_far: Option<&[f32]>,
        rng: &mut ChaCha8Rng,
    ) -> Vec<LabelledClick> {
        let side = self.mask_side();
        let scale = (self.settings.network.encoder.image_side / side) as f32;
        let middle = |cell: usize| (cell as f32 + 0.5) * scale - 0.5;
        let click = |(row, target): (usize, &Vec<u8>)| {
            let is_held = |pixel: usize| so_far.is_some_and(|m| m[row * side * side + pixel] > 0.0);
            let wrong: Vec<usize> = (0..target.len())
                .filter(|&pixel| is_held(pixel) != (target[pixel] > 0))
                .collect();
            if wrong.is_empty() {
                return ([0.0; 2], -1.0);
            }
            let pixel = wrong[rng.random_range(0..wrong.len())];
            let place = [middle(pixel % side), middle(pixel / side)];
            (place, f32::from(target[pixel]))
        };
        targets.iter().enumerate().map(click).collect()
    }
}

/// Of the masks for each slice the one that is most like the truth, which alone is learnt from; of all of them the predicted
/// IoU.
fn best_of(found: DecodedMasks, truth: Tensor<4>) -> Decoded {
    let [rows, masks, height, width] = found.logits.dims();
    let logits = found.logits.clone().detach();
    let wanted = truth.clone().expand([rows, masks, height, width]);
    let area = |x: Tensor<4>| sum_rows(x.reshape([rows * masks, height * width]));
    let likeness = {
        let probability = sigmoid(logits.clone());
        let both = area(probability.clone() * wanted.clone());
        let each = area(probability.clone() * probability) + area(wanted.clone());
        both / (each + SMOOTHING)
    };
    let likeness = HostTensor::of(&likeness).data;
    let choice = likeness.chunks_exact(masks).flat_map(|row| {
        let best = (0..masks).fold(0, |best, n| if row[n] > row[best] { n } else { best });
        (0..masks).map(move |n| f32::from(u8::from(n == best)))
    });
    let choice = TensorData::new(choice.collect::<Vec<f32>>(), [rows, masks, 1, 1]);
    let choice = Tensor::<4>::from_data(choice, &logits.device());
    let held = logits.greater_elem(0.0).float();
    let both = area(held.clone() * wanted.clone());
    let either = area(held) + area(wanted) - both.clone();
    let iou = (both + SMOOTHING) / (either + SMOOTHING);
    Decoded {
        logits: (found.logits * choice).sum_dim(1),
        truth,
        beliefs: Some([found.iou, iou.reshape([rows, masks])]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_most_like_the_truth_is_learnt_from_and_every_belief() {
        let device = Device::flex();
        let tensor = |values: &[f32], shape: [usize; 4]| {
            Tensor::<4>::from_data(TensorData::new(values.to_vec(), shape), &device)
        };
        // Four pixels of two slices: the target, half of it, and what it is not.
        let (yes, no) = (8.0, -8.0);
        let logits = tensor(
            &[
                [yes, no, no, no],
                [yes, yes, no, no],
                [no, no, yes, yes],
                [no, yes, yes, yes],
            ]
            .concat(),
            [2, 2, 2, 2],
        );
        let truth = tensor(&[1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0], [2, 1, 2, 2]);
        let iou = Tensor::<2>::zeros([2, 2], &device);
        let found = best_of(DecodedMasks { logits, iou }, truth);
        let kept = HostTensor::of(&found.logits).data;
        assert_eq!(kept, [yes, yes, no, no, no, no, yes, yes]);
        let [_, wanted] = found.beliefs.expect("beliefs are learnt");
        let wanted = HostTensor::of(&wanted).data;
        let expected = [0.5, 1.0, 1.0, 2.0 / 3.0];
        for (found, expected) in wanted.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{wanted:?}");
        }
    }
}
