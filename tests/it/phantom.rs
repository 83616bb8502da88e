//! The built-in phantom: always the same, with every structure it names.

use prosector::volume::Modality;
use prosector::volume::phantom::phantom;

#[test]
fn the_phantom_is_deterministic_and_complete() {
    let first = phantom();
    let second = phantom();
    assert_eq!(first.image, second.image);
    assert_eq!(first.labels, second.labels);
    assert_eq!(first.image.modality(), Modality::Ct);
    assert_eq!(first.labels.grid, *first.image.grid());

    let counts = first.labels.counts();
    assert_eq!(counts.len(), first.table.labels().len());
    for (value, count) in counts {
        let name = &first.table.get(value).expect("a named value").name;
        let ml = count as f64 * first.labels.grid.affine.voxel_volume_mm3() / 1000.0;
        assert!((8.0..100.0).contains(&ml), "{name} has {ml} ml");
    }
    let (low, high) = first.image.value_range().expect("finite values");
    assert!(low >= -1024.0 && high > 1500.0);
}

#[test]
fn sides_are_the_patients_own() {
    let made = phantom();
    let x_of = |name: &str| {
        let value = made.table.by_name(name).expect("a structure").value;
        let b = made.labels.mask_of(value).bounds().expect("not empty");
        let grid = &made.labels.grid;
        let middle = prosector::geometry::VoxelIndex(b.min).center();
        grid.world_from_voxel(middle).0.x
    };
    assert!(x_of("right_parotid") > 0.0);
    assert!(x_of("left_parotid") < 0.0);
}

#[test]
fn click_and_box_are_on_the_lesion() {
    let made = phantom();
    let click = made.lesion_click();
    let at = made.labels.grid.offset_of(click).expect("inside the scan");
    assert_eq!(made.labels.voxels[at], made.lesion);
    assert!(made.lesion_box().contains(click));
}
