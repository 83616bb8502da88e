//! SAM's mask decoder: image embedding and prompts to masks and their predicted IoU. With more doublings of the
//! resolution and one mask for each class, it is MA-SAM's as well.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation};

use crate::models::checkpoint::{Init, Scope};
use crate::models::layers::{ChannelNorm, ConvTranspose2d, Linear};
use crate::models::ops::gelu;
use crate::models::trace::Trace;

use super::two_way::TwoWayTransformer;
use super::{DecoderConfig, PromptEmbedding};

/// Linear layers with ReLU between them.
#[derive(Module, Debug)]
pub struct Head {
    layers: Vec<Linear>,
}

impl Head {
    /// Takes `layers.0`.. of widths `from`, `inner`, .., `to`.
    pub fn load(scope: &Scope<'_>, [from, inner, to]: [usize; 3], depth: usize) -> Self {
        let layer = |n: usize| {
            let width_in = if n == 0 { from } else { inner };
            let width_out = if n + 1 == depth { to } else { inner };
            Linear::load(&scope.child("layers").child(n), width_in, width_out, true)
        };
        Self {
            layers: (0..depth).map(layer).collect(),
        }
    }

    /// `[.., from]` → `[.., to]`.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let last = self.layers.len() - 1;
        self.layers.iter().enumerate().fold(x, |x, (n, layer)| {
            let x = layer.forward(x);
            if n < last { activation::relu(x) } else { x }
        })
    }
}

/// Doublings of the resolution; norm after all but the last, GELU after each.
#[derive(Module, Debug)]
pub struct Upscaling {
    convs: Vec<ConvTranspose2d>,
    norms: Vec<ChannelNorm>,
}

impl Upscaling {
    /// Takes the tensors at `scope`, `mask_decoder.output_upscaling.` in SAM's files, for `widths` after each step.
    pub fn load(scope: &Scope<'_>, from: usize, widths: &[usize]) -> Self {
        let inputs = std::iter::once(&from).chain(widths);
        let convs = inputs.zip(widths).enumerate().map(|(n, (&from, &to))| {
            ConvTranspose2d::load(&scope.child(3 * n), [from, to, 2], true)
        });
        let normed = &widths[..widths.len().saturating_sub(1)];
        let norms = normed.iter().enumerate();
        Self {
            convs: convs.collect(),
            norms: norms
                .map(|(n, &width)| ChannelNorm::load(&scope.child(3 * n + 1), width))
                .collect(),
        }
    }

    /// `[b, c, h, w]` → `[b, last width, h 2ⁿ, w 2ⁿ]`.
    pub fn forward(&self, x: Tensor<4>, trace: &Trace<'_>) -> Tensor<4> {
        let keep = |name: usize, x: Tensor<4>| {
            trace.keep(&name.to_string(), &x);
            x
        };
        let last = self.convs.len() - 1;
        self.convs.iter().enumerate().fold(x, |x, (n, conv)| {
            let x = keep(3 * n, conv.forward(x));
            if n == last {
                return keep(3 * n + 1, gelu(x));
            }
            let x = keep(3 * n + 1, self.norms[n].forward(x));
            keep(3 * n + 2, gelu(x))
        })
    }
}

/// Masks and what the network thinks of them.
#[derive(Debug, Clone)]
pub struct DecodedMasks {
    /// Logits `[b, masks, h, w]`.
    pub logits: Tensor<4>,
    /// Predicted IoU `[b, masks]`, not limited to 0..=1.
    pub iou: Tensor<2>,
}

impl DecodedMasks {
    /// SAM's choice: the three masks of different extent, or the single one.
    #[must_use]
    pub fn select(self, multimask: bool) -> Self {
        let masks = self.iou.dims()[1];
        let (start, count) = if multimask { (1, masks - 1) } else { (0, 1) };
        Self {
            logits: self.logits.narrow(1, start, count),
            iou: self.iou.narrow(1, start, count),
        }
    }
}

/// Transformer, upscaling, one head for each mask.
#[derive(Module, Debug)]
pub struct MaskDecoder {
    transformer: TwoWayTransformer,
    iou_token: Param<Tensor<2>>,
    mask_tokens: Param<Tensor<2>>,
    output_upscaling: Upscaling,
    output_hypernetworks_mlps: Vec<Head>,
    iou_prediction_head: Head,
}

impl MaskDecoder {
    /// Takes the tensors at `scope`, `mask_decoder.` in SAM's files.
    pub fn load(scope: &Scope<'_>, config: &DecoderConfig) -> Self {
        let (width, masks) = (config.transformer.width, config.masks);
        let last = config.upscaling.last().copied().unwrap_or(width);
        let heads = scope.child("output_hypernetworks_mlps");
        let token = |name: &str, rows: usize| {
            scope
                .child(name)
                .param("weight", [rows, width], Init::Normal(1.0))
        };
        Self {
            transformer: TwoWayTransformer::load(&scope.child("transformer"), &config.transformer),
            iou_token: token("iou_token", 1),
            mask_tokens: token("mask_tokens", masks),
            output_upscaling: Upscaling::load(
                &scope.child("output_upscaling"),
                width,
                &config.upscaling,
            ),
            output_hypernetworks_mlps: (0..masks)
                .map(|n| Head::load(&heads.child(n), [width, width, last], 3))
                .collect(),
            iou_prediction_head: Head::load(
                &scope.child("iou_prediction_head"),
                [width, config.iou_width, masks],
                config.iou_depth,
            ),
        }
    }

    /// All masks for image embeddings and positions `[b or 1, width, h, w]` and prompts of b or 1 rows: one image with
    /// many prompts, or as many images as prompts.
    pub fn forward(
        &self,
        image: Tensor<4>,
        positions: Tensor<4>,
        prompt: PromptEmbedding,
        trace: &Trace<'_>,
    ) -> DecodedMasks {
        let (tokens, keys) = self.transform(&image, positions, prompt, trace);
        let [.., height, width] = image.dims();
        let [batch, _, channels] = keys.dims();
        let map = keys
            .swap_dims(1, 2)
            .reshape([batch, channels, height, width]);
        let map = self
            .output_upscaling
            .forward(map, &trace.child("output_upscaling"));
        let codes = self.codes(&tokens, &trace.child("output_hypernetworks_mlps"));
        let [_, channels, height, width] = map.dims();
        let masks = self.output_hypernetworks_mlps.len();
        let logits = codes
            .matmul(map.reshape([batch, channels, height * width]))
            .reshape([batch, masks, height, width]);
        let iou = self
            .iou_prediction_head
            .forward(tokens.narrow(1, 0, 1).squeeze_dim::<2>(1));
        trace.keep("iou_prediction_head", &iou);
        DecodedMasks { logits, iou }
    }

    /// The transformer alone: its tokens (IoU, masks, prompts) `[b, n, width]` and image `[b, h w, width]`.
    pub fn transform(
        &self,
        image: &Tensor<4>,
        positions: Tensor<4>,
        prompt: PromptEmbedding,
        trace: &Trace<'_>,
    ) -> (Tensor<3>, Tensor<3>) {
        let rows = prompt.sparse.as_ref().map_or(1, |tokens| tokens.dims()[0]);
        let batch = rows.max(image.dims()[0]).max(prompt.dense.dims()[0]);
        let own = Tensor::cat(vec![self.iou_token.val(), self.mask_tokens.val()], 0);
        let mut tokens = vec![repeat(own.unsqueeze::<3>(), batch)];
        tokens.extend(prompt.sparse.map(|sparse| repeat(sparse, batch)));
        let image = repeat(image.clone(), batch) + repeat(prompt.dense, batch);
        self.transformer.forward(
            image,
            repeat(positions, batch),
            Tensor::cat(tokens, 1),
            &trace.child("transformer"),
        )
    }

    /// What each mask's head makes of its token: `[b, masks, channels of the map]`.
    fn codes(&self, tokens: &Tensor<3>, trace: &Trace<'_>) -> Tensor<3> {
        let heads = self.output_hypernetworks_mlps.iter().enumerate();
        let codes = heads.map(|(n, head)| {
            let code = head.forward(tokens.clone().narrow(1, 1 + n, 1));
            trace.keep(&n.to_string(), &code.clone().squeeze_dim::<2>(1));
            code
        });
        Tensor::cat(codes.collect(), 1)
    }
}

/// A batch of one as a batch of `batch`.
fn repeat<const D: usize>(x: Tensor<D>, batch: usize) -> Tensor<D> {
    let mut shape = x.dims();
    if shape[0] == batch {
        return x;
    }
    shape[0] = batch;
    x.expand(shape)
}
