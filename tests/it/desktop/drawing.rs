//! The polygon tool, the palette of commands and the forms of operations in the real window.

use std::sync::Arc;

use eframe::egui::{Key, Modifiers, PointerButton, Pos2, Vec2};

use prosector::session::ToolId;

use super::bench::Bench;
use super::phantom;

const POLYGON: ToolId = ToolId("polygon");

fn square(bench: &Bench) -> [Pos2; 4] {
    [(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6)].map(|(x, y)| bench.point("Axial", x, y))
}

fn labelled(bench: &Bench) -> usize {
    bench.case().labels().counts().iter().map(|(_, n)| n).sum()
}

#[test]
fn corners_are_clicked_and_enter_closes() {
    let (mut bench, _folder) = phantom();
    bench.press("Polygon");
    assert_eq!(bench.session().tools().tool, POLYGON);
    for corner in square(&bench) {
        bench.left_click(corner);
        assert_eq!(labelled(&bench), 0, "nothing is drawn before it is closed");
    }
    bench.picture("polygon_open");
    bench.key(Modifiers::NONE, Key::Enter);
    let drawn = labelled(&bench);
    assert!(drawn > 100, "{drawn} voxels");
    assert_eq!(bench.case().history().undo_name(), Some("polygon"));
    bench.picture("polygon_closed");
    // Another corner begins another outline; Backspace and Esc give it up.
    let [first, second, ..] = square(&bench);
    bench.left_click(first);
    bench.left_click(second);
    bench.key(Modifiers::NONE, Key::Backspace);
    bench.key(Modifiers::NONE, Key::Escape);
    bench.key(Modifiers::NONE, Key::Enter);
    assert_eq!(
        (labelled(&bench), bench.case().history().undo_len()),
        (drawn, 1)
    );
}

#[test]
fn undo_takes_the_last_corner_of_an_open_polygon_back() {
    let (mut bench, _folder) = phantom();
    bench.press("Polygon");
    let [a, b, c, d] = square(&bench);
    let draw = |bench: &mut Bench, corners: &[Pos2]| {
        for &corner in corners {
            bench.left_click(corner);
        }
    };
    draw(&mut bench, &[a, b, c, d]);
    bench.key(Modifiers::NONE, Key::Enter);
    let whole = labelled(&bench);
    bench.press("New label");
    draw(&mut bench, &[a, b, c, d]);
    // Of four corners three are left: half of the square.
    bench.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(labelled(&bench), whole, "the step before it stays");
    bench.key(Modifiers::NONE, Key::Enter);
    let count = |bench: &Bench, value: u16| bench.case().voxel_count(value);
    let half = count(&bench, 2);
    assert!(
        half > whole / 3 && half < whole * 2 / 3,
        "{half} of {whole}"
    );
    bench.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(count(&bench, 2), 0, "closed, it is a step");
    // With its first corner the outline is gone.
    draw(&mut bench, &[a, b]);
    bench.key(Modifiers::COMMAND, Key::Z);
    bench.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(labelled(&bench), whole);
    // One on a slice that is not shown is nothing that the user sees.
    draw(&mut bench, &[a, b]);
    bench.key(Modifiers::NONE, Key::PageUp);
    let steps = bench.case().history().undo_len();
    bench.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(bench.case().history().undo_len(), steps - 1);
}

#[test]
fn the_first_corner_closes_and_shift_erases() {
    let (mut bench, _folder) = phantom();
    bench.key(Modifiers::NONE, Key::Num7);
    let corners = square(&bench);
    for corner in corners {
        bench.left_click(corner);
    }
    bench.left_click(corners[0]);
    let drawn = labelled(&bench);
    assert!(drawn > 100, "{drawn} voxels");
    let quarter = [
        corners[0],
        bench.point("Axial", 0.5, 0.4),
        bench.point("Axial", 0.4, 0.5),
    ];
    bench.drag(PointerButton::Primary, Modifiers::SHIFT, &quarter[..1]);
    for corner in [quarter[1], quarter[2], quarter[0]] {
        bench.left_click(corner);
    }
    let left = labelled(&bench);
    assert!(left < drawn, "{left} of {drawn}");
    assert_eq!(bench.case().history().undo_name(), Some("erase by polygon"));
}

#[test]
fn a_freehand_line_closes_where_it_is_let_go() {
    let (mut bench, _folder) = phantom();
    bench.press("Polygon");
    let line: Vec<Pos2> = (0..40)
        .map(|n| {
            let angle = f64::from(n) / 40.0 * std::f64::consts::TAU;
            let (sin, cos) = angle.sin_cos();
            bench.point("Axial", 0.5 + 0.1 * cos as f32, 0.5 + 0.1 * sin as f32)
        })
        .collect();
    bench.drag(PointerButton::Primary, Modifiers::NONE, &line);
    assert!(labelled(&bench) > 50);
    assert_eq!(bench.case().history().undo_len(), 1);
}

#[test]
fn another_tool_gives_an_open_outline_up() {
    let (mut bench, _folder) = phantom();
    bench.press("Polygon");
    for corner in square(&bench) {
        bench.left_click(corner);
    }
    bench.press("Cross-hair");
    bench.press("Polygon");
    bench.key(Modifiers::NONE, Key::Enter);
    assert_eq!(labelled(&bench), 0);
}

#[test]
fn the_palette_finds_and_does_what_was_typed() {
    let (mut bench, _folder) = phantom();
    bench.key(Modifiers::COMMAND, Key::K);
    assert!(bench.shows("Find a command"));
    bench.picture("palette");
    bench.type_text("polyg");
    bench.picture("palette_typed");
    bench.key(Modifiers::NONE, Key::Enter);
    assert!(!bench.shows("Find a command"), "it closes");
    assert_eq!(bench.session().tools().tool, POLYGON);
    bench.key(Modifiers::COMMAND, Key::K);
    bench.type_text("tool");
    bench.key(Modifiers::NONE, Key::Escape);
    assert!(!bench.shows("Find a command"));
    assert_eq!(bench.session().tools().tool, POLYGON, "Esc changes nothing");
}

#[test]
fn an_operation_is_told_what_it_needs_in_its_form() {
    let (mut bench, _folder) = phantom();
    bench.press("Polygon");
    for corner in square(&bench) {
        bench.left_click(corner);
    }
    bench.key(Modifiers::NONE, Key::Enter);
    let drawn = labelled(&bench);
    bench.key(Modifiers::COMMAND, Key::K);
    bench.type_text("margin");
    bench.key(Modifiers::NONE, Key::Enter);
    assert!(
        bench.shows("margin label=1"),
        "the active label is chosen: {:?}",
        bench.texts()
    );
    let apply = |bench: &mut Bench| {
        bench.press("Apply");
        labelled(bench)
    };
    assert_eq!(apply(&mut bench), drawn, "not before it is told how far");
    bench.press("mm *");
    bench.type_text("3");
    bench.picture("operation_form");
    let grown = apply(&mut bench);
    assert!(
        grown > 2 * drawn,
        "{drawn} grew to {grown}: the slices beside it too"
    );
    assert_eq!(bench.case().history().undo_name(), Some("margin"));
    // Said before it is tried, in place.
    bench.press("mm *");
    bench.type_text("x");
    bench.picture("operation_form_refused");
    assert!(bench.shows("mm"), "{:?}", bench.texts());
    assert_eq!(apply(&mut bench), grown);
}

#[test]
fn a_threshold_is_chosen_by_the_values_of_the_scan() {
    let (mut bench, _folder) = phantom();
    bench.press("New label");
    bench.key(Modifiers::COMMAND, Key::T);
    let image = Arc::clone(bench.case().image());
    let (_, highest) = image.value_range().expect("finite values");
    let low = |bench: &Bench| -> f64 {
        let words = bench
            .texts()
            .into_iter()
            .find(|t| t.starts_with("threshold label=1 low="));
        let words = words.expect("the words for the command line");
        assert!(words.ends_with(&format!("high={highest}")), "{words}");
        let low = words.split(['=', ' ']).nth(4).expect("a value");
        low.parse().expect("a number")
    };
    bench.press("Otsu");
    let otsu = low(&bench);
    assert!((-900.0..0.0).contains(&otsu), "air from the body: {otsu}");
    bench.picture("threshold_otsu");
    bench.press("Share of maximum");
    assert!(
        (low(&bench) - 0.41 * highest).abs() <= 1.0,
        "{}",
        low(&bench)
    );
    // A press in the chart sets the nearer limit.
    let chart = bench.rect("Otsu").left_top() + Vec2::new(0.0, -30.0);
    bench.left_click(chart + Vec2::new(1.0, 0.0));
    assert!(low(&bench) < otsu);
    bench.left_click(chart + Vec2::new(90.0, 0.0));
    let chosen = low(&bench);
    assert!(chosen > otsu - 500.0);
    bench.press("Apply");
    let labels = bench.case().labels();
    let right =
        (0..labels.voxels.len()).all(|n| (image.value(n) >= chosen) == (labels.voxels[n] == 1));
    assert!(right && labelled(&bench) > 0);
}
