//! Display windows.

use prosector::geometry::{Affine, Grid};
use prosector::volume::window::{auto_window, default_window, presets};
use prosector::volume::{ImageVolume, Modality, Rescale, VoxelData};

fn image(values: Vec<f32>, modality: Modality) -> ImageVolume {
    let grid = Grid::new(
        [values.len(), 1, 1],
        Affine::from_spacing([1.0; 3], [0.0; 3]),
    );
    ImageVolume::new(grid, VoxelData::F32(values), Rescale::IDENTITY, modality)
}

#[test]
fn padding_outliers_and_not_a_number_do_not_matter() {
    let mut values: Vec<f32> = (0..10_000).map(|n| 100.0 + n as f32 * 0.05).collect();
    values.extend(vec![-3024.0; 5000]);
    values.extend(vec![1e9; 20]);
    values.extend(vec![f32::NAN; 300]);
    let window = auto_window(&image(values, Modality::Mr));
    assert!((100.0..115.0).contains(&window.low()), "{window:?}");
    assert!((585.0..605.0).contains(&window.high()), "{window:?}");
}

#[test]
fn pet_starts_at_zero() {
    let values = (0..5000).map(|n| (n % 100) as f32 * 0.1).collect();
    let window = auto_window(&image(values, Modality::Pet));
    assert_eq!(window.low(), 0.0);
    assert!((9.0..10.0).contains(&window.high()), "{window:?}");
}

#[test]
fn a_constant_or_empty_scan_still_has_a_width() {
    for values in [
        vec![7.0; 50],
        vec![f32::NAN; 50],
        vec![0.0; 3],
        vec![-1e30, 1e30],
    ] {
        let window = auto_window(&image(values, Modality::Mr));
        assert!(window.width > 0.0 && window.level.is_finite(), "{window:?}");
    }
}

#[test]
fn a_ct_opens_with_soft_tissue() {
    let window = default_window(&image(vec![0.0; 9], Modality::Ct));
    assert_eq!((window.level, window.width), (40.0, 400.0));
    assert!(presets(Modality::Ct).iter().all(|(_, w)| w.width > 0.0));
}
