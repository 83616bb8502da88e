//! Boxes of values: turned, resized, cut, and covered with windows.

use prosector::models::sliding_window::{Blend, SlidingWindow};
use prosector::volume::VolumeArray;

fn counted(dims: [usize; 3]) -> VolumeArray {
    let count = dims.iter().product();
    VolumeArray::new(dims, (0..count).map(|v| v as f32).collect())
}

#[test]
fn turning_is_undone() {
    let array = counted([2, 3, 4]);
    for axes in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        for flips in 0..8 {
            let flipped = [0, 1, 2].map(|d| flips >> d & 1 == 1);
            let turned = array.transposed(axes, flipped);
            assert_eq!(turned.transposed_back(axes, flipped), array);
        }
    }
    let turned = array.transposed([2, 1, 0], [true, false, false]);
    assert_eq!(turned.dims, [4, 3, 2]);
    assert_eq!(turned.values[..2], [3.0, 15.0]);
}

#[test]
fn what_lies_outside_is_filled_when_cut_and_left_out_when_pasted() {
    let array = counted([2, 2, 3]);
    let cut = array.cut([-1, 0, 1], [2, 2, 3], -1.0);
    assert_eq!(cut.values[..6], [-1.0; 6]);
    assert_eq!(cut.values[6..], [1.0, 2.0, -1.0, 4.0, 5.0, -1.0]);
    let mut empty = VolumeArray::filled([2, 2, 3], 9.0);
    empty.paste(&cut, [-1, 0, 1]);
    assert_eq!(empty.values[..6], [9.0, 1.0, 2.0, 9.0, 4.0, 5.0]);
    assert!(array.cut([9, 9, 9], [1; 3], 0.0).values == [0.0]);
}

#[test]
fn resizing_keeps_constants_and_means() {
    let flat = VolumeArray::filled([3, 4, 5], 2.5);
    assert_eq!(flat.resized([7, 2, 9]), VolumeArray::filled([7, 2, 9], 2.5));
    assert_eq!(counted([1, 1, 2]).resized([1, 1, 1]).values, [0.5]);
    assert_eq!(
        counted([1, 1, 3]).nearest([1, 1, 6]).values,
        [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]
    );
    assert_eq!(counted([1, 1, 5]).rescaled([1.0, 1.0, 0.5]).dims, [1, 1, 2]);
}

#[test]
fn windows_that_agree_give_the_volume_back() {
    for blend in [Blend::Constant, Blend::Gaussian] {
        for dims in [[9, 4, 6], [3, 3, 3], [4, 4, 11]] {
            let window = SlidingWindow {
                side: 4,
                overlap: 0.5,
                blend,
            };
            let volume = counted(dims);
            let mut seen = 0;
            let found = window
                .run(&volume, |part, (done, all)| {
                    assert_eq!(done, seen);
                    assert!(done < all);
                    seen += 1;
                    Ok::<_, ()>(vec![part.values])
                })
                .unwrap();
            let worst = found[0].values.iter().zip(&volume.values);
            assert!(worst.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-3);
        }
    }
}
