//! DeSAM's training: PRIM and PIMM on frozen encoders.

use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::models::checkpoint::Scope;
use crate::models::desam::{
    AutomaticMode, DeSamConfig, DeSamDecoder, DeSamDecoderConfig, DeSamSettings, ImageFeatures,
    LossConfig, PimmConfig, encoder_input, is_unused, resize_grey, resize_labels, volume_to_grey,
};
use crate::models::sam::Prompts;
use crate::models::slices::values;
use crate::models::trace::Trace;
use crate::train::TrainError;
use crate::train::published::{Scan, StartingSam, Trained};

use super::Setup;
use super::drawn::{DrawnBoxes, labelled_slices};
use super::prompted::{self, Decoded, Prompted, mask_tensor};
use super::recipe::{DeSamRecipe, SliceRecipe};
use super::samples::{Batch, Place, PlainSlice, Preparation};

/// Trains the decoder; that of the epoch with the lowest Dice loss on the choosing cases is kept.
///
/// # Errors
/// An encoder without features for PIMM, data that cannot be read, a cache that cannot be written, a job asked to stop.
pub(super) fn train(
    setup: &Setup<'_>,
    own: &DeSamRecipe,
    sam: &StartingSam,
) -> Result<Trained, TrainError> {
    let recipe = setup.recipe;
    let config = network(recipe, sam)?;
    let system = DeSamLessons {
        own,
        labels: recipe.dataset.label_values().unwrap_or_default(),
        config: &config,
    };
    let weights = prompted::train(setup, sam, system)?;
    let weights = weights.renamed(|name| match name {
        _ if name.starts_with("mask_decoder.") => Some(format!("organs.0.{name}")),
        _ => Some(name.to_owned()),
    });
    let settings = DeSamSettings {
        mode: own.prompts.unwrap_or(AutomaticMode::WholeBox),
        ..DeSamSettings::of(config.clone(), 1)
    };
    Trained::new(weights, &settings)
}

fn network(recipe: &SliceRecipe, sam: &StartingSam) -> Result<DeSamConfig, TrainError> {
    let encoder = sam.config.encoder.clone();
    let mut feature_blocks = encoder.global_blocks.clone();
    feature_blocks.pop();
    if feature_blocks.len() < 2 {
        return Err(TrainError::Config {
            path: recipe.dataset.folder.clone(),
            reason: "DeSAM needs an encoder with at least three blocks of global attention"
                .to_owned(),
        });
    }
    Ok(DeSamConfig {
        decoder: DeSamDecoderConfig {
            prompt: sam.config.prompt.clone(),
            prim: sam.config.decoder.clone(),
            pimm: PimmConfig {
                encoder_width: encoder.width,
                width: sam.config.prompt.width,
                stages: feature_blocks.len(),
            },
            image_side: encoder.image_side,
            grid: encoder.grid(),
        },
        encoder,
        feature_blocks,
        pixel_mean: sam.config.pixel_mean,
        pixel_std: sam.config.pixel_std,
    })
}

/// Labelled slices as the authors make them of prostate MR, and their prompts.
struct DeSamLessons<'a> {
    own: &'a DeSamRecipe,
    labels: Vec<(u16, String)>,
    config: &'a DeSamConfig,
}

impl Preparation for DeSamLessons<'_> {
    fn name(&self) -> String {
        format!("desam {:?} {:?}", self.labels, self.config.feature_blocks)
    }

    fn wanted_blocks(&self) -> &[usize] {
        &self.config.feature_blocks
    }

    fn places(&self, scan: &Scan) -> (Vec<u8>, Vec<Place>) {
        let mut places = labelled_slices(scan, &self.labels);
        // The authors' range ends before the last labelled slice.
        places.pop();
        (volume_to_grey(&values(&scan.image)), places)
    }

    fn slice(&self, scan: &Scan, grey: &[u8], place: Place) -> PlainSlice {
        let [ni, nj, _] = scan.image.grid().dims;
        let side = self.config.mask_side();
        let pixels = &grey[place.slice * ni * nj..][..ni * nj];
        let picture = resize_grey(pixels, [nj, ni], side);
        let classes = scan.classes(place.slice, &self.labels);
        PlainSlice {
            picture: picture.into_iter().map(f32::from).collect(),
            classes: resize_labels(&classes, [nj, ni], side),
        }
    }

    fn images(&self, pictures: &[&[f32]], device: &Device) -> Tensor<4> {
        let (mean, std) = (self.config.pixel_mean, self.config.pixel_std);
        let sides = (self.config.mask_side(), self.config.encoder.image_side);
        let mut values = Vec::new();
        for picture in pictures {
            let grey: Vec<u8> = picture.iter().map(|&v| v as u8).collect();
            values.extend(encoder_input(&grey, 1, sides, mean, std).0);
        }
        let values = TensorData::new(values, [pictures.len(), 3, sides.1, sides.1]);
        Tensor::from_data(values, device)
    }
}

impl Prompted for DeSamLessons<'_> {
    type Decoder = DeSamDecoder;

    const TITLE: &'static str = "DeSAM";

    fn is_unused(name: &str) -> bool {
        is_unused(name)
    }

    fn trained(&self) -> &'static [&'static str] {
        &["mask_decoder."]
    }

    fn loss(&self) -> &LossConfig {
        &self.own.loss
    }

    fn load(&self, root: &Scope<'_>) -> DeSamDecoder {
        let (prompts, decoder) = (root.child("prompt_encoder"), root.child("mask_decoder"));
        DeSamDecoder::load(&prompts, &decoder, &self.config.decoder)
    }

    /// One round. Only of points is it learnt whether they lie in the structure.
    fn decode(
        &self,
        decoder: &DeSamDecoder,
        mut batch: Batch,
        device: &Device,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Decoded> {
        let embedding = batch.maps.split_off(self.config.decoder.pimm.stages);
        let image = ImageFeatures {
            features: batch.maps,
            embedding: embedding[0].clone(),
        };
        let (prompts, inside) = self.prompts(decoder, &batch.classes, device, rng);
        let off = Trace::off();
        let found = decoder.decode(&decoder.prepare(&image, &off), prompts, &off);
        let truth = batch.classes.iter().map(Vec::as_slice);
        vec![Decoded {
            logits: found.logits,
            truth: mask_tensor(truth, self.config.mask_side(), device),
            beliefs: inside.map(|inside| [found.iou, inside]),
        }]
    }
}

impl DeSamLessons<'_> {
    /// A prompt for each slice, and of points `[b, 1]`: 1 where one lies in the structure.
    fn prompts(
        &self,
        decoder: &DeSamDecoder,
        classes: &[Vec<u8>],
        device: &Device,
        rng: &mut ChaCha8Rng,
    ) -> (Prompts, Option<Tensor<2>>) {
        let rows = classes.len();
        let sides = (self.config.mask_side(), self.config.encoder.image_side);
        match (self.own.boxes, self.own.prompts) {
            (Some(boxes), _) => (self.drawn_boxes(boxes, classes, device, rng), None),
            (None, Some(AutomaticMode::GridPoints)) => {
                let (mut places, mut inside) = (Vec::new(), Vec::new());
                for classes in classes {
                    let (place, is_inside) =
                        draw_point(classes, sides, self.own.outside_points, rng);
                    places.extend(place);
                    inside.push(f32::from(u8::from(is_inside)));
                }
                let places = Tensor::from_data(TensorData::new(places, [rows, 1, 2]), device);
                let inside = Tensor::from_data(TensorData::new(inside, [rows, 1]), device);
                let prompts = Prompts {
                    points: Some((places, Tensor::<2>::ones([rows, 1], device))),
                    ..Prompts::default()
                };
                (prompts, Some(inside))
            }
            (None, _) => (decoder.whole_box(rows, device), None),
        }
    }

    fn drawn_boxes(
        &self,
        boxes: DrawnBoxes,
        classes: &[Vec<u8>],
        device: &Device,
        rng: &mut ChaCha8Rng,
    ) -> Prompts {
        let (side, image_side) = (
            self.config.mask_side(),
            self.config.encoder.image_side as f32,
        );
        let around = |classes: &Vec<u8>| boxes.around(classes, side, rng);
        let corners: Vec<f32> = classes.iter().flat_map(around).collect();
        let corners = TensorData::new(corners, [classes.len(), 4]);
        Prompts {
            boxes: Some(Tensor::from_data(corners, device) * image_side),
            ..Prompts::default()
        }
    }
}

/// A point in pixels of the encoder's image, and whether it lies in the structure, of which a map of `sides.0` pixels a side
/// tells; the image has `sides.1`. For each point drawn inside so many are drawn outside. It is always marked as inside.
pub(in crate::train) fn draw_point(
    classes: &[u8],
    (side, image_side): (usize, usize),
    outside_points: usize,
    rng: &mut ChaCha8Rng,
) -> ([f32; 2], bool) {
    let wants_inside = rng.random_range(0..=outside_points) == 0;
    let pixels: Vec<usize> = (0..classes.len())
        .filter(|&pixel| (classes[pixel] > 0) == wants_inside)
        .collect();
    // A label that resizing eroded away leaves only the outside.
    let pixel = match pixels.len() {
        0 => rng.random_range(0..classes.len()),
        count => pixels[rng.random_range(0..count)],
    };
    let scale = (image_side / side) as f32;
    let place = [(pixel % side) as f32 * scale, (pixel / side) as f32 * scale];
    (place, classes[pixel] > 0)
}
