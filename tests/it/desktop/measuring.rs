//! Measuring in the real window: drawn by the mouse, pulled, taken away, listed, saved and opened again.

use eframe::egui::{Key, Modifiers, OutputCommand, PointerButton, Pos2};
use egui_kittest::kittest::Queryable as _;
use prosector::geometry::{Plane, SliceView};
use prosector::io;
use prosector::session::ToolId;
use prosector::volume::measurement::{ANGLE, DISTANCE, ELLIPSE, Measurement, Reading};

use super::bench::Bench;
use super::phantom;

fn choose(bench: &mut Bench, key: Key, tool: &'static str) {
    bench.key(Modifiers::SHIFT, key);
    assert_eq!(bench.session().tools().tool, ToolId(tool));
}

fn drag(bench: &mut Bench, points: &[Pos2]) {
    bench.drag(PointerButton::Primary, Modifiers::NONE, points);
}

fn reading(bench: &Bench, n: usize) -> Reading {
    bench.case().measured()[n].1
}

/// How many mm a point of the screen is in a view that is fitted to the scan.
fn mm_per_point(bench: &Bench, plane: Plane) -> f64 {
    let rect = bench.view(plane.name()).0;
    let (width, height) = (rect.width() as u32, rect.height() as u32);
    let (case, convention) = (bench.case(), bench.session().display().convention);
    let (grid, at) = (case.grid(), case.cross_hair());
    SliceView::fit(grid, plane, convention, at, width, height).mm_per_pixel()
}

#[test]
fn a_distance_is_dragged_pulled_undone_and_taken_away_in_every_plane() {
    let (mut bench, _folder) = phantom();
    choose(&mut bench, Key::D, "distance");
    for (n, plane) in [Plane::Axial, Plane::Coronal, Plane::Sagittal]
        .into_iter()
        .enumerate()
    {
        let name = plane.name();
        let [from, to, further] =
            [(0.3, 0.4), (0.5, 0.6), (0.6, 0.6)].map(|(x, y)| bench.point(name, x, y));
        drag(&mut bench, &[from, to]);
        assert_eq!(bench.case().measured().len(), n + 1, "{name}");
        let expected = f64::from(from.distance(to)) * mm_per_point(&bench, plane);
        let measured = reading(&bench, n).length_mm.expect("a length");
        assert!(
            (measured - expected).abs() < 0.01 * expected,
            "{name}: {measured} {expected}"
        );
        bench.picture(&format!("distance_{name}"));
        drag(&mut bench, &[to, further]);
        let expected = f64::from(from.distance(further)) * mm_per_point(&bench, plane);
        let pulled = reading(&bench, n).length_mm.expect("a length");
        assert!(
            (pulled - expected).abs() < 0.01 * expected,
            "{name}: {pulled} {expected}"
        );
        bench.key(Modifiers::COMMAND, Key::Z);
        assert_eq!(reading(&bench, n).length_mm, Some(measured), "one step");
        assert!(bench.case().table().labels().is_empty());
    }
    // A press that goes nowhere draws nothing; Shift on an end takes away.
    bench.left_click(bench.point("Axial", 0.7, 0.3));
    assert_eq!(bench.case().measured().len(), 3);
    let end = bench.point("Axial", 0.3, 0.4);
    bench.drag(PointerButton::Primary, Modifiers::SHIFT, &[end]);
    assert_eq!(bench.case().measured().len(), 2);
    assert_eq!(
        bench.case().history().undo_name(),
        Some("remove measurement")
    );
    // On another slice there is nothing to take hold of.
    let end = bench.point("Coronal", 0.3, 0.4);
    bench.hover(end);
    bench.key(Modifiers::NONE, Key::ArrowUp);
    bench.drag(PointerButton::Primary, Modifiers::SHIFT, &[end]);
    assert_eq!(bench.case().measured().len(), 2);
}

#[test]
fn an_angle_takes_three_presses_and_is_given_up_by_esc_and_backspace() {
    let (mut bench, _folder) = phantom();
    choose(&mut bench, Key::A, "angle");
    let [arm, vertex, other] =
        [(0.3, 0.5), (0.5, 0.5), (0.5, 0.3)].map(|(x, y)| bench.point("Axial", x, y));
    bench.left_click(arm);
    bench.left_click(vertex);
    bench.hover(other);
    bench.picture("angle_forming");
    bench.key(Modifiers::NONE, Key::Escape);
    bench.left_click(other);
    assert!(bench.case().measured().is_empty(), "given up");
    bench.key(Modifiers::NONE, Key::Backspace);
    bench.left_click(arm);
    bench.left_click(vertex);
    bench.left_click(other);
    let (drawn, measured) = bench.case().measured()[0].clone();
    assert_eq!(drawn.shape, ANGLE);
    let degrees = measured.degrees.expect("an angle");
    assert!((degrees - 90.0).abs() < 0.5, "{degrees}");
    assert_eq!(bench.case().history().undo_len(), 1);
    bench.picture("angle");
    let wider = bench.point("Axial", 0.7, 0.3);
    drag(&mut bench, &[other, wider]);
    assert!(reading(&bench, 0).degrees.expect("an angle") > 100.0);
}

#[test]
fn an_ellipse_says_mean_and_sd_and_the_table_lists_goes_to_copies_and_removes() {
    let (mut bench, _folder) = phantom();
    choose(&mut bench, Key::E, "ellipse");
    let [from, to] = [(0.42, 0.42), (0.58, 0.52)].map(|(x, y)| bench.point("Axial", x, y));
    drag(&mut bench, &[from, to]);
    let measured = reading(&bench, 0);
    let mm = mm_per_point(&bench, Plane::Axial);
    let expected = f64::from(to.x - from.x) * mm;
    assert!((measured.length_mm.expect("long") - expected).abs() < 0.01 * expected);
    let values = measured.values.expect("values");
    assert!(measured.voxels.expect("voxels") > 50 && values.sd.is_some());
    bench.picture("ellipse");
    let slice = bench.case().cross_hair();

    bench.key(Modifiers::COMMAND, Key::Num8);
    let row = format!("Ellipse 1:  {}", measured.texts().join(",  "));
    assert!(bench.shows(&row), "{:?}", bench.texts());
    bench.picture("measurements_listed");
    bench.hover(bench.point("Axial", 0.5, 0.5));
    bench.key(Modifiers::NONE, Key::PageUp);
    assert_ne!(bench.case().cross_hair(), slice);
    bench.press(&row);
    assert_eq!(bench.case().cross_hair().0[2], slice.0[2]);
    bench.harness.step();
    bench.harness.get_by_label("Copy as CSV").click();
    bench.harness.step();
    let copied = bench
        .harness
        .output()
        .platform_output
        .commands
        .iter()
        .find_map(|c| match c {
            OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        });
    let copied = copied.expect("copied");
    assert!(copied.starts_with("measurement,kind,"), "{copied}");
    assert!(copied.contains(&values.mean.to_string()), "{copied}");
    bench.press("Remove Ellipse 1");
    assert!(bench.case().measured().is_empty());
    assert!(!bench.shows("Ellipse 1"));
    bench.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(bench.case().measured().len(), 1);
}

/// The same in the same places, but for what JSON does not keep of a number.
fn assert_same(a: &[Measurement], b: &[Measurement]) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.title(), b.title());
        for (p, q) in a.points().iter().zip(b.points()) {
            assert!(p.0.distance(q.0) < 1e-9, "{p:?} {q:?}");
        }
    }
}

#[test]
fn measurements_are_saved_beside_the_labels_opened_with_them_and_back_after_a_crash() {
    let (mut bench, folder) = phantom();
    choose(&mut bench, Key::D, "distance");
    let points = [
        bench.point("Axial", 0.3, 0.4),
        bench.point("Axial", 0.5, 0.6),
    ];
    drag(&mut bench, &points);
    assert!(bench.session().is_dirty());
    let drawn = bench.case().document().measurements().to_vec();
    let target = folder.path().join("case_labels.nii.gz");
    bench.will_choose(&target);
    bench.key(Modifiers::COMMAND, Key::S);
    assert!(bench.shows("Saved and read back"), "{:?}", bench.messages());
    assert!(!bench.session().is_dirty());
    assert_same(&io::open_measurements(&target).expect("read"), &drawn);
    drop(bench);

    let mut bench = Bench::open_as_left(folder.path());
    bench.choose("File", "Open sample");
    bench.will_choose(&target);
    bench.choose("File", "Open labels");
    assert_same(bench.case().document().measurements(), &drawn);
    assert_eq!(bench.case().measured()[0].0.shape, DISTANCE);
    choose(&mut bench, Key::E, "ellipse");
    let points = [
        bench.point("Axial", 0.6, 0.4),
        bench.point("Axial", 0.7, 0.6),
    ];
    drag(&mut bench, &points);
    let drawn = bench.case().document().measurements().to_vec();
    assert_eq!(drawn[1].shape, ELLIPSE);
    drop(bench);

    let mut bench = Bench::open_as_left(folder.path());
    bench.press("Recover");
    assert_eq!(bench.case().document().measurements(), drawn);
    assert!(bench.session().is_dirty());

    // A file of another kind in its place is said, and left alone.
    std::fs::write(io::measurements_path(&target), "notes").expect("written");
    bench.key(Modifiers::COMMAND, Key::S);
    let messages = bench.messages();
    assert!(
        messages.iter().any(|m| m.contains("move it away")),
        "{messages:?}"
    );
    assert!(bench.session().is_dirty(), "the measurements are not saved");
}
