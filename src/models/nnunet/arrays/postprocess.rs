//! Removing small parts.

use crate::volume::components::{Connectivity, Pieces};

/// Keeps, of the voxels that have any of `members`, the largest component by faces, edges and corners, all of those that
/// tie, and makes the rest of them background (`remove_all_but_largest_component_from_segmentation`).
///
/// # Panics
/// If the labels do not fill `dims`.
pub fn keep_largest_component(labels: &mut [u16], dims: [usize; 3], members: &[u16]) {
    let mask: Vec<u8> = labels
        .iter()
        .map(|label| u8::from(members.contains(label)))
        .collect();
    let [planes, rows, columns] = dims;
    let pieces = Pieces::of(&mask, [columns, rows, planes], Connectivity::TwentySix);
    let sizes = pieces.sizes();
    let largest = sizes.iter().copied().max().unwrap_or(0);
    for (run, label) in pieces.runs() {
        if sizes[label as usize - 1] < largest {
            labels[run.clone()].fill(0);
        }
    }
}
