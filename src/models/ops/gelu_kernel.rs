//! The exact GELU on the CPU, many values at a time and on all threads; Burn's goes through one library call each.

use rayon::prelude::*;

use super::simd::vectorised;

/// Values that one thread works on at a time.
const CHUNK: usize = 1 << 14;

/// x · Φ(x) of each value.
pub(super) fn forward(x: &[f32]) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    out.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK))
        .for_each(|(out, x)| vectorised(|| forward_chunk(x, out)));
    out
}

/// `grad` times the derivative, Φ(x) + x φ(x).
pub(super) fn backward(x: &[f32], grad: &[f32]) -> Vec<f32> {
    const DENSITY: f32 = 0.398_942_3;
    let mut out = vec![0.0; x.len()];
    out.par_chunks_mut(CHUNK)
        .zip(x.par_chunks(CHUNK).zip(grad.par_chunks(CHUNK)))
        .for_each(|(out, (x, grad))| {
            for ((out, &x), &grad) in out.iter_mut().zip(x).zip(grad) {
                let density = DENSITY * (-0.5 * x * x).exp();
                *out = grad * (0.5 + 0.5 * erf(x * std::f32::consts::FRAC_1_SQRT_2) + x * density);
            }
        });
    out
}

#[inline(always)]
fn forward_chunk(x: &[f32], out: &mut [f32]) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = x * (0.5 + 0.5 * erf(x * std::f32::consts::FRAC_1_SQRT_2));
    }
}

/// The error function to a few units in the last place: a rational approximation in x², which vectors can follow.
#[inline(always)]
fn erf(x: f32) -> f32 {
    const ABOVE: [f32; 7] = [
        -2.726_142_3e-10,
        2.770_681_4e-8,
        -2.101_024e-6,
        -5.692_506_4e-5,
        -7.349_906_3e-4,
        -2.954_6e-3,
        -1.609_603_3e-2,
    ];
    const BELOW: [f32; 5] = [
        -1.456_607_2e-5,
        -2.133_740_6e-4,
        -1.682_827e-3,
        -7.373_329_2e-3,
        -1.426_473_9e-2,
    ];
    // Beyond 4 the error function is 1 in single precision.
    let x = x.clamp(-4.0, 4.0);
    let square = x * x;
    let above = ABOVE.iter().fold(0.0, |sum, c| sum * square + c);
    let below = BELOW.iter().fold(0.0, |sum, c| sum * square + c);
    (x * above / below).clamp(-1.0, 1.0)
}
