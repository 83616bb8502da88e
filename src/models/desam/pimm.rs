//! The prompt-invariant mask module: from the encoder's features and a prompt's mask embedding to a mask.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::models::checkpoint::Scope;
use crate::models::layers::{Conv2d, ConvTranspose2d, Window};
use crate::models::trace::Trace;

use super::PimmConfig;
use super::residual::{GatedResidual, SkipTerms};

/// A feature map brought to its stage's resolution: the authors' `PreUpBlock`.
#[derive(Module, Debug)]
pub struct ContextBlock {
    first: GatedResidual,
    doublings: Vec<(ConvTranspose2d, GatedResidual)>,
}

impl ContextBlock {
    /// From `channels_in` to `width`, the resolution doubled `doublings` times.
    pub fn load(scope: &Scope<'_>, channels_in: usize, width: usize, doublings: usize) -> Self {
        let doubling = |number: usize| {
            let scope = scope.child("residual_block").child(number);
            let up = scope.child(0).child("conv");
            (
                ConvTranspose2d::load(&up, [width, width, 2], false),
                GatedResidual::load(&scope.child(1), width, width),
            )
        };
        Self {
            first: GatedResidual::load(&scope.child("block_init"), channels_in, width),
            doublings: (0..doublings).map(doubling).collect(),
        }
    }

    /// `[b, in, h, w]` → `[b, width, h 2ⁿ, w 2ⁿ]`.
    pub fn forward(&self, x: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        let mut x = self.first.forward(x, &trace.child("block_init"));
        for (number, (up, residual)) in self.doublings.iter().enumerate() {
            let trace = trace.child("residual_block").child(number);
            x = up.forward(x);
            trace.keep("0", &x);
            x = residual.forward(x, &trace.child(1));
        }
        trace.keep("", &x);
        x
    }
}

/// A doubling of the resolution that joins a skip connection: the authors' `UpBlock`.
#[derive(Module, Debug)]
pub struct UpBlock {
    up: ConvTranspose2d,
    residual: GatedResidual,
}

impl UpBlock {
    /// From `channels_in` to `width`, with a skip connection of `width`.
    pub fn load(scope: &Scope<'_>, channels_in: usize, width: usize) -> Self {
        let up = scope.child("transp_conv").child("conv");
        Self {
            up: ConvTranspose2d::load(&up, [channels_in, width, 2], false),
            residual: GatedResidual::load(&scope.child("res_block"), 2 * width, width),
        }
    }

    /// What the skip connection `[1 or b, width, 2 h, 2 w]` contributes.
    pub fn skip_terms(&self, skip: &Tensor<4>) -> SkipTerms {
        self.residual.skip_terms(skip)
    }

    /// `[b, in, h, w]` → `[b, width, 2 h, 2 w]`.
    pub fn forward(&self, x: Tensor<4>, skip: &SkipTerms, trace: &Trace<'_>) -> Tensor<4> {
        let x = self.up.forward(x);
        trace.keep("transp_conv", &x);
        let x = self
            .residual
            .forward_joined(x, skip, &trace.child("res_block"));
        trace.keep("", &x);
        x
    }
}

/// The module (`mask_decoder.pimm` in checkpoints; PDMM in the final paper).
#[derive(Module, Debug)]
pub struct Pimm {
    context: Vec<ContextBlock>,
    fusion: GatedResidual,
    localization: Vec<UpBlock>,
    heads: Vec<Conv2d>,
}

/// What depends on the image alone, for each stage from coarse to fine.
#[derive(Debug, Clone)]
pub struct ImageContext {
    stages: Vec<SkipTerms>,
}

impl Pimm {
    /// Takes the tensors at `scope`.
    pub fn load(scope: &Scope<'_>, config: &PimmConfig) -> Self {
        let width = |stage: usize| config.width >> stage;
        let context = scope.child("conv_blocks_context");
        let context = (0..config.stages).map(|stage| {
            ContextBlock::load(
                &context.child(stage),
                config.encoder_width,
                width(stage),
                stage,
            )
        });
        let ups = scope.child("conv_blocks_localization");
        let ups = (1..config.stages)
            .map(|stage| UpBlock::load(&ups.child(stage - 1), width(stage - 1), width(stage)));
        let heads = scope.child("seg_outputs");
        let heads = (1..config.stages).map(|stage| {
            let shape = [1, width(stage), 1, 1];
            Conv2d::load(&heads.child(stage - 1), shape, false, Window::same(1))
        });
        let fusion = scope.child("mask_embedding_fusion");
        Self {
            context: context.collect(),
            fusion: GatedResidual::load(&fusion, 2 * width(0), width(0)),
            localization: ups.collect(),
            heads: heads.collect(),
        }
    }

    /// The prompt-independent part, from the encoder's intermediate features `[b, c, h, w]`, shallow to deep.
    pub fn image_context(&self, features: &[Tensor<4>], trace: &Trace<'_>) -> ImageContext {
        let trace = trace.child("conv_blocks_context");
        let maps = self.context.iter().zip(features.iter().rev()).enumerate();
        let maps = maps.map(|(stage, (block, x))| block.forward(x.clone(), &trace.child(stage)));
        let stages = maps.enumerate().map(|(stage, map)| match stage {
            0 => self.fusion.skip_terms(&map),
            _ => self.localization[stage - 1].skip_terms(&map),
        });
        ImageContext {
            stages: stages.collect(),
        }
    }

    /// Mask logits `[b, 1, h 2ⁿ, w 2ⁿ]` for mask embeddings `[b, width, h, w]`; the context's batch is 1 or b.
    pub fn forward(
        &self,
        mask_embedding: Tensor<4>,
        context: &ImageContext,
        trace: &Trace<'_>,
    ) -> Tensor<4> {
        let fusion = trace.child("mask_embedding_fusion");
        let mut x = self
            .fusion
            .forward_joined(mask_embedding, &context.stages[0], &fusion);
        let last = self.localization.len() - 1;
        for (number, block) in self.localization.iter().enumerate() {
            let here = trace.child("conv_blocks_localization").child(number);
            x = block.forward(x, &context.stages[number + 1], &here);
            if trace.is_on() && number < last {
                let auxiliary = self.heads[number].forward(x.clone());
                trace
                    .child("seg_outputs")
                    .keep(&number.to_string(), &auxiliary);
            }
        }
        let logits = self.heads[last].forward(x);
        trace.child("seg_outputs").keep(&last.to_string(), &logits);
        logits
    }
}
