//! Sizes of the network.

use serde::{Deserialize, Serialize};

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::threedsam::{axis_of, count_of};

/// Stages of the transformer.
pub const STAGES: usize = 4;

/// Which eight sub-grids are merged into one token, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchMerging {
    /// MONAI 0.9 and the authors' copy: two sub-grids twice, two never.
    #[default]
    Monai09,
    /// Each sub-grid once: today's MONAI.
    Monai16,
}

impl PatchMerging {
    /// Offsets of the sub-grids.
    pub fn offsets(self) -> [[usize; 3]; 8] {
        let last = match self {
            Self::Monai09 => [[1, 0, 1], [0, 1, 0], [0, 0, 1], [1, 1, 1]],
            Self::Monai16 => [[1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]],
        };
        let first = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]];
        std::array::from_fn(|i| if i < 4 { first[i] } else { last[i - 4] })
    }
}

/// Sizes of a SwinUNETR; the field names are the authors' arguments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SwinUnetrConfig {
    /// Channels of the scan.
    #[serde(default = "one")]
    pub in_channels: usize,
    /// Classes, the background included.
    pub out_channels: usize,
    /// Channels of the first level: 12, 24, 36 or 48.
    pub feature_size: usize,
    /// Blocks of each stage.
    #[serde(default = "depths")]
    pub depths: [usize; STAGES],
    /// Attention heads of each stage.
    #[serde(default = "num_heads")]
    pub num_heads: [usize; STAGES],
    /// Side of the attention windows.
    #[serde(default = "window_size")]
    pub window_size: usize,
    /// How tokens are merged. Nothing in a checkpoint tells.
    #[serde(default)]
    pub merging: PatchMerging,
}

fn one() -> usize {
    1
}
fn depths() -> [usize; STAGES] {
    [2; STAGES]
}
fn num_heads() -> [usize; STAGES] {
    [3, 6, 12, 24]
}
fn window_size() -> usize {
    7
}

impl SwinUnetrConfig {
    /// A network of the published proportions.
    pub fn of_size(feature_size: usize, out_channels: usize) -> Self {
        Self {
            in_channels: one(),
            out_channels,
            feature_size,
            depths: depths(),
            num_heads: num_heads(),
            window_size: window_size(),
            merging: PatchMerging::default(),
        }
    }

    /// Refuses sizes that do not fit together.
    ///
    /// # Errors
    /// What does not fit, in words.
    pub fn check(&self) -> Result<(), String> {
        let divides = |stage: usize| {
            let heads = self.num_heads[stage];
            heads > 0 && self.width(stage) >= heads && self.width(stage).is_multiple_of(heads)
        };
        if self.feature_size == 0 || !(0..STAGES).all(divides) {
            return Err("its widths are no multiples of the attention heads".to_owned());
        }
        if self.out_channels < 2 {
            return Err("it has no class beside the background".to_owned());
        }
        Ok(())
    }

    /// Channels of a level: level 0 is after the patch embedding.
    pub fn width(&self, level: usize) -> usize {
        self.feature_size << level
    }

    /// Reads the sizes off a checkpoint's tensors; the merging is the authors'.
    ///
    /// # Errors
    /// Tensors that every such network has are missing.
    pub fn infer(weights: &WeightMap) -> Result<Self, CheckpointError> {
        let blocks = |stage: usize| format!("swinViT.layers{}.0.blocks", stage + 1);
        let mut num_heads = [0; STAGES];
        let mut depths = [0; STAGES];
        let mut rows = 0;
        for stage in 0..STAGES {
            let table = format!("{}.0.attn.relative_position_bias_table", blocks(stage));
            num_heads[stage] = axis_of(weights, &table, 1)?;
            rows = axis_of(weights, &table, 0)?;
            depths[stage] = count_of(weights, &blocks(stage));
        }
        let reach = (rows as f64).cbrt().round() as usize;
        Ok(Self {
            in_channels: axis_of(weights, "swinViT.patch_embed.proj.weight", 1)?,
            out_channels: axis_of(weights, "out.conv.conv.weight", 0)?,
            feature_size: axis_of(weights, "swinViT.patch_embed.proj.weight", 0)?,
            depths,
            num_heads,
            window_size: reach.div_ceil(2),
            merging: PatchMerging::default(),
        })
    }
}
