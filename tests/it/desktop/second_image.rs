//! A second image in the window: opened over the scan, moved by buttons, its transform saved, shown beside or alone.

use prosector::geometry::RigidTransform;
use prosector::io;
use prosector::volume::{Grid, ImageVolume, Modality, Rescale, VoxelData};

use super::phantom;

/// A coarse PET of the phantom's place: a hot ball in its middle.
fn pet(scan: &Grid) -> ImageVolume {
    let step = 4.0;
    let dims = scan.dims.map(|n| n / 4);
    let grid = Grid::new(dims, scan.affine.stepped([1.5; 3], [step; 3]));
    let middle = scan.middle().0;
    let value = |offset: usize| {
        let mm = grid.world_from_voxel(grid.voxel_at(offset).center()).0;
        (12.0 * (-(mm.distance(middle) / 25.0).powi(2)).exp()) as f32
    };
    let voxels = VoxelData::F32((0..grid.len()).map(value).collect());
    ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Pet)
}

#[test]
fn a_second_image_lies_over_the_scan_and_is_moved_and_taken_away() {
    let (mut bench, folder) = phantom();
    let path = folder.path().join("pet.nii.gz");
    io::save_image(&path, &pet(bench.case().grid())).expect("a scan");
    assert!(!bench.shows("Second image"), "no section without one");
    bench.will_choose(&path);
    bench.choose("File", "Open second image");
    let second = bench.case().second().expect("it is there");
    assert_eq!(
        second.image().grid().dims,
        bench.case().grid().dims.map(|n| n / 4)
    );
    // The pointer still lies where the menu was.
    bench.hover(bench.point("Axial", 0.5, 0.5));
    assert!(
        bench.shows("second 1"),
        "both values are read out: {:?}",
        bench.texts()
    );
    bench.picture("second_image");

    assert!(bench.shows("turned by 0.0"));
    bench.press("A");
    let moved = bench.case().second().expect("there").first_from_second();
    assert!((moved.translation_mm().y - 1.0).abs() < 1e-9, "{moved:?}");
    assert!(!bench.session().is_dirty(), "labels know nothing of it");
    let saved = folder.path().join("map.tfm");
    bench.will_choose(&saved);
    bench.press("Save transform...");
    let read = io::open_transform(&saved).expect("it is there");
    assert!(read.after(&moved.inverse()).translation_mm().length() < 1e-9);
    bench.press("Undo move");
    let back = bench.case().second().expect("there").first_from_second();
    assert_eq!(back, RigidTransform::IDENTITY);
    bench.will_choose(&saved);
    bench.press("Open transform...");
    let again = bench.case().second().expect("there").first_from_second();
    assert!(again.after(&moved.inverse()).translation_mm().length() < 1e-9);
    bench.press("Close second image");
    assert!(bench.case().second().is_none() && !bench.shows("Second image"));
}
