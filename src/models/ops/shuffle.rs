//! Moving 2×2×2 neighbourhoods between space and channels, channels last.

use burn::tensor::Tensor;

/// `[b, d, h, w, c]` → `[b, d/2, h/2, w/2, 8c]`; the channels of the eight voxels in (z, y, x) order.
pub fn space_to_depth(x: Tensor<5>) -> Tensor<5> {
    let [b, d, h, w, c] = x.dims();
    let split: Tensor<8> = x.reshape([b, d / 2, 2, h / 2, 2, w / 2, 2, c]);
    split
        .permute([0, 1, 3, 5, 2, 4, 6, 7])
        .reshape([b, d / 2, h / 2, w / 2, 8 * c])
}

/// The inverse of [`space_to_depth`].
pub fn depth_to_space(x: Tensor<5>) -> Tensor<5> {
    let [b, d, h, w, c] = x.dims();
    let split: Tensor<8> = x.reshape([b, d, h, w, 2, 2, 2, c / 8]);
    split
        .permute([0, 1, 4, 2, 5, 3, 6, 7])
        .reshape([b, 2 * d, 2 * h, 2 * w, c / 8])
}
