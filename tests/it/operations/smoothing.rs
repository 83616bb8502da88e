//! Smoothing at the border of the volume and between labels.

use proptest::prelude::*;

use super::bench::Bench;

const DIMS: [usize; 3] = [7, 6, 5];
const SPACING_MM: [f64; 3] = [0.75, 1.25, 2.5];

fn everywhere() -> Vec<[i64; 3]> {
    let [ni, nj, nk] = DIMS.map(|n| n as i64);
    let rows = (0..ni).flat_map(|i| (0..nj).map(move |j| [i, j]));
    rows.flat_map(|[i, j]| (0..nk).map(move |k| [i, j, k])).collect()
}

/// The definition: more than half of the ball belongs to the label, which goes on beyond the border as in a mirror.
fn median(label: &[[i64; 3]], mm: f64) -> Vec<[i64; 3]> {
    let mirrored = |v: i64, n: usize| {
        let n = n as i64;
        let v = if v < 0 { -1 - v } else { v };
        if v >= n { 2 * n - 1 - v } else { v }
    };
    let is_median = |&[i, j, k]: &[i64; 3]| {
        let (mut inside, mut all) = (0, 0);
        for [di, dj, dk] in everywhere().iter().map(|v| [v[0] - 3, v[1] - 2, v[2] - 2]) {
            let steps = [di, dj, dk];
            let squared: f64 = (0..3).map(|d| (SPACING_MM[d] * steps[d] as f64).powi(2)).sum();
            if squared <= mm * mm {
                let at = [i + di, j + dj, k + dk];
                let at = std::array::from_fn(|d| mirrored(at[d], DIMS[d]));
                all += 1;
                inside += usize::from(label.contains(&at));
            }
        }
        2 * inside > all
    };
    everywhere().into_iter().filter(is_median).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn the_median_is_the_majority_of_the_ball(
        dice in prop::collection::vec(0..10u32, 7 * 6 * 5),
        mm in prop_oneof![Just(0.7), Just(1.25), Just(1.9), Just(2.25)],
    ) {
        let all = everywhere();
        let label: Vec<_> = all.iter().zip(dice).filter(|&(_, d)| d < 6).map(|(&v, _)| v).collect();
        let mut bench = Bench::of_voxels(DIMS, SPACING_MM, &label);
        bench.edit(&format!("smooth label=1 method=median mm={mm}"));
        prop_assert_eq!(bench.voxels_of(1), median(&label, mm));
    }
}

#[test]
fn a_slab_that_ends_at_the_border_stays() {
    let slab: Vec<_> = everywhere().into_iter().filter(|v| v[2] < 3).collect();
    for method in ["median", "opening", "closing", "gaussian", "joint"] {
        let mut bench = Bench::of_voxels(DIMS, SPACING_MM, &slab);
        bench.edit(&format!("smooth labels=1 method={method} mm=2.6"));
        assert_eq!(bench.voxels_of(1), slab, "{method}");
    }
}

#[test]
fn jointly_smoothed_labels_leave_no_gap_between_them() {
    let all = everywhere();
    let mut bench = Bench::of_voxels(DIMS, SPACING_MM, &all);
    bench.edit("threshold label=2 low=1 high=2");
    // A jagged border between two labels that fill the volume.
    for j in 0..6 {
        let last = if j % 2 == 0 { 2 } else { 3 };
        bench.edit(&format!("region_grow label=2 at=0,{j},0 tolerance=0 locked=1"));
        let row = format!("box=0,{j},0,{last},{j},4");
        bench.edit(&format!("clear label=1 {row}"));
    }
    bench.edit("threshold label=2 low=0 high=0");
    assert_eq!(bench.voxels_of(1).len() + bench.voxels_of(2).len(), all.len());
    bench.edit("smooth labels=1,2 method=joint mm=1.5");
    assert_eq!(bench.voxels_of(1).len() + bench.voxels_of(2).len(), all.len());
    let depths: Vec<usize> = (0..6)
        .map(|j| bench.voxels_of(2).iter().filter(|v| v[1] == j && v[2] == 2).count())
        .collect();
    let steps = depths.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(steps <= 1, "the border is no longer jagged: {depths:?}");
}
