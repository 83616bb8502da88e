//! Sums of large maps: Burn's on the GPU and where gradients are wanted; on the CPU, where Burn's go through one thread, on
//! all.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};
use rayon::prelude::*;

use super::volume_ops::{Activation, activated, contiguous, values};

/// Values that one thread adds at a time.
const CHUNK: usize = 1 << 15;

/// The sum of two tensors of one shape.
pub fn add<const D: usize>(x: Tensor<D>, y: Tensor<D>) -> Tensor<D> {
    add_act(x, y, Activation::Identity)
}

/// The sum of two tensors of one shape, then an activation.
pub fn add_act<const D: usize>(x: Tensor<D>, y: Tensor<D>, activation: Activation) -> Tensor<D> {
    Tensor::from_dispatch(<Dispatch as AdditionOps>::add_alike(
        x.into_dispatch(),
        y.into_dispatch(),
        activation,
    ))
}

/// A row `[columns]` added to each of `[rows, columns]`.
pub fn add_row(rows: Tensor<2>, row: Tensor<1>) -> Tensor<2> {
    Tensor::from_dispatch(<Dispatch as AdditionOps>::add_to_rows(
        rows.into_dispatch(),
        row.into_dispatch(),
    ))
}

/// Entry points that Burn dispatches on the tensor's device.
#[backend_extension(Flex, Cube, Autodiff)]
pub(super) trait AdditionOps: Backend {
    fn add_alike(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self> {
        activated::<Self>(Self::float_add(x, y), activation)
    }

    fn add_to_rows(rows: FloatTensor<Self>, row: FloatTensor<Self>) -> FloatTensor<Self> {
        let columns = row.shape()[0];
        Self::float_add(rows, Self::float_reshape(row, Shape::new([1, columns])))
    }
}

impl AdditionOps for Flex {
    fn add_alike(
        x: FloatTensor<Self>,
        y: FloatTensor<Self>,
        activation: Activation,
    ) -> FloatTensor<Self> {
        // Into the one that nobody else holds.
        let (sum, other) = if x.is_unique() { (x, y) } else { (y, x) };
        let (mut sum, other) = (contiguous(sum), contiguous(other));
        let slope = activation.negative_slope();
        let into = sum.storage_mut::<f32>().par_chunks_mut(CHUNK);
        into.zip(values(&other).par_chunks(CHUNK))
            .for_each(|(sum, other)| {
                for (sum, v) in sum.iter_mut().zip(other) {
                    let v = *sum + v;
                    *sum = if v < 0.0 { v * slope } else { v };
                }
            });
        sum
    }

    fn add_to_rows(rows: FloatTensor<Self>, row: FloatTensor<Self>) -> FloatTensor<Self> {
        let (mut sum, row) = (contiguous(rows), contiguous(row));
        let row = values(&row);
        let together = (CHUNK / row.len().max(1)).max(1) * row.len().max(1);
        let into = sum.storage_mut::<f32>().par_chunks_mut(together);
        into.for_each(|rows| {
            let rows = rows.chunks_exact_mut(row.len());
            rows.for_each(|sum| sum.iter_mut().zip(row).for_each(|(sum, v)| *sum += v));
        });
        sum
    }
}

impl AdditionOps for Cube {}

impl<B: Backend, C: CheckpointStrategy> AdditionOps for Autodiff<B, C> {}
