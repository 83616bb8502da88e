//! Pictures of the window, compared with those in `tests/pictures/`.
//!
//! A picture is halved in points and compared in cells, so that what drivers round differently does not count, and what is
//! missing or moved does. After a change that is wanted, renew them and look at each before it is committed:
//!
//! `PROSECTOR_RENEW_PICTURES=1 cargo test --release --test it -- desktop::pictures`

use std::path::{Path, PathBuf};

use eframe::egui::{Event, Key, Modifiers, Vec2};
use image::{Rgb, RgbImage};
use prosector::render::Offscreen;

use super::bench::Bench;

const RENEW: &str = "PROSECTOR_RENEW_PICTURES";
const SIZE: Vec2 = Vec2::new(1360.0, 860.0);
/// Points of the window to a pixel of a picture.
const POINTS: f32 = 2.0;
/// Side of a cell, in pixels of a picture.
const CELL: u32 = 10;
/// Two cells are alike up to this mean difference of a channel, of 255.
const TOLERANCE: f64 = 3.0;

/// The window as it is, as a picture is kept.
fn taken(bench: &mut Bench) -> RgbImage {
    bench.harness.event(Event::PointerGone);
    bench.settle();
    let whole = bench.harness.render().expect("there is an adapter");
    let [width, height] = [SIZE.x, SIZE.y].map(|side| (side / POINTS) as u32);
    let small = image::imageops::thumbnail(&whole, width, height);
    image::DynamicImage::ImageRgba8(small).to_rgb8()
}

/// The places, in points of the window, where two pictures are not alike.
fn differences(a: &RgbImage, b: &RgbImage) -> Vec<[u32; 2]> {
    assert_eq!(a.dimensions(), b.dimensions());
    let (width, height) = a.dimensions();
    let mut found = Vec::new();
    for y in (0..height).step_by(CELL as usize) {
        for x in (0..width).step_by(CELL as usize) {
            let (right, bottom) = ((x + CELL).min(width), (y + CELL).min(height));
            let pixels = (y..bottom).flat_map(|y| (x..right).map(move |x| (x, y)));
            let apart = |(x, y)| distance(a.get_pixel(x, y), b.get_pixel(x, y));
            let count = f64::from((right - x) * (bottom - y));
            if pixels.map(apart).sum::<f64>() / count > TOLERANCE {
                found.push([x, y].map(|v| (v as f32 * POINTS) as u32));
            }
        }
    }
    found
}

/// The mean difference of the channels.
fn distance(a: &Rgb<u8>, b: &Rgb<u8>) -> f64 {
    let channels = a.0.iter().zip(b.0);
    channels
        .map(|(&a, b)| f64::from(a.abs_diff(b)))
        .sum::<f64>()
        / 3.0
}

fn kept_at(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pictures");
    folder.join(format!("{name}.png"))
}

fn kept(name: &str) -> RgbImage {
    let path = kept_at(name);
    let picture = image::open(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    picture.to_rgb8()
}

/// Compares the window with the picture that is kept, or keeps it.
fn look(bench: &mut Bench, name: &str, changed: &mut Vec<String>) {
    let now = taken(bench);
    if std::env::var_os(RENEW).is_some() {
        now.save(kept_at(name))
            .expect("the pictures can be written");
        return;
    }
    let places = differences(&kept(name), &now);
    if places.is_empty() {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(format!("{name}.png"));
    now.save(&path).expect("the folder can be written to");
    let shown = &places[..places.len().min(6)];
    let path = path.display();
    changed.push(format!(
        "{name} at {shown:?} ({} cells): {path}",
        places.len()
    ));
}

/// A window at this many pixels a point; `None` where nothing can draw it.
fn window(pixels_per_point: f32) -> Option<(Bench, tempfile::TempDir)> {
    if Offscreen::new().is_err() {
        eprintln!("skipped, nothing to draw with");
        return None;
    }
    let folder = tempfile::tempdir().expect("there is a temporary folder");
    Bench::read_notice(folder.path());
    let bench = Bench::open_on_screen(folder.path(), SIZE, pixels_per_point);
    Some((bench, folder))
}

/// The scan with accepted organs, one of them active.
fn open_scan(bench: &mut Bench) {
    bench.choose("File", "Open sample");
    bench.press("Segment organs");
    bench.press("Accept all");
    bench.key(Modifiers::NONE, Key::Period);
}

fn compare(pixels_per_point: f32) {
    let Some((mut bench, _folder)) = window(pixels_per_point) else {
        return;
    };
    let mut changed = Vec::new();
    let mut look = |bench: &mut Bench, state: &str| {
        look(bench, &format!("{state}_{pixels_per_point}x"), &mut changed);
    };
    look(&mut bench, "welcome");
    open_scan(&mut bench);
    look(&mut bench, "layout_1+2");
    bench.key(Modifiers::COMMAND, Key::Num4);
    look(&mut bench, "layout_2x2");
    bench.key(Modifiers::COMMAND, Key::K);
    bench.type_text("lab");
    look(&mut bench, "palette");
    bench.key(Modifiers::NONE, Key::Escape);
    bench.key(Modifiers::COMMAND, Key::Num3);
    bench.press("Brush");
    for x in [0.4, 0.5, 0.6] {
        bench.left_click(bench.point("Axial", x, 0.6));
    }
    bench.press("History");
    look(&mut bench, "history");
    bench.press("History");
    bench.key(Modifiers::COMMAND, Key::K);
    bench.type_text("margin");
    bench.key(Modifiers::NONE, Key::Enter);
    look(&mut bench, "operation_form");
    assert!(
        changed.is_empty(),
        "the window looks otherwise than in tests/pictures:\n{}\n\
         If that is wanted: {RENEW}=1 cargo test --release --test it -- desktop::pictures",
        changed.join("\n")
    );
}

#[test]
fn the_main_states_look_as_they_did() {
    compare(1.0);
}

#[test]
fn the_main_states_look_as_they_did_on_a_sharp_screen() {
    compare(2.0);
}

#[test]
fn what_is_missing_or_moved_is_noticed() {
    if std::env::var_os(RENEW).is_some() {
        return;
    }
    let usual = kept("layout_1+2_1x");
    // The picture with each pixel of a part (left, top, right, bottom) as it is one to the left, or black.
    let changes = |[left, top, right, bottom]: [u32; 4], is_moved: bool| {
        let mut other = usual.clone();
        for (x, y) in (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))) {
            let pixel = match is_moved {
                true => *usual.get_pixel(x - 1, y),
                false => Rgb([0, 0, 0]),
            };
            other.put_pixel(x, y, pixel);
        }
        differences(&usual, &other).len()
    };
    assert_eq!(changes([0; 4], false), 0);
    let (width, height) = usual.dimensions();
    let side_panel = [524, 14, width, height - 15];
    let found = changes(side_panel, false);
    assert!(found > 200, "without the side panel: {found}");
    let found = changes(side_panel, true);
    assert!(
        found > 100,
        "the side panel two points to the right: {found}"
    );
    let found = changes([325, 14, 523, 214], true);
    assert!(
        found > 50,
        "the coronal view two points to the right: {found}"
    );
    let found = changes([157, 17, 167, 27], false);
    assert!(found > 0, "without the letter at the top of the axial view");
    let found = changes([2, 398, 54, 412], false);
    assert!(found > 0, "without the scale bar of the axial view");
}
