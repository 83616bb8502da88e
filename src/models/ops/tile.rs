//! Matrix products of a few rows that stay in registers: what the kernels of convolution and attention are made of.

use super::simd::multiply_add;

/// Columns of the `[rows, out]` matrix cut into blocks of `N`, zero-filled at the end: `[blocks][rows][N]`.
pub(super) fn column_blocks<const N: usize>(matrix: &[f32], columns: usize) -> Vec<f32> {
    let rows = matrix.len() / columns;
    let blocks = columns.div_ceil(N);
    let mut out = vec![0.0; blocks * rows * N];
    for block in 0..blocks {
        let width = N.min(columns - block * N);
        for row in 0..rows {
            let source = &matrix[row * columns + block * N..][..width];
            out[(block * rows + row) * N..][..width].copy_from_slice(source);
        }
    }
    out
}

/// Adds `rows · weight` to `sum`, `[R, run] · [run, N]`. The sums go in and out by value, so that they stay in
/// registers.
#[inline(always)]
pub(super) fn multiply_rows<const R: usize, const N: usize, const FUSED: bool>(
    rows: &[&[f32]; R],
    weight: &[f32],
    mut sum: [[f32; N]; R],
) -> [[f32; N]; R] {
    let run = weight.len() / N;
    let rows: [&[f32]; R] = std::array::from_fn(|r| &rows[r][..run]);
    for (k, weight) in weight.chunks_exact(N).enumerate() {
        for r in 0..R {
            let value = rows[r][k];
            for n in 0..N {
                sum[r][n] = multiply_add::<FUSED>(value, weight[n], sum[r][n]);
            }
        }
    }
    sum
}
