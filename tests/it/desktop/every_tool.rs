//! What holds for every tool of the table, whatever it does: locks are kept, Esc and undo in the middle of a drag leave no
//! trace, and beside the scan, on its border and on its last slices nothing goes wrong.

use std::sync::Arc;

use eframe::egui::{Key, Modifiers, PointerButton, Pos2, Vec2};
use glam::DVec3;
use prosector::geometry::{Plane, VoxelPoint};
use prosector::ui::tools::{TOOLS, Tool};
use prosector::volume::LabelMap;

use super::bench::Bench;
use super::panel::texts_in_views;
use super::phantom;
use super::tools::{button, hold, labelled, with_label};

/// What tools may change, but for steps that undo takes back.
#[derive(Debug, PartialEq)]
struct State {
    labels: Arc<LabelMap>,
    is_prompted: bool,
    measured: usize,
}

fn state(bench: &Bench) -> State {
    let case = bench.case();
    State {
        labels: Arc::clone(case.labels()),
        is_prompted: !case.prompts().is_empty() || case.proposal().is_some(),
        measured: case.measured().len(),
    }
}

fn choose(bench: &mut Bench, tool: &Tool) {
    let keys = tool.keys[0];
    bench.key(keys.modifiers, keys.logical_key);
    assert_eq!(bench.session().tools().tool, tool.id);
}

/// A drag and some presses around a place, and Enter: every tool is used in one of its ways at least.
fn use_around(bench: &mut Bench, at: Pos2) {
    let around = [(0.0, 0.0), (24.0, 4.0), (20.0, 24.0), (-4.0, 18.0)];
    let points = around.map(|(x, y)| at + Vec2::new(x, y));
    bench.drag(PointerButton::Primary, Modifiers::NONE, &points);
    for point in points {
        bench.left_click(point);
    }
    bench.key(Modifiers::NONE, Key::Enter);
}

/// A key in the middle of a drag, whose button is then let go.
fn press_while_dragging(bench: &mut Bench, tool: &Tool, modifiers: Modifiers, key: Key) {
    let [from, to] = [(0.45, 0.45), (0.55, 0.56)].map(|(x, y)| bench.point("Axial", x, y));
    choose(bench, tool);
    hold(bench, &[from, to]);
    bench.key(modifiers, key);
    button(bench, to, false);
}

/// Gives up what stands open, and takes all steps back until there are so many.
fn take_back(bench: &mut Bench, steps: usize) {
    bench.key(Modifiers::NONE, Key::Escape);
    bench.key(Modifiers::NONE, Key::Escape);
    while bench.case().history().undo_len() > steps {
        bench.key(Modifiers::COMMAND, Key::Z);
    }
}

fn steps(bench: &Bench) -> usize {
    bench.case().history().undo_len()
}

#[test]
fn no_tool_changes_a_locked_label() {
    let (mut bench, _folder) = phantom();
    with_label(&mut bench);
    bench.press("Lock lesion 1");
    let before = state(&bench);
    let at = bench.point("Axial", 0.5, 0.5);
    for tool in TOOLS {
        choose(&mut bench, tool);
        use_around(&mut bench, at);
        bench.drag(PointerButton::Primary, Modifiers::SHIFT, &[at]);
        bench.key(Modifiers::NONE, Key::Escape);
        let after = state(&bench);
        assert_eq!(after.labels, before.labels, "{}", tool.title);
        assert!(!after.is_prompted, "{}", tool.title);
    }
}

#[test]
fn esc_in_the_middle_of_a_drag_leaves_no_trace_of_any_tool() {
    let (mut bench, _folder) = phantom();
    with_label(&mut bench);
    let (before, begun) = (state(&bench), steps(&bench));
    for tool in TOOLS {
        press_while_dragging(&mut bench, tool, Modifiers::NONE, Key::Escape);
        // These do what they do as soon as the button goes down.
        if !["Click", "Level trace"].contains(&tool.title) {
            assert_eq!(steps(&bench), begun, "{}", tool.title);
        }
        take_back(&mut bench, begun);
        assert_eq!(state(&bench), before, "{}", tool.title);
    }
}

#[test]
fn undo_in_the_middle_of_a_drag_takes_back_one_step_of_any_tool() {
    let (mut bench, _folder) = phantom();
    with_label(&mut bench);
    let (before, begun) = (state(&bench), steps(&bench));
    for tool in TOOLS {
        press_while_dragging(&mut bench, tool, Modifiers::COMMAND, Key::Z);
        bench.key(Modifiers::NONE, Key::Escape);
        // What the drag did or showed is gone; where it did nothing yet, the step before it is.
        let left = steps(&bench);
        assert!(left == begun || left + 1 == begun, "{}", tool.title);
        if left < begun {
            assert_eq!(labelled(&bench), 0, "{}", tool.title);
            bench.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
        }
        assert_eq!(state(&bench), before, "{}", tool.title);
    }
}

#[test]
fn beside_the_scan_and_over_its_border_every_tool_leaves_what_is_there() {
    let (mut bench, _folder) = phantom();
    with_label(&mut bench);
    let (before, begun) = (state(&bench), steps(&bench));
    let dims = bench.case().grid().dims.map(|n| n as f64);
    let slice = bench.case().cross_hair().0[2] as f64;
    let corner = VoxelPoint(DVec3::new(0.0, 0.0, slice));
    let opposite = VoxelPoint(DVec3::new(dims[0] - 1.0, dims[1] - 1.0, slice));
    let [first, last] = [corner, opposite].map(|voxel| bench.pos(Plane::Axial, voxel));
    // The picture is as wide as the view; above and below it there is room.
    let outwards = Vec2::new(0.0, (first - last).y.signum());
    for tool in TOOLS {
        choose(&mut bench, tool);
        // Beside it, across the whole of it to beside it, and in its corner.
        bench.left_click(first + outwards * 9.0);
        let after = state(&bench);
        assert_eq!(after.labels, before.labels, "{}", tool.title);
        assert!(!after.is_prompted, "{}", tool.title);
        take_back(&mut bench, begun);
        let across = [first + outwards * 9.0, last - outwards * 9.0];
        bench.drag(PointerButton::Primary, Modifiers::NONE, &across);
        bench.left_click(first);
        bench.key(Modifiers::NONE, Key::Enter);
        take_back(&mut bench, begun);
        assert_eq!(state(&bench), before, "{}", tool.title);
    }
}

#[test]
fn on_the_first_and_last_slices_of_all_planes_every_tool_can_be_taken_back() {
    let (mut bench, _folder) = phantom();
    with_label(&mut bench);
    let (before, begun) = (state(&bench), steps(&bench));
    let ends = [
        ("Axial", Key::PageUp),
        ("Coronal", Key::PageDown),
        ("Sagittal", Key::PageUp),
    ];
    for (plane, key) in ends {
        let at = bench.point(plane, 0.5, 0.45);
        bench.key(Modifiers::NONE, Key::Num1);
        bench.hover(at);
        for _ in 0..12 {
            bench.key(Modifiers::NONE, key);
        }
        let cross_hair = bench.case().cross_hair().0;
        let dims = bench.case().grid().dims;
        let is_end = |d: usize| cross_hair[d] == 0 || cross_hair[d] + 1 == dims[d] as i64;
        assert!((0..3).any(is_end), "{plane}: {cross_hair:?} of {dims:?}");
        for tool in TOOLS {
            choose(&mut bench, tool);
            use_around(&mut bench, at);
            take_back(&mut bench, begun);
            assert_eq!(state(&bench), before, "{plane}, {}", tool.title);
        }
    }
}

#[test]
fn the_window_tool_is_wider_to_the_right_and_brighter_upwards() {
    let (mut bench, _folder) = phantom();
    bench.key(Modifiers::NONE, Key::Num6);
    let before = bench.case().window();
    let at = bench.point("Axial", 0.5, 0.5);
    let dragged = [at, at + Vec2::new(50.0, -25.0)];
    bench.drag(PointerButton::Primary, Modifiers::NONE, &dragged);
    let after = bench.case().window();
    assert!(after.width > before.width, "{after:?}");
    assert!(after.level < before.level, "{after:?}");
    assert_eq!(steps(&bench), 0, "it is no work to undo");
}

#[test]
fn a_click_beside_the_scan_asks_nobody_and_says_so() {
    let (mut bench, _folder) = phantom();
    bench.press("Click");
    let slice = bench.case().cross_hair().0[2] as f64;
    let beside = VoxelPoint(DVec3::new(20.0, -6.0, slice));
    let at = bench.pos(Plane::Axial, beside);
    bench.hover(at);
    bench.left_click(at);
    assert!(bench.case().prompts().is_empty() && bench.case().proposal().is_none());
    assert!(bench.shows("beside the scan"), "{:?}", bench.messages());
    // In a voxel at the border it is asked.
    let border = bench.pos(Plane::Axial, VoxelPoint(DVec3::new(20.0, 0.0, slice)));
    bench.left_click(border);
    assert_eq!(bench.case().prompts().clicks[0].voxel.0[1], 0);
    assert!(bench.case().proposal().is_some());
}

#[test]
fn a_click_into_an_accepted_label_leaves_it_as_it_is_and_says_so_before() {
    let (mut bench, _folder) = phantom();
    bench.press("Click");
    let at = bench.point("Axial", 0.5, 0.5);
    bench.left_click(at);
    bench.key(Modifiers::NONE, Key::Enter);
    let accepted = Arc::clone(bench.case().labels());
    assert!(labelled(&bench) > 500);
    bench.key(Modifiers::NONE, Key::N);
    bench.hover(at);
    let painted = texts_in_views(&bench);
    let is_said = |(text, _): &(String, _)| text.contains("lesion 1 keeps this voxel");
    assert!(painted.iter().any(is_said), "{painted:?}");
    bench.left_click(at);
    let gain = bench.case().gain().map_or(0, |gain| gain.left);
    assert!(gain > 0, "what stays with lesion 1 is counted");
    bench.key(Modifiers::NONE, Key::Enter);
    assert_eq!(bench.case().labels().voxels, accepted.voxels);
}
