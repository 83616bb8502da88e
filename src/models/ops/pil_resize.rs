//! Resizing of 8-bit images exactly as the Pillow library does it: fixed-point weights, across and then down.

/// Bits after the point of a weight.
const PRECISION: u32 = 32 - 8 - 2;

/// For one target place: first source place, and the weights of it and those after it.
type Taps = (usize, Vec<i32>);

/// Resizes an image of `from` = (height, width) pixels, rows of `channels` interleaved values, to `to`: bilinear, and
/// widened where it shrinks. Equal to Pillow's `Image.resize(.., BILINEAR)` to the last bit.
pub fn pil_resize_bilinear(
    pixels: &[u8],
    from: [usize; 2],
    channels: usize,
    to: [usize; 2],
) -> Vec<u8> {
    let across = if from[1] == to[1] {
        pixels.to_vec()
    } else {
        resize_rows(pixels, from, channels, to[1])
    };
    if from[0] == to[0] {
        across
    } else {
        resize_columns(&across, from[0], to[1] * channels, to[0])
    }
}

fn resize_rows(pixels: &[u8], from: [usize; 2], channels: usize, width: usize) -> Vec<u8> {
    let taps = triangle_taps(from[1], width);
    let mut out = Vec::with_capacity(from[0] * width * channels);
    for row in pixels.chunks_exact(from[1] * channels) {
        for (first, weights) in &taps {
            for channel in 0..channels {
                let values = row[first * channels + channel..].iter().step_by(channels);
                out.push(blend(values, weights));
            }
        }
    }
    out
}

fn resize_columns(pixels: &[u8], rows: usize, row: usize, height: usize) -> Vec<u8> {
    let taps = triangle_taps(rows, height);
    let mut out = Vec::with_capacity(height * row);
    for (first, weights) in &taps {
        for x in 0..row {
            let values = pixels[first * row + x..].iter().step_by(row);
            out.push(blend(values, weights));
        }
    }
    out
}

fn blend<'a>(values: impl Iterator<Item = &'a u8>, weights: &[i32]) -> u8 {
    let half = 1 << (PRECISION - 1);
    let sum = values
        .zip(weights)
        .fold(half, |sum: i32, (&v, &w)| sum + i32::from(v) * w);
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// Pillow's `precompute_coeffs` for the triangle filter, and `normalize_coeffs_8bpc`.
fn triangle_taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let stretch = scale.max(1.0);
    (0..to)
        .map(|place| {
            let centre = (place as f64 + 0.5) * scale;
            let first = (centre - stretch + 0.5).max(0.0) as usize;
            let end = ((centre + stretch + 0.5) as usize).min(from);
            let weights: Vec<f64> = (first..end)
                .map(|x| (1.0 - ((x as f64 - centre + 0.5) / stretch).abs()).max(0.0))
                .collect();
            let sum: f64 = weights.iter().sum();
            let fixed = |w: &f64| (0.5 + w / sum * f64::from(1u32 << PRECISION)) as i32;
            (first, weights.iter().map(fixed).collect())
        })
        .collect()
}
