//! What each operation gives, beside its definition in NumPy and SciPy.

use prosector::session::operations::OPERATIONS;
use prosector::session::{HistoryCommand, Severity};

use super::bench::{Bench, digest, labels};

/// Operation, voxels of each label, checksum: written by tests/make_operation_expectations.py.
const EXPECTED: &str = include_str!("../../data/operations.tsv");

fn rows() -> impl Iterator<Item = [&'static str; 3]> {
    EXPECTED.lines().map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        columns.try_into().expect("three columns")
    })
}

#[test]
fn the_labels_are_those_that_were_computed_with() {
    let [_, counts, checksum] = rows().next().expect("the first row");
    let (ours, sum) = digest(&labels());
    assert_eq!(
        (ours.as_str(), sum.to_string().as_str()),
        (counts, checksum)
    );
}

#[test]
fn every_operation_gives_what_its_definition_gives() {
    let mut wrong = Vec::new();
    for [text, counts, checksum] in rows().skip(1) {
        let id = text.split(' ').next().unwrap_or_default();
        if !OPERATIONS.iter().any(|o| o.id == id) {
            continue;
        }
        let mut bench = Bench::new();
        let said = bench.edit(text);
        assert!(
            said.iter().all(|(s, _)| *s == Severity::Info),
            "{text}: {said:?}"
        );
        let (ours, sum) = digest(bench.case().labels());
        if (ours.as_str(), sum.to_string().as_str()) != (counts, checksum) {
            wrong.push(format!("{text}: {ours} {sum}, not {counts} {checksum}"));
        }
        let changed = **bench.case().labels() != labels();
        let steps = usize::from(changed || bench.case().history().undo_len() > 0);
        assert_eq!(
            bench.case().history().undo_len(),
            steps,
            "{text} is one step"
        );
        let said_so = said
            .iter()
            .any(|(_, text)| text.contains("nothing to change"));
        assert_eq!(said_so, steps == 0, "{text}: {said:?}");
        for &(value, voxels) in &bench.case().labels().counts() {
            assert_eq!(bench.case().voxel_count(value), voxels, "{text}");
        }
        bench.session.apply(HistoryCommand::Undo);
        assert_eq!(**bench.case().labels(), labels(), "{text}, undone");
        assert_eq!(bench.case().table().labels().len(), 4, "{text}, undone");
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
