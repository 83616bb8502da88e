//! Dark and light panels around views that stay black.

use eframe::egui::{Event, Key, Modifiers, Pos2, Vec2, pos2};
use prosector::render::Offscreen;

use super::bench::Bench;
use super::phantom;

fn choose_theme(bench: &mut Bench, name: &str) {
    bench.press("View");
    bench.press("Theme");
    bench.press(name);
    bench.harness.event(Event::PointerGone);
    bench.settle();
}

/// How bright the window is at a place in points, of 255.
fn brightness(bench: &mut Bench, at: Pos2) -> u32 {
    let picture = bench.harness.render().expect("there is an adapter");
    let pixels_per_point = bench.harness.ctx.pixels_per_point();
    let [x, y] = [at.x, at.y].map(|v| (v * pixels_per_point) as u32);
    let pixel = picture.get_pixel(x, y);
    pixel.0[..3].iter().map(|&c| u32::from(c)).sum::<u32>() / 3
}

/// A place in the panel beside its widgets, and one in a view beside the scan.
fn places(bench: &Bench) -> (Pos2, Pos2) {
    let panel = bench.rect("New label");
    let view = bench.view("Axial").0;
    let beside = pos2(panel.left() - 4.0, panel.bottom() + 2.0);
    (beside, view.left_bottom() + Vec2::new(60.0, -120.0))
}

#[test]
fn panels_are_light_where_that_is_chosen_and_views_stay_black() {
    if Offscreen::new().is_err() {
        eprintln!("skipped, nothing to draw with");
        return;
    }
    let (mut bench, _folder) = phantom();
    let (panel, view) = places(&bench);
    assert!(brightness(&mut bench, panel) < 40 && brightness(&mut bench, view) < 5);
    choose_theme(&mut bench, "Light");
    assert!(brightness(&mut bench, panel) > 220);
    assert!(brightness(&mut bench, view) < 5);
    choose_theme(&mut bench, "Dark");
    assert!(brightness(&mut bench, panel) < 40);
}

#[test]
fn the_theme_is_remembered() {
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    let mut bench = Bench::open(folder.path());
    assert!(
        bench.harness.ctx.global_style().visuals.dark_mode,
        "dark to begin with"
    );
    choose_theme(&mut bench, "Light");
    bench.close();
    let bench = Bench::open_as_left(folder.path());
    assert!(!bench.harness.ctx.global_style().visuals.dark_mode);
}

#[test]
fn pictures_of_the_light_theme_to_look_at() {
    if Offscreen::new().is_err() {
        eprintln!("skipped, nothing to draw with");
        return;
    }
    for pixels_per_point in [1.0, 2.0] {
        let folder = tempfile::tempdir().expect("there is a temporary folder");
        Bench::read_notice(folder.path());
        let size = Vec2::new(1360.0, 860.0);
        let mut bench = Bench::open_on_screen(folder.path(), size, pixels_per_point);
        bench.choose("File", "Open sample");
        choose_theme(&mut bench, "Light");
        bench.press("Segment organs");
        bench.picture(&format!("light_{pixels_per_point}_proposal"));
        bench.press("Accept all");
        bench.key(Modifiers::COMMAND, Key::Num8);
        bench.picture(&format!("light_{pixels_per_point}_statistics"));
        bench.press("View");
        bench.picture(&format!("light_{pixels_per_point}_menu"));
        bench.key(Modifiers::NONE, Key::Escape);
        bench.key(Modifiers::COMMAND, Key::T);
        bench.picture(&format!("light_{pixels_per_point}_form"));
        bench.key(Modifiers::NONE, Key::F1);
        bench.picture(&format!("light_{pixels_per_point}_help"));
        assert!(bench.shows("Mouse and keyboard"));
    }
}
