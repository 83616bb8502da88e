//! Sizes of the networks: as published, from a recording's header, or read off a checkpoint's tensors.

use serde::{Deserialize, Serialize};

use crate::models::checkpoint::{CheckpointError, WeightMap};

/// Sizes of the inflated image encoder; the field names are the authors' arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EncoderConfig {
    /// Number of transformer blocks, a multiple of 4.
    pub depth: usize,
    /// Width of a token.
    pub embed_dim: usize,
    /// Side of the images that SAM was made for; its position table has `img_size / patch_size` places a side.
    pub img_size: usize,
    /// Side of a patch within a slice.
    pub patch_size: usize,
    /// Tokens along the slice axis.
    #[serde(default = "published::patch_depth")]
    pub patch_depth: usize,
    /// Attention heads.
    pub num_heads: usize,
    /// Width of the hidden layer of a block's MLP over that of a token.
    #[serde(default = "published::mlp_ratio")]
    pub mlp_ratio: f64,
    /// Channels of the feature maps.
    pub out_chans: usize,
    /// Slices of one token.
    pub num_slice: usize,
    /// SAM's window, which only sets the length of the relative position tables.
    pub window_size: usize,
    /// Blocks with tables as long as SAM's global attention had them.
    pub global_attn_indexes: Vec<usize>,
    /// Side of the attention windows.
    #[serde(default = "published::cubic_window_size")]
    pub cubic_window_size: usize,
}

mod published {
    pub(super) fn patch_depth() -> usize {
        32
    }
    pub(super) fn mlp_ratio() -> f64 {
        4.0
    }
    pub(super) fn cubic_window_size() -> usize {
        8
    }
}

impl EncoderConfig {
    /// The encoder of SAM's ViT-B as the authors inflate it.
    pub fn vit_b() -> Self {
        Self {
            depth: 12,
            embed_dim: 768,
            img_size: 1024,
            patch_size: 16,
            patch_depth: published::patch_depth(),
            num_heads: 12,
            mlp_ratio: published::mlp_ratio(),
            out_chans: 256,
            num_slice: 16,
            window_size: 14,
            global_attn_indexes: vec![2, 5, 8, 11],
            cubic_window_size: published::cubic_window_size(),
        }
    }

    /// Places a side of SAM's position table.
    pub fn position_side(&self) -> usize {
        self.img_size / self.patch_size
    }

    /// Tokens along (h, w, d): half as many a side as SAM has.
    pub fn grid(&self) -> [usize; 3] {
        let side = self.position_side() / 2;
        [side, side, self.patch_depth]
    }

    /// Voxels a side of the volume that the encoder sees.
    pub fn resolution(&self) -> usize {
        self.position_side() / 2 * self.patch_size
    }

    /// Rows of a block's relative position tables.
    pub fn table_rows(&self, block: usize) -> usize {
        let side = if self.global_attn_indexes.contains(&block) {
            self.position_side()
        } else {
            self.window_size
        };
        2 * side - 1
    }

    /// Width of a block's hidden layer.
    pub fn mlp_width(&self) -> usize {
        (self.embed_dim as f64 * self.mlp_ratio) as usize
    }

    /// Reads the sizes off the tensors of an encoder.
    ///
    /// # Errors
    /// Tensors that every such encoder has are missing.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        let axis = |name: &str, d: usize| axis_of(weights, name, d);
        let embed_dim = axis("pos_embed", 3)?;
        let side = axis("pos_embed", 1)?;
        let patch_size = axis("patch_embed.proj.weight", 2)?;
        let depth = count_of(weights, "blocks");
        let rows: Vec<usize> = (0..depth)
            .map(|b| axis(&format!("blocks.{b}.attn.rel_pos_h"), 0))
            .collect::<Result<_, _>>()?;
        let least = rows.iter().copied().min().unwrap_or(1);
        let cubic = weights.shape("blocks.0.attn_mask").map(|shape| shape[1]);
        Ok(Self {
            depth,
            embed_dim,
            img_size: side * patch_size,
            patch_size,
            patch_depth: axis("depth_embed", 1)?,
            num_heads: embed_dim / axis("blocks.0.attn.rel_pos_h", 1)?.max(1),
            mlp_ratio: axis("blocks.0.mlp.lin1.weight", 0)? as f64 / embed_dim.max(1) as f64,
            out_chans: axis("neck_3d.0.0.weight", 0)?,
            num_slice: axis("slice_embed.weight", 4)?,
            window_size: least.div_ceil(2),
            global_attn_indexes: (0..depth).filter(|&b| rows[b] != least).collect(),
            cubic_window_size: cubic.map_or_else(published::cubic_window_size, |tokens| {
                (tokens as f64).cbrt().round() as usize
            }),
        })
    }
}

/// Sizes of the click prompt encoder; the field names are the authors' arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromptConfig {
    /// Layers.
    pub depth: usize,
    /// Channels of the feature map.
    pub embedding_dim: usize,
    /// Width of the hidden layer.
    pub mlp_dim: usize,
    /// Attention heads.
    pub num_heads: usize,
}

impl PromptConfig {
    /// As the authors build it.
    pub fn published() -> Self {
        Self {
            depth: 2,
            embedding_dim: 256,
            mlp_dim: 2048,
            num_heads: 8,
        }
    }

    /// Refuses channels that the attention heads do not divide; one attention has half of them.
    pub(super) fn check(&self) -> Result<(), String> {
        let multiple = 2 * self.num_heads;
        if multiple > 0 && self.embedding_dim > 0 && self.embedding_dim.is_multiple_of(multiple) {
            return Ok(());
        }
        Err(format!(
            "its {} channels are no multiple of {multiple}, twice the attention heads of its prompt encoder",
            self.embedding_dim
        ))
    }

    /// Reads the sizes off the tensors; the number of heads is the published one, which no shape tells.
    ///
    /// # Errors
    /// Tensors that every such encoder has are missing.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        Ok(Self {
            depth: count_of(weights, "transformer.layers"),
            embedding_dim: axis_of(weights, "transformer.layers.0.norm1.weight", 0)?,
            mlp_dim: axis_of(weights, "transformer.layers.0.mlp.lin1.weight", 0)?,
            num_heads: Self::published().num_heads,
        })
    }
}

/// Sizes of the multi-layer aggregation decoder; the field names are the authors' arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecoderConfig {
    /// Channels of the feature maps.
    pub mla_channels: usize,
    /// Channels of each head.
    pub mlahead_channels: usize,
    /// Classes, the background included.
    pub num_classes: usize,
}

impl DecoderConfig {
    /// Reads the sizes off the tensors.
    ///
    /// # Errors
    /// Tensors that every such decoder has are missing.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        Ok(Self {
            mla_channels: axis_of(weights, "mlahead.head2.0.weight", 1)?,
            mlahead_channels: axis_of(weights, "mlahead.head2.0.weight", 0)?,
            num_classes: axis_of(weights, "cls.3.weight", 0)?,
        })
    }
}

/// Which feature map goes through the prompt stage, and in which order the decoder's heads take the maps. Nothing in
/// a checkpoint tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wiring {
    /// Shallow to deep, the deepest map prompted: 3DSAM-adapter since August 2023, and AutoProSAM's figure.
    #[default]
    PromptOnDeepest,
    /// Deep to shallow, the shallowest map prompted: AutoProSAM's released code, and 3DSAM-adapter's checkpoints
    /// from before August 2023.
    PromptOnShallowest,
}

/// Sizes of a whole network of this family without its prompt stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetConfig {
    /// The image encoder.
    pub encoder: EncoderConfig,
    /// The mask decoder.
    pub decoder: DecoderConfig,
    /// How features reach the decoder.
    #[serde(default)]
    pub wiring: Wiring,
    /// Voxels a side of a crop.
    pub crop: usize,
}

impl NetConfig {
    /// Refuses sizes that do not fit together.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn check(&self) -> Result<(), String> {
        let encoder = &self.encoder;
        let side = encoder.position_side() / 2;
        let fits = [
            (
                encoder.depth > 0 && encoder.depth.is_multiple_of(4),
                "its encoder needs a multiple of 4 blocks",
            ),
            (
                encoder.num_heads > 0 && encoder.embed_dim.is_multiple_of(encoder.num_heads),
                "its tokens' width is no multiple of the attention heads",
            ),
            (encoder.patch_depth == side, "its tokens do not form a cube"),
            (
                side > 0 && self.crop > 0 && self.crop.is_multiple_of(side),
                "the side of its crops is no multiple of the tokens a side",
            ),
            (
                (1..=side).contains(&encoder.cubic_window_size),
                "its attention windows are larger than the token grid",
            ),
            (
                encoder.out_chans == self.decoder.mla_channels,
                "its encoder gives other channels than its decoder takes",
            ),
            (
                self.decoder.num_classes > 1,
                "its decoder has no class beside the background",
            ),
        ];
        let wrong = fits.into_iter().find(|(fits, _)| !fits);
        wrong.map_or(Ok(()), |(_, problem)| Err(problem.to_owned()))
    }

    /// As [`Self::check`], for checkpoints.
    ///
    /// # Errors
    /// What does not fit.
    pub fn checked(&self, network: &str) -> Result<(), CheckpointError> {
        self.check().map_err(|problem| CheckpointError::Misfit {
            network: network.to_owned(),
            problems: vec![problem],
        })
    }

    /// How crops relate to tokens and to the decoder's grid.
    pub fn geometry(&self) -> CropGeometry {
        let side = self.encoder.position_side() / 2;
        CropGeometry {
            crop: self.crop,
            tokens: side,
            decoder: 2 * side,
        }
    }
}

/// Side lengths of one crop at the places of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CropGeometry {
    /// Voxels of the crop.
    pub crop: usize,
    /// Tokens.
    pub tokens: usize,
    /// Voxels of the decoder's grid.
    pub decoder: usize,
}

/// An axis of a tensor's shape.
pub(in crate::models) fn axis_of(
    weights: &WeightMap,
    name: &str,
    axis: usize,
) -> Result<usize, CheckpointError> {
    let shape = weights.shape(name);
    shape
        .and_then(|shape| shape.get(axis).copied())
        .ok_or_else(|| CheckpointError::Misfit {
            network: "the network".to_owned(),
            problems: vec![format!("{name} is missing")],
        })
}

/// How many numbered children a name has.
pub(in crate::models) fn count_of(weights: &WeightMap, name: &str) -> usize {
    let numbers = weights.names().filter_map(|full| {
        let rest = full.strip_prefix(name)?.strip_prefix('.')?;
        rest.split('.').next()?.parse::<usize>().ok()
    });
    numbers.max().map_or(0, |last| last + 1)
}
