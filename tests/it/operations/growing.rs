//! Labels that grow over the scan.

use prosector::geometry::{Affine, VoxelIndex};
use prosector::session::EditCommand;
use prosector::volume::{Grid, ImageVolume, LabelMap, Modality, Rescale, VoxelData};

use super::bench::Bench;

/// Two flat halves with a step between them at i = 6, a seed in each.
fn halves(dims: [usize; 3]) -> Bench {
    let grid = Grid::new(dims, Affine::from_spacing([1.0, 1.0, 2.0], [0.0; 3]));
    let side = |n: usize| {
        if grid.voxel_at(n).0[0] < 6 {
            100.0
        } else {
            400.0
        }
    };
    let scan = VoxelData::F32((0..grid.len()).map(|n| side(n) as f32).collect());
    let mut labels = LabelMap::empty(grid);
    labels.voxels[grid.offset(5, 1, 0)] = 1;
    labels.voxels[grid.offset(9, 1, 0)] = 2;
    Bench::with(
        ImageVolume::new(grid, scan, Rescale::IDENTITY, Modality::Mr),
        labels,
    )
}

#[test]
fn labels_meet_where_the_values_change() {
    let mut bench = halves([10, 4, 3]);
    bench.edit("grow_from_seeds labels=1,2");
    assert_eq!(bench.case().voxel_count(1), 6 * 4 * 3);
    assert_eq!(bench.case().voxel_count(2), 4 * 4 * 3);
    assert!(bench.voxels_of(1).iter().all(|v| v[0] < 6));
}

#[test]
fn smoothness_keeps_labels_near_their_seeds() {
    let mut bench = halves([20, 2, 1]);
    bench.edit("grow_from_seeds labels=1,2 smoothness=1000");
    // Halfway between 5 and 9, where a millimetre costs more than the step.
    let at = |i| {
        let offset = bench.case().grid().offset_of(VoxelIndex([i, 1, 0]));
        bench.case().labels().voxels[offset.expect("inside")]
    };
    assert_eq!([5, 6, 8, 9].map(at), [1, 1, 2, 2]);
}

#[test]
fn labels_neither_grow_into_others_nor_past_them() {
    let mut bench = halves([10, 4, 3]);
    bench.edit("threshold label=3 low=100 high=100");
    let before = bench.voxels_of(3);
    bench.edit("clear label=3 box=0,0,0,2,3,2");
    bench.edit("grow_from_seeds labels=1,2");
    assert_eq!(bench.case().voxel_count(1), 1, "walled in");
    assert_eq!(bench.case().voxel_count(2), 4 * 4 * 3);
    assert!(
        bench
            .voxels_of(3)
            .iter()
            .all(|v| before.contains(v) && v[0] > 2)
    );
    bench.edit("grow_from_seeds labels=1,2 over=3 locked=2");
    assert_eq!(bench.case().voxel_count(1), 6 * 4 * 3);
    assert_eq!(bench.case().voxel_count(3), 0);
    assert_eq!(bench.case().voxel_count(2), 4 * 4 * 3);
}

#[test]
fn one_label_alone_has_none_to_meet() {
    let error = EditCommand::parse("grow_from_seeds labels=1").expect_err("one label");
    assert!(error.to_string().contains("two labels or more"), "{error}");
}

#[test]
fn a_region_is_what_is_connected_and_in_range() {
    let mut bench = halves([10, 4, 3]);
    bench.edit("region_grow label=sac at=0,0,0 tolerance=299");
    let sac = bench.case().table().by_name("sac").expect("begun").value;
    assert_eq!(
        bench.case().voxel_count(sac),
        6 * 4 * 3 - 1,
        "without the seed"
    );
    let said = bench.edit("region_grow label=sac at=9,3,2 low=0 high=399");
    assert!(said[0].1.contains("nothing to change"), "{said:?}");
    bench.edit("region_grow label=sac at=9,3,2 low=0 high=400 over=1");
    assert_eq!(bench.case().voxel_count(sac), 10 * 4 * 3 - 1);
    for wrong in [
        "region_grow label=1 at=1,1,1",
        "region_grow label=1 at=1,1,1 low=3",
        "region_grow label=1 at=1,1,1 low=3 high=4 tolerance=1",
        "region_grow label=1 at=1,1,1 low=5 high=4",
        "region_grow label=1 at=1,1 tolerance=1",
        "region_grow label=1 at=1,1,1 tolerance=-1",
    ] {
        assert!(EditCommand::parse(wrong).is_err(), "{wrong}");
    }
    let outside =
        EditCommand::parse("region_grow label=1 at=-1,1,1 tolerance=1").expect("typed well");
    assert!(outside.check(bench.case()).is_err());
}

#[test]
fn a_random_walker_stays_where_the_values_are_alike() {
    let mut bench = halves([12, 6, 4]);
    bench.edit("random_walker label=1 box=0,0,0,8,5,3");
    assert_eq!(bench.case().voxel_count(1), 6 * 6 * 4);
    assert!(bench.voxels_of(1).iter().all(|v| v[0] < 6));
    assert_eq!(bench.case().voxel_count(2), 1, "beyond the box");
    let said = bench.edit("random_walker label=1 box=0,0,0,8,5,3");
    assert!(said[0].1.contains("nothing to change"), "{said:?}");
}

#[test]
fn a_random_walker_without_either_end_is_refused() {
    let mut bench = halves([12, 6, 4]);
    let said = bench.edit("random_walker label=1 box=6,0,0,8,5,3");
    assert!(said[0].1.contains("draw a little of it"), "{said:?}");
    bench.edit("clear label=1");
    let said = bench.edit("random_walker label=2 box=0,0,0,11,5,3");
    assert!(said[0].1.contains("no background"), "{said:?}");
    let said = bench.edit("random_walker label=2 box=50,0,0,60,5,3");
    assert!(said[0].1.contains("box"), "{said:?}");
    assert_eq!(bench.case().voxel_count(2), 1);
    assert!(EditCommand::parse("random_walker label=1 box=0,0,0,8,5,3 beta=-1").is_err());
}
