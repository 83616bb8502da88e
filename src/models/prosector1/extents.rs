//! How large the regions are that a prompt is looked at in: fixed for patients, and in proportion to voxels and field of
//! view where those are not a patient's, as of mice, specimens and maps of the sky.

use crate::volume::Grid;

/// Side of the first region around lone clicks in a patient.
const FIRST_MM: f64 = 110.0;
/// Side of the first region around lone clicks on what is small, as a part of that around any.
const CLOSE: f64 = 0.25;
/// Side of the first region around lone clicks on what is large, as a multiple of that around any.
const WIDE: f64 = 2.0;
/// Smallest side of a region in a patient.
const LEAST_MM: f64 = 12.0;
/// Most that the first region is longer than the scan.
const MOST_OF_SCAN: f64 = 2.5;
/// Voxels shorter or longer than this are no patient's: the first region then is as many voxels long as it is millimetres
/// in a patient.
const SMALL_VOXEL_MM: f64 = 0.25;
const LARGE_VOXEL_MM: f64 = 6.0;
/// Share of a scan of small voxels that the first region has at least, as in a patient's scan of many voxels.
const LEAST_OF_SCAN: f64 = 0.3;
/// Fewest and most voxels along the smallest region.
const LEAST_VOXELS: [f64; 2] = [2.0, 40.0];

/// Sides of regions in mm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extents {
    /// Of the first region around lone clicks.
    pub first: f64,
    /// Of the first region around lone clicks on what is small.
    pub close: f64,
    /// Of the first region around lone clicks on what is large.
    pub wide: f64,
    /// Of the smallest region.
    pub least: f64,
}

impl Extents {
    pub(super) fn of(scan: &Grid) -> Self {
        let spacing_mm = scan.spacing_mm();
        let voxel_mm = spacing_mm.iter().product::<f64>().cbrt();
        let longest_mm = scan.size_mm().into_iter().fold(0.0, f64::max);
        let in_voxels = FIRST_MM * voxel_mm;
        let wanted = match voxel_mm {
            ..SMALL_VOXEL_MM => in_voxels.max(LEAST_OF_SCAN * longest_mm).min(FIRST_MM),
            ..=LARGE_VOXEL_MM => FIRST_MM,
            _ => in_voxels,
        };
        let [fewest, most] = LEAST_VOXELS.map(|voxels| voxels * voxel_mm);
        let first = wanted.min(MOST_OF_SCAN * longest_mm);
        let least = LEAST_MM.clamp(fewest, most);
        Self {
            first,
            close: (CLOSE * first).max(least),
            wide: WIDE * first,
            least,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Affine;

    fn extents(side: usize, spacing_mm: f64) -> Extents {
        Extents::of(&Grid::new(
            [side; 3],
            Affine::from_spacing([spacing_mm; 3], [0.0; 3]),
        ))
    }

    #[test]
    fn a_patient_is_looked_at_in_the_same_way_at_any_spacing() {
        for (side, spacing_mm) in [(200, 0.3), (512, 0.5), (50, 1.0), (128, 3.0), (64, 6.0)] {
            let expected = Extents {
                first: 110.0,
                close: 27.5,
                wide: 220.0,
                least: 12.0,
            };
            assert_eq!(extents(side, spacing_mm), expected, "{side} {spacing_mm}");
        }
    }

    #[test]
    fn what_is_far_smaller_or_larger_is_looked_at_in_proportion() {
        let same = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
        let (small, smaller) = (extents(64, 0.02), extents(64, 0.01));
        assert!(
            same(small.first, 2.2) && same(small.least, 0.8),
            "{small:?}"
        );
        assert!(same(small.first, 2.0 * smaller.first) && same(small.least, 2.0 * smaller.least));
        let (large, larger) = (extents(64, 50.0), extents(64, 100.0));
        assert!(
            same(large.first, 5500.0) && same(large.least, 100.0),
            "{large:?}"
        );
        assert!(same(2.0 * large.first, larger.first) && same(2.0 * large.least, larger.least));
        assert!(same(extents(1000, 0.02).first, 6.0), "a large specimen");
        assert!(same(extents(600, 0.2).first, 36.0), "teeth");
    }
}
