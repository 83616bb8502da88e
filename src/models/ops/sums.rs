//! Sums over many elements, in two steps of about equal length.
//!
//! One chain over all of them would lose digits, gives a GPU few threads of work, and breaks off after 65 535 elements
//! on Mesa's software adapter, which ends every loop there.

use burn::tensor::Tensor;

/// Sum of each row, `[rows, n]` → `[rows]`.
pub fn sum_rows(x: Tensor<2>) -> Tensor<1> {
    let [rows, length] = x.dims();
    let run = near_root(length);
    let runs: Tensor<3> = x.reshape([rows, length / run, run]);
    runs.sum_dim(2).sum_dim(1).reshape([rows])
}

/// Sum of all elements, `[1]`.
pub fn sum_all<const D: usize>(x: Tensor<D>) -> Tensor<1> {
    let length = x.dims().iter().product::<usize>();
    sum_rows(x.reshape([1, length]))
}

/// Sums over the voxels, `[b, d, h, w, c]` → `[b, c]`.
pub fn sum_voxels(x: Tensor<5>) -> Tensor<2> {
    let [b, d, h, w, c] = x.dims();
    let run = near_root(d * h * w);
    let runs: Tensor<4> = x.reshape([b, d * h * w / run, run, c]);
    runs.sum_dim(2).sum_dim(1).reshape([b, c])
}

/// Means over the last axis, `[a, b, n]` → `[a, b, 1]`.
pub(super) fn mean_last(x: Tensor<3>) -> Tensor<3> {
    let [a, b, length] = x.dims();
    let run = near_root(length);
    let runs: Tensor<4> = x.reshape([a, b, length / run, run]);
    runs.mean_dim(3).mean_dim(2).reshape([a, b, 1])
}

/// The largest divisor that is not above the square root.
pub(super) fn near_root(length: usize) -> usize {
    let divides = |run: &usize| length.is_multiple_of(*run);
    (1..=length.isqrt()).rev().find(divides).unwrap_or(1)
}
