//! The 3D view of a 512 x 512 x 1000 scan with 20 labels, in a pane of 500 x 400.
//!
//! `filled` is all that the window's thread spends on bringing scan and labels to the device, over some hundred frames,
//! `longest` the longest of these. `Full`, `Half`, `Draft`: one picture from another side, until the device has drawn it.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use prosector::geometry::{Affine, Grid, Orbit, OrbitView, VoxelBox};
use prosector::render::{Offscreen, Preset, Quality, Scene, VolumeStyle};
use prosector::util::peak_memory_mb;
use prosector::volume::{ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData, Window};

const DIMS: [usize; 3] = [512, 512, 1000];
const SIZE: [u32; 2] = [500, 400];
const ROUNDS: usize = 5;

/// A body with a rod of bone, and labels in slabs of it.
fn scan() -> (ImageVolume, Arc<LabelMap>) {
    let grid = Grid::new(DIMS, Affine::from_spacing([0.8, 0.8, 1.0], [0.0; 3]));
    let mut voxels = vec![-1000i16; grid.len()];
    let mut labels = LabelMap::empty(grid);
    for (offset, voxel) in voxels.iter_mut().enumerate() {
        let [i, j, k] = grid.voxel_at(offset).0;
        let radius = (((i - 256).pow(2) + (j - 256).pow(2)) as f64).sqrt();
        if radius < 200.0 {
            *voxel = if radius < 40.0 { 700 } else { 40 };
            if radius > 60.0 && radius < 100.0 && k % 50 < 30 {
                labels.voxels[offset] = 1 + (k / 50) as u16;
            }
        }
    }
    let voxels = VoxelData::I16(voxels);
    let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct);
    (image, Arc::new(labels))
}

fn main() {
    let mut device = match Offscreen::new() {
        Ok(device) => device,
        Err(error) => return println!("skipped: {error}"),
    };
    println!("drawn by {}", device.drawn_by());
    let (image, labels) = scan();
    println!(
        "without the view: peak memory {} MB",
        peak_memory_mb().unwrap_or(0)
    );
    let table = LabelTable::default();
    let scene = Scene {
        image: &image,
        labels: std::slice::from_ref(&labels),
        table: &table,
        proposal: None,
        second: None,
    };
    fill(&mut device, &scene);
    for id in ["ct bone", "mip", "labels"] {
        for quality in [Quality::Full, Quality::Half, Quality::Draft] {
            let mut times: Vec<Duration> = (0..ROUNDS)
                .map(|round| picture(&mut device, &scene, id, quality, round))
                .collect();
            times.sort();
            println!(
                "{id}, {quality:?}: median {:.0?}, worst {:.0?}",
                times[ROUNDS / 2],
                times[ROUNDS - 1]
            );
        }
    }
    let one_stroke = VoxelBox {
        min: [200, 200, 500],
        max: [240, 240, 500],
    };
    let begun = Instant::now();
    device.volumes().labels_changed(one_stroke);
    prepare(
        &mut device,
        &scene,
        &style("ct bone", Quality::Full),
        Orbit::FRONT,
    );
    println!("a stroke: {:.1?} of the window's thread", begun.elapsed());
    println!("peak memory {} MB", peak_memory_mb().unwrap_or(0));
}

fn style(id: &str, quality: Quality) -> VolumeStyle {
    VolumeStyle {
        preset: Preset::of(id).unwrap_or(Preset::first(Modality::Ct)),
        window: Window {
            level: 40.0,
            width: 400.0,
        },
        label_opacity: 1.0,
        shown: None,
        quality,
    }
}

fn prepare(device: &mut Offscreen, scene: &Scene<'_>, style: &VolumeStyle, orbit: Orbit) {
    let view = OrbitView::fit(scene.image.grid(), orbit, SIZE);
    device.volumes().prepare(0, &view, scene, style);
}

fn fill(device: &mut Offscreen, scene: &Scene<'_>) {
    let (mut sum, mut longest, mut frames) = (Duration::ZERO, Duration::ZERO, 0);
    loop {
        let begun = Instant::now();
        prepare(
            device,
            scene,
            &style("labels", Quality::Draft),
            Orbit::FRONT,
        );
        let took = begun.elapsed();
        (sum, longest, frames) = (sum + took, longest.max(took), frames + 1);
        if device.wait().is_err() || !device.volumes().is_uploading() {
            break;
        }
    }
    println!("filled: {sum:.0?} in {frames} frames, longest {longest:.1?}");
}

fn picture(
    device: &mut Offscreen,
    scene: &Scene<'_>,
    id: &str,
    quality: Quality,
    round: usize,
) -> Duration {
    let orbit = Orbit::FRONT.turned(10.0 * (round + 1) as f64, 15.0);
    let begun = Instant::now();
    prepare(device, scene, &style(id, quality), orbit);
    // A failed wait is told by what is drawn next.
    let _ = device.wait();
    begun.elapsed()
}
