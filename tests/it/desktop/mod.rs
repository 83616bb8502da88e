//! The real window, driven as a hand would: open, segment, accept, click, box, brush, undo, save.

mod archives;
mod bench;
mod drawing;
mod every_operation;
mod every_tool;
mod label_list;
mod language;
mod layers;
mod losses;
mod measuring;
mod models;
mod offers;
mod operation_previews;
mod own_grids;
mod panel;
mod panes;
mod pictures;
mod prompting;
mod remote;
mod review;
mod second_image;
mod statistics;
mod teaching;
mod themes;
mod tilt;
mod tools;
mod toy;
mod words;
mod worklist;

use eframe::egui::accesskit::Role;
use eframe::egui::{
    Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, TouchPhase, Vec2,
};
use glam::DVec3;
use prosector::geometry::{Plane, VoxelPoint};
use prosector::io;
use prosector::util::JobContext;

use egui_kittest::kittest::Queryable as _;

use crate::support;
use bench::Bench;

fn phantom() -> (Bench, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let mut bench = Bench::open(folder.path());
    bench.choose("File", "Open sample");
    (bench, folder)
}

/// A window that asks which of a folder's series to open; `None` without the shared files.
fn asks_for_a_series() -> Option<(Bench, tempfile::TempDir)> {
    let several = support::shared("data/dicom/prostatex_0001_multiseries")?;
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let mut bench = Bench::open(folder.path());
    bench.will_choose(several);
    bench.choose("File", "Open folder");
    Some((bench, folder))
}

#[test]
fn main_job_from_phantom_to_saved_labels() {
    let (mut bench, folder) = phantom();
    assert_eq!(bench.case().source().title(), "Sample");

    bench.press("Segment organs");
    assert!(bench.shows("Proposal: 2 structures"));
    bench.picture("proposal");
    bench.press("Accept all");
    let names: Vec<&str> = bench
        .case()
        .table()
        .labels()
        .iter()
        .map(|l| l.name.as_str())
        .collect();
    assert_eq!(names, ["spinal_cord", "larynx"]);
    assert!(bench.case().voxel_count(1) > 500);

    bench.press("Click");
    bench.key(Modifiers::NONE, Key::N);
    bench.left_click(bench.point("Axial", 0.4, 0.4));
    assert_eq!(bench.case().prompts().clicks.len(), 1);
    assert!(bench.shows("expects a Dice of 0.91"));
    bench.picture("click");
    bench.key(Modifiers::NONE, Key::Enter);
    let lesion = bench.case().active().expect("a label is active").value;
    let clicked = bench.case().voxel_count(lesion);
    assert!(clicked > 500, "{clicked}");

    bench.press("Box");
    bench.key(Modifiers::NONE, Key::N);
    let (from, to) = (
        bench.point("Axial", 0.6, 0.6),
        bench.point("Axial", 0.7, 0.72),
    );
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[from, to]);
    let drawn = bench.case().prompts().target_box.expect("a box was drawn");
    assert!(drawn.size().iter().all(|&n| n > 2), "{drawn:?}");
    bench.picture("box");
    let [x, y] = [0, 1].map(|d| (drawn.min[d] + drawn.max[d]) as f64 / 2.0);
    let top = VoxelPoint(DVec3::new(x, y, drawn.max[2] as f64 + 0.5));
    let handle = bench.pos(Plane::Coronal, top);
    let away = handle + Vec2::new(0.0, -30.0);
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[handle, away]);
    let edited = bench
        .case()
        .prompts()
        .target_box
        .expect("the box is still there");
    assert!(
        edited.max[2] > drawn.max[2],
        "the coronal view edits the depth: {edited:?}"
    );
    bench.press("Accept");

    bench.press("Brush");
    let active = bench.case().active().expect("a label is active").value;
    let before = bench.case().voxel_count(active);
    let stroke = [
        bench.point("Axial", 0.3, 0.7),
        bench.point("Axial", 0.4, 0.75),
    ];
    bench.drag(PointerButton::Primary, Modifiers::NONE, &stroke);
    assert!(bench.case().voxel_count(active) > before);
    bench.picture("brush");
    bench.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(bench.case().voxel_count(active), before);
    bench.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert!(bench.case().voxel_count(active) > before);

    let target = folder.path().join("labels.nii.gz");
    bench.will_choose(&target);
    bench.key(Modifiers::COMMAND, Key::S);
    assert!(bench.shows("Saved and read back"), "{:?}", bench.messages());
    assert!(!bench.session().is_dirty());
    let (labels, table, _) =
        io::open_labels(&target, &JobContext::silent()).expect("what was saved can be opened");
    assert_eq!(labels.voxels, bench.case().labels().voxels);
    assert!(table.by_name("larynx").is_some());
}

#[test]
fn views_follow_wheel_keys_and_cross_hair() {
    let (mut bench, _folder) = phantom();
    let slices = bench.view("Axial").1;
    let over = bench.point("Axial", 0.5, 0.5);
    bench.harness.event(Event::PointerMoved(over));
    bench.harness.step();
    bench.harness.event(Event::MouseWheel {
        unit: MouseWheelUnit::Line,
        delta: Vec2::new(0.0, 1.0),
        modifiers: Modifiers::NONE,
        phase: TouchPhase::Move,
        source: MouseWheelSource::Wheel,
    });
    bench.settle();
    assert_ne!(bench.view("Axial").1, slices, "the wheel steps");
    bench.key(Modifiers::NONE, Key::ArrowDown);
    assert_eq!(bench.view("Axial").1, slices, "the key steps back");

    let (coronal, sagittal) = (bench.view("Coronal").1, bench.view("Sagittal").1);
    bench.left_click(bench.point("Axial", 0.3, 0.35));
    assert_eq!(bench.view("Axial").1, slices);
    assert_ne!(bench.view("Coronal").1, coronal);
    assert_ne!(bench.view("Sagittal").1, sagittal);

    let window = bench.case().window();
    let points = [over, over + Vec2::new(50.0, 20.0)];
    bench.drag(PointerButton::Secondary, Modifiers::SHIFT, &points);
    assert_ne!(
        bench.case().window(),
        window,
        "shift and right drag set the window"
    );

    bench.key(Modifiers::NONE, Key::F);
    assert!(!bench.shows("Coronal, slice"), "one view alone");
    bench.picture("maximised");
    bench.key(Modifiers::NONE, Key::F);
    assert!(bench.shows("Coronal, slice"));
}

#[test]
fn bad_file_says_why_and_changes_nothing() {
    let (mut bench, folder) = phantom();
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.5, 0.5));
    let revision = bench.case().revision();
    let bad = folder.path().join("notes.txt");
    std::fs::write(&bad, "not a scan").expect("the folder can be written to");
    bench.will_choose(&bad);
    bench.key(Modifiers::COMMAND, Key::O);
    assert!(bench.shows("Unsaved labels"), "opening asks first");
    bench.press("Discard changes");
    assert!(bench.shows("notes.txt"), "{:?}", bench.messages());
    bench.picture("bad_file");
    assert_eq!(bench.case().revision(), revision);
    assert!(bench.session().is_dirty(), "the work is still there");

    let elsewhere = folder.path().join("missing").join("labels.nii.gz");
    bench.will_choose(&elsewhere);
    bench.choose("File", "Save as");
    assert!(bench.shows("missing"), "{:?}", bench.messages());
    assert!(bench.session().is_dirty());
}

#[test]
fn labels_are_not_saved_over_the_scan_by_any_spelling() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let scan = folder.path().join("scan.nii.gz");
    let image = prosector::volume::phantom::phantom().image;
    io::save_image(&scan, &image).expect("the folder can be written to");
    let before = std::fs::read(&scan).expect("the scan");
    let mut bench = Bench::open(folder.path());
    bench.will_choose(&scan);
    bench.key(Modifiers::COMMAND, Key::O);
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.5, 0.5));
    std::fs::create_dir(folder.path().join("sub")).expect("the folder can be written to");
    for spelling in ["scan.nii.gz", "sub/../scan.nii.gz"] {
        bench.will_choose(folder.path().join(spelling));
        bench.choose("File", "Save as");
        assert!(bench.shows("would be lost"), "{:?}", bench.messages());
        assert!(bench.session().is_dirty());
        assert!(
            std::fs::read(&scan).expect("the scan") == before,
            "{spelling}"
        );
    }
}

#[test]
fn labels_beside_the_scan_are_refused() {
    let (mut bench, folder) = phantom();
    let grid = prosector::volume::Grid::new(
        [4, 5, 6],
        prosector::geometry::Affine::from_spacing([1.0; 3], [900.0, 0.0, 0.0]),
    );
    let labels = prosector::volume::LabelMap::empty(grid);
    let path = folder.path().join("other.nii.gz");
    io::save_labels(&path, &labels, &prosector::volume::LabelTable::default())
        .expect("the folder can be written to");
    bench.will_choose(&path);
    bench.choose("File", "Open labels");
    assert!(bench.shows("4x5x6"), "{:?}", bench.messages());
    assert!(bench.case().table().labels().is_empty());
}

#[test]
fn unsaved_work_comes_back_after_a_crash() {
    let (mut bench, folder) = phantom();
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.5, 0.5));
    let painted = bench.case().labels().voxels.clone();
    drop(bench);

    let mut bench = Bench::open_as_left(folder.path());
    assert!(bench.shows("Recover unsaved work?"));
    bench.picture("recovery");
    bench.press("Recover");
    assert_eq!(bench.case().labels().voxels, painted);
    assert!(bench.session().is_dirty());
}

#[test]
fn first_start_shows_the_notice() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let mut bench = Bench::open_as_left(folder.path());
    assert!(bench.shows("not for clinical use"));
    bench.picture("notice");
    bench.press("I understand");
    drop(bench);
    let bench = Bench::open_as_left(folder.path());
    assert!(!bench.shows("I understand"));
}

#[test]
fn frames_keep_coming_while_the_model_runs() {
    let (mut bench, _folder) = phantom();
    bench
        .harness
        .key_press_modifiers(Modifiers::COMMAND, Key::G);
    bench.harness.step();
    bench.harness.step();
    assert!(bench.harness.state().is_busy(), "the toy takes its time");
    let slice = bench.view("Axial").1;
    bench.harness.key_press(Key::ArrowUp);
    bench.harness.step();
    bench.harness.step();
    assert_ne!(bench.view("Axial").1, slice);
    assert!(bench.harness.state().is_busy());
    std::thread::sleep(std::time::Duration::from_millis(110));
    bench.harness.step();
    bench.harness.get_by_label("Cancel: Segment organs").click();
    bench.settle();
    assert!(bench.case().proposal().is_none(), "it was cancelled");
}

#[test]
fn quitting_saves_first_when_asked_to() {
    let (mut bench, folder) = phantom();
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.5, 0.5));
    bench.key(Modifiers::COMMAND, Key::Q);
    assert!(bench.shows("Save them before closing the window?"));
    bench.press("Stay");
    assert!(bench.session().is_dirty());
    let target = folder.path().join("kept.nii.gz");
    bench.will_choose(&target);
    bench.key(Modifiers::COMMAND, Key::Q);
    bench.press("Save first");
    assert!(target.exists());
    assert!(!bench.session().is_dirty());
    assert!(bench.harness.state().is_closing());
}

#[test]
fn several_series_are_chosen_from() {
    let Some((mut bench, _data)) = asks_for_a_series() else {
        return;
    };
    assert!(bench.shows("Choose a series"), "{:?}", bench.messages());
    bench.picture("series");
    bench
        .harness
        .get_all_by_label_contains("images,")
        .next()
        .expect("a series")
        .click();
    bench.settle();
    assert!(bench.case().grid().len() > 1000);
    bench.picture("series_opened");
}

#[test]
fn the_frames_of_a_slice_are_opened_over_time_and_left_again() {
    let Some(file) = support::shared("data/nifti/nibabel/functional.nii") else {
        return;
    };
    let data = tempfile::tempdir().expect("there is a temporary folder");
    let mut bench = Bench::open(data.path());
    bench.will_choose(file);
    bench.key(Modifiers::COMMAND, Key::O);
    assert_eq!(bench.case().grid().dims, [17, 21, 3]);
    bench.press("Frames as third axis");
    bench.settle();
    assert_eq!(bench.case().grid().dims, [17, 21, 20]);
    assert!(bench.case().image().third_axis().is_time());
    bench
        .harness
        .get_by_label_contains("Frames, frame 11 of 20");
    bench.picture("over_time");
    bench.press("Back to volumes");
    bench.settle();
    assert_eq!(bench.case().grid().dims, [17, 21, 3]);
}

#[test]
fn a_folder_of_pictures_is_shown_in_colour() {
    let folder = crate::over_time::film(8);
    let data = tempfile::tempdir().expect("there is a temporary folder");
    let mut bench = Bench::open(data.path());
    bench.will_choose(folder.path());
    bench.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::O);
    assert_eq!(bench.case().grid().dims, [20, 16, 8]);
    assert!(bench.case().image().colours().is_some());
    bench.harness.get_by_label_contains("Frames, frame 5 of 8");
    bench.picture("film");
}

#[test]
fn modality_and_frame_are_read_again_and_labels_stay() {
    let Some(file) = support::shared("data/nifti/nibabel/functional.nii") else {
        return;
    };
    let data = tempfile::tempdir().expect("there is a temporary folder");
    let mut bench = Bench::open(data.path());
    bench.will_choose(file);
    bench.key(Modifiers::COMMAND, Key::O);
    assert_eq!(bench.case().info().frame, 0);
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.5, 0.5));
    let labels = bench.case().labels().clone();
    bench
        .harness
        .get_by_role_and_label(Role::Slider, "Frame")
        .set_value_accesskit(2.0);
    bench.settle();
    bench.settle();
    assert_eq!(bench.case().info().frame, 1);
    assert_eq!(bench.case().labels(), &labels);
    bench.press("PET");
    assert_eq!(
        bench.case().image().modality(),
        prosector::volume::Modality::Pet
    );
    assert_eq!(bench.case().labels(), &labels);
}

/// How many slices are drawn while this is done.
fn slices_drawn(bench: &mut Bench, act: impl FnOnce(&mut Bench)) -> u64 {
    let before = bench.harness.state().slices_drawn();
    act(bench);
    bench.settle();
    bench.harness.state().slices_drawn() - before
}

#[test]
fn slices_are_drawn_when_they_change_and_else_shown_again() {
    let (mut bench, _folder) = phantom();
    bench.settle();
    if bench.harness.state().slices_drawn() == 0 {
        eprintln!("skipped, nothing to draw with");
        return;
    }
    let [from, to] = [0.4, 0.45].map(|x| bench.point("Axial", x, 0.4));
    let mut counts = Vec::new();
    let mut count = |what: &'static str, act: &dyn Fn(&mut Bench)| {
        let drawn = slices_drawn(&mut bench, |bench| act(bench));
        counts.push((what, drawn));
    };
    count("nothing", &|_| {});
    count("pointer", &|bench| {
        bench.harness.event(Event::PointerMoved(from));
        bench.harness.step();
        bench.harness.event(Event::PointerMoved(to));
    });
    count("step", &|bench| bench.key(Modifiers::NONE, Key::ArrowUp));
    count("cross-hair lines", &|bench| {
        bench.key(Modifiers::NONE, Key::H);
    });
    count("interpolation", &|bench| {
        bench.key(Modifiers::NONE, Key::I);
    });
    count("a tool", &|bench| bench.press("Brush"));
    let expected = [
        ("nothing", 0),
        ("pointer", 0),
        ("step", 1),
        ("cross-hair lines", 0),
        ("interpolation", 3),
        ("a tool", 0),
    ];
    assert_eq!(counts, expected);
}

#[test]
fn a_window_with_unsaved_work_sleeps() {
    let (mut bench, _folder) = phantom();
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.5, 0.5));
    assert!(bench.session().is_dirty());
    // Longer than any message is shown.
    for _ in 0..40 {
        bench.harness.step();
        std::thread::sleep(std::time::Duration::from_millis(400));
        if !bench.harness.ctx.has_requested_repaint() {
            return;
        }
    }
    panic!(
        "it is drawn again and again: {:?}",
        bench.harness.ctx.repaint_causes()
    );
}
