//! What AutoSAM, DeSAM and SAM learn from: labelled slices, encoded once and kept on disk, or encoded in every step.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;

use crate::models::ModelError;
use crate::models::checkpoint::{HostTensor, Loader, WeightMap};
use crate::models::sam::{EncoderConfig, ImageEncoder, NoAdaptation};
use crate::models::trace::Trace;
use crate::train::TrainError;
use crate::train::published::{DatasetEntry, Scan};
use crate::util::JobContext;

use super::cache::{EmbeddingCache, EncodedSlice};

/// Share of a job that encoding slices takes.
pub(super) const ENCODING: f32 = 0.3;

/// One slice of a scan, as it is or mirrored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub slice: usize,
    pub mirrored: bool,
}

/// A slice at the size at which a system's masks are learned.
#[derive(Clone)]
pub(super) struct PlainSlice {
    /// Grey values, or three channels of them, as the system prepares them for its encoder's input.
    pub picture: Vec<f32>,
    /// The class of each pixel.
    pub classes: Vec<u8>,
}

/// How a system prepares slices for the encoder.
pub(super) trait Preparation {
    /// Everything that an encoded slice depends on beside the scan and the encoder: what tells caches apart.
    fn name(&self) -> String;

    /// Blocks whose outputs are kept beside the embedding.
    fn wanted_blocks(&self) -> &[usize];

    /// The slices of a scan that are learned from, and what [`Self::slice`] needs of the whole scan.
    fn places(&self, scan: &Scan) -> (Vec<u8>, Vec<Place>);

    /// One of them.
    fn slice(&self, scan: &Scan, grey: &[u8], place: Place) -> PlainSlice;

    /// The slice as a step sees it, where slices are varied.
    fn varied(&self, _slice: &PlainSlice, _rng: &mut ChaCha8Rng) -> Option<PlainSlice> {
        None
    }

    /// The encoder's input `[b, 3, side, side]`.
    fn images(&self, pictures: &[&[f32]], device: &Device) -> Tensor<4>;
}

/// One slice to learn from.
pub(super) enum Sample {
    /// Encoded before; a file of the cache.
    Encoded(PathBuf),
    /// To be encoded in every step.
    Plain(PlainSlice),
}

/// Encoded slices side by side.
pub(super) struct Batch {
    /// The outputs of the wanted blocks, then the embedding: `[b, c, h, w]` each.
    pub maps: Vec<Tensor<4>>,
    /// The classes of each slice's pixels.
    pub classes: Vec<Vec<u8>>,
}

impl Batch {
    /// The classes as `[b, side, side]`.
    pub fn labels(&self, side: usize, device: &Device) -> Tensor<3, Int> {
        let values: Vec<i32> = self
            .classes
            .iter()
            .flatten()
            .map(|&c| i32::from(c))
            .collect();
        let shape = [self.classes.len(), side, side];
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

/// A decoder in training, with the encoder where slices are encoded in every step.
#[derive(Module, Debug)]
pub(super) struct Trainee<D: Module> {
    pub image_encoder: Option<ImageEncoder>,
    pub decoder: D,
}

/// SAM's encoder and what is done to slices before it.
pub(super) struct Encoding<'a, P> {
    pub config: &'a EncoderConfig,
    /// Under `image_encoder.`'s own names.
    pub weights: WeightMap,
    pub preparation: P,
    pub device: &'a Device,
}

impl<P: Preparation> Encoding<'_, P> {
    /// The slices of each case: files of the cache, filled where it lacks them, or plain slices without a cache.
    pub fn samples(
        &self,
        dataset: &DatasetEntry,
        cases: &[String],
        cache: Option<&Path>,
        ctx: &JobContext,
    ) -> Result<Vec<Vec<Sample>>, TrainError> {
        let name = format!("{} {:?}", self.preparation.name(), self.config);
        let cache = cache
            .map(|folder| EmbeddingCache::open(folder, &self.weights, &name))
            .transpose()?;
        let mut encoder = None;
        let mut samples = Vec::with_capacity(cases.len());
        for (number, case) in cases.iter().enumerate() {
            let done = number as f32 / cases.len() as f32;
            ctx.step(ENCODING * done, &format!("preparing {case}"))?;
            let scan = Scan::read(dataset, case)?;
            let (grey, places) = self.preparation.places(&scan);
            let mut of_case = Vec::with_capacity(places.len());
            for place in places {
                let slice = || self.preparation.slice(&scan, &grey, place);
                let Some(cache) = &cache else {
                    of_case.push(Sample::Plain(slice()));
                    continue;
                };
                let variant = if place.mirrored { "_mirrored" } else { "" };
                let path = cache.path(case, place.slice, variant);
                if !path.exists() {
                    ctx.check()?;
                    let encoder = match &encoder {
                        Some(encoder) => encoder,
                        None => encoder.insert(self.encoder()?),
                    };
                    EmbeddingCache::write(&path, &self.encoded(encoder, slice()))?;
                }
                of_case.push(Sample::Encoded(path));
            }
            samples.push(of_case);
        }
        Ok(samples)
    }

    fn encoder(&self) -> Result<ImageEncoder, TrainError> {
        let loader = Loader::new(self.weights.clone(), self.device);
        let encoder = ImageEncoder::load(&loader.root(), self.config);
        loader
            .finish("SAM's image encoder", |_| false)
            .map_err(ModelError::from)?;
        Ok(encoder)
    }

    fn encoded(&self, encoder: &ImageEncoder, slice: PlainSlice) -> EncodedSlice {
        let maps = self.maps(encoder, &[&slice.picture], self.device);
        let maps = maps.into_iter().map(|map| map.squeeze_dim::<3>(0));
        EncodedSlice {
            maps: maps.map(|map| HostTensor::of(&map)).collect(),
            classes: slice.classes,
        }
    }

    fn maps(&self, encoder: &ImageEncoder, pictures: &[&[f32]], device: &Device) -> Vec<Tensor<4>> {
        let images = self.preparation.images(pictures, device);
        let wanted = self.preparation.wanted_blocks();
        let found = encoder.forward_with(images, wanted, &NoAdaptation, &Trace::off());
        let blocks = found.blocks.into_iter().map(|x| x.permute([0, 3, 1, 2]));
        blocks.chain([found.embedding]).collect()
    }

    /// Reads slices from the cache, or encodes them with `encoder`, varied where `rng` is given and the system does so.
    ///
    /// # Errors
    /// A file of the cache that cannot be read.
    pub fn batch(
        &self,
        samples: &[&Sample],
        encoder: Option<&ImageEncoder>,
        device: &Device,
        rng: Option<&mut ChaCha8Rng>,
    ) -> Result<Batch, TrainError> {
        let Some(encoder) = encoder else {
            return self.read_cached(samples, device);
        };
        let mut slices: Vec<Cow<'_, PlainSlice>> = samples
            .iter()
            .filter_map(|sample| match sample {
                Sample::Plain(slice) => Some(Cow::Borrowed(slice)),
                Sample::Encoded(_) => None,
            })
            .collect();
        if let Some(rng) = rng {
            for slice in &mut slices {
                if let Some(varied) = self.preparation.varied(slice, rng) {
                    *slice = Cow::Owned(varied);
                }
            }
        }
        let pictures: Vec<&[f32]> = slices.iter().map(|slice| &slice.picture[..]).collect();
        Ok(Batch {
            maps: self.maps(encoder, &pictures, device),
            classes: slices.iter().map(|slice| slice.classes.clone()).collect(),
        })
    }

    fn read_cached(&self, samples: &[&Sample], device: &Device) -> Result<Batch, TrainError> {
        let count = self.preparation.wanted_blocks().len() + 1;
        let mut slices = Vec::with_capacity(samples.len());
        for sample in samples {
            if let Sample::Encoded(path) = sample {
                slices.push(EmbeddingCache::read(path, count)?);
            }
        }
        Ok(Batch {
            maps: (0..count)
                .map(|n| side_by_side(&slices, n, device))
                .collect(),
            classes: slices.into_iter().map(|slice| slice.classes).collect(),
        })
    }
}

/// The slices' map of a number, `[b, c, h, w]`.
fn side_by_side(slices: &[EncodedSlice], map: usize, device: &Device) -> Tensor<4> {
    let first = &slices[0].maps[map].shape;
    let shape = [slices.len(), first[0], first[1], first[2]];
    let values = slices.iter().flat_map(|slice| &slice.maps[map].data);
    Tensor::from_data(TensorData::new(values.copied().collect(), shape), device)
}
