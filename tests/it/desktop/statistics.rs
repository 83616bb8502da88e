//! The table of what is measured: right, and following every change.

use std::time::{Duration, Instant};

use eframe::egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use prosector::geometry::{Orientation, Plane};
use prosector::volume::statistics::{Asked, bounds_by_label, measure};

use super::bench::Bench;
use super::phantom;

const CURRENT: &str = "of the labels as they are now";

/// Runs frames until the table is of the labels as they are.
fn settle(bench: &mut Bench) {
    let begun = Instant::now();
    while !bench.shows(CURRENT) {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{:?}",
            bench.texts()
        );
        std::thread::sleep(Duration::from_millis(20));
        bench.settle();
    }
}

/// Every label has its row, with the figures of a measurement of the whole map.
fn is_right(bench: &Bench) {
    let case = bench.case();
    let texts = bench.texts();
    let asked = Asked {
        plane: Plane::Axial,
        suv: None,
    };
    let labels = case.labels();
    let found = bounds_by_label(labels);
    for (value, bounds) in &found {
        let measured = measure(case.image(), labels, (*value, *bounds), &asked).expect("voxels");
        let (shape, recist) = (
            measured.shape.expect("space"),
            measured.recist.expect("space"),
        );
        for text in [
            measured.voxels.to_string(),
            format!("{:.2}", shape.volume_ml),
            format!("{:.0}", shape.surface_mm2),
            format!("{:.1}", shape.longest_diameter_mm),
            format!("{:.1} x {:.1}", recist.long_mm, recist.short_mm),
        ] {
            assert!(texts.contains(&text), "{value}: {text} is not in {texts:?}");
        }
    }
    let title = format!("Statistics, {} labels", found.len());
    bench.harness.get_by_label(&title);
}

#[test]
fn the_table_follows_strokes_new_labels_and_undo() {
    let (mut bench, _folder) = phantom();
    bench.key(Modifiers::COMMAND, Key::Num8);
    assert!(bench.shows("no voxel is labelled"), "{:?}", bench.texts());
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.45, 0.5));
    settle(&mut bench);
    is_right(&bench);
    // A second label, partly over the first; then both grow.
    bench.press("New label");
    bench.left_click(bench.point("Axial", 0.5, 0.52));
    settle(&mut bench);
    is_right(&bench);
    bench.left_click(bench.point("Coronal", 0.3, 0.4));
    settle(&mut bench);
    is_right(&bench);
    for _ in 0..3 {
        bench.key(Modifiers::COMMAND, Key::Z);
    }
    settle(&mut bench);
    is_right(&bench);
}

#[test]
fn a_row_goes_to_its_label() {
    let (mut bench, _folder) = phantom();
    bench.key(Modifiers::COMMAND, Key::Num8);
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.3, 0.4));
    settle(&mut bench);
    let painted = bench.case().cross_hair();
    bench.press("Cross-hair");
    bench.left_click(bench.point("Coronal", 0.7, 0.2));
    assert_ne!(bench.case().cross_hair(), painted);
    let title = bench.case().table().labels()[0].title();
    bench.press(&format!("Go to {title}"));
    let case = bench.case();
    let axis = Plane::Axial.normal_voxel_axis(&Orientation::of(&case.grid().affine));
    let at = case.cross_hair().0;
    let offset = case.grid().offset_of(case.cross_hair()).expect("inside");
    assert_ne!(
        case.labels().voxels[offset],
        0,
        "{at:?} is in the label, axis {axis}"
    );
}

#[test]
fn why_a_pet_has_no_suv_is_said_and_another_scan_begins_with_an_empty_table() {
    let (mut bench, _folder) = phantom();
    bench.key(Modifiers::COMMAND, Key::Num8);
    bench.press("Brush");
    bench.left_click(bench.point("Axial", 0.45, 0.5));
    settle(&mut bench);
    is_right(&bench);
    assert!(!bench.shows("there is no SUV"));
    bench.press("PET");
    bench.left_click(bench.point("Axial", 0.5, 0.55));
    settle(&mut bench);
    assert!(bench.shows("there is no SUV"), "{:?}", bench.texts());
    bench.choose("File", "Open sample");
    bench.press("Discard changes");
    assert!(bench.case().table().labels().is_empty());
    assert!(bench.shows("no voxel is labelled"), "{:?}", bench.texts());
    assert!(!bench.shows("there is no SUV"));
    bench.harness.get_by_label("Statistics, 0 labels");
}
