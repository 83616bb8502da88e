//! A 3D adapter beside a 3×3×3 convolution: down to few channels, a depthwise convolution of these, and up again.
//!
//! Without an activation between them the three are one convolution, which is what is added to the weight `[27, in, out]`.

use burn::tensor::Tensor;

use super::Form;

pub(crate) const DEPTHWISE: Form = Form {
    name: "depthwise",
    factors: |shape, rank| {
        let [taps, channels_in, channels_out] = sides(shape);
        vec![[taps, rank], [channels_in, rank], [rank, channels_out]]
    },
    shared: &[],
    increment: |factors| {
        let [taps, rank] = factors[0].dims();
        let [channels_in, _] = factors[1].dims();
        let kernel: Tensor<3> = factors[0].clone().reshape([taps, 1, rank]);
        let down: Tensor<3> = factors[1].clone().reshape([1, channels_in, rank]);
        let both: Tensor<2> = (kernel * down).reshape([taps * channels_in, rank]);
        both.matmul(factors[2].clone())
    },
};

/// Taps, channels in, channels out of a weight.
fn sides(shape: &[usize]) -> [usize; 3] {
    let from_end = |n: usize| shape.len().checked_sub(n).map_or(1, |at| shape[at]);
    [from_end(3), from_end(2), from_end(1)]
}
