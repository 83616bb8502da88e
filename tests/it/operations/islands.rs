//! Pieces of a label, holes, and labels made of them.

use prosector::session::{HistoryCommand, LabelCommand};

use super::bench::Bench;

/// Three pieces of two voxels and one of one, in an order that depends on which axis is looked at first.
const PIECES: [[i64; 3]; 7] = [
    [1, 4, 4],
    [2, 4, 4],
    [3, 1, 1],
    [3, 2, 1],
    [1, 6, 1],
    [1, 6, 2],
    [6, 6, 6],
];

fn pieces() -> Bench {
    Bench::of_voxels([8, 8, 8], [1.0, 1.0, 2.5], &PIECES)
}

#[test]
fn of_equal_pieces_the_first_in_i_then_j_then_k_is_kept() {
    let mut bench = pieces();
    bench.edit("keep_largest label=1");
    assert_eq!(bench.voxels_of(1), [[1, 4, 4], [2, 4, 4]]);
}

#[test]
fn pieces_become_labels_by_size_and_the_largest_stays() {
    let mut bench = pieces();
    bench.session.apply(LabelCommand::Rename {
        value: 1,
        name: "node".into(),
    });
    bench.session.apply(LabelCommand::Add {
        name: Some("node_2".into()),
    });
    bench.edit("split_islands label=1");
    assert_eq!(bench.voxels_of(1), [[1, 4, 4], [2, 4, 4]]);
    assert_eq!(bench.voxels_of(3), [[1, 6, 1], [1, 6, 2]]);
    assert_eq!(bench.voxels_of(4), [[3, 1, 1], [3, 2, 1]]);
    assert_eq!(bench.voxels_of(5), [[6, 6, 6]]);
    let names = bench.case().table().labels().iter().map(|l| l.name.clone());
    let names: Vec<String> = names.collect();
    assert_eq!(names, ["node", "node_2", "node_3", "node_4", "node_5"]);
    bench.session.apply(HistoryCommand::Undo);
    assert_eq!(bench.voxels_of(1).len(), 7);
    assert_eq!(bench.case().table().labels().len(), 2);
}

#[test]
fn pieces_below_the_least_size_stay_what_they_are() {
    let mut bench = pieces();
    bench.edit("split_islands label=1 min_voxels=2");
    assert_eq!(bench.voxels_of(1), [[1, 4, 4], [2, 4, 4], [6, 6, 6]]);
    assert_eq!(bench.voxels_of(3).len(), 2);
    assert!(bench.voxels_of(4).is_empty());
}

#[test]
fn a_locked_label_is_not_split_and_begins_none() {
    let mut bench = pieces();
    let said = bench.edit("split_islands label=1 locked=1");
    assert!(said[0].1.contains("nothing to change"), "{said:?}");
    assert_eq!(bench.case().table().labels().len(), 1);
    assert_eq!(bench.case().history().undo_len(), 0);
}

#[test]
fn pieces_of_just_the_volume_asked_for_stay() {
    // A voxel of 0.8 x 0.8 x 2.5 mm: 0.0016 ml, which no binary number is.
    for (ml, left) in [("0.0016", 7), ("0.0032", 6), ("0.00321", 0)] {
        let mut bench = Bench::of_voxels([8, 8, 8], [0.8, 0.8, 2.5], &PIECES);
        bench.edit(&format!("remove_small label=1 min_ml={ml}"));
        assert_eq!(bench.voxels_of(1).len(), left, "{ml} ml");
    }
}

#[test]
fn what_the_volumes_border_closes_is_no_hole() {
    // A ring in the last slice, and a cup that is open at the border.
    let ring = |k| [[0, 1], [1, 0], [1, 2], [2, 1]].map(|[i, j]| [i + 2, j + 2, k]);
    let mut bench = Bench::of_voxels([7, 7, 3], [1.0; 3], &ring(2));
    bench.edit("fill_holes label=1");
    assert_eq!(bench.voxels_of(1).len(), 4);
    bench.edit("fill_holes label=1 plane=axial");
    assert_eq!(bench.voxels_of(1).len(), 5);
    assert!(bench.voxels_of(1).contains(&[3, 3, 2]));
}
