//! The ViT head: SAM's mask decoder without prompts, with tokens of its own for each class.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::models::checkpoint::{Init, Scope};
use crate::models::sam::{FourierCode, Head, TwoWayTransformer, Upscaling};
use crate::models::trace::Trace;

use super::VitHeadConfig;

/// Logits of the classes, and what the head thinks of them.
#[derive(Debug, Clone)]
pub struct ClassMasks {
    /// `[b, classes, h, w]`.
    pub logits: Tensor<4>,
    /// `[b, classes]`; the authors never train it.
    pub iou: Tensor<2>,
}

/// Tokens by class, transformer, upscaling, heads.
#[derive(Module, Debug)]
pub struct VitHead {
    positions: FourierCode,
    transformer: TwoWayTransformer,
    iou_token: Param<Tensor<2>>,
    mask_tokens: Param<Tensor<2>>,
    output_upscaling: Upscaling,
    output_hypernetworks_mlps: Vec<Head>,
    iou_prediction_head: Head,
    classes: usize,
}

impl VitHead {
    /// Takes `pe_layer.` and `mask_decoder.` at `scope`.
    pub fn load(scope: &Scope<'_>, config: &VitHeadConfig) -> Self {
        let decoder = scope.child("mask_decoder");
        let width = config.transformer.width;
        let token = |name: &str, rows: usize| {
            let scope = decoder.child(name);
            scope.param("weight", [rows, width], Init::Normal(1.0))
        };
        let heads = decoder.child("output_hypernetworks_mlps");
        let last = config.upscaling.last().copied().unwrap_or(width);
        let head = |n: usize| Head::load(&heads.child(n), [width, width, last], 3);
        Self {
            positions: FourierCode::load(&scope.child("pe_layer"), width),
            transformer: TwoWayTransformer::load(
                &decoder.child("transformer"),
                &config.transformer,
            ),
            iou_token: token("iou_token", config.classes),
            mask_tokens: token("mask_tokens", config.classes * config.masks),
            output_upscaling: Upscaling::load(
                &decoder.child("output_upscaling"),
                width,
                &config.upscaling,
            ),
            output_hypernetworks_mlps: (0..config.masks).map(head).collect(),
            iou_prediction_head: Head::load(
                &decoder.child("iou_prediction_head"),
                [width, config.iou_width, config.masks],
                config.iou_depth,
            ),
            classes: config.classes,
        }
    }

    /// Embeddings `[b, width, h, w]`. Classes do not see each other: each is an item of a batch of b · classes.
    pub fn forward(&self, embedding: Tensor<4>, trace: &Trace<'_>) -> ClassMasks {
        let [images, width, height, across] = embedding.dims();
        let positions = self.positions.dense([height, across], &embedding.device());
        trace.keep("pe_layer", &positions.clone().squeeze_dim::<3>(0));
        let trace = trace.child("mask_decoder");
        let batch = images * self.classes;
        let image = by_class(embedding, self.classes);
        let positions = positions.expand([batch, width, height, across]);
        let (tokens, keys) = self.transformer.forward(
            image,
            positions,
            self.tokens(images),
            &trace.child("transformer"),
        );
        let map = keys.swap_dims(1, 2).reshape([batch, width, height, across]);
        let map = self
            .output_upscaling
            .forward(map, &trace.child("output_upscaling"));
        let [_, channels, height, across] = map.dims();
        let code = self.code(&tokens, &trace.child("output_hypernetworks_mlps"));
        let logits = code.reshape([batch, 1, channels]).matmul(map.reshape([
            batch,
            channels,
            height * across,
        ]));
        let first: Tensor<2> = tokens.narrow(1, 0, 1).squeeze_dim(1);
        let iou = self.iou_prediction_head.forward(first);
        trace.keep("iou_prediction_head", &iou);
        ClassMasks {
            logits: logits.reshape([images, self.classes, height, across]),
            iou: iou.narrow(1, 0, 1).reshape([images, self.classes]),
        }
    }

    /// IoU token and mask tokens of each class of each image, `[b classes, 1 + masks, width]`.
    fn tokens(&self, images: usize) -> Tensor<3> {
        let (classes, width) = (self.classes, self.iou_token.dims()[1]);
        let masks = self.output_hypernetworks_mlps.len();
        let iou = self.iou_token.val().reshape([classes, 1, width]);
        let mask = self.mask_tokens.val().reshape([classes, masks, width]);
        let tokens: Tensor<3> = Tensor::cat(vec![iou, mask], 1);
        let tokens: Tensor<4> = tokens.unsqueeze_dim(0);
        tokens.expand([images, classes, 1 + masks, width]).reshape([
            images * classes,
            1 + masks,
            width,
        ])
    }

    /// What the first mask's head makes of its token, `[b classes, channels]`; the others are never read.
    fn code(&self, tokens: &Tensor<3>, trace: &Trace<'_>) -> Tensor<2> {
        let code = |n: usize| -> Tensor<2> {
            let token: Tensor<2> = tokens.clone().narrow(1, 1 + n, 1).squeeze_dim(1);
            self.output_hypernetworks_mlps[n].forward(token)
        };
        let first = code(0);
        trace.keep("0", &first);
        if trace.is_on() {
            for n in 1..self.output_hypernetworks_mlps.len() {
                trace.keep(&n.to_string(), &code(n));
            }
        }
        first
    }
}

/// `[b, ..]` to `[b classes, ..]`, each item repeated.
fn by_class(x: Tensor<4>, classes: usize) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let x: Tensor<5> = x.unsqueeze_dim(1);
    x.expand([batch, classes, channels, height, width])
        .reshape([batch * classes, channels, height, width])
}
