//! What tools find in a scan: floods, levels, edges, cheapest lines, cuts.

use glam::DVec3;
use proptest::prelude::*;

use prosector::geometry::{Affine, VoxelBox, VoxelIndex, VoxelPoint};
use prosector::volume::components::{Connectivity, connected_components};
use prosector::volume::{
    BrushTip, Depth, Grid, ImageVolume, LiveWire, Modality, Rescale, Spread, VoxelData,
    edge_aware_sweep, edge_between, fill_through, flooded, level_region, slices_cut,
};

const DIMS: [usize; 3] = [40, 36, 5];

/// A CT whose values are a function of the voxel.
fn image(grid: Grid, value: impl Fn([f64; 3]) -> f64) -> ImageVolume {
    let values = (0..grid.len()).map(|n| value(grid.voxel_at(n).0.map(|v| v as f64)) as i16);
    let voxels = VoxelData::I16(values.collect());
    let rescale = Rescale {
        slope: 1.0,
        intercept: 0.0,
    };
    ImageVolume::new(grid, voxels, rescale, Modality::Ct)
}

fn anisotropic(dims: [usize; 3]) -> Grid {
    Grid::new(dims, Affine::from_spacing([0.8, 1.0, 4.0], [0.0; 3]))
}

/// Slices that lie askew: each further one is shifted sideways.
fn sheared(dims: [usize; 3]) -> Grid {
    let rows = [
        [-1.0, 0.2, 0.4, 10.0],
        [0.0, 1.5, 0.6, -20.0],
        [0.0, 0.0, 3.0, 5.0],
    ];
    Grid::new(dims, Affine::from_rows(&rows).unwrap())
}

/// The voxels of a region, by array offset.
fn held(grid: &Grid, region: Option<&prosector::volume::morphology::Crop>) -> Vec<bool> {
    let mut held = vec![false; grid.len()];
    for (offset, voxel) in region.iter().flat_map(|r| r.offsets(grid.dims)) {
        assert_eq!(grid.offset_of(voxel), Some(offset));
        held[offset] = true;
    }
    held
}

proptest! {
    #[test]
    fn a_flood_is_the_component_of_its_seed(
        accepted in proptest::collection::vec(0u8..3, 6 * 5 * 4),
        seed in (0i64..6, 0i64..5, 0i64..4),
        slice in proptest::option::of(0usize..3),
    ) {
        let grid = Grid::new([6, 5, 4], Affine::from_spacing([1.0; 3], [0.0; 3]));
        let seed = VoxelIndex([seed.0, seed.1, seed.2]);
        let within = slice.map_or(grid.bounds(), |d| grid.bounds().slice(d, seed.0[d]));
        // Two of three voxels, and only those in the box.
        let mask: Vec<u8> = (0..grid.len())
            .map(|n| u8::from(accepted[n] > 0 && within.contains(grid.voxel_at(n))))
            .collect();
        let (pieces, _) = connected_components(&mask, grid.dims, Connectivity::Six);
        let wanted = pieces[grid.offset_of(seed).unwrap()];
        let found = flooded(&grid, within, seed, |offset| accepted[offset] > 0);
        prop_assert_eq!(found.is_some(), wanted != 0);
        let held = held(&grid, found.as_ref());
        for (n, held) in held.into_iter().enumerate() {
            prop_assert_eq!(held, wanted != 0 && pieces[n] == wanted);
        }
    }

    #[test]
    fn a_cut_goes_at_right_angles_to_the_slice_in_mm(
        corners in proptest::collection::vec([-3.0f64..15.0, -3.0f64..12.0], 3..7),
        normal in 0usize..3,
        slice in 0i64..6,
        reach in 0i64..4,
    ) {
        let (across, down) = ((normal + 1) % 3, (normal + 2) % 3);
        let mut dims = [0; 3];
        (dims[normal], dims[across], dims[down]) = (6, 12, 9);
        let grid = sheared(dims);
        let points: Vec<VoxelPoint> = corners
            .iter()
            .map(|c| {
                let mut p = DVec3::ZERO;
                (p[normal], p[across], p[down]) = (slice as f64, c[0], c[1]);
                VoxelPoint(p)
            })
            .collect();
        let slices = [(slice - reach).max(0), (slice + reach).min(5)];
        let mut found = vec![false; grid.len()];
        let bounds = fill_through(&grid, normal, &points, slices, &mut |offset| found[offset] = true);
        let [u, v] = [across, down].map(|d| grid.affine.column(d));
        let upright = u.cross(v).normalize();
        for (offset, &found) in found.iter().enumerate() {
            let voxel = grid.voxel_at(offset);
            // The voxel's centre brought onto the slice that was drawn on, straight down.
            let from = grid.world_from_voxel(points[0]).0;
            let centre = grid.world_from_voxel(voxel.center()).0;
            let foot = centre - upright * (centre - from).dot(upright);
            let foot = grid.voxel_from_world(prosector::geometry::WorldPoint(foot)).0;
            prop_assert!((foot[normal] - slice as f64).abs() < 1e-9);
            let inside = is_inside(&corners, [foot[across], foot[down]]);
            let wanted = inside && (slices[0]..=slices[1]).contains(&voxel.0[normal]);
            prop_assert_eq!(found, wanted);
            prop_assert!(!found || bounds.is_some_and(|b| b.contains(voxel)));
        }
    }
}

/// Whether a point is inside, by the number of edges that a ray towards +x crosses.
fn is_inside(corners: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
    let n = corners.len();
    let crossed = (0..n).filter(|&e| {
        let ([ax, ay], [bx, by]) = (corners[e], corners[(e + 1) % n]);
        (ay <= y) != (by <= y) && x < ax + (y - ay) / (by - ay) * (bx - ax)
    });
    crossed.count() % 2 == 1
}

#[test]
fn a_slab_has_the_slices_that_are_no_further_off_than_half_of_it() {
    let grid = anisotropic([8, 8, 20]);
    let slab = |mm| slices_cut(&grid, 2, 10, Depth::SlabMm(mm));
    assert_eq!(slab(0.0), [10, 10], "the slice drawn on, always");
    assert_eq!(slab(7.9), [10, 10]);
    assert_eq!(slab(8.0), [9, 11]);
    assert_eq!(slab(1000.0), [0, 19]);
    assert_eq!(slices_cut(&grid, 2, 10, Depth::Whole), [0, 19]);
    assert_eq!(slices_cut(&grid, 2, 19, Depth::SlabMm(8.0)), [18, 19]);
    // Askew, slices are 3 mm apart, although a step along the voxels is longer.
    let slab = |mm| slices_cut(&sheared([8, 8, 20]), 2, 10, Depth::SlabMm(mm));
    assert_eq!((slab(5.9), slab(6.0)), ([10, 10], [9, 11]));
}

/// Distance in mm from the middle of a slice.
fn radius_mm([i, j, _]: [f64; 3]) -> f64 {
    ((i - 20.0) * 0.8).hypot((j - 18.0) * 1.0)
}

#[test]
fn a_level_encloses_bright_and_dark_discs_and_ignores_what_reaches_the_border() {
    for sign in [1.0, -1.0] {
        // A hill, or a pit, that slopes down to the border.
        let hill = image(anisotropic(DIMS), |at| {
            sign * (1000.0 - 40.0 * radius_mm(at))
        });
        let at = VoxelIndex([26, 18, 2]);
        let level = radius_mm(at.center().0.to_array());
        let found = level_region(&hill, 2, at).expect("a closed line");
        let held = held(hill.grid(), Some(&found));
        for (offset, held) in held.into_iter().enumerate() {
            let voxel = hill.grid().voxel_at(offset);
            let inside = radius_mm(voxel.center().0.to_array()) <= level + 1e-9;
            assert_eq!(held, inside && voxel.0[2] == 2, "{voxel:?}, sign {sign}");
        }
        let beside = level_region(&hill, 2, VoxelIndex([0, 3, 2]));
        assert!(beside.is_none(), "that line leaves the slice");
        assert!(level_region(&hill, 2, VoxelIndex([0, 99, 2])).is_none());
    }
}

#[test]
fn what_a_level_encloses_has_no_holes() {
    let ring = image(anisotropic(DIMS), |at| match radius_mm(at) {
        r if r < 3.0 => 0.0,
        r if r < 9.0 => 100.0,
        _ => 0.0,
    });
    let found = level_region(&ring, 2, VoxelIndex([26, 18, 0])).expect("a closed line");
    assert!(found.holds(VoxelIndex([20, 18, 0])), "the hole is filled");
    let disc = (0..DIMS[0] * DIMS[1])
        .filter(|&n| radius_mm(ring.grid().voxel_at(n).0.map(|v| v as f64)) < 9.0)
        .count();
    assert_eq!(found.count(), disc);
}

/// Otsu's cut by its definition: the variance between the classes for every cut.
fn otsu(values: &[f64]) -> (f64, f64) {
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let all = mean(values);
    let variance = values.iter().map(|v| (v - all).powi(2)).sum::<f64>() / values.len() as f64;
    let between = |cut: f64| {
        let (low, high): (Vec<f64>, Vec<f64>) = values.iter().partition(|v| **v <= cut);
        if high.is_empty() {
            return 0.0;
        }
        let share = low.len() as f64 / values.len() as f64;
        share * (1.0 - share) * (mean(&low) - mean(&high)).powi(2)
    };
    let best = values
        .iter()
        .copied()
        .max_by(|&a, &b| between(a).total_cmp(&between(b)));
    let best = best.unwrap();
    (best, between(best) / variance)
}

#[test]
fn an_edge_is_where_two_classes_explain_the_values() {
    let soft = [12.0, 30.0, 25.0, 18.0, 22.0, 27.0];
    let bone = [400.0, 420.0, 390.0];
    let both: Vec<f64> = soft.iter().chain(&bone).copied().collect();
    let (cut, share) = otsu(&both);
    assert!(share > 0.8);
    assert_eq!(edge_between(&both), Some(cut));
    assert_eq!(cut, 30.0);
    // A slope has no edge, noise has none, and one value has none.
    let slope: Vec<f64> = (0..100).map(f64::from).collect();
    assert!((otsu(&slope).1 - 0.75).abs() < 0.01);
    assert_eq!(edge_between(&slope), None);
    assert_eq!(edge_between(&[5.0; 9]), None);
    assert_eq!(edge_between(&[]), None);
    assert_eq!(edge_between(&[f64::NAN, 1.0, 1.0, 9.0]), Some(1.0));
}

#[test]
fn the_spread_of_a_scan_has_its_classes_its_range_and_every_value_once() {
    let scan = image(anisotropic(DIMS), |at| match radius_mm(at) {
        r if r < 6.0 => 300.0 + r,
        r => 20.0 + r % 5.0,
    });
    let spread = Spread::of(&scan).expect("it has two tissues");
    let (low, high) = scan.value_range().expect("finite values");
    assert_eq!(spread.range(), [low, high]);
    let cut = spread.otsu().expect("two classes");
    assert!((300.0..306.0).contains(&cut), "{cut}");
    let below = (0..scan.voxels().len()).filter(|&n| scan.value(n) < cut);
    assert!(below.into_iter().all(|n| scan.value(n) < 26.0));
    let counts = spread.counts(10);
    assert_eq!(counts.iter().sum::<usize>(), scan.voxels().len());
    assert!(counts[1..9].iter().all(|&n| n == 0) && counts[0] > counts[9]);
    assert!(Spread::of(&image(anisotropic(DIMS), |_| 7.0)).is_none());
}

#[test]
fn a_brush_that_heeds_edges_stays_on_its_side() {
    // Two tissues side by side, and a third piece of the first beyond the second.
    let scan = image(anisotropic(DIMS), |[i, j, _]| {
        let noise = (i * 7.0 + j * 13.0) % 9.0;
        noise
            + if (20.0..23.0).contains(&i) {
                300.0
            } else {
                40.0
            }
    });
    for tip in [
        BrushTip::Ball { radius_mm: 6.0 },
        BrushTip::Disc {
            radius_mm: 6.0,
            normal_axis: 2,
            slice: 4,
        },
    ] {
        let from = VoxelPoint(DVec3::new(17.0, 8.0, 4.0));
        let to = VoxelPoint(DVec3::new(17.0, 25.0, 4.0));
        let mut found = vec![false; scan.grid().len()];
        let bounds = edge_aware_sweep(&scan, tip, from, to, |offset| found[offset] = true);
        let bounds = bounds.expect("inside");
        let drawn = |at: [i64; 3]| found[scan.grid().offset_of(VoxelIndex(at)).unwrap()];
        assert!(drawn([19, 15, 4]) && drawn([12, 15, 4]), "up to the edge");
        for (offset, &found) in found.iter().enumerate() {
            let voxel = scan.grid().voxel_at(offset);
            assert!(!found || voxel.0[0] < 20, "over the edge at {voxel:?}");
            assert!(!found || bounds.contains(voxel));
        }
        // Begun beyond the scan, on its last slice, nothing is drawn.
        let beyond = VoxelPoint(DVec3::new(17.0, -80.0, 4.0));
        assert_eq!(
            edge_aware_sweep(&scan, tip, beyond, beyond, |_| panic!()),
            None
        );
    }
}

#[test]
fn without_an_edge_the_brush_is_the_plain_one() {
    let scan = image(anisotropic(DIMS), |[i, ..]| 3.0 * i);
    let tip = BrushTip::Ball { radius_mm: 4.5 };
    let at = VoxelPoint(DVec3::new(18.2, 15.0, 2.0));
    let (mut plain, mut aware) = (Vec::new(), Vec::new());
    prosector::volume::sweep(scan.grid(), tip, at, at, |offset| plain.push(offset));
    edge_aware_sweep(&scan, tip, at, at, |offset| aware.push(offset));
    for found in [&mut plain, &mut aware] {
        found.sort_unstable();
        found.dedup();
    }
    assert_eq!(plain, aware);
}

#[test]
fn a_live_wire_follows_the_edge_of_a_disc() {
    for slice in [0, 4] {
        let scan = image(anisotropic(DIMS), |at| {
            if radius_mm(at) < 11.0 { 200.0 } else { 0.0 }
        });
        // From the right of the disc to its lower end: a quarter of its border.
        let start = VoxelIndex([33, 18, slice]);
        let end = VoxelIndex([20, 29, slice]);
        let mut wire = LiveWire::from(&scan, 2, start).expect("inside");
        let path = wire.path_to(end).expect("inside");
        assert_eq!(
            (path[0], path[path.len() - 1]),
            (start.center(), end.center())
        );
        for point in &path {
            let off = (radius_mm(point.0.to_array()) - 11.0).abs();
            assert!(off < 1.3, "{off} mm off the edge at {point:?}");
            assert_eq!(point.0.z, slice as f64);
        }
        let mut steps = path
            .windows(2)
            .map(|p| (p[1].0 - p[0].0).abs().max_element());
        assert!(steps.all(|step| step == 1.0), "from voxel to voxel");
        assert_eq!(wire.path_to(start), Some(vec![start.center()]));
        assert_eq!(wire.path_to(VoxelIndex([40, 0, slice])), None);
        assert!(LiveWire::from(&scan, 2, VoxelIndex([40, 0, slice])).is_none());
    }
}

#[test]
fn a_live_wire_goes_straight_where_there_is_no_edge() {
    let scan = image(anisotropic(DIMS), |_| 7.0);
    let start = VoxelIndex([3, 10, 1]);
    let path = LiveWire::from(&scan, 2, start)
        .and_then(|mut wire| wire.path_to(VoxelIndex([20, 10, 1])))
        .expect("inside");
    assert_eq!(path.len(), 18);
    assert!(path.iter().all(|p| p.0.y == 10.0));
}

#[test]
fn a_box_beyond_the_volume_is_no_place_for_a_flood() {
    let grid = anisotropic(DIMS);
    let beyond = VoxelBox {
        min: [50, 0, 0],
        max: [60, 5, 5],
    };
    assert!(flooded(&grid, beyond, VoxelIndex([55, 0, 0]), |_| true).is_none());
}
