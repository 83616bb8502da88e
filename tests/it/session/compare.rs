//! Readings beside each other: where they differ, going there, and taking one over as steps of the history.

use prosector::geometry::VoxelIndex;
use prosector::session::{
    CompareCommand, ComparedReading, HistoryCommand, Severity, TakenPart, agreed,
};
use prosector::volume::{LabelMap, LabelTable};

use super::{Desk, notice, paint};

const DIMS: [usize; 3] = [12, 10, 6];

/// A reading with boxes of labels, each given by its name and two corners.
fn reading(desk: &Desk, name: &str, boxes: &[(&str, [i64; 3], [i64; 3])]) -> ComparedReading {
    let mut map = LabelMap::empty(*desk.case().grid());
    let mut table = LabelTable::default();
    for (n, (label, low, high)) in boxes.iter().enumerate() {
        let value = n as u16 + 1;
        table.add(value, label);
        for offset in 0..map.voxels.len() {
            let voxel = map.grid.voxel_at(offset).0;
            if (0..3).all(|d| (low[d]..=high[d]).contains(&voxel[d])) {
                map.voxels[offset] = value;
            }
        }
    }
    ComparedReading {
        name: name.to_owned(),
        layers: map.into(),
        table,
    }
}

fn compare(desk: &mut Desk, readings: Vec<ComparedReading>) {
    let measured = Vec::new();
    desk.apply(CompareCommand::Open { readings, measured });
    assert!(desk.case().comparison().is_some());
}

fn drawn_at(desk: &Desk, voxel: [i64; 3]) -> String {
    let comparison = desk.case().comparison().expect("it is compared");
    let offset = desk.case().grid().offset_of(VoxelIndex(voxel));
    let value = comparison.drawn().voxels[offset.expect("inside")];
    let label = comparison.table().get(value);
    label.map_or_else(String::new, |label| label.name.clone())
}

fn place(desk: &Desk) -> Option<[usize; 2]> {
    desk.case().comparison().expect("it is compared").place()
}

/// Two readers: a small disagreement at one end, a large one at the other, agreement between.
fn two_readers() -> Desk {
    let mut desk = Desk::new(DIMS);
    let first = [
        ("liver", [1, 1, 1], [4, 4, 4]),
        ("spleen", [7, 1, 1], [7, 2, 1]),
    ];
    let second = [
        ("spleen", [9, 6, 1], [9, 6, 1]),
        ("liver", [1, 1, 1], [4, 4, 2]),
    ];
    let readings = vec![
        reading(&desk, "ann", &first),
        reading(&desk, "bob", &second),
    ];
    compare(&mut desk, readings);
    desk
}

#[test]
fn disagreements_are_visited_the_largest_first() {
    let mut desk = two_readers();
    // Labels are the same by their names, whatever their values.
    assert_eq!(drawn_at(&desk, [2, 2, 1]), "agreed");
    assert_eq!(drawn_at(&desk, [2, 2, 4]), "ann alone");
    assert_eq!(drawn_at(&desk, [9, 6, 1]), "bob alone");
    assert_eq!(drawn_at(&desk, [11, 9, 5]), "");
    assert_eq!(place(&desk), None);
    let mut seen = Vec::new();
    for n in 1..=4 {
        desk.apply(CompareCommand::GoToNext);
        assert_eq!(place(&desk), Some([(n - 1) % 3 + 1, 3]));
        seen.push(desk.case().cross_hair().0);
    }
    assert!((3..=4).contains(&seen[0][2]), "of 32 voxels: {seen:?}");
    assert!(seen[1][0] == 7, "of 2: {seen:?}");
    assert_eq!(seen[2], [9, 6, 1], "of 1");
    assert_eq!(seen[3], seen[0], "then the first again");
}

#[test]
fn a_reading_is_taken_at_one_place_or_a_label_of_it_everywhere() {
    let mut desk = two_readers();
    let take = |reading, part| CompareCommand::Take { reading, part };
    desk.apply(CompareCommand::GoToNext);
    desk.apply(take(0, TakenPart::Here));
    let liver = desk.case().table().by_name("liver").expect("added").value;
    assert_eq!(desk.label_at([2, 2, 4]), liver);
    assert_eq!(desk.label_at([2, 2, 1]), 0, "outside of the disagreement");
    assert_eq!(desk.label_at([7, 1, 1]), 0, "another disagreement");
    assert!(desk.session.is_dirty());
    desk.apply(take(1, TakenPart::Here));
    assert_eq!(desk.label_at([2, 2, 4]), 0, "bob has nothing there");
    desk.apply(HistoryCommand::Undo);
    assert_eq!(desk.label_at([2, 2, 4]), liver);

    desk.apply(take(1, TakenPart::Label("liver".to_owned())));
    assert_eq!(desk.case().voxel_count(liver), 4 * 4 * 2);
    desk.apply(HistoryCommand::Undo);
    desk.apply(HistoryCommand::Undo);
    assert!(desk.case().labels().voxels.iter().all(|&v| v == 0));
}

#[test]
fn one_reading_is_compared_with_the_own_labels_as_they_change() {
    let mut desk = Desk::new(DIMS);
    let theirs = [("liver", [1, 1, 1], [2, 2, 2])];
    let readings = vec![reading(&desk, "file", &theirs)];
    compare(&mut desk, readings);
    assert_eq!(drawn_at(&desk, [1, 1, 1]), "file alone");
    paint(&mut desk, [8.0, 5.0, 3.0]);
    assert_eq!(drawn_at(&desk, [8, 5, 3]), "yours alone");
    desk.apply(HistoryCommand::Undo);
    assert_eq!(drawn_at(&desk, [8, 5, 3]), "");
    let part = TakenPart::Label("liver".to_owned());
    desk.apply(CompareCommand::Take { reading: 0, part });
    assert_eq!(drawn_at(&desk, [1, 1, 1]), "agreed");
    let effects = desk.apply(CompareCommand::GoToNext);
    let told = notice(&effects, Severity::Info).expect("nothing is left");
    assert!(told.contains("agree everywhere"), "{told}");
    desk.apply(CompareCommand::Close);
    assert!(desk.case().comparison().is_none());
}

#[test]
fn an_adjudicator_begins_with_what_all_readings_have() {
    let desk = two_readers();
    let comparison = desk.case().comparison().expect("it is compared");
    let (map, table) = agreed(comparison.readings()).expect("two readings");
    let liver = table.by_name("liver").expect("both have it").value;
    assert_eq!(map.counts(), [(liver, 4 * 4 * 2)]);
}
