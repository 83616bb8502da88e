//! Decomposed relative positions (SAM, `image_encoder.py`).
//!
//! The score of a query at row r, column c and a key at r', c' grows by q·Rh\[r, r'\] + q·Rw\[c, c'\]. Here are each
//! query's products with all rows and columns; attention adds them to the scores.

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor, TensorData};

use crate::models::checkpoint::{Init, Scope};
use crate::models::ops::{Corners, resize_axis};

/// The learned tables of one attention layer, `[2 side - 1, head width]` each, shared by its heads.
#[derive(Module, Debug)]
pub struct RelativePositions {
    rows: Param<Tensor<2>>,
    columns: Param<Tensor<2>>,
}

impl RelativePositions {
    /// Takes `rel_pos_h` and `rel_pos_w` of any length: one that does not fit the map is resampled when used.
    pub fn load(scope: &Scope<'_>, side: usize, head_width: usize) -> Self {
        let table = |name: &str| {
            let length = scope.shape(name).map_or(2 * side - 1, |shape| shape[0]);
            scope.param(name, [length, head_width], Init::Zeros)
        };
        Self {
            rows: table("rel_pos_h"),
            columns: table("rel_pos_w"),
        }
    }

    /// Query `[b, heads, h w, d]`, not scaled, what each row and column of keys is worth to it: `[b, heads, h w, h + w]`.
    pub fn query_codes(&self, query: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
        let rows = position_table(self.rows.val(), height, height);
        let columns = position_table(self.columns.val(), width, width);
        query_codes(query, rows, columns)
    }
}

/// The vectors Rh and Rw of every pair of query and key places: `[queries, keys, d]` from a table `[any, d]`.
pub fn position_table(table: Tensor<2>, queries: usize, keys: usize) -> Tensor<3> {
    let width = table.dims()[1];
    let table = resize_axis(table, 0, 2 * queries.max(keys) - 1, Corners::HalfPixel);
    let query_step = (keys as f64 / queries as f64).max(1.0);
    let key_step = (queries as f64 / keys as f64).max(1.0);
    let places: Vec<i64> = (0..queries)
        .flat_map(|q| {
            (0..keys).map(move |k| {
                let far_end = (keys - 1) as f64 * key_step;
                (q as f64 * query_step - k as f64 * key_step + far_end) as i64
            })
        })
        .collect();
    let device = table.device();
    let places = Tensor::<1, Int>::from_data(TensorData::new(places, [queries * keys]), &device);
    table.select(0, places).reshape([queries, keys, width])
}

/// q·Rh and q·Rw of each query `[b, heads, h w, d]`, side by side, for Rh `[h, h', d]` and Rw `[w, w', d]`:
/// `[b, heads, h w, h' + w']`.
pub fn query_codes(query: Tensor<4>, rows: Tensor<3>, columns: Tensor<3>) -> Tensor<4> {
    let [batch, heads, length, d] = query.dims();
    let [height, key_height, _] = rows.dims();
    let [width, key_width, _] = columns.dims();
    let maps: Tensor<4> = query.reshape([batch * heads, height, width, d]);
    let by_row = maps
        .clone()
        .swap_dims(0, 1)
        .reshape([height, batch * heads * width, d])
        .matmul(rows.swap_dims(1, 2))
        .reshape([height, batch * heads, width, key_height])
        .swap_dims(0, 1);
    let by_column = maps
        .permute([2, 0, 1, 3])
        .reshape([width, batch * heads * height, d])
        .matmul(columns.swap_dims(1, 2))
        .reshape([width, batch * heads, height, key_width])
        .permute([1, 2, 0, 3]);
    Tensor::cat(vec![by_row, by_column], 3).reshape([batch, heads, length, key_height + key_width])
}
