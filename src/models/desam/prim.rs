//! The prompt-relevant IoU module: SAM's mask decoder with the read-out of masks cut off.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::models::checkpoint::{Init, Scope};
use crate::models::sam::{DecoderConfig, Head, PromptEmbedding, TwoWayTransformer};
use crate::models::trace::Trace;

/// What PRIM makes of prompts on an image.
#[derive(Debug, Clone)]
pub struct Relevance {
    /// The image's tokens after the transformer, `[b, width, h, w]`.
    pub mask_embedding: Tensor<4>,
    /// `[b, masks]`; only the first column is used, and nothing limits it to 0..=1.
    pub ious: Tensor<2>,
}

/// Transformer and IoU head (`mask_decoder` in checkpoints).
#[derive(Module, Debug)]
pub struct Prim {
    transformer: TwoWayTransformer,
    iou_token: Param<Tensor<2>>,
    mask_tokens: Param<Tensor<2>>,
    iou_prediction_head: Head,
}

impl Prim {
    /// Takes the tensors at `scope` but those that read out masks.
    pub fn load(scope: &Scope<'_>, config: &DecoderConfig) -> Self {
        let (width, masks) = (config.transformer.width, config.masks);
        let token = |name: &str, rows: usize| {
            let scope = scope.child(name);
            scope.param("weight", [rows, width], Init::Normal(1.0))
        };
        Self {
            transformer: TwoWayTransformer::load(&scope.child("transformer"), &config.transformer),
            iou_token: token("iou_token", 1),
            mask_tokens: token("mask_tokens", masks),
            iou_prediction_head: Head::load(
                &scope.child("iou_prediction_head"),
                [width, config.iou_width, masks],
                config.iou_depth,
            ),
        }
    }

    /// Image embeddings `[b or 1, width, h, w]`, their positions `[1, width, h, w]` and prompts of b rows.
    pub fn forward(
        &self,
        image: &Tensor<4>,
        positions: &Tensor<4>,
        prompt: PromptEmbedding,
        trace: &Trace<'_>,
    ) -> Relevance {
        let PromptEmbedding { sparse, dense } = prompt;
        let prompts = sparse.as_ref().map_or(1, |tokens| tokens.dims()[0]);
        let batch = prompts.max(image.dims()[0]);
        let own = Tensor::cat(vec![self.iou_token.val(), self.mask_tokens.val()], 0);
        let mut tokens = vec![repeated(own.unsqueeze::<3>(), batch)];
        tokens.extend(sparse.map(|sparse| repeated(sparse, batch)));
        let image = repeated(image.clone(), batch) + repeated(dense, batch);
        let [_, width, height, across] = image.dims();
        let positions = repeated(positions.clone(), batch);
        let here = trace.child("transformer");
        let tokens = Tensor::cat(tokens, 1);
        let (tokens, keys) = self.transformer.forward(image, positions, tokens, &here);
        let first: Tensor<2> = tokens.narrow(1, 0, 1).squeeze_dim(1);
        Relevance {
            mask_embedding: keys.swap_dims(1, 2).reshape([batch, width, height, across]),
            ious: self.iou_prediction_head.forward(first),
        }
    }
}

/// A batch of one as a batch of `batch`.
fn repeated<const D: usize>(x: Tensor<D>, batch: usize) -> Tensor<D> {
    let mut shape = x.dims();
    if shape[0] == batch {
        return x;
    }
    shape[0] = batch;
    x.expand(shape)
}
