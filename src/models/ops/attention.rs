//! Scaled dot-product attention: Burn's operations on the GPU and where gradients are wanted, a kernel of ours on the
//! CPU.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, Backend, Cube, Dispatch, ExtensionType, Flex, TensorMetadata, backend_extension,
};
use burn::tensor::ops::AttentionModuleOptions;
use burn::tensor::{Shape, Tensor, TensorData};

use super::attention_kernel::{self, APART, Heads, Problem, Terms};
use super::volume_ops::{tensor, values};

/// What is added to the scaled products of queries and keys before the softmax.
#[derive(Debug, Clone, Default)]
pub struct ScoreTerms {
    /// Decomposed relative positions: what each place along each axis of the keys' grid is worth to each query,
    /// `[b, heads, n, sum of the axes]`, and the axes' lengths.
    pub places: Option<(Tensor<4>, Vec<usize>)>,
    /// 1 at each token's region, `[b, n, regions]`: tokens of different regions come out 100 lower.
    pub regions: Option<Tensor<3>>,
    /// A bias of each pair, `[1, heads, n, m]`.
    pub pairs: Option<Tensor<4>>,
}

/// softmax(`scale` q kᵀ) v for q `[b, heads, n, d]`, k `[b, heads, m, d]` and v `[b, heads, m, e]`: `[b, heads, n, e]`.
///
/// On the CPU without gradients the scores are never held as a whole.
pub fn attend(q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, scale: f64) -> Tensor<4> {
    attend_with(q, k, v, scale, ScoreTerms::default())
}

/// As [`attend`], with terms added to the scores.
pub fn attend_with(
    q: Tensor<4>,
    k: Tensor<4>,
    v: Tensor<4>,
    scale: f64,
    terms: ScoreTerms,
) -> Tensor<4> {
    let (places, grid) = terms.places.unzip();
    Tensor::from_dispatch(<Dispatch as AttentionOps>::attend_terms(
        q.into_dispatch(),
        k.into_dispatch(),
        v.into_dispatch(),
        GivenTerms {
            places: Given::of(places.map(Tensor::into_dispatch)),
            regions: Given::of(terms.regions.map(Tensor::into_dispatch)),
            pairs: Given::of(terms.pairs.map(Tensor::into_dispatch)),
        },
        Settings {
            scale,
            grid: grid.unwrap_or_default(),
        },
    ))
}

/// What is no tensor.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    scale: f64,
    grid: Vec<usize>,
}

/// [`ScoreTerms`] on a backend.
#[derive(Debug, Clone, ExtensionType)]
pub(super) struct GivenTerms<B: Backend> {
    #[extension_type]
    places: Given<B>,
    #[extension_type]
    regions: Given<B>,
    #[extension_type]
    pairs: Given<B>,
}

/// A tensor or none, in the form that crosses Burn's dispatch.
#[derive(Debug, Clone, ExtensionType)]
pub(super) enum Given<B: Backend> {
    Tensor(FloatTensor<B>),
    Nothing,
}

impl<B: Backend> Given<B> {
    fn of(tensor: Option<FloatTensor<B>>) -> Self {
        tensor.map_or(Self::Nothing, Self::Tensor)
    }

    fn tensor(self) -> Option<FloatTensor<B>> {
        match self {
            Self::Tensor(tensor) => Some(tensor),
            Self::Nothing => None,
        }
    }
}

/// Entry point that Burn dispatches on the tensor's device.
#[backend_extension(Flex, Cube, Autodiff)]
pub(super) trait AttentionOps: Backend {
    fn attend_terms(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        #[extension_type] terms: GivenTerms<Self>,
        settings: Settings,
    ) -> FloatTensor<Self> {
        attend_lengthened::<Self>(query, key, value, terms, settings)
    }
}

impl AttentionOps for Cube {}

impl<B: Backend, C: CheckpointStrategy> AttentionOps for Autodiff<B, C> {}

impl AttentionOps for Flex {
    fn attend_terms(
        query: FloatTensor<Self>,
        key: FloatTensor<Self>,
        value: FloatTensor<Self>,
        terms: GivenTerms<Self>,
        settings: Settings,
    ) -> FloatTensor<Self> {
        let [query, key, value] = [query, key, value].map(rows_in_memory);
        let places = terms.places.tensor().map(rows_in_memory);
        let whole = |given: Given<Self>| given.tensor().map(|t| t.to_contiguous());
        let (regions, pairs) = (whole(terms.regions), whole(terms.pairs));
        let count = |t: &FloatTensor<Self>| t.shape()[2];
        let problem = Problem {
            query: heads(&query),
            key: heads(&key),
            value: heads(&value),
            scale: settings.scale as f32,
            terms: Terms {
                places: places.as_ref().map(heads),
                grid: &settings.grid,
                regions: regions.as_ref().map(|t| (values(t), count(t))),
                pairs: pairs.as_ref().map(values),
            },
        };
        let mixed = attention_kernel::forward(&problem);
        let [batch, heads, queries, _] = problem.query.dims;
        tensor(mixed, [batch, heads, queries, problem.value.dims[3]])
    }
}

/// With the last axis contiguous.
fn rows_in_memory(x: FloatTensor<Flex>) -> FloatTensor<Flex> {
    let strides = x.layout().strides();
    if strides[3] == 1 && strides.iter().all(|stride| *stride >= 0) {
        x
    } else {
        x.to_contiguous()
    }
}

fn heads(x: &FloatTensor<Flex>) -> Heads<'_> {
    let layout = x.layout();
    let stride = |axis: usize| layout.strides()[axis].unsigned_abs();
    Heads {
        values: &x.storage()[layout.start_offset()..],
        dims: layout.shape().dims(),
        strides: [stride(0), stride(1), stride(2)],
    }
}

/// Places and regions as further channels of query and key, so that one product gives the finished scores: the key's
/// channels say where its token lies, the query's what that is worth.
fn attend_lengthened<B: Backend>(
    query: FloatTensor<B>,
    key: FloatTensor<B>,
    value: FloatTensor<B>,
    terms: GivenTerms<B>,
    settings: Settings,
) -> FloatTensor<B> {
    let [batch, heads, tokens, _] = key.shape().dims();
    let mut queries = vec![B::float_mul_scalar(query, settings.scale.into())];
    let mut keys = vec![key];
    let spread = |channels: FloatTensor<B>| {
        let [.., count] = channels.shape().dims::<4>();
        B::float_expand(channels, Shape::new([batch, heads, tokens, count]))
    };
    if let Some(places) = terms.places.tensor() {
        let codes = B::float_from_data(key_codes(&settings.grid), &places.device());
        queries.push(places);
        keys.push(spread(codes));
    }
    if let Some(regions) = terms.regions.tensor() {
        let [windows, tokens, count] = regions.shape().dims();
        let regions = B::float_reshape(regions, Shape::new([windows, 1, tokens, count]));
        let others = B::float_sub_scalar(regions.clone(), 1.0.into());
        queries.push(spread(regions));
        keys.push(spread(B::float_mul_scalar(others, (-APART).into())));
    }
    let options = AttentionModuleOptions {
        scale: Some(1.0),
        softcap: None,
        is_causal: false,
    };
    let [queries, keys] = [queries, keys].map(|mut parts| match parts.len() {
        1 => parts.remove(0),
        _ => B::float_cat(parts, 3),
    });
    B::attention(queries, keys, value, None, terms.pairs.tensor(), options)
}

/// One-hot codes of each key's place along each axis of the grid: `[1, 1, keys, sum of the axes]`.
fn key_codes(grid: &[usize]) -> TensorData {
    let (keys, channels) = (grid.iter().product(), grid.iter().sum());
    let mut codes = vec![0.0f32; keys * channels];
    for key in 0..keys {
        let (mut within, mut first) = (keys, 0);
        for axis in grid {
            within /= axis;
            codes[key * channels + first + key / within % axis] = 1.0;
            first += axis;
        }
    }
    TensorData::new(codes, [1, 1, keys, channels])
}

/// `[b, n, heads d]` as `[b, heads, n, d]`.
pub fn split_heads(x: Tensor<3>, heads: usize) -> Tensor<4> {
    let [batch, length, width] = x.dims();
    x.reshape([batch, length, heads, width / heads])
        .swap_dims(1, 2)
}

/// `[b, heads, n, d]` as `[b, n, heads d]`.
pub fn join_heads(x: Tensor<4>) -> Tensor<3> {
    let [batch, heads, length, width] = x.dims();
    x.swap_dims(1, 2).reshape([batch, length, heads * width])
}
