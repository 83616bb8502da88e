//! Metrics, distances and components against recordings of the reference code and against brute force.

use proptest::prelude::*;
use prosector::geometry::Affine;
use prosector::volume::components::{Connectivity, connected_components, largest_component};
use prosector::volume::distance::squared_distance_mm;
use prosector::volume::metrics::{Agreement, dice};
use prosector::volume::surface::SurfaceDistances;
use prosector::volume::{Grid, Mask};

use crate::support::shared;

fn grid(dims: [usize; 3], spacing_mm: [f64; 3]) -> Grid {
    Grid::new(dims, Affine::from_spacing(spacing_mm, [0.0; 3]))
}

/// One byte tensor of a safetensors file.
fn byte_tensor(file: &[u8], name: &str) -> Vec<u8> {
    let length = u64::from_le_bytes(file[..8].try_into().expect("eight bytes")) as usize;
    let header: serde_json::Value =
        serde_json::from_slice(&file[8..8 + length]).expect("a JSON header");
    let at = |n: usize| header[name]["data_offsets"][n].as_u64().expect("an offset") as usize;
    file[8 + length..][at(0)..at(1)].to_vec()
}

fn recorded_scalars(file: &[u8]) -> serde_json::Value {
    let length = u64::from_le_bytes(file[..8].try_into().expect("eight bytes")) as usize;
    let header: serde_json::Value =
        serde_json::from_slice(&file[8..8 + length]).expect("a JSON header");
    let config = header["__metadata__"]["config"].as_str().expect("scalars");
    serde_json::from_str(config).expect("JSON in the metadata")
}

/// A mask of the recording, whose first axis is the slowest, with its first axis as our `i`.
fn recorded_mask(file: &[u8], name: &str, dims: [usize; 3], spacing_mm: [f64; 3]) -> Mask {
    let values = byte_tensor(file, name);
    let mut mask = Mask::empty(grid(dims, spacing_mm));
    for (n, &v) in values.iter().enumerate() {
        let (i, rest) = (n / (dims[1] * dims[2]), n % (dims[1] * dims[2]));
        let at = mask.grid.offset(i, rest / dims[2], rest % dims[2]);
        mask.voxels[at] = v;
    }
    mask
}

#[test]
fn metrics_equal_the_reference_recording() {
    let Some(path) = shared("golden/autoprosam/losses_metrics.safetensors") else {
        return;
    };
    let file = std::fs::read(path).expect("the recording is readable");
    let expected = recorded_scalars(&file);
    let spacing_mm: [f64; 3] =
        std::array::from_fn(|d| expected["spacing_mm"][d].as_f64().expect("a spacing"));
    let pred = recorded_mask(&file, "in/mask_pred", [20, 24, 18], spacing_mm);
    let truth = recorded_mask(&file, "in/mask_gt", [20, 24, 18], spacing_mm);
    let near = |ours: f64, theirs: &serde_json::Value| {
        let theirs = theirs.as_f64().expect("a number");
        assert!((ours - theirs).abs() < 1e-6, "{ours} is not {theirs}");
    };
    for (tolerance, nsd) in expected["nsd"].as_object().expect("a map") {
        let tolerance: f64 = tolerance.parse().expect("a tolerance in mm");
        let ours = Agreement::between(&pred, &truth, tolerance);
        near(ours.nsd, nsd);
        near(ours.dice, &expected["volume_dice"]);
        near(ours.hd95_mm.expect("both have surfaces"), &expected["hd95"]);
    }
    let surfaces = SurfaceDistances::between(&pred, &truth).expect("both have surfaces");
    near(surfaces.truth_to_pred.mean_mm(), &expected["asd"][0]);
    near(surfaces.pred_to_truth.mean_mm(), &expected["asd"][1]);
}

#[test]
fn equal_masks_agree_and_empty_ones_have_conventions() {
    let empty = Mask::empty(grid([6, 5, 4], [1.0, 2.0, 3.0]));
    let mut one = empty.clone();
    one.voxels[37] = 1;

    let same = Agreement::between(&one, &one, 2.0);
    assert_eq!((same.dice, same.iou, same.nsd), (1.0, 1.0, 1.0));
    assert_eq!(same.hd95_mm, Some(0.0));

    let nothing = Agreement::between(&empty, &empty, 2.0);
    assert_eq!((nothing.dice, nothing.iou, nothing.nsd), (1.0, 1.0, 1.0));
    assert_eq!((nothing.hd_mm, nothing.assd_mm), (Some(0.0), Some(0.0)));

    let missed = Agreement::between(&empty, &one, 2.0);
    assert_eq!((missed.dice, missed.iou, missed.nsd), (0.0, 0.0, 0.0));
    assert_eq!((missed.hd95_mm, missed.assd_mm), (None, None));
    assert!((missed.volume_truth_ml - 0.006).abs() < 1e-12);
}

#[test]
fn a_shifted_box_has_the_distances_of_the_shift() {
    let block = |first: usize| {
        let mut mask = Mask::empty(grid([30, 12, 12], [1.5, 1.0, 1.0]));
        for k in 3..9 {
            for j in 3..9 {
                for i in first..first + 10 {
                    let at = mask.grid.offset(i, j, k);
                    mask.voxels[at] = 1;
                }
            }
        }
        mask
    };
    let moved = Agreement::between(&block(8), &block(4), 2.0);
    assert!((moved.hd_mm.expect("surfaces") - 6.0).abs() < 1e-6);
    assert!((moved.dice - 0.6).abs() < 1e-12);
    assert!((moved.iou - 360.0 / 840.0).abs() < 1e-12);
}

#[test]
fn components_by_faces_and_by_corners() {
    let dims = [4, 3, 2];
    let mut mask = vec![0u8; 24];
    let at = |i: usize, j: usize, k: usize| i + 4 * (j + 3 * k);
    for v in [at(0, 0, 0), at(1, 0, 0), at(2, 1, 0), at(3, 2, 1)] {
        mask[v] = 1;
    }
    let (labels, sizes) = connected_components(&mask, dims, Connectivity::Six);
    assert_eq!(sizes, [2, 1, 1]);
    assert_eq!(labels[at(1, 0, 0)], 1);
    assert_eq!(labels[at(3, 2, 1)], 3);
    let (_, sizes) = connected_components(&mask, dims, Connectivity::TwentySix);
    assert_eq!(sizes, [4]);
    let largest = largest_component(&mask, dims, Connectivity::Six).expect("not empty");
    assert_eq!(largest.iter().filter(|&&v| v == 1).count(), 2);
    assert_eq!(largest_component(&[0; 24], dims, Connectivity::Six), None);
}

fn brute_distance(mask: &[u8], g: &Grid) -> Vec<f64> {
    let spacing = g.spacing_mm();
    let outside: Vec<_> = (0..g.len()).filter(|&o| mask[o] == 0).collect();
    (0..g.len())
        .map(|o| {
            let a = g.voxel_at(o).0;
            let to = |b: &usize| {
                let b = g.voxel_at(*b).0;
                (0..3)
                    .map(|d| ((a[d] - b[d]) as f64 * spacing[d]).powi(2))
                    .sum::<f64>()
            };
            outside.iter().map(to).fold(f64::INFINITY, f64::min)
        })
        .collect()
}

proptest! {
    #[test]
    fn distances_equal_brute_force(
        dims in prop::array::uniform3(1usize..7),
        spacing in prop::array::uniform3(0.3f64..4.0),
        seed in prop::collection::vec(0u8..5, 6 * 6 * 6),
    ) {
        let g = grid(dims, spacing);
        let mask: Vec<u8> = seed.iter().take(g.len()).map(|&v| u8::from(v > 0)).collect();
        let ours = squared_distance_mm(&mask, dims, g.spacing_mm());
        for (o, t) in ours.iter().zip(brute_distance(&mask, &g)) {
            let close = (f64::from(*o) - t).abs() < 1e-5 * (1.0 + t);
            prop_assert!(close || (o.is_infinite() && t.is_infinite()));
        }
    }

    #[test]
    fn agreement_is_symmetric(
        a in prop::collection::vec(0u8..2, 60),
        b in prop::collection::vec(0u8..2, 60),
    ) {
        let mask = |voxels: Vec<u8>| Mask { grid: grid([5, 4, 3], [1.0, 2.0, 0.5]), voxels };
        let (a, b) = (mask(a), mask(b));
        let (x, y) = (Agreement::between(&a, &b, 1.0), Agreement::between(&b, &a, 1.0));
        prop_assert_eq!(x.dice, dice(&b.voxels, &a.voxels));
        prop_assert!((x.nsd - y.nsd).abs() < 1e-9);
        prop_assert_eq!(x.hd95_mm, y.hd95_mm);
    }
}
