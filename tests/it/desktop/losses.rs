//! What unsaved work must survive: crashes, questions left unanswered, "Later", several windows, failed saves.
//! `tests/lost_work.py` tries the same on the real program, and what only that can: signals, a full disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eframe::egui::{Event, Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use prosector::app::journal;
use prosector::io;
use prosector::volume::LabelMap;

use super::bench::{Bench, NO_DIALOG};
use super::phantom;

/// The unsaved work of a folder by id, and its labels.
fn kept(folder: &Path) -> BTreeMap<String, LabelMap> {
    let all = journal::list(folder);
    all.into_iter()
        .map(|work| (work.id.clone(), work.labels().expect("it is whole").0))
        .collect()
}

/// The ids that an open window works on.
fn in_use(folder: &Path) -> Vec<String> {
    let all = journal::list(folder).into_iter();
    all.filter(|work| work.is_in_use)
        .map(|work| work.id)
        .collect()
}

/// A window that painted here and then crashed; what it would lose is on disk.
fn crashed_at(bench: &mut Bench, x: f32) {
    bench.press("Brush");
    bench.left_click(bench.point("Axial", x, 0.5));
    assert!(bench.session().is_dirty());
}

fn scan_file(folder: &Path) -> PathBuf {
    let path = folder.join("scan.nii");
    let image = prosector::volume::phantom::phantom().image;
    io::save_image(&path, &image).expect("the folder can be written to");
    path
}

#[test]
fn a_scan_on_the_command_line_leaves_the_work_alone_until_the_question_is_answered() {
    let (mut bench, folder) = phantom();
    let scan = scan_file(folder.path());
    crashed_at(&mut bench, 0.5);
    drop(bench);
    let work = kept(folder.path());
    assert_eq!(work.len(), 1);

    for _ in 0..2 {
        let bench = Bench::open_on(folder.path(), vec![scan.clone()]);
        assert!(bench.shows("Recover unsaved work?"));
        assert_eq!(bench.case().source().title(), "scan.nii");
        assert_eq!(kept(folder.path()), work, "the scan is shown");
        drop(bench);
        assert_eq!(kept(folder.path()), work, "closed or crashed");
    }
    let mut bench = Bench::open_on(folder.path(), vec![scan]);
    bench.press("Recover");
    bench.settle();
    assert_eq!(bench.case().history().undo_name(), Some("brush"));
    assert_eq!(kept(folder.path()), work, "this window goes on in it");
    assert_eq!(in_use(folder.path()), work.into_keys().collect::<Vec<_>>());
    let other = Bench::open_as_left(folder.path());
    assert!(!other.shows("Recover unsaved work?"), "one window has it");
}

#[test]
fn every_left_over_is_offered_and_later_overwrites_none() {
    let (mut bench, folder) = phantom();
    crashed_at(&mut bench, 0.4);
    drop(bench);
    for x in [0.5, 0.6] {
        let mut bench = Bench::open_as_left(folder.path());
        for _ in 0..kept(folder.path()).len() {
            bench.press("Later");
        }
        assert!(!bench.shows("Recover unsaved work?"));
        bench.choose("File", "Open sample");
        crashed_at(&mut bench, x);
        drop(bench);
    }
    let works = kept(folder.path());
    assert_eq!(works.len(), 3);

    let mut bench = Bench::open_as_left(folder.path());
    bench.press("Later");
    bench.press("Throw away");
    bench.press("Later");
    assert!(!bench.shows("Recover unsaved work?"));
    let left = kept(folder.path());
    assert_eq!(left.len(), 2);
    assert!(
        left.iter()
            .all(|(name, work)| works.get(name) == Some(work))
    );
}

#[test]
fn recovering_one_work_asks_before_another_replaces_it() {
    let (mut bench, folder) = phantom();
    crashed_at(&mut bench, 0.4);
    drop(bench);
    let mut bench = Bench::open_as_left(folder.path());
    bench.press("Later");
    bench.choose("File", "Open sample");
    crashed_at(&mut bench, 0.6);
    drop(bench);

    let mut bench = Bench::open_as_left(folder.path());
    bench.press("Recover");
    assert!(
        bench.shows("Recover unsaved work?"),
        "the second is offered"
    );
    bench.press("Recover");
    assert!(bench.shows("Save them before going on with other work?"));
    bench.press("Stay");
    assert!(!bench.shows("Recover unsaved work?"));
    assert!(bench.session().is_dirty());
    assert_eq!(kept(folder.path()).len(), 2, "both are on disk");
}

#[test]
fn a_window_that_lives_keeps_its_work_to_itself() {
    let (mut first, folder) = phantom();
    crashed_at(&mut first, 0.5);
    first.settle();
    let mut second = Bench::open_as_left(folder.path());
    assert!(!second.shows("Recover unsaved work?"));
    second.choose("File", "Open sample");
    crashed_at(&mut second, 0.3);
    drop(second);
    assert_eq!(kept(folder.path()).len(), 2);
    drop(first);
    let mut third = Bench::open_as_left(folder.path());
    for _ in 0..2 {
        assert!(third.shows("Recover unsaved work?"));
        third.press("Throw away");
    }
    assert_eq!(kept(folder.path()).len(), 0, "the user said so");
}

#[test]
fn a_scan_that_does_not_open_gives_nothing_up() {
    let (mut bench, folder) = phantom();
    crashed_at(&mut bench, 0.5);
    let bad = folder.path().join("notes.txt");
    std::fs::write(&bad, "not a scan").expect("the folder can be written to");
    bench.will_choose(&bad);
    bench.key(Modifiers::COMMAND, Key::O);
    bench.press("Discard changes");
    assert!(bench.shows("notes.txt"), "{:?}", bench.messages());
    bench.key(Modifiers::COMMAND, Key::Q);
    assert!(bench.shows("Save them before closing the window?"));
    drop(bench);
    assert_eq!(kept(folder.path()).len(), 1);
}

#[test]
fn a_failed_save_keeps_the_typed_path() {
    let (mut bench, folder) = phantom();
    crashed_at(&mut bench, 0.5);
    let target = folder.path().join("missing").join("labels.nii.gz");
    bench.will_choose(NO_DIALOG);
    bench.key(Modifiers::COMMAND, Key::Q);
    bench.press("Save first");
    type_path(&mut bench, &target);
    assert!(bench.shows("missing"), "{:?}", bench.messages());
    assert_eq!(typed_path(&bench), target.display().to_string());

    std::fs::create_dir(folder.path().join("missing")).expect("the folder can be written to");
    bench.press("OK");
    assert!(target.exists());
    assert!(!bench.session().is_dirty());
    assert!(bench.harness.state().is_closing(), "what waited goes on");
}

fn type_path(bench: &mut Bench, path: &Path) {
    bench.harness.step();
    bench.key(Modifiers::COMMAND, Key::A);
    bench.harness.event(Event::Text(path.display().to_string()));
    bench.settle();
    bench.press("OK");
}

fn typed_path(bench: &Bench) -> String {
    bench
        .harness
        .get_by_label("Path")
        .value()
        .expect("it is a text field")
}
