//! Whole networks: a crop and clicks in, logits out.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::models::checkpoint::{CheckpointError, Loader, Scope, WeightMap};
use crate::models::ops::{Corners, resize_linear};
use crate::models::trace::Trace;

use super::TITLE;
use super::config::{CropGeometry, DecoderConfig, EncoderConfig, NetConfig, PromptConfig, Wiring};
use super::image_encoder::ImageEncoder;
use super::mask_decoder::{MaskDecoder, channels_first};
use super::prompt_encoder::PromptEncoder;

/// What is computed once for a crop, whatever the clicks.
#[derive(Debug, Clone)]
pub struct CropFeatures {
    /// Feature maps `[1, h, w, d, c]`, shallow to deep.
    pub maps: Vec<Tensor<5>>,
    /// The crop on the decoder's grid, `[1, h, w, d, 1]`.
    pub image: Tensor<5>,
}

/// Image encoder and mask decoder with a wiring between them; the prompt stage is the caller's.
#[derive(Module, Debug)]
pub struct CropNet {
    encoder: ImageEncoder,
    decoder: MaskDecoder,
    #[module(skip)]
    wiring: Wiring,
    #[module(skip)]
    geometry: CropGeometry,
}

impl CropNet {
    /// Takes `encoder_dict` and `decoder_dict`.
    pub fn load(scope: &Scope<'_>, config: &NetConfig) -> Self {
        Self {
            encoder: ImageEncoder::load(&scope.child("encoder_dict"), &config.encoder),
            decoder: MaskDecoder::load(&scope.child("decoder_dict"), &config.decoder),
            wiring: config.wiring,
            geometry: config.geometry(),
        }
    }

    /// The features of a crop `[1, 1, d, h, w]`.
    pub fn encode(&self, crop: Tensor<5>, trace: &Trace<'_>) -> CropFeatures {
        let side = self.geometry.decoder;
        let image = crop.clone().permute([0, 1, 3, 4, 2]);
        let image = resize_linear(image, &[side; 3], Corners::HalfPixel);
        trace.keep("img_resize", &image);
        let maps = self.encoder.forward(crop, trace);
        // One channel lies the same first and last.
        let image = image.reshape([1, side, side, side, 1]);
        CropFeatures { maps, image }
    }

    /// The map that the prompt stage replaces.
    pub fn unprompted(&self, features: &CropFeatures) -> Tensor<5> {
        features.maps[self.prompted_index(features)].clone()
    }

    fn prompted_index(&self, features: &CropFeatures) -> usize {
        match self.wiring {
            Wiring::PromptOnDeepest => features.maps.len() - 1,
            Wiring::PromptOnShallowest => 0,
        }
    }

    /// Logits `[1, classes, d, h, w]`, with `prompted` in place of the map it was made from.
    pub fn decode(
        &self,
        features: &CropFeatures,
        prompted: Option<Tensor<5>>,
        trace: &Trace<'_>,
    ) -> Tensor<5> {
        let mut maps = features.maps.clone();
        if let Some(prompted) = prompted {
            maps[self.prompted_index(features)] = prompted;
        }
        if self.wiring == Wiring::PromptOnShallowest {
            maps.reverse();
        }
        for (index, map) in maps.iter().enumerate() {
            trace.keep(&format!("decoder_input{index}"), &channels_first(map));
        }
        let image = features.image.clone();
        let logits = self.decoder.forward(maps, image, self.geometry.crop, trace);
        logits.permute([0, 1, 4, 2, 3])
    }

    /// Voxels a side of a crop.
    pub fn crop_side(&self) -> usize {
        self.geometry.crop
    }
}

/// 3DSAM-adapter: clicks, or no prompt at all.
#[derive(Module, Debug)]
pub struct ThreedsamNet {
    net: CropNet,
    prompt: Option<PromptEncoder>,
}

/// Sizes of [`ThreedsamNet`].
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ThreedsamConfig {
    /// Encoder, decoder and how they are wired.
    pub net: NetConfig,
    /// The click prompt encoder; the prompt-free variant has none.
    #[serde(default)]
    pub prompt: Option<PromptConfig>,
}

/// Crops of the click model and of the prompt-free model, for each token.
const VOXELS_PER_TOKEN: [usize; 2] = [4, 8];

impl ThreedsamConfig {
    /// Refuses sizes that do not fit together.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn check(&self) -> Result<(), String> {
        self.net.check()?;
        self.prompt.as_ref().map_or(Ok(()), PromptConfig::check)
    }

    /// Reads the sizes off a checkpoint's tensors, named as [`canonical`] does. The crop is the published multiple of
    /// the token grid, the wiring today's, the prompt encoder's heads the published number.
    ///
    /// # Errors
    /// Tensors that every such network has are missing.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        let encoder = EncoderConfig::infer(&weights.under("encoder_dict."))?;
        let decoder = DecoderConfig::infer(&weights.under("decoder_dict."))?;
        let clicks = weights.under("feature_dict.");
        let prompt = match clicks.names().next() {
            Some(_) => Some(PromptConfig::infer(&clicks)?),
            None => None,
        };
        let voxels = VOXELS_PER_TOKEN[usize::from(prompt.is_none())];
        Ok(Self {
            net: NetConfig {
                crop: voxels * encoder.position_side() / 2,
                encoder,
                decoder,
                wiring: Wiring::default(),
            },
            prompt,
        })
    }
}

impl ThreedsamNet {
    /// Takes `encoder_dict`, `decoder_dict` and, with clicks, `feature_dict`.
    pub fn load(scope: &Scope<'_>, config: &ThreedsamConfig) -> Self {
        let feature = scope.child("feature_dict");
        Self {
            net: CropNet::load(scope, &config.net),
            prompt: config
                .prompt
                .as_ref()
                .map(|p| PromptEncoder::load(&feature, p)),
        }
    }

    /// Loads a checkpoint named as [`canonical`] does.
    ///
    /// # Errors
    /// Tensors that do not fit the network.
    pub fn from_weights(
        weights: WeightMap,
        config: &ThreedsamConfig,
        device: &burn::tensor::Device,
    ) -> Result<Self, CheckpointError> {
        config
            .check()
            .map_err(|problem| CheckpointError::misfit(TITLE, problem))?;
        let loader = Loader::new(weights, device);
        let net = Self::load(&loader.root(), config);
        loader.finish(TITLE, |_| false)?;
        Ok(net)
    }

    /// The features of a crop `[1, 1, d, h, w]`.
    pub fn encode(&self, crop: Tensor<5>, trace: &Trace<'_>) -> CropFeatures {
        self.net.encode(crop, trace)
    }

    /// Logits `[1, classes, d, h, w]`; `clicks` are voxels (d, w, h) of the crop, ignored by the prompt-free variant.
    pub fn decode(
        &self,
        features: &CropFeatures,
        clicks: &[[f32; 3]],
        trace: &Trace<'_>,
    ) -> Tensor<5> {
        let prompted = self.prompt.as_ref().map(|prompt| {
            let map = self.net.unprompted(features);
            let map = prompt.forward(map, clicks, self.net.crop_side(), trace);
            trace.keep("prompted_feature", &channels_first(&map));
            map
        });
        self.net.decode(features, prompted, trace)
    }

    /// Voxels a side of a crop.
    pub fn crop_side(&self) -> usize {
        self.net.crop_side()
    }
}

/// The tensors of a checkpoint of this family as `encoder_dict.…`, `feature_dict.…`, `decoder_dict.…`: whatever
/// separates the dictionaries, of a list of prompt encoders the one in use, without what data-parallel training puts
/// in front of names and without the optimizers' state.
#[must_use]
pub fn canonical(weights: WeightMap) -> WeightMap {
    weights.renamed(|name| {
        let (part, rest) = ["encoder_dict", "feature_dict", "decoder_dict"]
            .into_iter()
            .find_map(|part| Some((part, name.strip_prefix(part)?)))?;
        let rest = rest.strip_prefix(['.', '/'])?;
        let rest = rest.strip_prefix("module.").unwrap_or(rest);
        let numbered = rest.split_once(['.', '/']);
        let rest = match numbered {
            Some((number, inner)) if part == "feature_dict" && number.parse::<usize>().is_ok() => {
                (number == PROMPTED_ENTRY).then_some(inner)?
            }
            _ => rest,
        };
        Some(format!("{part}.{rest}"))
    })
}

/// Leaves out the shifted windows' masks, which follow from the sizes and take up half of the authors' files.
#[must_use]
pub fn without_masks(weights: WeightMap) -> WeightMap {
    weights.renamed(|name| (!name.ends_with("attn_mask")).then(|| name.to_owned()))
}

/// Whether the authors train a parameter, by its name as [`canonical`] has it: of the encoder what was added to SAM and
/// the normalisations, of the rest everything.
pub fn is_trained(name: &str) -> bool {
    const OF_ENCODER: [&str; 7] = [
        "depth_embed",
        "slice_embed.",
        ".norm1.",
        ".norm2.",
        ".adapter.",
        ".rel_pos_d",
        "neck_3d.",
    ];
    match name.strip_prefix("encoder_dict.") {
        Some(inner) => OF_ENCODER.iter().any(|part| inner.contains(part)),
        None => true,
    }
}

/// The authors build a prompt encoder for each feature map and use the last.
const PROMPTED_ENTRY: &str = "3";
