//! Margins and shells against the definition, voxel by voxel.

use proptest::prelude::*;

use super::bench::Bench;

const DIMS: [usize; 3] = [7, 6, 5];
const SPACING_MM: [f64; 3] = [0.75, 1.25, 2.5];

fn squared_mm2(a: [i64; 3], b: [i64; 3]) -> f64 {
    (0..3)
        .map(|d| (SPACING_MM[d] * (a[d] - b[d]) as f64).powi(2))
        .sum()
}

fn everywhere() -> impl Iterator<Item = [i64; 3]> {
    let [ni, nj, nk] = DIMS.map(|n| n as i64);
    (0..ni).flat_map(move |i| (0..nj).flat_map(move |j| (0..nk).map(move |k| [i, j, k])))
}

/// The definition: every voxel no further than `mm` from the label; or, where negative, its voxels further than that
/// from every voxel that is not its own.
fn margin(label: &[[i64; 3]], mm: f64) -> Vec<[i64; 3]> {
    let outside: Vec<_> = everywhere().filter(|o| !label.contains(o)).collect();
    let is_near =
        |v: &[i64; 3], others: &[[i64; 3]]| others.iter().any(|&o| squared_mm2(*v, o) <= mm * mm);
    everywhere()
        .filter(|v| match mm < 0.0 {
            false => is_near(v, label),
            true => label.contains(v) && !is_near(v, &outside),
        })
        .collect()
}

fn voxels(share: u32) -> impl Strategy<Value = Vec<[i64; 3]>> {
    let all: Vec<_> = everywhere().collect();
    prop::collection::vec(0..100u32, all.len()).prop_map(move |dice| {
        let kept = all.iter().zip(dice).filter(|&(_, die)| die < share);
        kept.map(|(&voxel, _)| voxel).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_label_grows_as_defined(label in voxels(4), quarters in 0..24u32) {
        let mm = f64::from(quarters) / 4.0;
        prop_assume!(!label.is_empty());
        let mut bench = Bench::of_voxels(DIMS, SPACING_MM, &label);
        bench.edit(&format!("margin label=1 mm={mm}"));
        prop_assert_eq!(bench.voxels_of(1), margin(&label, mm));
    }

    #[test]
    fn a_label_shrinks_as_defined(label in voxels(94), quarters in 1..16u32) {
        let mm = f64::from(quarters) / 4.0;
        let mut bench = Bench::of_voxels(DIMS, SPACING_MM, &label);
        bench.edit(&format!("margin label=1 mm=-{mm}"));
        prop_assert_eq!(bench.voxels_of(1), margin(&label, -mm));
    }

    #[test]
    fn shells_are_what_growing_adds_and_shrinking_takes(label in voxels(80), quarters in 1..12u32) {
        let mm = f64::from(quarters) / 4.0;
        for (side, outwards, inwards) in [("inside", 0.0, mm), ("outside", mm, 0.0), ("centre", mm / 2.0, mm / 2.0)] {
            let mut bench = Bench::of_voxels(DIMS, SPACING_MM, &label);
            bench.edit(&format!("hollow label=1 mm={mm} side={side}"));
            let inner = margin(&label, -inwards);
            let inner = if inwards == 0.0 { label.clone() } else { inner };
            let shell: Vec<_> = margin(&label, outwards).into_iter().filter(|v| !inner.contains(v)).collect();
            prop_assert_eq!(bench.voxels_of(1), shell, "{}", side);
        }
    }
}

#[test]
fn the_border_of_the_volume_is_no_surface() {
    let full: Vec<_> = everywhere().collect();
    let mut bench = Bench::of_voxels(DIMS, SPACING_MM, &full);
    let said = bench.edit("margin label=1 mm=-100");
    assert_eq!(
        bench.voxels_of(1).len(),
        full.len(),
        "there is no voxel outside"
    );
    assert!(said[0].1.contains("nothing to change"), "{said:?}");
    bench.edit("hollow label=1 mm=1 side=inside");
    assert!(bench.voxels_of(1).is_empty());
}

#[test]
fn a_length_of_just_so_many_steps_counts_whatever_the_rounding() {
    // NIfTI stores 0.8 as a number of 32 bits, a little more than 0.8.
    let spacing_mm = [f64::from(0.8f32), 1.0, 1.0];
    let mut bench = Bench::of_voxels([9, 1, 1], spacing_mm, &[[4, 0, 0]]);
    bench.edit("margin label=1 mm=2.4");
    assert_eq!(bench.voxels_of(1).len(), 7);
}

#[test]
fn an_empty_label_stays_empty() {
    for operation in [
        "margin label=1 mm=3",
        "margin label=1 mm=-3",
        "hollow label=1 mm=3 side=centre",
        "smooth label=1 method=median mm=3",
        "smooth labels=1 method=joint mm=3",
        "fill_holes label=1",
        "keep_largest label=1",
        "split_islands label=1",
        "interpolate label=1 plane=axial",
        "mirror label=1 axis=left_right",
        "clear label=1",
    ] {
        let mut bench = Bench::of_voxels(DIMS, SPACING_MM, &[[1, 1, 1]]);
        bench.edit("clear label=1");
        let said = bench.edit(operation);
        assert!(
            said[0].1.contains("nothing to change"),
            "{operation}: {said:?}"
        );
        assert!(bench.voxels_of(1).is_empty(), "{operation}");
    }
}
