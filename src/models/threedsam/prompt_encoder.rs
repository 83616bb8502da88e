//! The click prompt encoder: lets a feature map look at the tokens under the clicks.

use burn::module::{Module, Param};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::models::checkpoint::{Init, Scope};
use crate::models::layers::{LayerNorm, Linear};
use crate::models::trace::Trace;

use super::config::PromptConfig;
use super::token_attention::TokenAttention;

const NORM_EPS: f64 = 1e-5;
/// Learned tokens of a layer that carry what the clicks say to the image.
const GLOBAL_TOKENS: usize = 10;

/// `PromptEncoder(TwoWayTransformer)` of the authors' code: no position encoding, no labels of clicks.
#[derive(Module, Debug)]
pub struct PromptEncoder {
    layers: Vec<Layer>,
}

impl PromptEncoder {
    /// Takes the tensors of one entry of `feature_dict`.
    pub fn load(scope: &Scope<'_>, config: &PromptConfig) -> Self {
        scope.ignore("positional_encoding_gaussian_matrix");
        let layers = scope.child("transformer").child("layers");
        Self {
            layers: (0..config.depth)
                .map(|l| Layer::load(&layers.child(l), config))
                .collect(),
        }
    }

    /// The prompted map of `feature [1, h, w, d, c]`; `points` are voxels (d, w, h) of a crop of `crop` a side.
    pub fn forward(
        &self,
        feature: Tensor<5>,
        points: &[[f32; 3]],
        crop: usize,
        trace: &Trace<'_>,
    ) -> Tensor<5> {
        let shape = feature.dims();
        let [_, h, w, d, channels] = shape;
        let image: Tensor<2> = feature.reshape([h * w * d, channels]);
        let mut points = sample(&image, [h, w, d], points, crop);
        trace.keep("sampled_point_tokens", &points);
        let mut image: Tensor<3> = image.unsqueeze_dim(0);
        for (index, layer) in self.layers.iter().enumerate() {
            let place = trace.child(format_args!("layer{index}"));
            (image, points) = layer.forward(image, points, &place);
        }
        image.reshape(shape)
    }
}

/// Trilinear samples `[1, points, c]` of tokens `[h w d, c]`, zero outside the grid.
fn sample(image: &Tensor<2>, [h, w, d]: [usize; 3], points: &[[f32; 3]], crop: usize) -> Tensor<3> {
    let device = image.device();
    let channels = image.dims()[1];
    let mut places = Vec::with_capacity(8 * points.len());
    let mut shares = Vec::with_capacity(8 * points.len());
    for point in points {
        let [at_d, at_w, at_h] = [0, 1, 2].map(|axis| {
            let length = [d, w, h][axis] as f32;
            // Normalised as the authors do before sampling, so that rounding agrees.
            let normal = (point[axis] + 0.5) * 2.0 / crop as f32 - 1.0;
            ((normal + 1.0) * length - 1.0) / 2.0
        });
        let at = [(at_h, h), (at_w, w), (at_d, d)];
        for corner in 0..8usize {
            let (mut place, mut share) = (0, 1.0f32);
            for (axis, (at, length)) in at.into_iter().enumerate() {
                let high = corner >> axis & 1;
                let index = at.floor() as i64 + high as i64;
                let part = at - at.floor();
                let inside = (0..length as i64).contains(&index);
                share *= match (inside, high) {
                    (false, _) => 0.0,
                    (true, 1) => part,
                    (true, _) => 1.0 - part,
                };
                place = place * length as i64 + index.clamp(0, length as i64 - 1);
            }
            places.push(place);
            shares.push(share);
        }
    }
    let rows = image.clone().select(0, index_tensor(places, &device));
    let shares: Tensor<3> =
        Tensor::from_data(TensorData::new(shares, [points.len(), 8, 1]), &device);
    let corners: Tensor<3> = rows.reshape([points.len(), 8, channels]);
    (corners * shares).sum_dim(1).swap_dims(0, 1)
}

fn index_tensor(values: Vec<i64>, device: &Device) -> Tensor<1, Int> {
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}

/// One layer: clicks to global tokens, global tokens to the image.
#[derive(Module, Debug)]
struct Layer {
    global_query: Param<Tensor<3>>,
    self_attn: TokenAttention,
    norm1: LayerNorm,
    norm2: LayerNorm,
    lin1: Linear,
    lin2: Linear,
    norm3: LayerNorm,
    norm4: LayerNorm,
    image_to_token: TokenAttention,
}

impl Layer {
    fn load(scope: &Scope<'_>, config: &PromptConfig) -> Self {
        let (width, heads) = (config.embedding_dim, config.num_heads);
        let norm = |name: &str| LayerNorm::load(&scope.child(name), width, NORM_EPS);
        let attention =
            |name: &str, inner| TokenAttention::load(&scope.child(name), width, inner, heads);
        ignore_dead_attention(scope);
        let mlp = scope.child("mlp");
        let query = [1, GLOBAL_TOKENS, width];
        Self {
            global_query: scope.param("global_query", query, Init::Normal(0.1)),
            self_attn: attention("self_attn", width),
            norm1: norm("norm1"),
            norm2: norm("norm2"),
            lin1: Linear::load(&mlp.child("lin1"), width, config.mlp_dim, true),
            lin2: Linear::load(&mlp.child("lin2"), config.mlp_dim, width, true),
            norm3: norm("norm3"),
            norm4: norm("norm4"),
            image_to_token: attention("cross_attn_image_to_token", width / 2),
        }
    }

    /// Image tokens `[1, n, c]` and click tokens `[1, m, c]` after the layer.
    fn forward(
        &self,
        image: Tensor<3>,
        points: Tensor<3>,
        trace: &Trace<'_>,
    ) -> (Tensor<3>, Tensor<3>) {
        let count = points.dims()[1];
        let tokens = Tensor::cat(vec![self.global_query.val(), points], 1);
        let attended = self.self_attn.forward(tokens.clone(), tokens.clone());
        trace.keep("self_attn", &attended);
        // The first norm is on what attention gives, before the residual.
        let tokens = self.norm2.forward(tokens + self.norm1.forward(attended));
        let points = tokens.clone().narrow(1, GLOBAL_TOKENS, count);
        let queries = tokens.narrow(1, 0, GLOBAL_TOKENS);
        let mlp = self.lin2.forward(relu(self.lin1.forward(queries.clone())));
        let queries = self.norm3.forward(queries + mlp);
        let told = self.image_to_token.forward(image.clone(), queries.clone());
        let image = self.norm4.forward(image + told);
        trace.keep("queries", &queries);
        trace.keep("point_tokens", &points);
        trace.keep("image_tokens", &image);
        (image, points)
    }
}

/// Stored and trainable in the authors' code, never used.
fn ignore_dead_attention(scope: &Scope<'_>) {
    let dead = scope.child("cross_attn_token_to_image");
    for linear in ["q_proj", "k_proj", "v_proj", "out_proj"] {
        let linear = dead.child(linear);
        linear.ignore("weight");
        linear.ignore("bias");
    }
}
