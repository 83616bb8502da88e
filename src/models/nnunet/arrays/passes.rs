//! Resampling of whole arrays, axis after axis, in double precision.

use rayon::prelude::*;

use super::sampling::{Sample, Sampling};

/// An array of these lengths along its axes, resampled along each of them.
///
/// # Panics
/// When the values do not fill the samplings' lengths.
pub fn resampled<T: Sample>(values: &[T], axes: &[Sampling; 3]) -> Vec<f64> {
    let [a, b, c] = axes;
    assert_eq!(
        values.len(),
        a.from() * b.from() * c.from(),
        "the values fill the array"
    );
    let values = turned_through(values, a);
    let values = turned_through(&values, b);
    turned_through(&values, c)
}

/// Resamples along the first axis, which becomes the last. Every line of the result is written in one piece, so that
/// lines go side by side.
pub fn turned_through<T: Sample>(values: &[T], along: &Sampling) -> Vec<f64> {
    let lines = values.len() / along.from().max(1);
    let mut turned = vec![0.0; lines * along.to()];
    let each = turned.par_chunks_mut(along.to().max(1)).enumerate();
    each.for_each_init(Vec::new, |line, (at, out)| {
        line.clear();
        line.extend(values.iter().skip(at).step_by(lines).map(|v| v.value()));
        along.prepare(line);
        for (index, out) in out.iter_mut().enumerate() {
            *out = along.value(line, index);
        }
    });
    turned
}

/// An array whose axis `d` is the values' axis `order[d]`.
pub fn permuted<T: Copy + Default + Send + Sync>(
    values: &[T],
    dims: [usize; 3],
    order: [usize; 3],
) -> Vec<T> {
    let strides = [dims[1] * dims[2], dims[2], 1];
    let stride = order.map(|axis| strides[axis]);
    let [_, rows, columns] = order.map(|axis| dims[axis]);
    let mut permuted = vec![T::default(); values.len()];
    let lines = permuted.par_chunks_mut(columns.max(1)).enumerate();
    lines.for_each(|(line, out)| {
        let start = line / rows * stride[0] + line % rows * stride[1];
        for (at, out) in out.iter_mut().enumerate() {
            *out = values[start + at * stride[2]];
        }
    });
    permuted
}
