//! Frame time of scrolling through a 512 x 512 x 300 scan with labels, in a view of 1920 x 1080.
//!
//! `own_work` is what the window's thread spends on a frame: finding out what changed, uploading it,
//! encoding and submitting. `to_pixels` waits for the device as well, `cpu_twin` draws without any device.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use prosector::geometry::{Affine, Convention, Grid, Plane, SliceView, VoxelIndex};
use prosector::render::{Offscreen, Scene, SliceStyle, TextureLimits, reference};
use prosector::util::peak_memory_mb;
use prosector::volume::{ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData, Window};

const SIZE: [u32; 2] = [1920, 1080];
const DIMS: [usize; 3] = [512, 512, 300];
const SLICES: i64 = 250;

struct Scan {
    image: ImageVolume,
    labels: Arc<LabelMap>,
    table: LabelTable,
}

/// Rings of tissue with some twenty labels.
static SCAN: LazyLock<Scan> = LazyLock::new(|| {
    let grid = Grid::new(DIMS, Affine::from_spacing([0.9, 0.9, 1.5], [0.0; 3]));
    let radius = |offset: usize| {
        let [i, j, k] = grid.voxel_at(offset).0;
        let (x, y, z) = (i - 256, j - 256, (k - 150) * 2);
        ((x * x + y * y + z * z) as f64).sqrt()
    };
    let values = (0..grid.len()).map(|o| (radius(o) * 7.0) as i16 % 1200 - 600);
    let image = ImageVolume::new(
        grid,
        VoxelData::I16(values.collect()),
        Rescale::IDENTITY,
        Modality::Ct,
    );
    let mut labels = LabelMap::empty(grid);
    for (offset, label) in labels.voxels.iter_mut().enumerate() {
        let ring = (radius(offset) / 10.0) as u16;
        *label = if ring < 20 && ring.is_multiple_of(2) {
            ring
        } else {
            0
        };
    }
    Scan {
        image,
        labels: Arc::new(labels),
        table: LabelTable::default(),
    }
});

fn scene() -> Scene<'static> {
    Scene {
        image: &SCAN.image,
        labels: std::slice::from_ref(&SCAN.labels),
        table: &SCAN.table,
        proposal: None,
        second: None,
    }
}

fn style() -> SliceStyle {
    SliceStyle::new(Window {
        level: 40.0,
        width: 400.0,
    })
}

fn view(plane: Plane) -> SliceView {
    let [width, height] = SIZE;
    let cursor = VoxelIndex([0; 3]);
    SliceView::fit(
        SCAN.image.grid(),
        plane,
        Convention::Radiological,
        cursor,
        width,
        height,
    )
}

/// How the volume lies on the device.
#[derive(Debug, Clone, Copy)]
enum Residence {
    Volume,
    Slices,
}

const CASES: [(Residence, Plane); 4] = [
    (Residence::Volume, Plane::Axial),
    (Residence::Volume, Plane::Sagittal),
    (Residence::Slices, Plane::Axial),
    (Residence::Slices, Plane::Sagittal),
];

/// A device with the scan on it, or `None` without an adapter.
fn device(residence: Residence) -> Option<Offscreen> {
    let limits = |limits: TextureLimits| match residence {
        Residence::Volume => limits,
        Residence::Slices => limits.slices_only(),
    };
    let mut device = Offscreen::with_limits(limits)
        .inspect_err(|error| println!("skipped: {error}"))
        .ok()?;
    loop {
        device
            .renderer()
            .prepare(0, &view(Plane::Axial), &scene(), &style());
        if !device.renderer().is_uploading() {
            return Some(device);
        }
        device.wait().ok()?;
    }
}

fn scroll(bencher: divan::Bencher<'_, '_>, (residence, plane): (Residence, Plane), wait: bool) {
    let Some(device) = device(residence) else {
        return;
    };
    let (_texture, target) = device.target(SIZE[0], SIZE[1]);
    let device = RefCell::new(device);
    let mut slice = 0;
    bencher
        .with_inputs(|| {
            device.borrow().wait().expect("the device answers");
            slice = (slice + 1) % SLICES;
            view(plane).on_slice(slice)
        })
        .bench_local_values(|view| {
            let mut device = device.borrow_mut();
            device.renderer().prepare(0, &view, &scene(), &style());
            device.submit(&target, 0);
            if wait {
                device.wait().expect("the device answers");
            }
        });
}

#[divan::bench(args = CASES, sample_count = 40, sample_size = 1)]
fn own_work(bencher: divan::Bencher<'_, '_>, case: (Residence, Plane)) {
    scroll(bencher, case, false);
}

#[divan::bench(args = CASES, sample_count = 20, sample_size = 1)]
fn to_pixels(bencher: divan::Bencher<'_, '_>, case: (Residence, Plane)) {
    scroll(bencher, case, true);
}

#[divan::bench(args = [Plane::Axial, Plane::Sagittal], sample_count = 20, sample_size = 1)]
fn cpu_twin(bencher: divan::Bencher<'_, '_>, plane: Plane) {
    let mut slice = 0;
    bencher
        .with_inputs(|| {
            slice = (slice + 1) % SLICES;
            view(plane).on_slice(slice)
        })
        .bench_local_values(|view| reference::draw(&view, &scene(), &style()));
}

fn main() {
    if let Ok(device) = Offscreen::new() {
        println!("drawn by {}", device.drawn_by());
    }
    divan::main();
    if let Some(mb) = peak_memory_mb() {
        println!("peak memory {mb} MB");
    }
}
