//! What holds for all operations: locks, who loses voxels, labels that are begun, and what is left untouched.

use prosector::prompt::{Click, Polarity};
use prosector::session::{EditCommand, LabelCommand, PromptCommand, Severity};
use prosector::geometry::VoxelIndex;

use super::bench::{Bench, labels};

#[test]
fn labels_are_named_by_value_or_by_name() {
    let mut bench = Bench::new();
    for (value, name) in [(1, "left lung"), (2, "3")] {
        bench.session.apply(LabelCommand::Rename { value, name: name.into() });
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
        ("clear label=9", "clear: there is no label 9; there are 1 (label_1), 2 (label_2), "),
        ("clear label=liver", "there is no label liver"),
        ("clear label=1 locked=9", "there is no label 9"),
        ("clear label=1 over=9", "there is no label 9"),
        ("clear label=1 box=24,0,0,30,3,3", "the box lies outside the scan of 24x20x14 voxels"),
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
    bench.session.apply(LabelCommand::Lock { value: 1, locked: true });
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
