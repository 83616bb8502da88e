//! Labels on a grid of their own in the window: the question, finer voxels, and saving on either grid.

use eframe::egui::{Key, Modifiers};
use prosector::geometry::{Affine, Grid};
use prosector::io;
use prosector::util::JobContext;
use prosector::volume::{LabelLayers, LabelMap, LabelTable};

use super::phantom;

/// A few labelled voxels of half the phantom's spacing in its middle, on axes of their own.
fn labels_of_their_own(scan: &Grid) -> LabelMap {
    let middle = scan.dims.map(|n| n as f64 / 2.0);
    let affine = scan.affine.stepped(middle, [0.5; 3]);
    let [i, j, k] = [affine.column(0), affine.column(1), affine.column(2)];
    let (sin, cos) = 0.2f64.sin_cos();
    let origin = affine.matrix().translation;
    let turned = Affine::from_columns(i * cos + j * sin, j * cos - i * sin, k, origin);
    let mut labels = LabelMap::empty(Grid::new([12, 10, 9], turned.expect("regular")));
    for offset in 200..400 {
        labels.voxels[offset] = 3;
    }
    labels
}

#[test]
fn labels_on_a_grid_of_their_own_are_edited_there_or_brought_to_the_scan() {
    let (mut bench, folder) = phantom();
    let scan = *bench.case().grid();
    let labels = labels_of_their_own(&scan);
    let path = folder.path().join("own.nii.gz");
    let mut table = LabelTable::default();
    table.add(3, "tumour");
    io::save_labels(&path, &labels, &table).expect("labels");

    bench.will_choose(&path);
    bench.choose("File", "Open labels");
    assert!(bench.shows("voxels of their own"), "{:?}", bench.messages());
    bench.press("Cancel");
    assert!(bench.case().table().labels().is_empty() && bench.case().is_on_scan_grid());

    bench.will_choose(&path);
    bench.choose("File", "Open labels");
    bench.press("Edit on their own grid");
    let case = bench.case();
    assert!(!case.is_on_scan_grid() && !case.is_dirty());
    assert_eq!(case.labels().voxels, labels.voxels);
    assert_eq!(case.labels_path(), Some(path.as_path()));
    bench.picture("own_grid");

    // On the scan's grid as well, which is not what Save writes.
    let on_scan = folder.path().join("on_scan.nii.gz");
    bench.will_choose(&on_scan);
    bench.choose("File", "Save on the scan's grid");
    let read = io::open_labels(&on_scan, &JobContext::silent())
        .expect("it is there")
        .0;
    let wanted = LabelLayers::from(labels.clone()).resampled(&scan);
    assert_eq!(read.voxels, wanted.maps()[0].voxels);
    assert!(bench.shows("on the scan's grid"), "{:?}", bench.messages());
    assert_eq!(bench.case().labels_path(), Some(path.as_path()));

    bench.will_choose(&path);
    bench.choose("File", "Open labels");
    assert_eq!(
        bench.case().labels().voxels,
        labels.voxels,
        "the same grid asks nothing"
    );
    // Labels with the scan's voxels bring it back.
    bench.will_choose(&on_scan);
    bench.choose("File", "Open labels");
    assert!(bench.case().is_on_scan_grid());
    assert_eq!(bench.case().labels().voxels, read.voxels);

    bench.will_choose(&path);
    bench.choose("File", "Open labels");
    bench.press("Bring onto the scan's grid");
    let case = bench.case();
    assert!(case.is_on_scan_grid() && case.is_dirty() && case.labels_path().is_none());
    assert_eq!(case.labels().voxels, wanted.maps()[0].voxels);
}

#[test]
fn finer_voxels_are_for_saved_labels_and_keep_them() {
    let (mut bench, folder) = phantom();
    let scan = *bench.case().grid();
    bench.press("Brush");
    let place = bench.point("Axial", 0.5, 0.5);
    bench.left_click(place);
    let voxels = bench.case().voxel_count(1);
    assert!(voxels > 0);
    bench.choose("Edit", "Edit on a finer grid");
    assert!(bench.shows("save the labels first") || bench.shows("Save the labels first"));
    bench.will_choose(folder.path().join("coarse.nii.gz"));
    bench.key(Modifiers::COMMAND, Key::S);
    bench.choose("Edit", "Edit on a finer grid");
    assert!(bench.shows("Worked on now"), "{:?}", bench.messages());
    bench.press("Edit there");
    let fine = scan.divided_to(1.0);
    let case = bench.case();
    assert_eq!(case.grid().dims, fine.dims);
    assert_eq!(case.voxel_count(1), voxels * (fine.len() / scan.len()));
    assert!(case.labels_path().is_none(), "Save asks for a name");
    bench.left_click(bench.point("Axial", 0.6, 0.5));
    assert_eq!(bench.case().history().undo_len(), 1);
    bench.picture("finer_grid");
}
