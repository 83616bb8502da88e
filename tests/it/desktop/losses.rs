//! What unsaved work must survive: crashes, questions left unanswered, "Later", several windows, failed saves.
//! `tests/lost_work.py` tries the same on the real program, and what only that can: signals, a full disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use eframe::egui::{Event, Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use prosector::app::journal;
use prosector::geometry::Affine;
use prosector::io;
use prosector::volume::{Grid, ImageVolume, LabelLayers, Modality, Rescale, VoxelData};

use super::bench::{Bench, NO_DIALOG};
use super::phantom;

/// The unsaved work of a folder by id, and its labels.
fn kept(folder: &Path) -> BTreeMap<String, LabelLayers> {
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

fn large_scan_file(folder: &Path) -> PathBuf {
    let path = folder.join("large.nii.gz");
    let affine = Affine::from_spacing([1.0; 3], [0.0; 3]);
    let grid = Grid::new([200, 200, 160], affine);
    let noise = |n: usize| (n.wrapping_mul(2_654_435_761) >> 7 & 0x3ff) as i16;
    let voxels = VoxelData::I16((0..grid.len()).map(noise).collect());
    let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct);
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

#[test]
fn strokes_drawn_while_recovered_work_is_read_are_not_replaced_unasked() {
    let (bench, folder) = phantom();
    drop(bench);
    let scan = scan_file(folder.path());
    // So that reading it takes longer than a stroke.
    let large = large_scan_file(folder.path());
    let mut bench = Bench::open_on(folder.path(), vec![large]);
    crashed_at(&mut bench, 0.5);
    drop(bench);
    let mut bench = Bench::open_on(folder.path(), vec![scan]);
    bench.harness.get_by_label("Recover").click();
    bench.harness.step();
    bench.harness.key_press(Key::Num4);
    bench.harness.step();
    let pos = bench.point("Axial", 0.5, 0.5);
    bench.left_press(pos);
    assert!(bench.harness.state().is_busy(), "the scan is being read");
    assert!(bench.session().is_dirty());
    bench.settle();
    assert!(bench.shows("Save them before going on with other work?"));
    bench.press("Stay");
    assert_eq!(bench.case().source().title(), "scan.nii");
    assert!(bench.session().is_dirty(), "the new strokes");
    drop(bench);
    assert_eq!(kept(folder.path()).len(), 2, "both are on disk");
}

#[test]
fn a_recovery_file_of_an_earlier_version_is_offered_once_and_goes_on_as_a_journal() {
    let (bench, folder) = phantom();
    let grid = *bench.case().grid();
    drop(bench);
    let [ni, nj, nk] = grid.dims;
    let file = folder.path().join("recovery-3.json");
    let snapshot = format!(
        r#"{{"version":1,"source":"sample","dims":[{ni},{nj},{nk}],"affine":{:?},"labels":[{{"value":4,"name":"tumour",
        "color":[1,2,3],"visible":true,"locked":false}}],"active":4,"labels_path":null,"runs":[[1000,25,4]]}}"#,
        grid.affine.to_rows()
    );
    std::fs::write(&file, snapshot).expect("the folder can be written to");
    let mut bench = Bench::open_as_left(folder.path());
    assert!(bench.shows("1 label"));
    bench.press("Recover");
    assert_eq!(bench.case().voxel_count(4), 25);
    assert!(bench.session().is_dirty());
    bench.settle();
    drop(bench);
    assert!(!file.exists(), "what follows it is on disk");
    let after = kept(folder.path());
    let labels = after.values().next().expect("a journal");
    assert_eq!((after.len(), labels.counts()), (1, [(4, 25)].into()));
    let mut bench = Bench::open_as_left(folder.path());
    bench.press("Recover");
    assert_eq!(bench.case().voxel_count(4), 25);
}

#[test]
fn the_question_tells_the_steps_and_all_of_them_can_be_undone_afterwards() {
    let (mut bench, folder) = phantom();
    for x in [0.4, 0.5, 0.6] {
        crashed_at(&mut bench, x);
    }
    bench.key(Modifiers::COMMAND, Key::Z);
    drop(bench);
    let mut bench = Bench::open_as_left(folder.path());
    assert!(bench.shows("2 steps, the last: brush"));
    bench.press("Recover");
    assert_eq!(bench.case().history().redo_len(), 1);
    bench.press("History");
    bench.press("Beginning");
    assert!(bench.case().labels().voxels.iter().all(|&v| v == 0));
    bench.press("3  brush");
    assert_eq!(bench.case().history().undo_len(), 3);
    bench.picture("history");
}

#[test]
fn work_that_cannot_be_kept_is_told_and_told_again_when_it_can() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // A file where the folder of the journals should be.
    let in_the_way = folder.path().join("journals");
    std::fs::write(&in_the_way, "").expect("the folder can be written to");
    let mut bench = Bench::open(folder.path());
    bench.choose("File", "Open sample");
    crashed_at(&mut bench, 0.5);
    let patience = std::time::Instant::now();
    let wait_for = |bench: &mut Bench, text: &str| {
        while !bench.shows(text) {
            assert!(patience.elapsed().as_secs() < 30, "{:?}", bench.messages());
            std::thread::sleep(std::time::Duration::from_millis(20));
            bench.settle();
        }
    };
    wait_for(&mut bench, "not kept against a crash");
    crashed_at(&mut bench, 0.6);
    std::fs::remove_file(&in_the_way).expect("it is ours");
    wait_for(&mut bench, "kept against a crash again");
    let labels = bench.case().document().layers().clone();
    assert_eq!(kept(folder.path()).values().next(), Some(&labels));
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
