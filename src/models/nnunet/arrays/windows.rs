//! Where the windows lie.

use std::ops::Range;

/// First voxels of the windows along each axis, evenly spread over the image
/// (`compute_steps_for_sliding_window`); `step` is the share of the patch between two windows, above 0 and at most 1.
/// The image must be at least as long as the patch along each axis: see [`padding`].
pub fn window_starts(image: &[usize], patch: &[usize], step: f64) -> Vec<Vec<usize>> {
    let along = |(&image, &patch): (&usize, &usize)| {
        let room = image.saturating_sub(patch) as f64;
        let last = (room / (patch as f64 * step)).ceil() as usize;
        // One window has no distance to the next one.
        let apart = if last == 0 { 0.0 } else { room / last as f64 };
        (0..=last)
            .map(|i| (apart * i as f64).round_ties_even() as usize)
            .collect()
    };
    image.iter().zip(patch).map(along).collect()
}

/// Where the image lies, along each axis, in the array that is padded to the patch (`pad_nd_image`); the patch speaks of
/// the last axes, the others are not padded. An odd rest goes to the far side. The padded axis is as long as the longer
/// of the two.
pub fn padding(shape: &[usize], patch: &[usize]) -> Vec<Range<usize>> {
    let kept = shape.len().saturating_sub(patch.len());
    let wanted = std::iter::repeat_n(0, kept).chain(patch.iter().copied());
    let inside = |(&length, wanted): (&usize, usize)| {
        let below = wanted.saturating_sub(length) / 2;
        below..below + length
    };
    shape.iter().zip(wanted).map(inside).collect()
}
