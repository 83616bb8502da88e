//! Label layers in the window: headings, overlap, and saving where a format has room for one map.

use eframe::egui::{Key, Modifiers};
use prosector::io;
use prosector::util::JobContext;
use prosector::volume::LayerId;

use super::phantom;

#[test]
fn layers_are_headings_once_there_are_several_and_saving_keeps_or_tells() {
    let (mut bench, folder) = phantom();
    bench.press("Brush");
    let place = bench.point("Axial", 0.5, 0.5);
    bench.left_click(place);
    assert!(!bench.shows("layer 1"), "one layer needs no heading");
    bench.choose("Edit", "New label layer");
    assert!(
        bench.shows("layer 1") && bench.shows("layer 2"),
        "{:?}",
        bench.texts()
    );
    bench.left_click(place);
    let case = bench.case();
    assert_eq!(case.voxel_count(1), case.voxel_count(2), "they overlap");
    assert!(case.voxel_count(1) > 0);

    let flat = folder.path().join("flat.nii.gz");
    bench.will_choose(&flat);
    bench.key(Modifiers::COMMAND, Key::S);
    assert!(bench.shows("Labels overlap in"), "{:?}", bench.messages());
    assert!(bench.session().is_dirty(), "the file lacks a label");
    let (labels, ..) = io::open_labels(&flat, &JobContext::silent()).expect("it is there");
    assert_eq!(labels.counts().len(), 1);

    let kept = folder.path().join("kept.seg.nrrd");
    bench.will_choose(&kept);
    bench.key(Modifiers::COMMAND, Key::S);
    assert!(!bench.session().is_dirty(), "{:?}", bench.messages());
    let (layers, ..) = io::open_label_layers(&kept, &JobContext::silent()).expect("it is there");
    assert_eq!(layers.counts(), bench.case().document().layers().counts());

    bench.press("layer 1");
    assert_eq!(bench.case().document().active_layer(), LayerId(0));
    assert!(
        bench.case().active().is_none(),
        "the active label was in the other layer"
    );
    bench.key(Modifiers::COMMAND, Key::Z);
    assert_eq!(bench.case().active().map(|l| l.value), Some(2));
}
