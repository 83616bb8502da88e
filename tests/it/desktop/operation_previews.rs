//! The preview in the form of an operation: what Apply then gives, shown before, and the labels as they were.

use std::collections::BTreeSet;
use std::sync::Arc;

use eframe::egui::{Key, Modifiers};
use prosector::session::operations::{EditCommand, Operation, Parameter};
use prosector::volume::{LabelMap, Mask};

use super::bench::Bench;
use super::every_operation::{TYPED, expected, fill_in, labelled_phantom, tell};

const THRESHOLD: &str = "threshold label=1 low=-100 high=200";
const INTERPOLATE: &str = "interpolate label=1 plane=axial";

/// What the views show dashed of label 1.
fn previewed(bench: &Bench) -> Option<Mask> {
    let rehearsed = bench.harness.state().operation_preview()?;
    Some(rehearsed.labels.as_ref()?.mask_of(1))
}

fn says(bench: &Bench) -> Vec<String> {
    let rehearsed = bench.harness.state().operation_preview();
    rehearsed.map_or_else(Vec::new, |r| r.notices.clone())
}

/// The labels themselves, their revision, and how many steps can be undone.
fn state(bench: &Bench) -> (Arc<LabelMap>, u64, usize) {
    let case = bench.case();
    let steps = case.history().undo_len();
    (Arc::clone(case.labels()), case.revision(), steps)
}

fn is_as_before(bench: &Bench, before: &(Arc<LabelMap>, u64, usize)) -> bool {
    let (labels, revision, steps) = state(bench);
    // Not a copy of the same voxels: nobody wrote there.
    Arc::ptr_eq(&labels, &before.0) && (revision, steps) == (before.1, before.2)
}

fn parameter(operation: &str, name: &str) -> &'static Parameter {
    let operation = Operation::find(operation).expect("it is in the table");
    let mut parameters = operation.parameters();
    parameters.find(|p| p.name == name).expect("it takes that")
}

/// The window with labels, where no tool has a preview of its own.
fn bench() -> (Bench, tempfile::TempDir) {
    let (mut bench, folder) = labelled_phantom();
    bench.press("Brush");
    (bench, folder)
}

#[test]
fn a_threshold_is_shown_as_apply_then_gives_it() {
    let (mut bench, _folder) = bench();
    let before = state(&bench);
    tell(&mut bench, THRESHOLD);
    assert!(previewed(&bench).is_none(), "not before it is asked for");
    bench.press("Preview");
    let shown = previewed(&bench).expect("the preview");
    assert!(shown != before.0.mask_of(1));
    assert!(is_as_before(&bench, &before));
    bench.picture("operation_preview_threshold");
    bench.press("Apply");
    assert!(bench.case().labels().mask_of(1) == shown);
    assert_eq!(bench.case().history().undo_len(), before.2 + 1);
    assert!(bench.harness.state().operation_preview().is_none());
    bench.key(Modifiers::COMMAND, Key::Z);
    assert!(bench.case().labels().voxels == before.0.voxels);
    assert!(bench.harness.state().operation_preview().is_none());
}

#[test]
fn interpolation_is_shown_at_once_and_follows_what_is_changed() {
    let (mut bench, _folder) = bench();
    let before = state(&bench);
    tell(&mut bench, INTERPOLATE);
    let shown = previewed(&bench).expect("without being asked for");
    bench.picture("operation_preview_interpolate");
    // Between its coronal slices there is nothing to fill.
    let plane = parameter("interpolate", "plane");
    fill_in(&mut bench, plane, "coronal");
    assert!(previewed(&bench).is_none(), "that of the axial slices");
    assert_eq!(says(&bench), ["interpolate: nothing to change"]);
    assert!(bench.shows("interpolate: nothing to change"));
    fill_in(&mut bench, plane, "axial");
    assert!(previewed(&bench).expect("again") == shown);
    assert!(is_as_before(&bench, &before));
    bench.press("Apply");
    assert!(bench.case().labels().mask_of(1) == shown);
    assert!(shown.voxels.len() == before.0.voxels.len() && shown != before.0.mask_of(1));
}

#[test]
fn a_changed_parameter_gives_another_preview() {
    let (mut bench, _folder) = bench();
    tell(&mut bench, THRESHOLD);
    bench.press("Preview");
    let first = previewed(&bench).expect("the preview");
    bench.press("invert");
    let second = previewed(&bench).expect("another one");
    assert!(first != second);
    bench.press("Apply");
    assert!(bench.case().labels().mask_of(1) == second);
}

#[test]
fn closing_the_form_leaves_the_document_as_it_was() {
    let (mut bench, _folder) = bench();
    let before = state(&bench);
    tell(&mut bench, THRESHOLD);
    bench.press("Preview");
    assert!(previewed(&bench).is_some());
    bench.key(Modifiers::NONE, Key::Escape);
    assert!(!bench.shows("threshold label=1"), "the form is closed");
    assert!(bench.harness.state().operation_preview().is_none());
    assert!(is_as_before(&bench, &before));
    // It is remembered for this operation, and for no other.
    tell(&mut bench, THRESHOLD);
    assert!(previewed(&bench).is_some());
    // Out of the field that was typed into.
    bench.press("Brush");
    tell(&mut bench, "margin label=1 mm=3");
    assert!(bench.harness.state().operation_preview().is_none());
    assert!(is_as_before(&bench, &before));
}

#[test]
fn a_preview_keeps_to_locks_and_says_so() {
    let (mut bench, _folder) = bench();
    tell(&mut bench, THRESHOLD);
    bench.press("Preview");
    assert!(previewed(&bench).is_some());
    bench.press("Lock first");
    assert!(previewed(&bench).is_none());
    let said = says(&bench);
    assert!(said.iter().any(|n| n.contains("is locked")), "{said:?}");
    bench.key(Modifiers::COMMAND, Key::Z);
    assert!(
        bench.harness.state().operation_preview().is_none(),
        "undone"
    );
    bench.press("invert");
    assert!(previewed(&bench).is_some(), "something else is asked");
}

#[test]
fn every_operation_is_tried_as_it_is_then_done() {
    let (bench, _folder) = labelled_phantom();
    let (image, before) = (Arc::clone(bench.case().image()), state(&bench));
    for typed in TYPED {
        let command = EditCommand::parse(typed).expect("it is understood");
        let rehearsal = bench.session().rehearsal(command);
        let rehearsed = rehearsal.expect("a scan is open").run();
        let shown = rehearsed.labels.expect("each changes something");
        let done = expected(&image, typed);
        let changed = before.0.voxels.iter().zip(&done.voxels);
        let changed = changed.filter(|(a, b)| a != b).flat_map(|(a, b)| [*a, *b]);
        let changed: BTreeSet<u16> = changed.filter(|&value| value != 0).collect();
        let is_changed = |value: &u16| changed.contains(value);
        let kept = done
            .voxels
            .iter()
            .map(|v| if is_changed(v) { *v } else { 0 });
        assert!(kept.eq(shown.voxels.iter().copied()), "{typed}");
        assert!(
            changed.iter().all(|&v| rehearsed.table.get(v).is_some()),
            "{typed}"
        );
        assert!(is_as_before(&bench, &before), "{typed}");
    }
}

#[test]
fn another_scan_has_no_preview_of_the_one_before() {
    let (mut bench, _folder) = bench();
    tell(&mut bench, THRESHOLD);
    bench.press("Preview");
    assert!(previewed(&bench).is_some());
    bench.choose("File", "Open sample");
    assert!(bench.case().table().labels().is_empty(), "another one");
    assert!(bench.harness.state().operation_preview().is_none());
}
