//! Proposed organs, looked at and decided on one by one.

use eframe::egui::{Key, Modifiers};

use super::bench::Bench;
use super::phantom;

#[test]
fn organs_are_accepted_and_rejected_one_by_one() {
    let (mut bench, _folder) = phantom();
    bench.press("Segment organs");
    bench.picture("review");
    let (accept, reject) = (
        bench.rect("Accept spinal cord"),
        bench.rect("Reject larynx"),
    );
    bench.press("Accept spinal cord");
    assert_eq!(bench.rect("Reject larynx"), reject, "the rows stay");
    assert!(bench.shows("accepted") && bench.shows("Proposal: 1 structure"));
    bench.picture("review_one_accepted");
    // A second click at the same place decides nothing else.
    bench.left_click(accept.center());
    assert!(bench.case().proposal().is_some());
    assert_eq!(bench.case().table().labels().len(), 1);

    bench.press("Reject larynx");
    assert!(bench.case().proposal().is_none());
    let counts = bench.case().labels().counts();
    assert!(matches!(counts[..], [(1, n)] if n > 500), "{counts:?}");

    bench.key(Modifiers::COMMAND, Key::Z);
    bench.key(Modifiers::COMMAND, Key::Z);
    assert!(bench.case().labels().counts().is_empty());
    assert_eq!(bench.rect("Accept spinal cord"), accept);
    bench.press("Accept all");
    assert_eq!(bench.case().labels().counts().len(), 2);
}

#[test]
fn the_structure_under_the_pointer_is_shown_alone_and_found_by_a_click() {
    let (mut bench, _folder) = phantom();
    bench.press("Segment organs");
    let row = bench.rect("spinal cord");
    let middle = bench.case().cross_hair();
    bench.press("larynx");
    let there = bench.case().cross_hair();
    assert_ne!(there, middle);
    let offset = bench.case().grid().offset_of(there).expect("inside");
    let prosector::session::Proposed::Structures { labels, .. } =
        &bench.case().proposal().expect("organs stand").content
    else {
        panic!("organs are structures");
    };
    assert_eq!(labels.voxels[offset], 2, "the cross-hair is in the larynx");
    // The organs are apart: where the one is, the other is not.
    let (axial, larynx) = (bench.view("Axial").0, bench.rect("larynx"));
    let picture_with_pointer_at = |bench: &mut Bench, pos| {
        bench.hover(pos);
        bench.harness.render()
    };
    let beside = bench.rect("New label").center();
    let Ok(all) = picture_with_pointer_at(&mut bench, beside) else {
        return;
    };
    let same = picture_with_pointer_at(&mut bench, larynx.center()).expect("drawn before");
    let without = picture_with_pointer_at(&mut bench, row.center()).expect("drawn before");
    let changed = |a: &image::RgbaImage| {
        let inside = |x: u32, y: u32| axial.contains(egui::pos2(x as f32, y as f32));
        let pixels = a.enumerate_pixels();
        pixels
            .filter(|&(x, y, p)| inside(x, y) && all.get_pixel(x, y) != p)
            .count()
    };
    assert_eq!(changed(&same), 0, "the larynx is what the slice shows");
    assert!(
        changed(&without) > 500,
        "only the cord is shown, which is elsewhere"
    );
}

#[test]
fn the_size_shown_is_what_accepting_gives() {
    let (mut bench, _folder) = phantom();
    bench.press("Segment organs");
    bench.press("Accept all");
    bench.press("Click");
    // Into the first organ, beside its middle: a prompt that points into a label may be of something in it.
    let middle = bench.case().grid().dims.map(|n| (n / 2) as f64);
    let beside =
        prosector::geometry::VoxelPoint(glam::DVec3::new(middle[0] + 4.0, middle[1], middle[2]));
    bench.left_click(bench.pos(prosector::geometry::Plane::Axial, beside));
    let case = bench.case();
    let (gain, proposed) = (
        case.gain().expect("a proposal stands").clone(),
        case.proposal().expect("a proposal stands").voxels(),
    );
    assert!(gain.voxels < proposed && gain.left > 0, "{gain:?}");
    let size = case.size_text(gain.voxels);
    assert!(bench.shows(&format!("Proposal: lesion 1, {size}")));
    bench.key(Modifiers::NONE, Key::Enter);
    let active = bench.case().active().expect("a lesion").value;
    assert_eq!(bench.case().voxel_count(active), gain.voxels);
}

#[test]
fn doubt_is_shown_where_the_model_has_it_and_hidden_again() {
    let (mut bench, _folder) = phantom();
    bench.press("Segment organs");
    bench.press("Show uncertainty");
    assert!(
        !bench.session().display().uncertainty_shown,
        "these organs come without"
    );
    bench.press("Reject all");
    bench.press("Click");
    bench.left_click(bench.point("Axial", 0.45, 0.45));
    let beside = bench.rect("New label").center();
    bench.hover(beside);
    let Ok(plain) = bench.harness.render() else {
        return;
    };
    let axial = bench.view("Axial").0;
    // Yellow as no label of the toy and no part of the phantom.
    let yellow = |picture: &image::RgbaImage| {
        let inside = |x: u32, y: u32| axial.contains(egui::pos2(x as f32, y as f32));
        let is_yellow = |p: &image::Rgba<u8>| {
            let [r, g, b, _] = p.0.map(i32::from);
            r - b > 60 && g - b > 60 && (r - g).abs() < 50
        };
        let pixels = picture.enumerate_pixels();
        pixels
            .filter(|&(x, y, p)| inside(x, y) && is_yellow(p))
            .count()
    };
    let before = yellow(&plain);
    bench.press("Show uncertainty");
    assert!(bench.session().display().uncertainty_shown);
    bench.picture("uncertainty");
    bench.hover(beside);
    let marked = yellow(&bench.harness.render().expect("drawn before"));
    assert!(marked > before + 100, "{marked} after {before}");
    bench.press("Show uncertainty");
    bench.hover(beside);
    assert_eq!(
        yellow(&bench.harness.render().expect("drawn before")),
        before
    );
}
