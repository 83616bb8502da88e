//! The panel stands still, and says which label receives.

use eframe::egui::{CursorIcon, Key, Modifiers, PointerButton, Rect, Shape, Vec2};
use egui_kittest::kittest::Queryable as _;
use prosector::geometry::{Plane, VoxelPoint};

use super::bench::Bench;
use super::phantom;

/// What must stay where it is, whatever comes and goes.
const FIXED: [&str; 8] = [
    "Segment organs",
    "Show uncertainty",
    "Overwrite labels",
    "New label",
    "Next lesion",
    "Fill holes",
    "Undo",
    "Automatic window",
];

fn places(bench: &Bench) -> Vec<(&'static str, Rect)> {
    FIXED.map(|label| (label, bench.rect(label))).to_vec()
}

#[test]
fn nothing_moves_when_proposals_and_labels_come_and_go() {
    let (mut bench, _folder) = phantom();
    let before = places(&bench);
    bench.press("Segment organs");
    assert!(bench.shows("Proposal: 2 structures"));
    assert_eq!(places(&bench), before, "a proposal of organs came");
    let accept = bench.rect("Accept all");
    bench.press("Accept all");
    assert_eq!(places(&bench), before, "organs were accepted");
    let locks = bench.rect("Lock spinal cord");
    bench.key(Modifiers::NONE, Key::Num2);
    assert_eq!(places(&bench), before, "a tool with settings");
    bench.left_click(bench.point("Axial", 0.4, 0.4));
    assert!(bench.shows("Proposal: lesion 1"));
    assert_eq!(places(&bench), before, "a proposal of a target came");
    assert_eq!(bench.rect("Lock spinal cord"), locks);
    assert_eq!(
        bench.rect("Accept"),
        accept,
        "the same button at the same place"
    );
    bench.key(Modifiers::NONE, Key::Escape);
    assert_eq!(places(&bench), before, "the proposal went");
    assert_eq!(bench.rect("Lock spinal cord"), locks);
    for _ in 0..12 {
        bench.key(Modifiers::NONE, Key::N);
    }
    bench.key(Modifiers::NONE, Key::Num4);
    assert_eq!(places(&bench), before, "more labels than there is room for");
}

#[test]
fn the_panel_says_where_a_click_goes_and_an_organ_is_not_it() {
    let (mut bench, _folder) = phantom();
    bench.press("Segment organs");
    bench.press("Accept all");
    assert!(bench.shows("lesion 1 (new)"), "{:?}", bench.texts());
    let organ = bench.case().voxel_count(1);
    bench.press("Click");
    bench.left_click(bench.point("Axial", 0.5, 0.5));
    bench.key(Modifiers::NONE, Key::Enter);
    assert_eq!(bench.case().voxel_count(1), organ);
    let active = bench.case().active().expect("a lesion was started");
    assert_eq!(active.name, "lesion_1");
    assert!(bench.shows("Clicks and boxes go to"));
    assert!(!bench.shows("(new)"));
}

#[test]
fn the_pointer_tells_what_a_drag_will_do() {
    let (mut bench, _folder) = phantom();
    let icon = |bench: &Bench| bench.harness.output().platform_output.cursor_icon;
    bench.press("Box");
    let (from, to) = (
        bench.point("Axial", 0.45, 0.45),
        bench.point("Axial", 0.6, 0.6),
    );
    bench.hover(from);
    assert_eq!(icon(&bench), CursorIcon::Crosshair);
    bench.drag(PointerButton::Primary, Modifiers::NONE, &[from, to]);
    let b = bench.case().prompts().target_box.expect("a box was drawn");
    let [low, high] = [b.min, b.max].map(|c| c.map(|v| v as f64));
    let k = bench.case().cross_hair().0[2] as f64;
    let mut at = |x: f64, y: f64| {
        let pos = bench.pos(Plane::Axial, VoxelPoint(glam::DVec3::new(x, y, k)));
        bench.hover(pos);
        icon(&bench)
    };
    let (mx, my) = ((low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0);
    assert_eq!(at(mx, my), CursorIcon::Grab, "inside: the whole box");
    assert_eq!(at(low[0] - 0.5, my), CursorIcon::ResizeHorizontal);
    assert_eq!(at(mx, high[1] + 0.5), CursorIcon::ResizeVertical);
    let corners = [
        at(low[0] - 0.5, low[1] - 0.5),
        at(high[0] + 0.5, low[1] - 0.5),
        at(high[0] + 0.5, high[1] + 0.5),
    ];
    assert_eq!(corners[0], corners[2]);
    assert_ne!(corners[0], corners[1]);
    let diagonal = [CursorIcon::ResizeNwSe, CursorIcon::ResizeNeSw];
    assert!(corners.iter().all(|c| diagonal.contains(c)), "{corners:?}");

    bench.press("Window");
    bench.hover(bench.point("Axial", 0.5, 0.5));
    assert_eq!(icon(&bench), CursorIcon::AllScroll);
}

#[test]
fn the_window_is_set_in_whole_numbers_width_first() {
    let (mut bench, _folder) = phantom();
    let over = bench.point("Axial", 0.5, 0.5);
    let points = [over, over + Vec2::new(33.0, 17.0)];
    bench.drag(PointerButton::Secondary, Modifiers::SHIFT, &points);
    let window = bench.case().window();
    assert_ne!(window.width, 400.0);
    assert_eq!(
        (window.width, window.level),
        (window.width.round(), window.level.round())
    );
    assert!(bench.rect("Width").left() < bench.rect("Level").left());
}

#[test]
fn a_colour_is_chosen_from_those_that_are_told_apart() {
    let (mut bench, _folder) = phantom();
    bench.press("New label");
    bench.press("Colour of label 1");
    bench.picture("colours");
    bench.press("Colour 11");
    let chosen = bench.case().active().expect("a label").color;
    assert_eq!(chosen, prosector::volume::LabelTable::palette_color(11));
    assert!(
        bench.harness.query_by_label("Colour 11").is_none(),
        "closed"
    );
    bench.key(Modifiers::COMMAND, Key::Z);
    let before = bench.case().active().expect("a label").color;
    assert_eq!(before, prosector::volume::LabelTable::palette_color(1));
}

#[test]
fn the_size_of_the_window_is_chosen_from_the_menu_and_remembered() {
    let (mut bench, folder) = phantom();
    bench.press("View");
    bench.harness.get_by_label_contains("Size of text").click();
    bench.settle();
    bench.harness.get_by_label("125 %").click();
    bench.settle();
    assert_eq!(bench.harness.ctx.zoom_factor(), 1.25);
    eframe::App::on_exit(bench.harness.state_mut());
    let bench = Bench::open_as_left(folder.path());
    assert_eq!(bench.harness.ctx.zoom_factor(), 1.25);
}

#[test]
fn the_history_is_reached_without_scrolling() {
    let (mut bench, _folder) = phantom();
    let window = bench.harness.ctx.content_rect();
    let is_in_sight = |bench: &Bench, text: &str| window.contains_rect(bench.rect(text));
    for text in ["Tools", "Display", "Radiological", "History"] {
        assert!(is_in_sight(&bench, text), "{text}");
    }
    let (last, history) = (bench.rect("Radiological"), bench.rect("History"));
    assert!(last.bottom() + 4.0 < history.top(), "{last} over {history}");
    bench.press("Brush");
    for n in 0..12 {
        bench.left_click(bench.point("Axial", 0.3 + 0.03 * n as f32, 0.5));
    }
    bench.press("History");
    assert!(
        is_in_sight(&bench, "12  brush"),
        "{}",
        bench.rect("12  brush")
    );
    bench.picture("history_open");
    let (list, labels) = (bench.rect("History"), bench.rect("New label"));
    bench.press("11  brush");
    assert_eq!(bench.case().history().undo_len(), 11);
    bench.left_click(bench.point("Axial", 0.5, 0.6));
    assert_eq!(
        (bench.rect("History"), bench.rect("New label")),
        (list, labels),
        "nothing moves"
    );
}

#[test]
fn words_over_the_views_do_not_run_into_each_other() {
    let screens = [
        (1360.0, 860.0, 1.0),
        (1024.0, 768.0, 1.0),
        (1360.0, 860.0, 2.0),
        (820.0, 620.0, 1.5),
    ];
    for (width, height, scale) in screens {
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        Bench::read_notice(folder.path());
        let mut bench = Bench::open_on_screen(folder.path(), Vec2::new(width, height), scale);
        bench.choose("File", "Open sample");
        let texts = texts_in_views(&bench);
        assert!(
            texts.len() >= 3 * 6,
            "title, letters and scale of three views: {texts:?}"
        );
        for (n, (text, rect)) in texts.iter().enumerate() {
            for (other, place) in &texts[..n] {
                let apart = text == other || !rect.intersects(*place);
                assert!(apart, "{text} and {other} at {width} x {height}");
            }
        }
        bench.press("Segment organs");
        bench.picture(&format!("organs_{width}x{height}_{scale}"));
        bench.press("Accept all");
        bench.press("Click");
        bench.hover(bench.point("Axial", 0.55, 0.6));
        bench.picture(&format!("receiver_{width}x{height}_{scale}"));
        bench.left_click(bench.point("Axial", 0.55, 0.6));
        bench.picture(&format!("target_{width}x{height}_{scale}"));
    }
}

/// The texts painted over the views, and where.
pub fn texts_in_views(bench: &Bench) -> Vec<(String, Rect)> {
    let views = ["Axial", "Coronal", "Sagittal"].map(|plane| bench.view(plane).0);
    let shapes = bench.harness.output().shapes.iter();
    let over_views = shapes.filter(|clipped| views.contains(&clipped.clip_rect));
    let texts = over_views.filter_map(|clipped| match &clipped.shape {
        Shape::Text(text) => Some((text.galley.text().to_owned(), text.visual_bounding_rect())),
        _ => None,
    });
    texts.collect()
}
