//! SAM's image encoder inflated to volumes: `ImageEncoderViT_3d_v2`.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::models::checkpoint::{Init, Scope};
use crate::models::layers::{Conv3dLast, LayerNorm, PointConv3d};
use crate::models::ops::{VolumeWindows, WindowPadding};
use crate::models::trace::Trace;

use super::attention::WindowContext;
use super::block::Block;
use super::config::EncoderConfig;
use super::patch_embedding::PatchEmbedding;

/// Of the necks' normalisations.
const NORM_EPS: f64 = 1e-6;
/// Feature maps that the decoder takes.
pub const TAPS: usize = 4;

/// The encoder of crops.
#[derive(Module, Debug)]
pub struct ImageEncoder {
    embedding: PatchEmbedding,
    pos_embed: Param<Tensor<4>>,
    depth_embed: Param<Tensor<3>>,
    blocks: Vec<Block>,
    necks: Vec<Neck>,
    #[module(skip)]
    grid: [usize; 3],
    #[module(skip)]
    window: usize,
}

impl ImageEncoder {
    /// Takes the tensors of `encoder_dict`.
    pub fn load(scope: &Scope<'_>, config: &EncoderConfig) -> Self {
        let width = config.embed_dim;
        let side = config.position_side();
        let blocks = scope.child("blocks");
        let necks = scope.child("neck_3d");
        Self {
            embedding: PatchEmbedding::load(scope, config),
            pos_embed: scope.param("pos_embed", [1, side, side, width], Init::Zeros),
            depth_embed: scope.param("depth_embed", [1, config.patch_depth, width], Init::Ones),
            blocks: (0..config.depth)
                .map(|i| Block::load(&blocks.child(i), config, i))
                .collect(),
            necks: (0..TAPS)
                .map(|i| Neck::load(&necks.child(i), width, config.out_chans))
                .collect(),
            grid: config.grid(),
            window: config.cubic_window_size,
        }
    }

    /// The four feature maps `[1, h, w, d, c]`, shallow to deep, of a crop `[1, 1, d, h, w]`.
    pub fn forward(&self, crop: Tensor<5>, trace: &Trace<'_>) -> Vec<Tensor<5>> {
        let voxels = crop.dims()[2] / self.grid[2];
        let tokens = self.embedding.of_crop(crop, voxels);
        trace.keep("slice_embed", &tokens.clone().permute([0, 4, 1, 2, 3]));
        self.of_tokens(tokens, trace)
    }

    /// As [`Self::forward`] from the authors' stack of enlarged slices `[slices, 3, h, w]`, whose three channels may
    /// differ.
    pub fn forward_slices(&self, slices: Tensor<4>, trace: &Trace<'_>) -> Vec<Tensor<5>> {
        let tokens = self.embedding.of_slices(slices, trace);
        self.of_tokens(tokens, trace)
    }

    fn of_tokens(&self, tokens: Tensor<5>, trace: &Trace<'_>) -> Vec<Tensor<5>> {
        let mut x = tokens + self.positions();
        trace.keep("pos_added", &x);
        let device = x.device();
        let contexts = [self.window / 2, 0].map(|shift| self.context(shift, &device));
        let every = self.blocks.len() / TAPS;
        let mut features = Vec::with_capacity(TAPS);
        for (index, block) in self.blocks.iter().enumerate() {
            let place = trace.child(format_args!("block{index}"));
            x = block.forward(x, &contexts[index % 2], &place);
            trace.keep(&format!("block{index}"), &x);
            if (index + 1) % every == 0 && features.len() < TAPS {
                features.push(self.necks[features.len()].forward(x.clone()));
            }
        }
        features
    }

    /// SAM's positions averaged over 2×2 places, and what tells the slices apart: `[1, h, w, d, c]`.
    fn positions(&self) -> Tensor<5> {
        let [_, side, _, width] = self.pos_embed.dims();
        let half = side / 2;
        let blocks: Tensor<6> = self.pos_embed.val().reshape([1, half, 2, half, 2, width]);
        let plane: Tensor<5> = blocks
            .mean_dim(2)
            .mean_dim(4)
            .reshape([1, half, half, 1, width]);
        let depth = self.depth_embed.dims()[1];
        plane + self.depth_embed.val().reshape([1, 1, 1, depth, width])
    }

    fn context(&self, shift: usize, device: &Device) -> WindowContext {
        WindowContext::new(self.windows(shift), device)
    }

    fn windows(&self, shift: usize) -> VolumeWindows {
        let window = [self.window; 3];
        VolumeWindows::new(self.grid, window, [shift; 3], WindowPadding::AfterShift)
    }

    /// What tells the slices apart, `[1, d, c]`.
    pub fn depth_embed(&self) -> Tensor<3> {
        self.depth_embed.val()
    }

    /// The authors' mask of the shifted blocks, `[windows, tokens, tokens]`: -100 between regions.
    pub fn shift_mask(&self) -> Vec<f32> {
        let windows = self.windows(self.window / 2);
        let pairs = windows.regions().chunks(windows.tokens()).flat_map(|ids| {
            ids.iter()
                .flat_map(move |a| ids.iter().map(move |b| if a == b { 0.0 } else { -100.0 }))
        });
        pairs.collect()
    }
}

/// From tokens to a feature map.
#[derive(Module, Debug)]
struct Neck {
    narrow: PointConv3d,
    norm1: LayerNorm,
    smooth: Conv3dLast,
    norm2: LayerNorm,
}

impl Neck {
    fn load(scope: &Scope<'_>, width: usize, channels: usize) -> Self {
        Self {
            narrow: PointConv3d::load(&scope.child(0), width, channels, false),
            norm1: LayerNorm::load(&scope.child(1), channels, NORM_EPS),
            smooth: Conv3dLast::load(&scope.child(2), channels, channels),
            norm2: LayerNorm::load(&scope.child(3), channels, NORM_EPS),
        }
    }

    fn forward(&self, x: Tensor<5>) -> Tensor<5> {
        let x = self.norm1.forward(self.narrow.forward(x));
        self.norm2.forward(self.smooth.forward(x))
    }
}
