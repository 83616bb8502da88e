//! Scribbles, lassos, prompts that wait, the next lesion by a key, and the preview of clicks in the real window.

use eframe::egui::{Key, Modifiers, PointerButton, Pos2};
use glam::DVec3;
use prosector::geometry::{Plane, VoxelPoint};
use prosector::models::{DeviceChoice, open_model};
use prosector::prompt::{DrawingKind, Polarity, TargetSize};
use prosector::session::{Proposed, ToolId};

use super::bench::Bench;
use super::phantom;

const LINE: [(f32, f32); 4] = [(0.4, 0.45), (0.44, 0.47), (0.48, 0.46), (0.52, 0.5)];

fn line(bench: &Bench) -> Vec<Pos2> {
    let points = LINE.iter();
    points.map(|&(x, y)| bench.point("Axial", x, y)).collect()
}

fn circle(bench: &Bench, radius: f32) -> Vec<Pos2> {
    let turn = |n: u16| f32::from(n) / 40.0 * std::f32::consts::TAU;
    let at = |angle: f32| {
        let (sin, cos) = angle.sin_cos();
        bench.point("Axial", 0.5 + radius * cos, 0.5 + radius * sin)
    };
    (0..40).map(|n| at(turn(n))).collect()
}

/// Kind and polarity of what was drawn.
fn drawn(bench: &Bench) -> Vec<(DrawingKind, Polarity)> {
    let drawings = bench.case().prompts().drawings.iter();
    drawings.map(|d| (d.kind, d.polarity)).collect()
}

fn proposed(bench: &Bench) -> Vec<u8> {
    match bench.case().proposal().map(|p| &p.content) {
        Some(Proposed::Target { mask, .. }) => mask.voxels.clone(),
        other => panic!("{other:?}"),
    }
}

fn to_last_slice(bench: &mut Bench) {
    bench.hover(bench.point("Axial", 0.5, 0.5));
    for _ in 0..12 {
        bench.key(Modifiers::NONE, Key::PageUp);
    }
}

#[test]
fn a_scribble_is_drawn_taken_back_and_with_shift_says_not_this() {
    let (mut bench, _folder) = phantom();
    bench.key(Modifiers::SHIFT, Key::C);
    assert_eq!(bench.session().tools().tool, ToolId("scribble"));
    let points = line(&bench);
    bench.drag(PointerButton::Primary, Modifiers::NONE, &points);
    assert_eq!(drawn(&bench), [(DrawingKind::Scribble, Polarity::Positive)]);
    assert!(bench.shows("a scribble"), "the panel counts it");
    let region = bench.case().prompts().drawings[0].region.clone();
    let mask = proposed(&bench);
    let dims = bench.case().grid().dims;
    assert!(region.offsets(dims).all(|(offset, _)| mask[offset] == 1));
    bench.picture("scribble");

    let across: Vec<Pos2> = [(0.46, 0.4), (0.46, 0.55)]
        .map(|(x, y)| bench.point("Axial", x, y))
        .to_vec();
    bench.drag(PointerButton::Primary, Modifiers::SHIFT, &across);
    let both = [
        (DrawingKind::Scribble, Polarity::Positive),
        (DrawingKind::Scribble, Polarity::Negative),
    ];
    assert_eq!(drawn(&bench), both);
    bench.picture("scribble_not_this");
    bench.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(drawn(&bench), both[..1]);
    assert_eq!(proposed(&bench), mask, "undo in the middle");
    bench.press("Take back last");
    assert!(bench.case().prompts().is_empty());
}

#[test]
fn a_scribble_that_is_given_up_or_leaves_the_scan_does_no_harm() {
    let (mut bench, _folder) = phantom();
    bench.key(Modifiers::SHIFT, Key::C);
    let points = line(&bench);
    super::tools::hold(&mut bench, &points);
    bench.picture("scribble_held");
    bench.key(Modifiers::NONE, Key::Escape);
    super::tools::button(&mut bench, points[3], false);
    assert!(bench.case().prompts().is_empty());
    assert_eq!(bench.case().history().undo_len(), 0);

    to_last_slice(&mut bench);
    let (rect, _) = bench.view("Axial");
    let leaving = [bench.point("Axial", 0.5, 0.5), rect.left_center()];
    bench.drag(PointerButton::Primary, Modifiers::NONE, &leaving);
    let region = bench.case().prompts().drawings[0].region.clone();
    let dims = bench.case().grid().dims;
    assert_eq!(region.bounds.clipped(dims), Some(region.bounds));
    assert_eq!(region.bounds.min[2], dims[2] as i64 - 1);
}

#[test]
fn a_diameter_is_measured_while_it_is_drawn_and_a_mere_press_is_none() {
    let (mut bench, _folder) = phantom();
    bench.key(Modifiers::SHIFT, Key::R);
    assert_eq!(bench.session().tools().tool, ToolId("diameter"));
    let ends = [(0.4, 0.45), (0.6, 0.55)].map(|(x, y)| bench.point("Axial", x, y));
    bench.drag(PointerButton::Primary, Modifiers::NONE, &ends[..1]);
    assert!(bench.case().prompts().is_empty());
    super::tools::hold(&mut bench, &ends);
    bench.picture("diameter_held");
    super::tools::button(&mut bench, ends[1], false);
    assert_eq!(drawn(&bench), [(DrawingKind::Diameter, Polarity::Positive)]);
    assert!(bench.shows("a diameter"), "the panel counts it");
    assert!(bench.case().proposal().is_some());
    assert!(
        bench.case().measured().is_empty(),
        "it is no measurement that stays"
    );
    let middle = bench.case().prompts().drawings[0].clicks(bench.case().grid())[0].voxel;
    let cross_hair = bench.case().cross_hair();
    assert!(
        (0..3).all(|d| (cross_hair.0[d] - middle.0[d]).abs() <= 1),
        "all views go through it"
    );
    bench.picture("diameter");
    bench.press("Take back last");
    assert!(bench.case().prompts().is_empty());
}

#[test]
fn a_lasso_is_drawn_freehand_or_by_corners_and_two_of_them_are_none() {
    let (mut bench, _folder) = phantom();
    bench.key(Modifiers::SHIFT, Key::L);
    assert_eq!(bench.session().tools().tool, ToolId("lasso"));
    let around = circle(&bench, 0.08);
    bench.drag(PointerButton::Primary, Modifiers::NONE, &around);
    assert_eq!(drawn(&bench), [(DrawingKind::Lasso, Polarity::Positive)]);
    assert!(bench.case().proposal().is_some());
    assert!(bench.shows("a lasso"));
    bench.picture("lasso");

    let corners = [(0.55, 0.45), (0.62, 0.45), (0.62, 0.55)];
    let corners = corners.map(|(x, y)| bench.point("Axial", x, y));
    bench.drag(PointerButton::Primary, Modifiers::SHIFT, &corners[..1]);
    bench.left_click(corners[1]);
    bench.picture("lasso_open");
    bench.key(Modifiers::NONE, Key::Enter);
    assert_eq!(drawn(&bench).len(), 1, "two corners enclose nothing");
    bench.left_click(corners[2]);
    bench.key(Modifiers::NONE, Key::Enter);
    assert_eq!(drawn(&bench)[1], (DrawingKind::Lasso, Polarity::Negative));
    bench.picture("lasso_not_this");
    bench.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(drawn(&bench).len(), 1);
}

#[test]
fn a_locked_label_takes_no_scribble_and_no_lasso() {
    let (mut bench, _folder) = phantom();
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.5, 0.5));
    bench.press("Lock lesion 1");
    let steps = bench.case().history().undo_len();
    let points = circle(&bench, 0.1);
    for key in [Key::C, Key::L] {
        bench.key(Modifiers::SHIFT, key);
        bench.hover(points[0]);
        bench.drag(PointerButton::Primary, Modifiers::NONE, &points);
        assert!(bench.case().prompts().is_empty());
        assert_eq!(bench.case().history().undo_len(), steps);
    }
    assert!(bench.shows("is locked"), "{:?}", bench.messages());
}

#[test]
fn a_small_target_is_looked_at_from_close_by_and_a_large_one_from_afar() {
    let (mut bench, _folder) = phantom();
    bench.press("Click");
    assert!(!bench.shows("Size"), "the toy looks in one way");
    let folder = tempfile::tempdir().unwrap();
    let in_the_box = || open_model(None, DeviceChoice::Cpu);
    let mut bench = Bench::open_with_model(folder.path(), in_the_box);
    bench.choose("File", "Open sample");
    bench.press("Click");
    bench.left_click(bench.point("Axial", 0.5, 0.5));
    let before = proposed(&bench);
    let size = |bench: &Bench| bench.session().tools().target_size;
    bench.choose("Size", "Small: up to 2 cm");
    assert_eq!(size(&bench), TargetSize::Small);
    bench.picture("small_target");
    assert_ne!(proposed(&bench), before, "asked once more");
    bench.key(Modifiers::SHIFT, Key::C);
    assert!(bench.shows("Size"), "of scribbles as well");
    bench.key(Modifiers::SHIFT, Key::K);
    assert_eq!(size(&bench), TargetSize::Any);
    assert_eq!(proposed(&bench), before);
    bench.choose("Size", "Large: over 15 cm, bulky");
    assert_eq!(size(&bench), TargetSize::Large);
    assert_ne!(proposed(&bench), before, "asked once more");
    bench.key(Modifiers::SHIFT, Key::K);
    assert_eq!(size(&bench), TargetSize::Small, "in place of it");
    bench.key(Modifiers::SHIFT, Key::J);
    bench.key(Modifiers::SHIFT, Key::J);
    assert_eq!(size(&bench), TargetSize::Any);
}

#[test]
fn several_prompts_wait_until_run_is_pressed() {
    let (mut bench, _folder) = phantom();
    bench.press("Wait");
    assert!(bench.session().tools().asks_by_hand);
    bench.press("Click");
    bench.left_click(bench.point("Axial", 0.45, 0.5));
    bench.key(Modifiers::SHIFT, Key::C);
    let points = line(&bench);
    bench.drag(PointerButton::Primary, Modifiers::NONE, &points);
    assert!(bench.case().proposal().is_none(), "nobody was asked");
    bench.picture("waiting");
    bench.press("Run");
    assert!(bench.case().proposal().is_some());
    let before = proposed(&bench);
    bench.left_click(bench.point("Axial", 0.6, 0.6));
    assert_eq!(proposed(&bench), before);
    bench.key(Modifiers::COMMAND, Key::Enter);
    assert_ne!(proposed(&bench), before, "by key");
    bench.key(Modifiers::SHIFT, Key::T);
    assert!(!bench.session().tools().asks_by_hand);
}

#[test]
fn several_lesions_in_a_row_with_one_key_leave_each_other_alone() {
    let (mut bench, _folder) = phantom();
    bench.press("Click");
    let middle = bench.case().grid().dims.map(|n| (n / 2) as f64);
    for n in 0..3 {
        if n > 0 {
            bench.key(Modifiers::NONE, Key::N);
        }
        // Balls that overlap, of which no middle lies in another.
        let place = DVec3::new(middle[0] + 8.0 * f64::from(n), middle[1], middle[2]);
        bench.left_click(bench.pos(Plane::Axial, VoxelPoint(place)));
        let gain = bench.case().gain().expect("a proposal stands");
        assert_eq!(gain.left, 0, "nothing of the lesions before is proposed");
    }
    bench.key(Modifiers::NONE, Key::N);
    let labels = bench.case().table().labels().iter();
    let named: Vec<(&str, bool)> = labels
        .map(|l| (l.name.as_str(), bench.case().voxel_count(l.value) > 0))
        .collect();
    let expected = [
        ("lesion_1", true),
        ("lesion_2", true),
        ("lesion_3", true),
        ("lesion_4", false),
    ];
    assert_eq!(named, expected);
    bench.picture("lesions_in_a_row");
    // A click into one of them says whose voxel it is.
    bench.hover(bench.point("Axial", 0.45, 0.5));
    bench.picture("landing");
}

#[test]
fn the_preview_shows_what_a_click_gives_and_leaves_no_trace() {
    let (mut bench, _folder) = phantom();
    bench.press("Click");
    let pos = bench.point("Axial", 0.45, 0.5);
    bench.hover(pos);
    bench.settle();
    assert!(
        bench.harness.state().preview().is_none(),
        "off without a GPU"
    );
    bench.key(Modifiers::SHIFT, Key::P);
    bench.hover(pos);
    bench.settle();
    let shown = bench
        .harness
        .state()
        .preview()
        .expect("the pointer rests")
        .clone();
    bench.picture("preview");
    let case = bench.case();
    assert_eq!(case.history().undo_len(), 0);
    assert!(case.prompts().is_empty() && case.proposal().is_none());
    assert!(case.table().labels().is_empty() && !bench.session().is_dirty());

    bench.left_click(pos);
    let mask = proposed(&bench);
    let dims = bench.case().grid().dims;
    let offsets: Vec<usize> = shown.offsets(dims).map(|(offset, _)| offset).collect();
    assert_eq!(mask.iter().filter(|&&v| v != 0).count(), offsets.len());
    assert!(offsets.iter().all(|&offset| mask[offset] == 1));
    // Elsewhere it is another, beside the scan none, and none with another tool.
    bench.hover(bench.point("Axial", 0.6, 0.5));
    bench.settle();
    let elsewhere = bench.harness.state().preview().expect("of the next click");
    assert!(elsewhere.count() > shown.count(), "with what stands");
    bench.hover(bench.rect("Brush").center());
    bench.settle();
    assert!(bench.harness.state().preview().is_none());
    bench.hover(bench.point("Axial", 0.6, 0.5));
    bench.settle();
    bench.press("Brush");
    assert!(bench.harness.state().preview().is_none());
    assert_eq!(proposed(&bench), mask, "what stands is what was clicked");
}
