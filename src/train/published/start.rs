//! The SAM that a recipe starts from.

use burn::tensor::Device;

use crate::models::checkpoint::{HostTensor, Loader, TensorFile, WeightMap, export};
use crate::models::sam::{
    DecoderConfig, EncoderConfig, ImageEncoder, MaskDecoder, PromptConfig, PromptEncoder,
    SamConfig, TransformerConfig,
};
use crate::train::TrainError;

use super::recipe::{EncoderStart, RandomSam};

/// Name of the random matrix behind the code of positions.
pub(in crate::train) const POSITION_MATRIX: &str =
    "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix";

/// Weights under SAM's names, and their sizes.
pub(in crate::train) struct StartingSam {
    pub weights: WeightMap,
    pub config: SamConfig,
}

impl StartingSam {
    /// Reads the SAM file, or draws random weights.
    ///
    /// # Errors
    /// A file that is not SAM's.
    pub fn of(start: &EncoderStart) -> Result<Self, TrainError> {
        if let Some(path) = &start.sam {
            let file = TensorFile::open(path).map_err(crate::models::ModelError::from)?;
            let weights = WeightMap::of_file(&std::sync::Arc::new(file), "");
            let config = SamConfig::infer(&weights).map_err(crate::models::ModelError::from)?;
            return Ok(Self { weights, config });
        }
        let random = start
            .random
            .as_ref()
            .expect("the recipe has one of the two");
        Self::random(random)
    }

    fn random(sizes: &RandomSam) -> Result<Self, TrainError> {
        let config = sam_config(sizes);
        let device = Device::flex();
        let loader = Loader::new(WeightMap::default(), &device).with_fresh(sizes.seed, |_| true);
        let root = loader.root();
        let encoder = ImageEncoder::load(&root.child("image_encoder"), &config.encoder);
        let prompts = PromptEncoder::load(&root.child("prompt_encoder"), &config.prompt);
        let decoder = MaskDecoder::load(&root.child("mask_decoder"), &config.decoder);
        let entries = loader
            .finish("SAM", |_| false)
            .map_err(crate::models::ModelError::from)?;
        let mut weights = export(&encoder, &entries)
            .with(export(&prompts, &entries))
            .with(export(&decoder, &entries));
        let matrix = HostTensor::of(&prompts.code().matrix());
        weights.insert(POSITION_MATRIX, matrix);
        Ok(Self { weights, config })
    }
}

fn sam_config(sizes: &RandomSam) -> SamConfig {
    let width = sizes.embedding;
    SamConfig {
        encoder: EncoderConfig {
            image_side: sizes.image_side,
            patch: sizes.patch,
            channels: 3,
            width: sizes.width,
            depth: sizes.depth,
            heads: sizes.heads,
            mlp_width: 4 * sizes.width,
            neck_width: width,
            window: sizes.window,
            global_blocks: sizes.global_blocks.clone(),
            qkv_bias: true,
            relative_positions: true,
            norm_eps: 1e-6,
        },
        prompt: PromptConfig {
            width,
            mask_channels: 16,
        },
        decoder: DecoderConfig {
            transformer: TransformerConfig {
                width,
                depth: 2,
                heads: 8,
                mlp_width: 8 * width,
                cross_divisor: 2,
            },
            masks: 4,
            upscaling: vec![width / 4, width / 8],
            iou_depth: 3,
            iou_width: width,
        },
        pixel_mean: [123.675, 116.28, 103.53],
        pixel_std: [58.395, 57.12, 57.375],
    }
}
