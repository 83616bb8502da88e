//! Whether a result goes on beyond what the network saw.

/// Voxels that differ on a face, above which there is more to see whatever the share.
const MANY: usize = 1500;
/// And above which there is where the number also changes by more than [`CHANGE`].
const SOME: usize = 100;
const CHANGE: f64 = 0.2;

/// Whether a face of the patch has changed so much from one mask to the other that the network should look from further
/// away.
///
/// # Panics
/// When the masks do not fill the patch.
pub fn goes_on(new: &[u8], old: &[u8], patch: [usize; 3]) -> bool {
    (0..3).any(|axis| {
        [0, patch[axis] - 1]
            .into_iter()
            .any(|at| has_changed(new, old, patch, axis, at))
    })
}

fn has_changed(new: &[u8], old: &[u8], patch: [usize; 3], axis: usize, at: usize) -> bool {
    let strides = [patch[1] * patch[2], patch[2], 1];
    let [first, second] = match axis {
        0 => [1, 2],
        1 => [0, 2],
        _ => [0, 1],
    };
    let (mut differing, mut set) = (0, [0usize; 2]);
    for row in 0..patch[first] {
        for column in 0..patch[second] {
            let offset = at * strides[axis] + row * strides[first] + column * strides[second];
            let pair = [new[offset] != 0, old[offset] != 0];
            differing += usize::from(pair[0] != pair[1]);
            set[0] += usize::from(pair[0]);
            set[1] += usize::from(pair[1]);
        }
    }
    let [least, most] = [set[0].min(set[1]), set[0].max(set[1])];
    let change = most as f64 / (least as f64).max(1e-5) - 1.0;
    differing > MANY || (differing > SOME && change > CHANGE)
}
