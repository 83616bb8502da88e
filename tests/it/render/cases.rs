//! Scans of every kind of grid and voxel, with labels and a proposal.

use std::sync::Arc;

use glam::{DQuat, DVec3};
use prosector::geometry::{Affine, Grid, VoxelIndex};
use prosector::volume::{ImageVolume, LabelMap, LabelTable, Mask, Modality, Rescale, VoxelData};

/// A scan with its labels and proposals, all deterministic.
pub struct Case {
    pub image: ImageVolume,
    pub labels: Arc<LabelMap>,
    /// The labels, and two layers above them with labels that overlap.
    pub layers: Vec<Arc<LabelMap>>,
    pub table: LabelTable,
    pub mask: Mask,
}

pub fn oblique() -> Affine {
    let turn = DQuat::from_euler(glam::EulerRot::XYZ, 0.3, -0.2, 0.15);
    let [i, j, k] = [DVec3::X * -0.9, DVec3::Y * 1.1, DVec3::Z * 2.7].map(|v| turn * v);
    Affine::from_columns(i, j, k, DVec3::new(31.0, -20.0, 4.0)).expect("regular")
}

fn sheared() -> Affine {
    let k = DVec3::new(0.1, 1.4, 3.0);
    Affine::from_columns(DVec3::X, DVec3::Y * -0.7, k, DVec3::ZERO).expect("regular")
}

pub fn case(affine: Affine, voxels: impl Fn(Vec<f64>) -> VoxelData, rescale: Rescale) -> Case {
    let grid = Grid::new([40, 33, 21], affine);
    let wave = |v: VoxelIndex| {
        let [i, j, k] = v.0.map(|n| n as f64);
        40.0 * (i * 0.4).sin() + 60.0 * (j * 0.3 + k * 0.7).cos() + 100.0
    };
    let values = (0..grid.len()).map(|o| wave(grid.voxel_at(o))).collect();
    let image = ImageVolume::new(grid, voxels(values), rescale, Modality::Ct);
    let ball = |v: VoxelIndex, c: [f64; 3], r: f64| {
        let d: f64 = (0..3).map(|d| (v.0[d] as f64 - c[d]).powi(2)).sum();
        d <= r * r
    };
    let mut labels = LabelMap::empty(grid);
    let mut upper = [LabelMap::empty(grid), LabelMap::empty(grid)];
    let mut mask = Mask::empty(grid);
    for offset in 0..grid.len() {
        let v = grid.voxel_at(offset);
        labels.voxels[offset] = match () {
            () if ball(v, [12.0, 12.0, 10.0], 7.0) => 1,
            () if ball(v, [24.0, 14.0, 11.0], 8.0) => 300,
            () if ball(v, [0.0, 32.0, 10.0], 6.0) => 7,
            () => 0,
        };
        upper[0].voxels[offset] = 20 * u16::from(ball(v, [17.0, 13.0, 10.0], 6.0));
        upper[1].voxels[offset] = match () {
            () if ball(v, [19.0, 15.0, 10.0], 4.0) => 21,
            () if ball(v, [11.0, 11.0, 10.0], 3.0) => 7,
            () => 0,
        };
        mask.voxels[offset] = u8::from(ball(v, [20.0, 20.0, 9.0], 9.0));
    }
    let mut table = LabelTable::default();
    table.add(1, "first");
    table.add(300, "beyond 255");
    table.add(7, "hidden");
    table.add(20, "above");
    table.add(21, "on top");
    table.get_mut(7).expect("just added").visible = false;
    table.get_mut(20).expect("just added").opacity_percent = 45;
    let labels = Arc::new(labels);
    let [middle, top] = upper.map(Arc::new);
    Case {
        image,
        layers: vec![Arc::clone(&labels), middle, top],
        labels,
        table,
        mask,
    }
}

pub fn cases() -> Vec<Case> {
    let i16s = |v: Vec<f64>| VoxelData::I16(v.iter().map(|x| *x as i16).collect());
    let u16s = |v: Vec<f64>| VoxelData::U16(v.iter().map(|x| *x as u16 + 40_000).collect());
    let u8s = |v: Vec<f64>| VoxelData::U8(v.iter().map(|x| x.max(0.0) as u8).collect());
    let f32s = |v: Vec<f64>| {
        let holes = v.iter().enumerate();
        VoxelData::F32(
            holes
                .map(|(n, x)| if n % 97 == 0 { f32::NAN } else { *x as f32 })
                .collect(),
        )
    };
    let plain = Rescale::IDENTITY;
    let shifted = Rescale {
        slope: 1.0,
        intercept: -40_000.0,
    };
    let negative = Rescale {
        slope: -1.0,
        intercept: 200.0,
    };
    vec![
        case(oblique(), i16s, plain),
        case(
            Affine::from_spacing([0.8, 0.8, 3.0], [0.0; 3]),
            u16s,
            shifted,
        ),
        case(sheared(), f32s, plain),
        case(
            Affine::from_spacing([2.0, 1.0, 0.6], [9.0; 3]),
            u8s,
            negative,
        ),
        in_colour(case(sheared(), u8s, plain)),
    ]
}

/// The same in colours of which no two channels are equal.
fn in_colour(case: Case) -> Case {
    let colour = |offset: usize| {
        let value = case.image.value(offset) as u8;
        [value, 255 - value, (offset % 251) as u8]
    };
    let grid = *case.image.grid();
    let colours = (0..grid.len()).map(colour).collect();
    Case {
        image: ImageVolume::in_colour(grid, colours, Modality::Mr),
        ..case
    }
}
