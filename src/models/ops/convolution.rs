//! Convolutions of any odd kernel and stride of channels-last maps: Burn's on the GPU, ours on the CPU. Gradients are ours for
//! 3×3×3 with stride 1, which is most of what networks compute, else Burn's.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::ops::ConvOptions;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Cube, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::tensor::{Shape, Tensor};

use super::conv3d_kernel::{self, ConvShape};
use super::volume_ops::{VolumeKernels, VolumeOps, channels_first, channels_last, tensor, values};
use super::winograd_kernel;

/// Sides of a kernel, odd, and voxels from one output to the next.
pub type KernelAndStride = ([usize; 3], [usize; 3]);

/// Zero-padded convolution of maps that stand beside each other along their channels: each `[b, d, h, w, some of in]`, with
/// weight `[taps, in, out]` → `[b, d', h', w', out]`. The maps are not copied into one.
///
/// # Panics
/// Without a map.
pub fn convolve3d(maps: Vec<Tensor<5>>, weight: Tensor<3>, kernel: KernelAndStride) -> Tensor<5> {
    let mut maps = maps.into_iter().map(Tensor::into_dispatch);
    let first = maps.next().expect("there is a map");
    let weight = weight.into_dispatch();
    let found = match maps.next() {
        None => <Dispatch as ConvolutionOps>::convolve_last(first, weight, kernel),
        Some(second) => {
            <Dispatch as ConvolutionOps>::convolve_beside_last(first, second, weight, kernel)
        }
    };
    Tensor::from_dispatch(found)
}

/// Entry points that Burn dispatches on the tensor's device; in its own operations, but for the CPU.
#[backend_extension(Flex, Cube, Autodiff)]
pub(super) trait ConvolutionOps: Backend {
    fn convolve_last(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        kernel: KernelAndStride,
    ) -> FloatTensor<Self> {
        by_burn::<Self>(x, weight, kernel)
    }
    fn convolve_beside_last(
        x: FloatTensor<Self>,
        beside: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        kernel: KernelAndStride,
    ) -> FloatTensor<Self> {
        Self::convolve_last(joined::<Self>(vec![x, beside]), weight, kernel)
    }
}

impl ConvolutionOps for Flex {
    fn convolve_last(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        kernel: KernelAndStride,
    ) -> FloatTensor<Self> {
        on_cpu(&[x], weight, kernel)
    }

    fn convolve_beside_last(
        x: FloatTensor<Self>,
        beside: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        kernel: KernelAndStride,
    ) -> FloatTensor<Self> {
        on_cpu(&[x, beside], weight, kernel)
    }
}

impl ConvolutionOps for Cube {}

impl<B: Backend + VolumeKernels, C: CheckpointStrategy> ConvolutionOps for Autodiff<B, C> {
    fn convolve_last(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        kernel: KernelAndStride,
    ) -> FloatTensor<Self> {
        match kernel {
            ([3, 3, 3], [1, 1, 1]) => <Self as VolumeOps>::conv3d_last(x, weight),
            _ => by_burn::<Self>(x, weight, kernel),
        }
    }
}

/// Maps beside each other as one.
fn joined<B: Backend>(maps: Vec<FloatTensor<B>>) -> FloatTensor<B> {
    B::float_cat(maps, 4)
}

/// The convolution in Burn's own operations.
fn by_burn<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    (kernel, stride): KernelAndStride,
) -> FloatTensor<B> {
    let [d, h, w] = kernel;
    let [_, from, to] = weight.shape().dims();
    let weight = B::float_reshape(weight, Shape::new([d, h, w, from, to]));
    let weight = B::float_permute(weight, &[4, 3, 0, 1, 2]);
    let options = ConvOptions::new(stride, kernel.map(|side| side / 2), [1; 3], 1);
    channels_last::<B>(B::conv3d(channels_first::<B>(x), weight, None, options))
}

fn on_cpu(
    parts: &[FloatTensor<Flex>],
    weight: FloatTensor<Flex>,
    (kernel, stride): KernelAndStride,
) -> FloatTensor<Flex> {
    let parts: Vec<FloatTensor<Flex>> = parts.iter().map(|part| part.to_contiguous()).collect();
    let weight = weight.to_contiguous();
    let [batch, d, h, w, _] = parts[0].shape().dims();
    let [_, channels_in, channels_out] = weight.shape().dims();
    let shape = ConvShape {
        batch,
        dims: [d, h, w],
        channels_in,
        channels_out,
        kernel,
        stride,
    };
    let slices: Vec<&[f32]> = parts.iter().map(values).collect();
    let found = if winograd_kernel::suits(shape) {
        winograd_kernel::forward(&slices, values(&weight), shape)
    } else if let [x] = slices[..] {
        conv3d_kernel::forward(x, values(&weight), shape)
    } else {
        let x = joined::<Flex>(parts).to_contiguous();
        conv3d_kernel::forward(values(&x), values(&weight), shape)
    };
    let [d, h, w] = shape.dims_out();
    tensor(found, [batch, d, h, w, channels_out])
}
