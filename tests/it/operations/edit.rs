//! What holds for all operations: locks, who loses voxels, labels that are begun, and what is left untouched.

use prosector::geometry::VoxelIndex;
use prosector::prompt::{Click, Polarity};
use prosector::session::{EditCommand, HistoryCommand, LabelCommand, PromptCommand, Severity};

use super::bench::{Bench, labels};

#[test]
fn labels_are_named_by_value_or_by_name() {
    let mut bench = Bench::new();
    for (value, name) in [(1, "left lung"), (2, "3")] {
        bench.session.apply(LabelCommand::Rename {
            value,
            name: name.into(),
        });
    }
    bench.edit("clear label=left_lung");
    assert_eq!(bench.case().voxel_count(1), 0);
    bench.edit("clear label=3");
    assert_eq!(bench.case().voxel_count(3), 0, "a value goes before a name");
    assert!(bench.case().voxel_count(2) > 0);
}

#[test]
fn what_is_not_there_is_refused_and_nothing_changes() {
    let mut bench = Bench::new();
    for (text, reason) in [
        (
            "clear label=9",
            "clear: there is no label 9; there are 1 (label_1), 2 (label_2), ",
        ),
        ("clear label=liver", "there is no label liver"),
        ("clear label=1 locked=9", "there is no label 9"),
        ("clear label=1 over=9", "there is no label 9"),
        (
            "clear label=1 box=24,0,0,30,3,3",
            "the box lies outside the scan of 24x20x14 voxels",
        ),
    ] {
        let command = EditCommand::parse(text).expect("well typed");
        let error = command.check(bench.case()).expect_err(text).to_string();
        assert!(error.contains(reason), "{text}: {error}");
        let said = bench.edit(text);
        assert_eq!(said, [(Severity::Error, error)]);
    }
    assert_eq!(**bench.case().labels(), labels());
    assert_eq!(bench.case().history().undo_len(), 0);
}

#[test]
fn a_label_locked_in_the_table_is_left_and_said() {
    let mut bench = Bench::new();
    bench.session.apply(LabelCommand::Lock {
        value: 1,
        locked: true,
    });
    let said = bench.edit("clear label=1");
    let text = "label 1 is locked: unlock it to change it".to_owned();
    assert_eq!(said, [(Severity::Error, text)]);
    let said = bench.edit("clear label=2 locked=2");
    let text = "clear label: nothing to change".to_owned();
    assert_eq!(said, [(Severity::Info, text)]);
    assert_eq!(**bench.case().labels(), labels());
}

#[test]
fn a_standing_click_is_settled_first() {
    let mut bench = Bench::new();
    let click = Click {
        voxel: VoxelIndex([1, 1, 1]),
        polarity: Polarity::Positive,
    };
    bench.session.apply(PromptCommand::AddClick(click));
    bench.edit("clear label=1");
    assert!(bench.case().prompts().is_empty());
    assert_eq!(bench.case().history().undo_name(), Some("clear label"));
}

#[test]
fn new_labels_are_begun_where_that_makes_sense() {
    let mut bench = Bench::new();
    bench.edit("threshold label=bone low=300 high=500");
    bench.edit("threshold label=9 low=200 high=299");
    bench.edit("logic label=both op=add with=bone over=bone");
    bench.edit("merge labels=both,9 into=hard_tissue");
    let table = bench.case().table();
    let names = table.labels().iter().map(|l| (l.value, l.name.as_str()));
    let names: Vec<_> = names.collect();
    let first = [
        (1, "label_1"),
        (2, "label_2"),
        (3, "label_3"),
        (4, "label_4"),
    ];
    assert_eq!(names[..4], first);
    assert_eq!(names[4..], [(5, "bone"), (7, "hard_tissue")]);
    assert_eq!(bench.case().voxel_count(5), 0);
    let range = |low, high| super::bench::image().mask_where(|v| (low..=high).contains(&v));
    let hard = range(200.0, 299.0).combined(&range(300.0, 500.0), |a, b| a || b);
    let background = labels().voxels;
    let expected = hard
        .voxels
        .iter()
        .zip(background)
        .filter(|&(&h, old)| h != 0 && old == 0);
    assert_eq!(bench.case().voxel_count(7), expected.count());
}

#[test]
fn a_label_begun_for_nothing_is_not_begun() {
    let mut bench = Bench::new();
    for text in [
        "threshold label=bone low=9000 high=9001",
        "threshold label=9 low=0 high=9000 within=2",
        "logic label=new op=intersect with=1",
        "merge labels=4 into=new locked=4",
    ] {
        let said = bench.edit(text);
        assert!(
            said.iter().any(|(_, t)| t.contains("nothing to change")),
            "{text}: {said:?}"
        );
        assert_eq!(bench.case().table().labels().len(), 4, "{text}");
    }
    assert_eq!(bench.case().history().undo_len(), 0);
}

#[test]
fn what_stays_with_others_is_told() {
    let mut bench = Bench::new();
    let said = bench.edit("margin label=1 mm=3.8");
    let told = said
        .iter()
        .any(|(_, t)| t.ends_with(" ml stay with the labels that have them"));
    assert!(told, "{said:?}");
    let said = bench.edit("margin label=3 mm=1 over=all");
    assert!(said.is_empty(), "{said:?}");
}

#[test]
fn the_step_has_the_operations_name_and_merging_keeps_the_active_label() {
    let mut bench = Bench::new();
    bench.session.apply(LabelCommand::Activate(4));
    bench.edit("merge labels=4,2 into=1");
    assert_eq!(bench.case().active().map(|l| l.value), Some(1));
    assert_eq!(bench.case().history().undo_name(), Some("merge labels"));
    assert_eq!(bench.case().table().labels().len(), 2);
    bench.session.apply(HistoryCommand::Undo);
    assert_eq!(**bench.case().labels(), labels());
    assert_eq!(bench.case().table().labels().len(), 4);
}

#[test]
fn smoothing_several_labels_is_one_step_of_several_writes() {
    let mut bench = Bench::new();
    bench.edit("smooth labels=1,2,3 method=median mm=2.6 over=all");
    let smoothed = bench.case().labels().clone();
    assert_eq!(bench.case().history().undo_len(), 1);
    bench.session.apply(HistoryCommand::Undo);
    assert_eq!(**bench.case().labels(), labels());
    bench.session.apply(HistoryCommand::Redo);
    assert_eq!(*bench.case().labels(), smoothed);
    for (value, voxels) in smoothed.counts() {
        assert_eq!(bench.case().voxel_count(value), voxels);
    }
}
