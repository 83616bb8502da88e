//! 3D pooling, which Burn lacks: an axis after the other, which is exact for maxima; means on the CPU in one go.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};
use rayon::prelude::*;

use super::volume_ops::{contiguous, tensor, values};

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

/// Mean of each block of `[b, d, h, w, c]`, whose sides are multiples of the block's.
pub fn mean_pool3d_last(x: Tensor<5>, block: [usize; 3]) -> Tensor<5> {
    Tensor::from_dispatch(<Dispatch as PoolingOps>::mean_of_blocks(
        x.into_dispatch(),
        block,
    ))
}

/// Entry point that Burn dispatches on the tensor's device.
#[backend_extension(Flex, Cube, Autodiff)]
pub(super) trait PoolingOps: Backend {
    fn mean_of_blocks(x: FloatTensor<Self>, block: [usize; 3]) -> FloatTensor<Self> {
        (0..3)
            .filter(|&d| block[d] > 1)
            .fold(x, |x, d| mean_of_runs::<Self>(x, d + 1, block[d]))
    }
}

impl PoolingOps for Flex {
    fn mean_of_blocks(x: FloatTensor<Self>, block: [usize; 3]) -> FloatTensor<Self> {
        if block == [1; 3] {
            return x;
        }
        let x = contiguous(x);
        let [batch, d, h, w, channels] = x.shape().dims();
        let dims = [d / block[0], h / block[1], w / block[2]];
        let found = means(values(&x), [batch, d, h, w, channels], block);
        tensor(found, [batch, dims[0], dims[1], dims[2], channels])
    }
}

impl PoolingOps for Cube {}

impl<B: Backend, C: CheckpointStrategy> PoolingOps for Autodiff<B, C> {}

fn mean_of_runs<B: Backend>(x: FloatTensor<B>, axis: usize, run: usize) -> FloatTensor<B> {
    let mut dims = x.shape().dims::<5>();
    dims[axis] /= run;
    let split = [&dims[..=axis], &[run], &dims[axis + 1..]].concat();
    let means = B::float_mean_dim(B::float_reshape(x, Shape::from(split)), axis + 1);
    B::float_reshape(means, Shape::new(dims))
}

/// The means on the CPU, on all threads.
fn means(x: &[f32], [batch, d, h, w, c]: [usize; 5], [deep, high, wide]: [usize; 3]) -> Vec<f32> {
    let row = w / wide * c;
    let share = 1.0 / (deep * high * wide) as f32;
    let mut out = vec![0.0; batch * (d / deep) * (h / high) * row];
    let rows = out.par_chunks_exact_mut(row).enumerate();
    rows.for_each(|(number, out)| {
        let (plane, y) = (number / (h / high), number % (h / high));
        for step in 0..deep * high {
            // Planes of the batch's volumes lie after one another.
            let from = (plane * deep + step / high) * h + y * high + step % high;
            let blocks = x[from * w * c..][..w * c].chunks_exact(wide * c);
            for (out, block) in out.chunks_exact_mut(c).zip(blocks) {
                for voxel in block.chunks_exact(c) {
                    out.iter_mut().zip(voxel).for_each(|(sum, v)| *sum += v);
                }
            }
        }
        out.iter_mut().for_each(|sum| *sum *= share);
    });
    out
}
