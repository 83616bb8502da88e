//! 3D pooling, which Burn lacks: an axis pair and then the third axis, which is exact for maxima.

use burn::tensor::Tensor;

/// Maximum of each block of 2×2×2 of `[b, c, d, h, w]`; an odd last plane is left out, as in PyTorch.
pub fn max_pool3d_2(x: Tensor<5>) -> Tensor<5> {
    (2..5).fold(x, |x, axis| max_of_runs(x, axis, 2))
}

/// Maximum of each block of `[b, d, h, w, c]`; an incomplete last block is left out, as in PyTorch.
pub fn max_pool3d_last(x: Tensor<5>, block: [usize; 3]) -> Tensor<5> {
    (0..3).fold(x, |x, d| max_of_runs(x, d + 1, block[d]))
}

fn max_of_runs(x: Tensor<5>, axis: usize, run: usize) -> Tensor<5> {
    if run == 1 {
        return x;
    }
    let runs = x.dims()[axis] / run;
    let x = x.narrow(axis, 0, run * runs);
    let dims = x.dims();
    let mut shape = [0; 6];
    shape[..axis].copy_from_slice(&dims[..axis]);
    shape[axis] = runs;
    shape[axis + 1] = run;
    shape[axis + 2..].copy_from_slice(&dims[axis + 1..]);
    let split: Tensor<6> = x.reshape(shape);
    split.max_dim(axis + 1).squeeze_dim(axis + 1)
}
