//! A target after others of its kind: what the session tells the model of them, and what the model makes of it.

use std::sync::Arc;

use prosector::geometry::{Affine, VoxelIndex};
use prosector::models::{DeviceChoice, ScanKey, open_model};
use prosector::prompt::{Alike, Asked, Click, Polarity, PromptSet};
use prosector::util::JobContext;
use prosector::volume::metrics::Overlap;
use prosector::volume::{Grid, ImageVolume, LabelMap, Mask, Modality, Rescale, VoxelData};

/// Small things in a large scan, as lesions are: middles, in voxels of 1 mm, of balls as bright as each other.
const BALLS: [[i64; 3]; 3] = [[30, 60, 40], [88, 35, 60], [60, 90, 75]];
const RADIUS: f64 = 4.0;

fn grid() -> Grid {
    Grid::new([120, 120, 110], Affine::from_spacing([1.0; 3], [0.0; 3]))
}

fn ball_at(voxel: [i64; 3]) -> Option<usize> {
    BALLS.iter().position(|middle| {
        let squared: i64 = (0..3).map(|d| (voxel[d] - middle[d]).pow(2)).sum();
        squared as f64 <= RADIUS.powi(2)
    })
}

/// Each ball is the label after its place in the table.
fn truth() -> LabelMap {
    let grid = grid();
    let value = |v| ball_at(grid.voxel_at(v).0).map_or(0, |ball| ball as u16 + 1);
    LabelMap {
        grid,
        voxels: (0..grid.len()).map(value).collect(),
    }
}

fn image() -> ImageVolume {
    let labels = truth();
    let value = |(v, label): (usize, &u16)| {
        let noise = (v * 7919 % 1009) as f32 / 1009.0 + (v * 104_729 % 997) as f32 / 997.0 - 1.0;
        100.0 + 20.0 * noise + if *label > 0 { 60.0 } else { 0.0 }
    };
    let voxels = VoxelData::F32(labels.voxels.iter().enumerate().map(value).collect());
    ImageVolume::new(grid(), voxels, Rescale::IDENTITY, Modality::Mr)
}

#[test]
fn a_small_lesion_is_found_by_one_click_after_others_like_it() {
    let model = open_model(None, DeviceChoice::Cpu).expect("the model in the box");
    let (image, truth) = (image(), Arc::new(truth()));
    let dice = |values: &[u16]| {
        let asked = Asked {
            prompts: PromptSet {
                clicks: vec![Click {
                    voxel: VoxelIndex(BALLS[2]),
                    polarity: Polarity::Positive,
                }],
                ..PromptSet::default()
            },
            alike: Alike::new(Arc::clone(&truth), values.to_vec()),
            ..Asked::default()
        };
        let found = model.segment_asked(&image, ScanKey(1), &asked, &JobContext::silent());
        let wanted: Mask = truth.mask_of(3);
        Overlap::between(&found.expect("an answer").mask.voxels, &wanted.voxels).dice()
    };
    let (alone, after_two) = (dice(&[]), dice(&[1, 2]));
    assert!(after_two > 0.6, "{after_two}");
    assert!(after_two > alone + 0.1, "{alone} {after_two}");
    assert_eq!(dice(&[7]), alone, "a label without voxels teaches nothing");
}
