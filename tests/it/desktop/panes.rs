//! Panes: layouts, what is remembered of them, and that each has a state of its own.

use eframe::egui::accesskit::Toggled;
use eframe::egui::{
    Event, Key, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, Pos2, Rect, TouchPhase,
    Vec2, pos2, vec2,
};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use prosector::geometry::{SliceView, VoxelIndex};
use prosector::ui::layout::LAYOUTS;

use super::bench::Bench;
use super::{phantom, slices_drawn};

/// Up to two lines of 2 points between panes, and what rounding does.
const GAP: f32 = 5.0;

fn arrange(bench: &mut Bench, key: Key) {
    bench.key(Modifiers::COMMAND, key);
}

fn at(rect: Rect, x: f32, y: f32) -> Pos2 {
    rect.min + vec2(rect.width() * x, rect.height() * y)
}

fn counts(bench: &Bench) -> [usize; 3] {
    ["Axial", "Coronal", "Sagittal"].map(|plane| bench.views(plane).len())
}

fn close_to(a: f32, b: f32) -> bool {
    (a - b).abs() <= GAP
}

/// The room that the views take together; none lies over another.
fn room(bench: &Bench) -> Rect {
    let views = bench.all_views();
    for (n, a) in views.iter().enumerate() {
        for b in &views[..n] {
            assert!(!a.shrink(0.5).intersects(b.shrink(0.5)), "{a} over {b}");
        }
    }
    let whole = views
        .iter()
        .fold(Rect::NOTHING, |all, view| all.union(*view));
    let area: f32 = views.iter().map(Rect::area).sum();
    assert!(
        area > 0.98 * whole.area(),
        "nothing is left free: {views:?}"
    );
    whole
}

#[test]
fn layouts_are_chosen_by_keys_menu_and_palette() {
    let (mut bench, _folder) = phantom();
    let whole = room(&bench);
    assert_eq!(counts(&bench), [1, 1, 1]);
    let axial = bench.views("Axial")[0];
    assert!(close_to(axial.height(), whole.height()) && axial.width() > 0.6 * whole.width());

    arrange(&mut bench, Key::Num4);
    assert_eq!(counts(&bench), [2, 1, 1]);
    assert_eq!(room(&bench), whole);
    for view in bench.all_views() {
        assert!(close_to(2.0 * view.width(), whole.width()), "{view}");
        assert!(close_to(2.0 * view.height(), whole.height()), "{view}");
    }
    bench.picture("layout_2x2");

    bench.choose("View", "Layout 1x3");
    assert_eq!(counts(&bench), [1, 1, 1]);
    assert_eq!(room(&bench), whole);
    for view in bench.all_views() {
        assert!(close_to(3.0 * view.width(), whole.width()), "{view}");
        assert!(close_to(view.height(), whole.height()), "{view}");
    }
    bench.picture("layout_1x3");

    bench.key(Modifiers::COMMAND, Key::K);
    bench.type_text("side by side");
    bench.key(Modifiers::NONE, Key::Enter);
    assert_eq!(counts(&bench), [1, 1, 0]);
    assert_eq!(room(&bench), whole);

    arrange(&mut bench, Key::Num1);
    assert_eq!(bench.all_views(), [whole]);
    bench.choose("View", "coronal large");
    assert_eq!(counts(&bench), [1, 1, 1]);
    assert!(bench.views("Coronal")[0].width() > 0.6 * whole.width());
    arrange(&mut bench, Key::Num3);
    assert_eq!(bench.views("Axial"), [axial]);
}

#[test]
fn every_layout_is_drawn_and_the_menu_says_which_it_is() {
    let (mut bench, _folder) = phantom();
    let whole = room(&bench);
    for layout in LAYOUTS {
        bench.choose("View", layout.title);
        assert_eq!(room(&bench), whole, "{}", layout.title);
        bench.press("View");
        let is_chosen = |title: &str| {
            let node = bench.harness.get_by_label_contains(title);
            let toggled = node.accesskit_node().toggled();
            toggled.is_some_and(|t| t == Toggled::True)
        };
        for other in LAYOUTS {
            assert_eq!(
                is_chosen(other.title),
                other.id == layout.id,
                "{}",
                other.title
            );
        }
        bench.press("View");
    }
}

#[test]
fn layout_and_sizes_are_remembered() {
    let (mut bench, folder) = phantom();
    arrange(&mut bench, Key::Num4);
    let whole = room(&bench);
    let corner = whole.center();
    // The line between the columns goes all the way, and is dragged as one.
    let (from, to) = (
        pos2(corner.x, whole.top() + 100.0),
        pos2(corner.x - 120.0, whole.top() + 130.0),
    );
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[from, to]);
    let (from, to) = (
        pos2(whole.right() - 90.0, corner.y),
        pos2(whole.right() - 90.0, corner.y + 80.0),
    );
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[from, to]);
    assert_eq!(room(&bench), whole);
    let axials = bench.views("Axial");
    let corner = corner + vec2(-120.0, 80.0);
    for axial in &axials {
        assert!(close_to(axial.right(), corner.x), "{axial} up to {corner}");
    }
    assert!(close_to(axials[0].bottom(), corner.y), "{axials:?}");
    assert!(close_to(bench.views("Coronal")[0].bottom(), corner.y));
    bench.picture("layout_2x2_dragged");
    // One of the views is made another.
    bench.left_click(handle_of(axials[1]));
    bench.press("Sagittal");
    assert_eq!(counts(&bench), [1, 1, 2]);
    let views = bench.all_views();
    bench.close();
    let mut bench = Bench::open_as_left(folder.path());
    bench.choose("File", "Open sample");
    assert_eq!(bench.all_views(), views);
}

#[test]
fn what_cannot_be_read_of_the_layout_is_as_in_a_new_window() {
    let (bench, _folder) = phantom();
    let usual = bench.all_views();
    drop(bench);
    let pane = "Pane((kind:\"slice\",state:\"axial\"))";
    let deep = format!("{}{pane}{}", "Row([(1.0,".repeat(40), ")])".repeat(40));
    let many = format!("Row([{}])", format!("(1.0,{pane}),").repeat(40));
    let broken = [
        "",
        "12",
        "Row(",
        "Row([])",
        "Grid([1])",
        "Row([(NaN,Pane((kind:\"slice\",state:\"axial\")))])",
        "Row([(-1.0,Pane((kind:\"slice\",state:\"axial\"))),(2.0,Pane((kind:\"slice\",state:\"axial\")))])",
        "Pane((kind:\"slice\",state:\"diagonal\"))",
        "Pane((kind:\"hologram\",state:\"\"))",
        &deep,
        &many,
    ];
    for text in broken {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let left = format!(
            "{{\n\"prosector-panes-1\": {text:?},\n\
             \"prosector-window-1\": \"(layout:Columns,split:0.7,cross_hair:false,scale:1.0)\",\n}}"
        );
        std::fs::write(folder.path().join("app.ron"), left).expect("written");
        let mut bench = Bench::open(folder.path());
        bench.choose("File", "Open sample");
        assert_eq!(bench.all_views(), usual, "{text}");
        bench.press("View");
        let lines = bench.harness.get_by_label("Cross-hair lines");
        let toggled = lines.accesskit_node().toggled();
        let off = Toggled::False;
        assert_eq!(toggled, Some(off), "the other preferences stay");
    }
}

/// Presses an entry that has its keys beside it.
fn press_in_menu(bench: &mut Bench, entry: &str) {
    bench.harness.get_by_label_contains(entry).click();
    bench.settle();
}

/// Where the handle of a view is.
fn handle_of(view: Rect) -> Pos2 {
    view.min + vec2(12.0, 15.0)
}

fn scroll(bench: &mut Bench, pos: Pos2, notches: f32, modifiers: Modifiers) {
    bench.harness.event(Event::PointerMoved(pos));
    bench.harness.step();
    bench.harness.event(Event::MouseWheel {
        unit: MouseWheelUnit::Line,
        delta: Vec2::new(0.0, notches),
        modifiers,
        phase: TouchPhase::Move,
        source: MouseWheelSource::Wheel,
    });
    bench.settle();
}

/// The voxel that a click at this place of a fitted axial view puts the cross-hair on.
fn fitted_voxel(bench: &Bench, view: Rect, pos: Pos2) -> VoxelIndex {
    let case = bench.case();
    let fitted = SliceView::fit(
        case.grid(),
        prosector::geometry::Plane::Axial,
        bench.session().display().convention,
        case.cross_hair(),
        view.width() as u32,
        view.height() as u32,
    );
    let offset = pos - view.min;
    fitted
        .voxel_at_pixel(f64::from(offset.x), f64::from(offset.y))
        .expect("inside the scan")
}

#[test]
fn two_axial_panes_zoom_and_move_apart_with_one_cross_hair() {
    let (mut bench, _folder) = phantom();
    arrange(&mut bench, Key::Num4);
    let [upper, lower]: [Rect; 2] = bench.views("Axial").try_into().expect("two");
    // Middle of the lower one, four times as large.
    for _ in 0..10 {
        scroll(&mut bench, lower.center(), 1.0, Modifiers::COMMAND);
    }
    let zoom = 1.15f32.powi(10);
    let away = vec2(60.0, 40.0);
    let expected = fitted_voxel(&bench, lower, lower.center() + away / zoom);
    bench.left_click(lower.center() + away);
    assert_eq!(bench.case().cross_hair(), expected, "the lower one is near");
    let expected = fitted_voxel(&bench, upper, upper.center() + away);
    bench.left_click(upper.center() + away);
    assert_eq!(bench.case().cross_hair(), expected, "the upper one is not");

    let by = vec2(30.0, -20.0);
    let (from, to) = (upper.center(), upper.center() + by);
    bench.drag(PointerButton::Middle, Modifiers::NONE, &[from, to]);
    let expected = fitted_voxel(&bench, upper, upper.center());
    bench.left_click(upper.center() + by);
    assert_eq!(
        bench.case().cross_hair(),
        expected,
        "the upper one was moved"
    );
    let expected = fitted_voxel(&bench, lower, lower.center());
    bench.left_click(lower.center());
    assert_eq!(bench.case().cross_hair(), expected, "the lower one was not");
    bench.picture("two_axials");

    // Both show the slice of the cross-hair, and step together.
    let texts = |bench: &Bench| -> Vec<String> {
        let texts = bench.texts().into_iter();
        texts.filter(|t| t.starts_with("Axial, slice")).collect()
    };
    let before = texts(&bench);
    let drawn = slices_drawn(&mut bench, |bench| {
        scroll(bench, lower.center(), 1.0, Modifiers::NONE);
    });
    let after = texts(&bench);
    assert_eq!((before.len(), after.len()), (2, 2));
    assert_eq!((&before[0], &after[0]), (&before[1], &after[1]));
    assert_ne!(before, after);
    assert!(
        drawn == 2 || bench.harness.state().slices_drawn() == 0,
        "{drawn}"
    );

    // In another layout and back, and alone and back, each is as it was left.
    let place = lower.center() + away;
    let expected = fitted_voxel(&bench, lower, lower.center() + away / zoom);
    arrange(&mut bench, Key::Num3);
    arrange(&mut bench, Key::Num4);
    bench.hover(lower.center());
    bench.key(Modifiers::NONE, Key::F);
    assert_eq!(bench.all_views().len(), 1);
    bench.key(Modifiers::NONE, Key::F);
    bench.left_click(place);
    assert_eq!(bench.case().cross_hair(), expected);
    bench.key(Modifiers::NONE, Key::R);
    let expected = fitted_voxel(&bench, lower, place);
    bench.left_click(place);
    assert_eq!(bench.case().cross_hair(), expected, "fitted again");
}

#[test]
fn the_plane_of_a_view_is_changed_in_its_menu() {
    let (mut bench, _folder) = phantom();
    arrange(&mut bench, Key::Num4);
    let lower = bench.views("Axial")[1];
    bench.left_click(handle_of(lower));
    bench.picture("pane_menu");
    bench.press("Coronal");
    assert_eq!(counts(&bench), [1, 2, 1]);
    assert_eq!(bench.views("Coronal")[1], lower);
    let slice = bench.case().cross_hair();
    bench.hover(lower.center());
    bench.key(Modifiers::NONE, Key::ArrowUp);
    let stepped = bench.case().cross_hair();
    assert_eq!((slice.0[0], slice.0[2]), (stepped.0[0], stepped.0[2]));
    assert_ne!(slice.0[1], stepped.0[1], "keys step through its slices");
    bench.left_click(handle_of(lower));
    press_in_menu(&mut bench, "This view alone");
    assert_eq!(counts(&bench), [0, 1, 0]);
    let alone = bench.views("Coronal")[0];
    bench.left_click(handle_of(alone));
    press_in_menu(&mut bench, "All views");
    assert_eq!(counts(&bench), [1, 2, 1]);
}

#[test]
fn tools_work_in_every_pane() {
    let (mut bench, _folder) = phantom();
    arrange(&mut bench, Key::Num4);
    let views = bench.all_views();
    assert_eq!(views.len(), 4);
    let steps = |bench: &Bench| bench.case().history().undo_len();
    for (n, &view) in views.iter().enumerate() {
        let before = steps(&bench);
        bench.press("Brush");
        // Not what was painted in the pane before.
        let y = 0.42 + 0.03 * n as f32;
        let line = [at(view, 0.4, y), at(view, 0.6, y)];
        bench.drag(PointerButton::Primary, Modifiers::NONE, &line);
        assert_eq!(steps(&bench), before + 1, "brush in pane {n}");

        bench.press("Polygon");
        for (x, down) in [(0.45, 0.1), (0.55, 0.1), (0.5, 0.2)] {
            bench.left_click(at(view, x, y + down));
        }
        bench.key(Modifiers::NONE, Key::Enter);
        assert_eq!(steps(&bench), before + 2, "polygon in pane {n}");

        bench.press("Box");
        let corners = [at(view, 0.4, 0.4), at(view, 0.55, 0.55)];
        bench.drag(PointerButton::Primary, Modifiers::NONE, &corners);
        assert!(
            bench.case().prompts().target_box.is_some(),
            "box in pane {n}"
        );
        bench.key(Modifiers::NONE, Key::Escape);
        bench.key(Modifiers::NONE, Key::Escape);

        bench.press("Click");
        bench.left_click(at(view, 0.5, 0.5));
        assert_eq!(bench.case().prompts().clicks.len(), 1, "click in pane {n}");
        bench.key(Modifiers::NONE, Key::Escape);
        bench.key(Modifiers::NONE, Key::Escape);
        assert!(bench.case().prompts().is_empty());

        let window = bench.case().window();
        bench.press("Window");
        let line = [at(view, 0.5, 0.5), at(view, 0.6, 0.6)];
        bench.drag(PointerButton::Primary, Modifiers::NONE, &line);
        assert_ne!(bench.case().window(), window, "window in pane {n}");
    }
}

#[test]
fn a_double_click_shows_any_pane_alone_and_back() {
    let (mut bench, _folder) = phantom();
    arrange(&mut bench, Key::Num4);
    let views = bench.all_views();
    let whole = room(&bench);
    for &view in &views {
        // Not so soon after the last that three presses are one gesture.
        let now = bench.harness.ctx.input(|i| i.time);
        bench.harness.input_mut().time = Some(now + 5.0);
        bench.settle();
        bench.left_press(view.center());
        bench.left_press(view.center());
        bench.settle();
        assert_eq!(bench.all_views(), [whole]);
        let now = bench.harness.ctx.input(|i| i.time);
        bench.harness.input_mut().time = Some(now + 5.0);
        bench.settle();
        bench.left_press(whole.center());
        bench.left_press(whole.center());
        bench.settle();
        assert_eq!(bench.all_views(), views);
    }
}

/// Drags a pane by its handle, and lets the preview settle.
fn move_pane(bench: &mut Bench, from: Rect, to: Pos2) {
    let way = [handle_of(from), handle_of(from) + vec2(20.0, 20.0), to, to];
    bench.drag(PointerButton::Primary, Modifiers::NONE, &way);
}

#[test]
fn a_pane_is_dragged_to_another_place() {
    let (mut bench, folder) = phantom();
    let whole = room(&bench);
    let view = |bench: &Bench, plane: &str| bench.views(plane)[0];
    let (axial, coronal) = (view(&bench, "Axial"), view(&bench, "Coronal"));
    // On the middle of another: they change places.
    move_pane(&mut bench, axial, coronal.center());
    assert_eq!(
        (view(&bench, "Axial"), view(&bench, "Coronal")),
        (coronal, axial)
    );
    assert_eq!(bench.case().history().undo_len(), 0);
    // Beside another: there.
    let sagittal = view(&bench, "Sagittal");
    let beside = at(view(&bench, "Coronal"), 0.2, 0.5);
    move_pane(&mut bench, sagittal, beside);
    assert_eq!(room(&bench), whole);
    let (sagittal, coronal) = (view(&bench, "Sagittal"), view(&bench, "Coronal"));
    assert!(sagittal.right() <= coronal.left() && close_to(sagittal.height(), whole.height()));
    let views = bench.all_views();
    bench.picture("pane_moved");
    bench.close();
    let mut bench = Bench::open_as_left(folder.path());
    bench.choose("File", "Open sample");
    assert_eq!(bench.all_views(), views, "remembered");
    arrange(&mut bench, Key::Num3);
    assert_eq!(view(&bench, "Axial"), axial);
}

#[test]
fn escape_leaves_a_dragged_pane_where_it_was_and_the_proposal_too() {
    let (mut bench, _folder) = phantom();
    bench.press("Segment organs");
    assert!(bench.case().proposal().is_some());
    let views = bench.all_views();
    let press = |pos, pressed| Event::PointerButton {
        pos,
        button: PointerButton::Primary,
        pressed,
        modifiers: Modifiers::NONE,
    };
    let from = handle_of(bench.views("Axial")[0]);
    let to = bench.views("Coronal")[0].center();
    bench.harness.event(Event::PointerMoved(from));
    bench.harness.step();
    bench.harness.event(press(from, true));
    for pos in [from + vec2(30.0, 30.0), to, to] {
        bench.harness.event(Event::PointerMoved(pos));
        bench.harness.step();
    }
    bench.picture("pane_dragged");
    bench.harness.key_press(Key::Escape);
    bench.harness.step();
    bench.harness.event(press(to, false));
    bench.settle();
    assert_eq!(bench.all_views(), views);
    assert!(bench.case().proposal().is_some());
}

#[test]
fn a_window_that_nothing_happens_in_stays_still() {
    let (mut bench, _folder) = phantom();
    for layout in LAYOUTS {
        bench.choose("View", layout.title);
        let views = bench.all_views();
        // Over a view, and over each line between two.
        for pos in [views[0].center(), views[0].right_center() + vec2(1.0, 0.0)] {
            bench.hover(pos);
            for _ in 0..20 {
                bench.harness.step();
            }
            let causes = bench.harness.ctx.repaint_causes();
            assert!(
                !bench.harness.ctx.has_requested_repaint(),
                "{}: {causes:?}",
                layout.title
            );
        }
    }
}

#[test]
fn the_volume_is_turned_by_dragging_and_picked_by_a_press() {
    let (mut bench, _folder) = phantom();
    bench.choose("View", "three views and 3D");
    let rect = bench.views("3D")[0];
    let from = |bench: &Bench| {
        let node = bench.harness.get_by_label_contains("3D, ");
        node.accesskit_node()
            .value()
            .expect("where it is seen from")
    };
    let first = from(&bench);
    let (a, b) = (at(rect, 0.5, 0.5), at(rect, 0.7, 0.5));
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[a, b]);
    assert_ne!(from(&bench), first, "dragging turns it");
    let cross_hair = bench.case().cross_hair();
    assert_eq!(cross_hair, bench.case().cross_hair());
    bench.left_click(at(rect, 0.5, 0.5));
    assert_ne!(bench.case().cross_hair(), cross_hair, "a press picks");
    let picked = bench.case().cross_hair();
    bench.left_click(at(rect, 0.02, 0.98));
    assert_eq!(bench.case().cross_hair(), picked, "beside it, nothing");
    bench.choose("View", "coronal large");
    assert!(bench.views("3D").is_empty());
    bench.choose("View", "axial and 3D");
    assert_eq!(bench.views("3D").len(), 1);
}

#[test]
fn a_view_shows_a_slab_by_key_and_menu_and_remembers_it() {
    let (mut bench, folder) = phantom();
    let shown = |bench: &Bench| bench.view("Axial").1;
    let slice = shown(&bench);
    bench.hover(bench.point("Axial", 0.5, 0.5));
    for slab in [", MIP 10 mm", ", Mean 10 mm", ", MinIP 10 mm", ""] {
        bench.key(Modifiers::SHIFT, Key::S);
        assert_eq!(shown(&bench), format!("{slice}{slab}"));
        bench.picture(&format!("slab{}", slab.len()));
    }
    assert!(
        bench.session().display().overlay_shown,
        "S alone is another key"
    );
    bench.press("Menu of the view Axial");
    bench.picture("slab_menu");
    bench.press("Slab: maximum (MIP)");
    assert_eq!(shown(&bench), format!("{slice}, MIP 10 mm"));
    bench.key(Modifiers::NONE, Key::Escape);
    // A stroke is drawn on the slice in the middle, and nowhere else.
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.5, 0.5));
    let bounds = bench.case().labels().mask_of(1).bounds().expect("drawn");
    let at = bench.case().cross_hair().0[2];
    assert_eq!((bounds.min[2], bounds.max[2]), (at, at));
    bench.key(Modifiers::COMMAND, Key::Z);
    bench.close();

    let mut bench = Bench::open_as_left(folder.path());
    bench.choose("File", "Open sample");
    assert!(
        shown(&bench).ends_with(", MIP 10 mm"),
        "remembered: {}",
        shown(&bench)
    );
}
