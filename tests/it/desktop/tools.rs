//! The tools of the primary button in the real window: each by its key, on the last slice too, with a locked label, and given
//! up half-way.

use eframe::egui::{Event, Key, Modifiers, PointerButton, Pos2, Vec2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use prosector::geometry::{Plane, VoxelIndex};
use prosector::session::ToolId;

use super::bench::Bench;
use super::phantom;

pub fn labelled(bench: &Bench) -> usize {
    bench.case().labels().counts().iter().map(|(_, n)| n).sum()
}

fn undo_name(bench: &Bench) -> Option<&str> {
    bench.case().history().undo_name()
}

fn choose(bench: &mut Bench, key: Key, tool: &'static str) {
    bench.key(Modifiers::NONE, key);
    assert_eq!(bench.session().tools().tool, ToolId(tool));
}

/// Holds the primary button down over the first point and goes to the others.
pub fn hold(bench: &mut Bench, points: &[Pos2]) {
    bench.hover(points[0]);
    button(bench, points[0], true);
    for &point in points {
        bench.hover(point);
    }
}

pub fn button(bench: &mut Bench, pos: Pos2, pressed: bool) {
    bench.harness.event(Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    });
    bench.settle();
}

/// A square of the axial view that the brush or a polygon is used on.
fn square(bench: &Bench, low: f32, high: f32) -> [Pos2; 4] {
    [(low, low), (high, low), (high, high), (low, high)].map(|(x, y)| bench.point("Axial", x, y))
}

/// Draws a square with the tool that is chosen, corner by corner.
fn outline(bench: &mut Bench, low: f32, high: f32) {
    for corner in square(bench, low, high) {
        bench.left_click(corner);
    }
    bench.key(Modifiers::NONE, Key::Enter);
}

/// A label to work on: a square on the slice that is shown.
pub fn with_label(bench: &mut Bench) -> usize {
    bench.key(Modifiers::NONE, Key::Num7);
    outline(bench, 0.4, 0.6);
    let drawn = labelled(bench);
    assert!(drawn > 100, "{drawn}");
    drawn
}

fn lock(bench: &mut Bench) {
    bench.press("Lock lesion 1");
    assert!(bench.case().active().expect("active").locked);
}

/// The row of a label; its volume may stand behind its name.
pub fn row<'b>(bench: &'b Bench, label: &str) -> egui_kittest::Node<'b> {
    let mut rows = bench.harness.query_all_by(|_| true);
    let row = rows.find(|node| {
        let name = node.accesskit_node().label().unwrap_or_default();
        name.starts_with(label)
    });
    row.expect("a row")
}

pub fn press_row(bench: &mut Bench, label: &str) {
    row(bench, label).click();
    bench.settle();
}

/// To the topmost axial slice.
fn to_last_slice(bench: &mut Bench) {
    bench.hover(bench.point("Axial", 0.5, 0.5));
    for _ in 0..12 {
        bench.key(Modifiers::NONE, Key::PageUp);
    }
    let last = bench.case().grid().dims[2] as i64 - 1;
    assert_eq!(bench.case().cross_hair().0[2], last);
}

#[test]
fn every_tool_is_reached_by_key_menu_palette_and_panel() {
    let (mut bench, _folder) = phantom();
    for tool in prosector::ui::tools::TOOLS {
        for keys in tool.keys {
            bench.key(keys.modifiers, keys.logical_key);
            assert_eq!(bench.session().tools().tool, tool.id, "{}", tool.title);
            bench.key(Modifiers::NONE, Key::Num1);
        }
        bench.key(Modifiers::COMMAND, Key::K);
        bench.type_text(tool.title);
        bench.key(Modifiers::NONE, Key::Enter);
        assert_eq!(
            bench.session().tools().tool,
            tool.id,
            "{} by palette",
            tool.title
        );
        bench.press("Cross-hair");
        if bench.harness.query_by_label(tool.title).is_none() {
            bench.press("More tools");
        }
        press_row(&mut bench, tool.title);
        assert_eq!(
            bench.session().tools().tool,
            tool.id,
            "{} by panel",
            tool.title
        );
        bench.picture(&format!("tool_{}", tool.id.0));
    }
}

#[test]
fn flood_fill_shows_before_it_fills_and_is_given_up_by_esc_and_undo() {
    let (mut bench, _folder) = phantom();
    choose(&mut bench, Key::G, "fill");
    let at = bench.point("Axial", 0.5, 0.35);
    let further = bench.point("Axial", 0.6, 0.35);
    for give_up in [(Modifiers::NONE, Key::Escape), (Modifiers::COMMAND, Key::Z)] {
        hold(&mut bench, &[at, further]);
        bench.picture("fill_preview");
        assert_eq!(labelled(&bench), 0, "not while the button is held");
        bench.key(give_up.0, give_up.1);
        button(&mut bench, further, false);
        assert_eq!(labelled(&bench), 0, "given up by {give_up:?}");
        assert_eq!(bench.case().history().undo_len(), 0);
    }
    let tolerance = bench.session().tools().fill.tolerance;
    assert_eq!(tolerance, None, "what was given up is not kept");
    bench.left_click(at);
    let near = labelled(&bench);
    assert!(near > 0);
    assert_eq!(undo_name(&bench), Some("flood fill"));
    bench.key(Modifiers::COMMAND, Key::Z);
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[at, further]);
    assert!(labelled(&bench) > near, "a drag to the right takes more");
    let slice = bench.case().cross_hair().0[2];
    let bounds = bench.case().labels().mask_of(1).bounds().expect("drawn");
    assert_eq!(
        (bounds.min[2], bounds.max[2]),
        (slice, slice),
        "in the slice"
    );
    bench.key(Modifiers::COMMAND, Key::Z);
    bench.press("3D");
    bench.left_click(at);
    let bounds = bench.case().labels().mask_of(1).bounds().expect("drawn");
    assert!(
        bounds.min[2] < slice && bounds.max[2] > slice,
        "through the slices"
    );
    bench.drag(PointerButton::Primary, Modifiers::SHIFT, &[at]);
    assert_eq!(labelled(&bench), 0, "Shift takes the same away");
}

#[test]
fn a_level_is_traced_at_a_click_on_the_slice_that_is_shown() {
    let (mut bench, _folder) = phantom();
    choose(&mut bench, Key::V, "level_trace");
    // From the middle outwards until a closed line goes through.
    let points: Vec<Pos2> = (0..30)
        .map(|n| bench.point("Axial", 0.5 + 0.012 * n as f32, 0.5))
        .collect();
    let mut drawn = 0;
    for point in points {
        bench.hover(point);
        bench.picture("level_trace_preview");
        bench.left_click(point);
        drawn = labelled(&bench);
        if drawn > 100 {
            break;
        }
        if drawn > 0 {
            bench.key(Modifiers::COMMAND, Key::Z);
        }
    }
    assert!(drawn > 100, "{drawn}");
    assert_eq!(undo_name(&bench), Some("level tracing"));
    assert_eq!(bench.case().history().undo_len(), 1);
    lock(&mut bench);
    bench.left_click(bench.point("Axial", 0.3, 0.5));
    assert_eq!(labelled(&bench), drawn, "locked");
}

#[test]
fn a_live_wire_is_clicked_along_closed_at_its_first_corner_and_taken_back() {
    let (mut bench, _folder) = phantom();
    choose(&mut bench, Key::Num8, "live_wire");
    to_last_slice(&mut bench);
    let corners = square(&bench, 0.35, 0.65);
    for corner in corners {
        bench.left_click(corner);
    }
    bench.hover(bench.point("Axial", 0.38, 0.5));
    bench.picture("live_wire");
    assert_eq!(labelled(&bench), 0);
    // The last corner is taken back and given again.
    bench.key(Modifiers::NONE, Key::Backspace);
    bench.left_click(corners[3]);
    bench.left_click(corners[0]);
    assert!(labelled(&bench) > 50, "{}", labelled(&bench));
    assert_eq!(undo_name(&bench), Some("polygon"));
    let bounds = bench.case().labels().mask_of(1).bounds().expect("drawn");
    let last = bench.case().grid().dims[2] as i64 - 1;
    assert_eq!((bounds.min[2], bounds.max[2]), (last, last));
    bench.left_click(corners[0]);
    bench.key(Modifiers::NONE, Key::Escape);
    bench.key(Modifiers::NONE, Key::Enter);
    assert_eq!(bench.case().history().undo_len(), 1, "given up");
}

#[test]
fn an_area_is_erased_by_its_outline() {
    let (mut bench, _folder) = phantom();
    let drawn = with_label(&mut bench);
    choose(&mut bench, Key::J, "erase_area");
    outline(&mut bench, 0.5, 0.7);
    let left = labelled(&bench);
    assert!(left < drawn && left > drawn / 2, "{left} of {drawn}");
    assert_eq!(undo_name(&bench), Some("erase by polygon"));
    lock(&mut bench);
    outline(&mut bench, 0.3, 0.7);
    assert_eq!(labelled(&bench), left);
}

#[test]
fn scissors_cut_through_all_slices_or_a_slab() {
    let (mut bench, _folder) = phantom();
    let drawn = with_label(&mut bench);
    bench.key(Modifiers::NONE, Key::ArrowUp);
    bench.key(Modifiers::NONE, Key::Num7);
    outline(&mut bench, 0.4, 0.6);
    assert_eq!(labelled(&bench), 2 * drawn);
    choose(&mut bench, Key::C, "scissors");
    bench.press("Slab");
    bench.picture("scissors_slab");
    outline(&mut bench, 0.3, 0.7);
    assert_eq!(labelled(&bench), 0, "10 mm hold both slices");
    assert_eq!(undo_name(&bench), Some("scissors"));
    bench.key(Modifiers::COMMAND, Key::Z);
    bench.press("Outside");
    bench.press("All");
    for corner in square(&bench, 0.5, 0.7) {
        bench.left_click(corner);
    }
    bench.picture("scissors");
    bench.key(Modifiers::NONE, Key::Enter);
    let left = labelled(&bench);
    assert!(
        left > 0 && left < drawn,
        "{left} of {}: the corner of both",
        2 * drawn
    );
    lock(&mut bench);
    outline(&mut bench, 0.1, 0.2);
    assert_eq!(labelled(&bench), left);
}

#[test]
fn a_label_is_moved_by_a_drag_in_the_plane_of_the_view() {
    let (mut bench, _folder) = phantom();
    let drawn = with_label(&mut bench);
    choose(&mut bench, Key::M, "move_label");
    let before = bench.case().labels().mask_of(1).bounds().expect("drawn");
    let [from, to] = [0.5, 0.6].map(|x| bench.point("Axial", x, 0.5));
    hold(&mut bench, &[from, to]);
    bench.picture("move_preview");
    bench.key(Modifiers::NONE, Key::Escape);
    button(&mut bench, to, false);
    assert_eq!(
        bench.case().labels().mask_of(1).bounds(),
        Some(before),
        "given up"
    );
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[from, to]);
    let after = bench.case().labels().mask_of(1).bounds().expect("moved");
    assert_eq!(labelled(&bench), drawn);
    assert_eq!(undo_name(&bench), Some("move label"));
    // The patient's left, which is on the right of the picture, is where i grows.
    let mm = (after.min[0] - before.min[0]) as f64 * bench.case().grid().spacing_mm()[0];
    let a = bench.pos(Plane::Axial, VoxelIndex([0, 50, before.min[2]]).center());
    let b = bench.pos(Plane::Axial, VoxelIndex([10, 50, before.min[2]]).center());
    let wanted = f64::from((to.x - from.x) / (b.x - a.x)) * 30.0;
    assert!((mm - wanted).abs() <= 1.5, "{mm} of {wanted} mm");
    assert_eq!((after.min[1], after.min[2]), (before.min[1], before.min[2]));
    lock(&mut bench);
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[to, from]);
    assert_eq!(
        bench.case().labels().mask_of(1).bounds(),
        Some(after),
        "locked"
    );
    assert!(bench.shows("locked: unlock it"), "{:?}", bench.messages());
}

#[test]
fn a_label_is_picked_in_the_picture_with_its_tool_and_with_ctrl() {
    let (mut bench, _folder) = phantom();
    with_label(&mut bench);
    bench.press("New label");
    let active = |bench: &Bench| bench.case().active().map(|l| l.value);
    assert_eq!(active(&bench), Some(2));
    choose(&mut bench, Key::Q, "pick");
    let (on, beside) = (
        bench.point("Axial", 0.5, 0.5),
        bench.point("Axial", 0.3, 0.3),
    );
    bench.left_click(beside);
    assert_eq!(active(&bench), Some(2), "there is none");
    bench.hover(on);
    bench.picture("pick");
    bench.left_click(on);
    assert_eq!(active(&bench), Some(1));
    press_row(&mut bench, "label 1");
    assert_eq!(active(&bench), Some(2));
    let steps = bench.case().history().undo_len();
    bench.press("Brush");
    bench.drag(PointerButton::Primary, Modifiers::COMMAND, &[on]);
    assert_eq!(active(&bench), Some(1), "Ctrl picks with any tool");
    assert_eq!(
        bench.case().history().undo_len(),
        steps,
        "and paints nothing"
    );
    press_row(&mut bench, "label 1");
    bench.press("Show lesion 1");
    bench.drag(PointerButton::Primary, Modifiers::COMMAND, &[on]);
    assert_eq!(active(&bench), Some(2), "what is hidden is not picked");
}

#[test]
fn shift_turns_brush_and_eraser_into_each_other_and_undo_gives_a_stroke_up() {
    let (mut bench, _folder) = phantom();
    choose(&mut bench, Key::Num4, "brush");
    let [a, b] = [0.45, 0.55].map(|x| bench.point("Axial", x, 0.5));
    hold(&mut bench, &[a, b]);
    assert!(labelled(&bench) > 0);
    bench.key(Modifiers::COMMAND, Key::Z);
    button(&mut bench, b, false);
    assert_eq!(
        (labelled(&bench), bench.case().history().undo_len()),
        (0, 0)
    );
    to_last_slice(&mut bench);
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[a, b]);
    let drawn = labelled(&bench);
    bench.drag(PointerButton::Primary, Modifiers::SHIFT, &[b]);
    let left = labelled(&bench);
    assert!(left < drawn && left > 0, "{left} of {drawn}");
    choose(&mut bench, Key::Num5, "eraser");
    bench.drag(PointerButton::Primary, Modifiers::SHIFT, &[a, b]);
    assert_eq!(labelled(&bench), drawn, "the eraser paints with Shift");
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[a, b]);
    assert_eq!(labelled(&bench), 0);
}

#[test]
fn limits_are_set_beside_the_brush_and_said_there() {
    let (mut bench, _folder) = phantom();
    choose(&mut bench, Key::Num4, "brush");
    bench.press("Limits");
    bench.press("Only values of the scan");
    let range = bench.session().tools().limits.values.expect("set");
    let window = bench.case().window();
    assert_eq!((range.low, range.high), (window.low(), window.high()));
    bench.press("Brush stays on its side of an edge");
    assert!(bench.shows("to edges"), "{:?}", bench.texts());
    bench.picture("limits");
    bench.key(Modifiers::NONE, Key::Escape);
    // Air is outside of the soft-tissue window.
    let air = bench.point("Axial", 0.1, 0.3);
    bench.left_click(air);
    assert_eq!(
        (labelled(&bench), bench.case().history().undo_len()),
        (0, 0)
    );
    assert!(bench.shows("see Limits"), "{:?}", bench.messages());
    bench.left_click(bench.point("Axial", 0.5, 0.35));
    assert!(labelled(&bench) > 0);
    bench.press("Limits");
    bench.press("No limits");
    bench.key(Modifiers::NONE, Key::Escape);
    let before = labelled(&bench);
    bench.left_click(air);
    assert!(labelled(&bench) > before, "{:?}", bench.messages());
}

#[test]
fn window_presets_and_inverted_grey_have_keys_and_the_views_say_so() {
    let (mut bench, _folder) = phantom();
    let description = |bench: &Bench| {
        let view = bench.harness.get_by_label_contains("Axial, slice");
        let node = view.accesskit_node();
        node.description().unwrap_or_default()
    };
    assert!(
        description(&bench).contains("W 400  L 40, Zoom 1.00"),
        "{}",
        description(&bench)
    );
    bench.key(Modifiers::ALT, Key::Num3);
    let window = bench.case().window();
    assert_eq!(
        (window.width, window.level),
        (80.0, 40.0),
        "brain is the third"
    );
    bench.key(Modifiers::ALT, Key::I);
    assert!(bench.case().is_inverted());
    let over = bench.point("Axial", 0.5, 0.5);
    bench.drag(
        PointerButton::Secondary,
        Modifiers::NONE,
        &[over, over + Vec2::new(0.0, -120.0)],
    );
    let said = description(&bench);
    assert!(said.contains("W 80  L 40 inverted, Zoom 2.00"), "{said}");
    bench.picture("inverted");
    bench.press("PET");
    assert!(bench.case().is_inverted(), "as readers of PET have it");
    bench.key(Modifiers::ALT, Key::Num2);
    assert_eq!(bench.case().window().width, 10.0, "SUV 0 to 10");
    bench.press("MR");
    assert!(!bench.case().is_inverted());
}

#[test]
fn several_prompts_are_given_before_the_model_is_asked_by_key() {
    let (mut bench, _folder) = phantom();
    bench.key(Modifiers::COMMAND, Key::K);
    bench.type_text("at once or by key");
    bench.key(Modifiers::NONE, Key::Enter);
    choose(&mut bench, Key::Num2, "click");
    for x in [0.4, 0.45] {
        bench.left_click(bench.point("Axial", x, 0.4));
    }
    assert_eq!(bench.case().prompts().clicks.len(), 2);
    assert!(bench.case().proposal().is_none());
    bench.key(Modifiers::COMMAND, Key::Enter);
    assert!(bench.case().proposal().is_some());
    bench.key(Modifiers::NONE, Key::Enter);
    assert!(labelled(&bench) > 0);
}
