//! Planes turned by the ends of the cross-hair: what is drawn, measured and asked there lies in the turned plane.

use eframe::egui::{Key, Modifiers, PointerButton, Pos2, Rect, Vec2, pos2};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use prosector::geometry::{Plane, SliceView, Tilt, VoxelPoint};
use prosector::render::Offscreen;

use super::bench::{Bench, within};
use super::phantom;

/// Points from a view's border to the middle of a handle.
const HANDLE: f32 = 30.0;

/// Turns the other planes in the axial view by about 27 degrees: half as far up as across.
fn turn(bench: &mut Bench) {
    let view = bench.view("Axial").0;
    let center = bench.pos(Plane::Axial, bench.case().cross_hair().center());
    let handle = pos2(view.right() - HANDLE, center.y);
    let far = handle.x - center.x;
    let to = center + Vec2::new(far, far / 2.0);
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[handle, to]);
}

/// The rectangle of a turned view, and what it says of itself.
fn turned(bench: &Bench, plane: &str) -> (Rect, String) {
    let start = format!("{plane}, turned");
    let node = bench.harness.get_by_label_contains(&start);
    let text = node.accesskit_node().label().unwrap_or_default();
    (node.rect(), text)
}

/// A turned view as the window shows it, fitted to the scan.
fn view_of(bench: &Bench, plane: Plane, rect: Rect) -> SliceView {
    let (case, convention) = (bench.case(), bench.session().display().convention);
    let (width, height) = (rect.width() as u32, rect.height() as u32);
    let fit = |plane| {
        SliceView::fit(
            case.grid(),
            plane,
            convention,
            case.cross_hair(),
            width,
            height,
        )
    };
    let angle = 0.5f64.atan();
    let tilt = Tilt::default().turned(fit(Plane::Axial).normal_mm(), angle);
    fit(plane)
        .tilted(tilt, case.cross_hair().center())
        .centered_on(case.grid().middle())
}

#[test]
fn the_cross_hairs_ends_turn_the_other_two_planes_and_a_key_turns_them_back() {
    let (mut bench, _folder) = phantom();
    let before = bench.case().cross_hair();
    turn(&mut bench);
    assert_eq!(bench.case().cross_hair(), before, "the cross-hair stays");
    assert!(bench.shows("Axial, slice"), "this plane stays");
    for plane in ["Coronal", "Sagittal"] {
        assert!(
            turned(&bench, plane).1.contains("turned by 27"),
            "{:?}",
            turned(&bench, plane)
        );
    }
    bench.picture("tilted");
    bench.key(Modifiers::ALT, Key::R);
    assert!(bench.shows("Coronal, slice") && bench.shows("Sagittal, slice"));
}

#[test]
fn the_cross_hair_a_click_and_a_distance_lie_in_the_turned_plane() {
    let (mut bench, _folder) = phantom();
    turn(&mut bench);
    let rect = turned(&bench, "Coronal").0;
    let view = view_of(&bench, Plane::Coronal, rect);
    let voxel = |pos: Pos2| {
        let offset = pos - rect.min;
        view.voxel_at_pixel(f64::from(offset.x), f64::from(offset.y))
            .expect("inside")
    };
    let [from, to] = [[0.42, 0.45], [0.6, 0.55]].map(|at| within(rect, at));
    let (first, last) = (voxel(from), voxel(to));
    assert!(
        first.0[1] != last.0[1],
        "the plane goes through several rows"
    );

    bench.press("Click");
    bench.left_click(from);
    assert_eq!(bench.case().prompts().clicks[0].voxel, first);
    bench.key(Modifiers::NONE, Key::Escape);
    bench.key(Modifiers::NONE, Key::Escape);

    bench.key(Modifiers::SHIFT, Key::D);
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[from, to]);
    let (drawn, _) = &bench.case().measured()[0];
    let (a, b) = (drawn.points()[0].0, drawn.points()[1].0);
    let length_mm = f64::from((to - from).length()) * view.mm_per_pixel();
    assert!(
        (a.distance(b) - length_mm).abs() < 0.1,
        "{} for {length_mm}",
        a.distance(b)
    );
    assert!(
        view.distance_mm(drawn.points()[1]).abs() < 0.01,
        "it lies in the plane"
    );

    bench.press("Cross-hair");
    for (at, voxel) in [(to, last), (from, first), (to, last)] {
        bench.left_click(at);
        assert_eq!(bench.case().cross_hair(), voxel, "the picture stays");
    }
}

#[test]
fn a_ball_paints_in_the_turned_plane_and_what_needs_voxel_slices_is_refused_with_the_way_out() {
    let (mut bench, _folder) = phantom();
    bench.press("New label");
    let value = bench.case().active().expect("active").value;
    turn(&mut bench);
    let rect = turned(&bench, "Coronal").0;
    let at = within(rect, [0.45, 0.5]);

    bench.press("Polygon");
    bench.left_click(at);
    assert!(
        bench.messages().join(" ").contains("turn the planes back"),
        "{:?}",
        bench.messages()
    );
    bench.press("Brush");
    bench.left_click(at);
    assert_eq!(
        bench.case().voxel_count(value),
        0,
        "a disc lies on a voxel slice"
    );

    bench.key(Modifiers::NONE, Key::Num0);
    for _ in 0..8 {
        bench.key(Modifiers::NONE, Key::Equals);
    }
    let view = view_of(&bench, Plane::Coronal, rect);
    let offset = at - rect.min;
    let center = view
        .world_from_pixel(f64::from(offset.x), f64::from(offset.y))
        .0;
    bench.left_click(at);
    let radius_mm = bench.session().tools().brush.diameter_mm / 2.0;
    let grid = *bench.case().grid();
    let map = &bench.case().document().layers().maps()[0];
    let inside = |n: usize| {
        let place = grid.world_from_voxel(grid.voxel_at(n).center()).0;
        place.distance(center) <= radius_mm
    };
    let differ = (0..grid.len())
        .filter(|&n| inside(n) != (map.voxels[n] == value))
        .count();
    let painted = bench.case().voxel_count(value);
    // The window's pixels and these may be apart by a rounding.
    assert!(
        painted > 100 && differ * 20 <= painted,
        "{differ} of {painted}"
    );
    let steps = bench.case().history().undo_len();
    bench.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(bench.case().voxel_count(value), 0);
    assert_eq!(bench.case().history().undo_len(), steps - 1, "one step");
}

#[test]
fn a_turned_view_shows_the_scan_and_steps_along_its_normal() {
    if Offscreen::new().is_err() {
        eprintln!("skipped, nothing to draw with");
        return;
    }
    let (mut bench, _folder) = phantom();
    turn(&mut bench);
    let rect = turned(&bench, "Coronal").0;
    let picture = bench.harness.render().expect("there is an adapter");
    let bright = (rect.left() as u32..rect.right() as u32)
        .flat_map(|x| (rect.top() as u32..rect.bottom() as u32).map(move |y| (x, y)))
        .filter(|&(x, y)| picture.get_pixel(x, y).0[0] > 60)
        .count();
    assert!(
        bright as f32 > 0.1 * rect.area(),
        "{bright} of {}",
        rect.area()
    );

    let view = view_of(&bench, Plane::Coronal, rect);
    let from = bench.case().cross_hair();
    bench.hover(within(rect, [0.5, 0.4]));
    bench.key(Modifiers::NONE, Key::PageUp);
    let to = bench.case().cross_hair();
    let moved_mm = view.distance_mm(bench.case().grid().world_from_voxel(to.center()));
    assert!(moved_mm.abs() > 20.0, "{from:?} to {to:?}");
    let off = VoxelPoint(to.center().0 - from.center().0).0;
    assert!(
        off.x.abs() > 1.0 && off.y.abs() > 1.0,
        "along the turned normal: {off}"
    );
    bench.key(Modifiers::NONE, Key::PageDown);
    assert_eq!(bench.case().cross_hair(), from, "and the way back");
}
