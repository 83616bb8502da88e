//! Attention within windows with a table of relative position biases.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::models::checkpoint::{Init, Scope};
use crate::models::layers::Linear;
use crate::models::ops::{ScoreTerms, VolumeWindows, attend_with, join_heads};

/// Tokens that are attended together; more only takes more memory.
const CHUNK: usize = 16_384;

/// Multi-head attention in windows.
#[derive(Module, Debug)]
pub(super) struct WindowAttention {
    qkv: Linear,
    proj: Linear,
    bias_table: Param<Tensor<2>>,
    heads: usize,
    side: usize,
}

impl WindowAttention {
    pub(super) fn load(scope: &Scope<'_>, width: usize, heads: usize, side: usize) -> Self {
        scope.ignore("relative_position_index");
        let rows = (2 * side - 1).pow(3);
        Self {
            qkv: Linear::load(&scope.child("qkv"), width, 3 * width, true),
            proj: Linear::load(&scope.child("proj"), width, width, true),
            bias_table: scope.param(
                "relative_position_bias_table",
                [rows, heads],
                Init::Normal(0.02),
            ),
            heads,
            side,
        }
    }

    /// Tokens of the grid `[tokens, c]`, same shape.
    pub(super) fn forward(&self, x: &Tensor<2>, windows: &VolumeWindows) -> Tensor<2> {
        let device = x.device();
        let bias = self.bias(windows.tokens(), &device);
        let regions = (windows.regions_per_window() > 1).then(|| windows.region_channels(&device));
        let together = (CHUNK / windows.tokens()).max(1);
        let all = windows.count();
        let parts = (0..all).step_by(together).map(|first| {
            let count = together.min(all - first);
            let regions = regions.as_ref().map(|r| r.clone().narrow(0, first, count));
            self.attend(windows.partition(x, first, count), bias.clone(), regions)
        });
        windows.merge(Tensor::cat(parts.collect(), 0))
    }

    fn attend(&self, x: Tensor<3>, bias: Tensor<4>, regions: Option<Tensor<3>>) -> Tensor<3> {
        let [count, tokens, width] = x.dims();
        let head = width / self.heads;
        let qkv: Tensor<5> = self
            .qkv
            .forward(x)
            .reshape([count, tokens, 3, self.heads, head]);
        let part = |index: usize| -> Tensor<4> {
            let part = qkv.clone().narrow(2, index, 1).squeeze_dim(2);
            part.swap_dims(1, 2)
        };
        let terms = ScoreTerms {
            places: None,
            regions,
            pairs: Some(bias),
        };
        let scale = (head as f64).powf(-0.5);
        let mixed = attend_with(part(0), part(1), part(2), scale, terms);
        self.proj.forward(join_heads(mixed))
    }

    /// Biases of each pair of a window's tokens, `[1, heads, tokens, tokens]`.
    ///
    /// Where the window had to shrink, the authors take the first rows and columns of the full window's table, which
    /// are other distances than the shrunk window's.
    fn bias(&self, tokens: usize, device: &Device) -> Tensor<4> {
        let side = self.side as i64;
        let reach = 2 * side - 1;
        let place = |token: usize| {
            let token = token as i64;
            [token / (side * side), token / side % side, token % side]
        };
        let pairs: Vec<i64> = (0..tokens)
            .flat_map(|a| (0..tokens).map(move |b| (a, b)))
            .map(|(a, b)| {
                let (a, b) = (place(a), place(b));
                (0..3).fold(0, |index, d| index * reach + a[d] - b[d] + side - 1)
            })
            .collect();
        let count = pairs.len();
        let index: Tensor<1, Int> = Tensor::from_data(TensorData::new(pairs, [count]), device);
        self.bias_table
            .val()
            .select(0, index)
            .transpose()
            .reshape([1, self.heads, tokens, tokens])
    }
}
