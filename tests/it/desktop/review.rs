//! Proposed organs, looked at and decided on one by one.

use eframe::egui::{Key, Modifiers};

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
fn a_structure_is_found_by_a_click() {
    let (mut bench, _folder) = phantom();
    bench.press("Segment organs");
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
}

#[test]
fn the_size_shown_is_what_accepting_gives() {
    let (mut bench, _folder) = phantom();
    bench.press("Segment organs");
    bench.press("Accept all");
    bench.press("Click");
    // Beside the middle of the first organ: the two balls overlap.
    let middle = bench.case().grid().dims.map(|n| (n / 2) as f64);
    let beside = prosector::geometry::VoxelPoint(glam::DVec3::new(middle[0] + 8.0, middle[1], middle[2]));
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
