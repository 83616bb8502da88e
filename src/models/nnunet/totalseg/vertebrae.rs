//! Vertebral bodies, which a network that counts them may mix up.

use super::rules::WorkingLabels;

/// Pieces below so many cubic millimetres are no vertebrae.
const LEAST_MM3: f64 = 100.0;
/// What was taken off each vertebra before the network learned them.
const ERODED_MM: f64 = 3.0;

/// Gives every body a label of its own again where labels touch (`postprocess_vertebrae_pp`): from the lowest that was
/// found upward, or downward from the first in a scan of the head and neck. Then each grows by what it lost in training.
/// Labels count from `first`, the topmost, to `last`, the lowest.
pub(super) fn number_vertebrae(to: &mut WorkingLabels<'_>, first: u16, last: u16) {
    if labels_touch(to) && !numbered_anew(to, first, last) {
        return;
    }
    grow_labels(to.labels, to.dims, to.spacing_mm, ERODED_MM);
}

/// Whether two voxels that share a face have different labels.
fn labels_touch(of: &WorkingLabels<'_>) -> bool {
    let [_, rows, columns] = of.dims;
    let steps = [(0, rows * columns), (1, columns), (2, 1)];
    let differ = |a: u16, b: u16| a > 0 && b > 0 && a != b;
    (0..of.labels.len()).any(|at| {
        let place = of.place(at);
        let mut before = steps.iter().filter(|&&(axis, _)| place[axis] > 0);
        before.any(|&(_, step)| differ(of.labels[at], of.labels[at - step]))
    })
}

/// Whether anything is left.
fn numbered_anew(to: &mut WorkingLabels<'_>, first: u16, last: u16) -> bool {
    let pieces = to.pieces(|label| label > 0);
    let sizes = pieces.sizes();
    let counts: Vec<bool> = sizes
        .iter()
        .map(|&size| size as f64 * to.voxel_mm3() >= LEAST_MM3)
        .collect();
    let mut heights = vec![0.0; sizes.len()];
    let mut present = Vec::new();
    for (run, piece) in pieces.runs() {
        let piece = piece as usize - 1;
        if counts[piece] {
            heights[piece] += (run.len() * to.place(run.start)[0]) as f64;
            present.extend(to.labels[run.clone()].chunk_by(|a, b| a == b).map(|l| l[0]));
        }
    }
    let mut bodies: Vec<(usize, f64)> = (0..sizes.len())
        .filter(|&piece| counts[piece])
        .map(|piece| (piece, heights[piece] / sizes[piece] as f64))
        .collect();
    let from_top = present.contains(&first) && !present.contains(&last);
    let numbers: Vec<u16> = if from_top {
        bodies.sort_by(|a, b| b.1.total_cmp(&a.1));
        (first..=last).collect()
    } else {
        bodies.sort_by(|a, b| a.1.total_cmp(&b.1));
        let lowest = present.iter().copied().max().unwrap_or(0);
        (first..=lowest).rev().collect()
    };
    let mut number_of = vec![0; sizes.len()];
    for (&(piece, _), number) in bodies.iter().zip(numbers) {
        number_of[piece] = number;
    }
    for (run, piece) in pieces.runs() {
        to.labels[run.clone()].fill(number_of[piece as usize - 1]);
    }
    !bodies.is_empty()
}

/// Grows every label by a length into what has none, the lower labels first (`dilate_vertebrae_labels`). Axes of lengths
/// and spacings are those of the array, the last fastest.
pub(in crate::models::nnunet) fn grow_labels(
    labels: &mut [u16],
    dims: [usize; 3],
    spacing_mm: [f64; 3],
    by_mm: f64,
) {
    let steps = ball(spacing_mm, by_mm);
    let [_, rows, columns] = dims;
    let strides = [rows * columns, columns, 1];
    let place = |at: usize| [at / columns / rows, at / columns % rows, at % columns];
    // What a voxel within a label reaches, one at its surface reaches too.
    let at_surface = |labels: &[u16], at: usize| {
        let place = place(at);
        (0..3).any(|d| {
            let before = place[d] > 0 && labels[at - strides[d]] != labels[at];
            before || (place[d] + 1 < dims[d] && labels[at + strides[d]] != labels[at])
        })
    };
    let of_labels = (0..labels.len()).filter(|&at| labels[at] > 0 && at_surface(labels, at));
    let mut surface: Vec<(u16, usize)> = of_labels.map(|at| (labels[at], at)).collect();
    surface.sort_unstable();
    for (label, at) in surface {
        let from = place(at);
        for step in &steps {
            let to: [i64; 3] = std::array::from_fn(|d| from[d] as i64 + step[d]);
            if (0..3).all(|d| (0..dims[d] as i64).contains(&to[d])) {
                let to = (to[0] as usize * rows + to[1] as usize) * columns + to[2] as usize;
                if labels[to] == 0 {
                    labels[to] = label;
                }
            }
        }
    }
}

/// Steps to the voxels of an ellipsoid of so many millimetres. Where a radius is no whole number of voxels, the authors
/// sample it from its edge on, so that none of the samples is its centre (`get_ellipsoid_structuring_element`).
fn ball(spacing_mm: [f64; 3], radius_mm: f64) -> Vec<[i64; 3]> {
    let along = spacing_mm.map(|spacing| {
        let radius = radius_mm / spacing;
        let count = (2.0 * radius + 1.0).ceil() as i64;
        let sample = move |k: i64| (k - count / 2, ((k as f64 - radius) / radius).powi(2));
        (0..count).map(sample).collect::<Vec<(i64, f64)>>()
    });
    let mut steps = Vec::new();
    for &(a, of_a) in &along[0] {
        for &(b, of_b) in &along[1] {
            let inside = along[2]
                .iter()
                .filter(|(_, of_c)| of_a + of_b + of_c <= 1.0);
            steps.extend(inside.map(|&(c, _)| [a, b, c]));
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A column of voxels along superior, of 8 x 8 mm: labels from the lowest slice up.
    fn numbered(column: &[u16]) -> Vec<u16> {
        let mut labels = column.to_vec();
        let (dims, spacing_mm) = ([column.len(), 1, 1], [8.0; 3]);
        number_vertebrae(
            &mut WorkingLabels {
                labels: &mut labels,
                dims,
                spacing_mm,
            },
            1,
            24,
        );
        labels
    }

    #[test]
    fn bodies_are_counted_from_the_lowest_up_where_labels_run_into_each_other() {
        // 24 and 23 in one body: what lies above is 23 then, and so on.
        assert_eq!(numbered(&[24, 23, 0, 22, 0, 22]), [24, 24, 0, 23, 0, 22]);
        // Nothing touches: nothing is changed, even where a number is missing.
        assert_eq!(numbered(&[24, 0, 22, 0]), [24, 0, 22, 0]);
        // The head without the lowest: from the top.
        assert_eq!(numbered(&[4, 3, 0, 1, 0, 1]), [3, 3, 0, 2, 0, 1]);
    }

    #[test]
    fn labels_grow_by_their_radius_into_the_background_only() {
        let mut labels = vec![0; 9];
        (labels[2], labels[5]) = (7, 3);
        grow_labels(&mut labels, [1, 1, 9], [1.0, 1.0, 1.5], 3.0);
        // Two voxels each; between them the lower label is first.
        assert_eq!(labels, [7, 7, 7, 3, 3, 3, 3, 3, 0]);
    }

    #[test]
    fn a_radius_that_is_no_whole_number_of_voxels_is_sampled_beside_its_centre() {
        let steps = ball([5.0, 5.0, 2.0], 5.0);
        assert!(steps.iter().all(|step| step[..2] == [0, 0]));
        let along: Vec<i64> = steps.iter().map(|step| step[2]).collect();
        assert_eq!(along, [-3, -2, -1, 0, 1, 2]);
    }
}
