//! 3D pooling, which Burn lacks: an axis pair and then the third axis, which is exact for maxima.

use burn::tensor::Tensor;

/// Maximum of each block of 2×2×2 of `[b, c, d, h, w]`; an odd last plane is left out, as in PyTorch.
pub fn max_pool3d_2(x: Tensor<5>) -> Tensor<5> {
    (2..5).fold(x, max_of_pairs)
}

fn max_of_pairs(x: Tensor<5>, axis: usize) -> Tensor<5> {
    let half = x.dims()[axis] / 2;
    let mut shape = [0; 6];
    let dims = x.clone().narrow(axis, 0, 2 * half).dims();
    shape[..=axis].copy_from_slice(&dims[..=axis]);
    shape[axis] = half;
    shape[axis + 1] = 2;
    shape[axis + 2..].copy_from_slice(&dims[axis + 1..]);
    let pairs: Tensor<6> = x.narrow(axis, 0, 2 * half).reshape(shape);
    pairs.max_dim(axis + 1).squeeze_dim(axis + 1)
}
