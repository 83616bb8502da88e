//! Attention within a window, with decomposed relative positions along three axes.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

use crate::models::checkpoint::{Init, Scope};
use crate::models::layers::Linear;
use crate::models::ops::{
    Corners, ScoreTerms, VolumeWindows, attend_with, join_heads, resize_axis,
};

use super::config::EncoderConfig;

/// Multi-head attention in cubic windows.
#[derive(Module, Debug)]
pub(super) struct WindowAttention {
    qkv: Linear,
    proj: Linear,
    rel_pos_h: Param<Tensor<2>>,
    rel_pos_w: Param<Tensor<2>>,
    rel_pos_d: Param<Tensor<2>>,
    lr: Param<Tensor<1>>,
    heads: usize,
}

/// What attention needs to know about the windows; the same for all blocks with the same shift.
pub(super) struct WindowContext {
    /// The tiling.
    pub windows: VolumeWindows,
    /// Regions of the tokens, `[windows, tokens, regions]`, where windows hold several.
    regions: Option<Tensor<3>>,
}

impl WindowContext {
    pub(super) fn new(windows: VolumeWindows, device: &Device) -> Self {
        let regions = (windows.regions_per_window() > 1).then(|| windows.region_channels(device));
        Self { windows, regions }
    }
}

impl WindowAttention {
    pub(super) fn load(scope: &Scope<'_>, config: &EncoderConfig, block: usize) -> Self {
        let width = config.embed_dim;
        let rows = config.table_rows(block);
        let shape = [rows, width / config.num_heads];
        let table = |name: &str| scope.param(name, shape, Init::Zeros);
        Self {
            qkv: Linear::load(&scope.child("qkv"), width, 3 * width, true),
            proj: Linear::load(&scope.child("proj"), width, width, true),
            rel_pos_h: table("rel_pos_h"),
            rel_pos_w: table("rel_pos_w"),
            rel_pos_d: table("rel_pos_d"),
            lr: scope.scalar("lr", Init::Ones),
            heads: config.num_heads,
        }
    }

    /// Tokens `[windows, tokens, c]` of the windows from `first` on, same shape.
    pub(super) fn forward(&self, x: Tensor<3>, first: usize, context: &WindowContext) -> Tensor<3> {
        let [count, tokens, width] = x.dims();
        let head = width / self.heads;
        let qkv: Tensor<5> = self
            .qkv
            .forward(x)
            .reshape([count, tokens, 3, self.heads, head]);
        let part = |index: usize| -> Tensor<4> {
            qkv.clone()
                .narrow(2, index, 1)
                .squeeze_dim(2)
                .swap_dims(1, 2)
        };
        let (query, key, value) = (part(0), part(1), part(2));
        let positions = self.positions(query.clone(), context.windows.window());
        let terms = ScoreTerms {
            places: Some((positions, context.windows.window().to_vec())),
            regions: context
                .regions
                .as_ref()
                .map(|regions| regions.clone().narrow(0, first, count)),
            pairs: None,
        };
        let scale = (head as f64).powf(-0.5);
        let mixed = attend_with(query, key, value, scale, terms);
        self.proj.forward(join_heads(mixed))
    }

    /// What each place along each axis is worth to each query: `[windows, heads, tokens, h + w + d]`.
    fn positions(&self, query: Tensor<4>, window: [usize; 3]) -> Tensor<4> {
        let [count, heads, tokens, head] = query.dims();
        let tables = [&self.rel_pos_h, &self.rel_pos_w, &self.rel_pos_d];
        let lr: Tensor<2> = self.lr.val().reshape([1, 1]);
        let worth = tables
            .iter()
            .zip(window)
            .enumerate()
            .map(|(d, (table, side))| {
                // Ascending key places are descending table rows.
                let table = resized_table(table.val(), side).flip([0]) * lr.clone();
                let all = query
                    .clone()
                    .reshape([count * heads * tokens, head])
                    .matmul(table.transpose());
                let before: usize = window[..d].iter().product();
                let after: usize = window[d + 1..].iter().product();
                let all: Tensor<4> =
                    all.reshape([count * heads * before, side, after, 2 * side - 1]);
                let at_place = (0..side).map(|place| {
                    all.clone()
                        .narrow(1, place, 1)
                        .narrow(3, side - 1 - place, side)
                });
                Tensor::cat(at_place.collect(), 1).reshape([count, heads, tokens, side])
            });
        Tensor::cat(worth.collect(), 3)
    }
}

/// A table resized to the distances within a window of this side: `[2 side - 1, head]`.
pub(super) fn resized_table(table: Tensor<2>, side: usize) -> Tensor<2> {
    resize_axis(table, 0, 2 * side - 1, Corners::HalfPixel)
}

impl WindowAttention {
    /// A table laid out for each pair of places, `[query, key, head]`, as the authors' code holds it.
    pub(super) fn table_of_pairs(&self, axis: usize, side: usize) -> Tensor<3> {
        let table = [&self.rel_pos_h, &self.rel_pos_w, &self.rel_pos_d][axis].val();
        let table = resized_table(table, side).flip([0]);
        let rows = (0..side).map(|place| {
            let row: Tensor<3> = table
                .clone()
                .narrow(0, side - 1 - place, side)
                .unsqueeze_dim(0);
            row
        });
        Tensor::cat(rows.collect(), 0)
    }
}
