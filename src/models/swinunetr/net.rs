//! The whole network.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::models::checkpoint::{CheckpointError, Loader, Scope, WeightMap};
use crate::models::layers::PointConv3d;
use crate::models::threedsam::channels_first;
use crate::models::trace::Trace;

use super::TITLE;
use super::config::{STAGES, SwinUnetrConfig};
use super::residual::{ResidualBlock, UpBlock};
use super::stage::{PatchEmbedding, Stage, plain_norm};

/// SwinUNETR.
#[derive(Module, Debug)]
pub struct SwinUnetr {
    patch_embed: PatchEmbedding,
    stages: Vec<Stage>,
    /// `encoder1` to `encoder4`: the scan and the first three hidden states.
    skips: Vec<ResidualBlock>,
    bottom: ResidualBlock,
    /// `decoder5` to `decoder1`.
    ups: Vec<UpBlock>,
    out: PointConv3d,
}

impl SwinUnetr {
    /// Takes the tensors of the network.
    pub fn load(scope: &Scope<'_>, config: &SwinUnetrConfig) -> Self {
        let (feature, scan) = (config.feature_size, config.in_channels);
        let vit = scope.child("swinViT");
        let encoder = |number: usize, from, to| {
            let scope = scope.child(format_args!("encoder{number}")).child("layer");
            ResidualBlock::load(&scope, from, to)
        };
        let mut skips = vec![encoder(1, scan, feature)];
        skips.extend((0..3).map(|level| {
            let width = config.width(level);
            encoder(level + 2, width, width)
        }));
        let deepest = config.width(STAGES);
        let ups = (1..=5).rev().map(|number| {
            let scope = scope.child(format_args!("decoder{number}"));
            let from = config.width(number - 1);
            UpBlock::load(&scope, from, config.width(number.saturating_sub(2)))
        });
        Self {
            patch_embed: PatchEmbedding::load(
                &vit.child("patch_embed").child("proj"),
                scan,
                feature,
            ),
            stages: (0..STAGES).map(|s| Stage::load(&vit, config, s)).collect(),
            skips,
            bottom: encoder(10, deepest, deepest),
            ups: ups.collect(),
            out: PointConv3d::load(
                &scope.child("out").child("conv").child("conv"),
                feature,
                config.out_channels,
                true,
            ),
        }
    }

    /// Loads a checkpoint.
    ///
    /// # Errors
    /// Tensors that do not fit the network.
    pub fn from_weights(
        weights: WeightMap,
        config: &SwinUnetrConfig,
        device: &Device,
    ) -> Result<Self, CheckpointError> {
        config
            .check()
            .map_err(|problem| CheckpointError::misfit(TITLE, problem))?;
        let loader = Loader::new(weights, device);
        let net = Self::load(&loader.root(), config);
        loader.finish(TITLE, |_| false)?;
        Ok(net)
    }

    /// Logits `[1, classes, d, h, w]` of `[1, channels, d, h, w]`, each side a multiple of 32.
    pub fn forward(&self, x: Tensor<5>, trace: &Trace<'_>) -> Tensor<5> {
        let hidden = self.hidden(x.clone(), trace);
        let scan = x.permute([0, 2, 3, 4, 1]);
        let inputs = [&scan, &hidden[0], &hidden[1], &hidden[2]];
        let mut skips: Vec<Tensor<5>> = Vec::with_capacity(5);
        for (index, (block, input)) in self.skips.iter().zip(inputs).enumerate() {
            let skip = block.forward(input.clone());
            trace.keep(&format!("encoder{}", index + 1), &channels_first(&skip));
            skips.push(skip);
        }
        skips.push(hidden[3].clone());
        let mut x = self.bottom.forward(hidden[4].clone());
        trace.keep("encoder10", &channels_first(&x));
        for (step, up) in self.ups.iter().enumerate() {
            let number = self.ups.len() - step;
            x = up.forward(x, skips[number - 1].clone());
            trace.keep(&format!("decoder{number}"), &channels_first(&x));
        }
        channels_first(&self.out.forward(x))
    }

    /// The five hidden states `[1, d, h, w, c]`, normalised for the decoder.
    fn hidden(&self, x: Tensor<5>, trace: &Trace<'_>) -> Vec<Tensor<5>> {
        let mut tokens = self.patch_embed.forward(x);
        let mut hidden = Vec::with_capacity(STAGES + 1);
        let keep = |tokens: &Tensor<5>, hidden: &mut Vec<Tensor<5>>| {
            let state = plain_norm(tokens.clone());
            trace.keep(&format!("hidden{}", hidden.len()), &channels_first(&state));
            hidden.push(state);
        };
        keep(&tokens, &mut hidden);
        for (index, stage) in self.stages.iter().enumerate() {
            let place = trace.child(format_args!("layers{}", index + 1));
            tokens = stage.forward(tokens, &place);
            keep(&tokens, &mut hidden);
        }
        hidden
    }
}
