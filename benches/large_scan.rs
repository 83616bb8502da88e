//! Editing a scan of 512 x 512 x 1000 voxels with many labels: memory, a brush's move until it is on the screen, undo, and
//! the statistics of the label after a stroke.
//!
//!   cargo bench --bench large_scan -- 20
//!   cargo bench --bench large_scan -- 200
//!
//! `on screen` waits until the device has drawn all three views; on a software adapter that is the drawing itself.
//! `own work` is what the window's thread spends on it.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use glam::DVec3;
use prosector::geometry::{
    Affine, Convention, Grid, Plane, SliceView, VoxelBox, VoxelIndex, VoxelPoint,
};
use prosector::io::ScanInfo;
use prosector::models::ScanKey;
use prosector::render::{Offscreen, Scene, SliceStyle};
use prosector::session::{
    Brush, BrushShape, Effect, HistoryCommand, LabelCommand, OpenedLabels, OpenedScan, ScanCommand,
    ScanSource, Session, StrokeCommand, StrokeMode, ToolCommand,
};
use prosector::util::peak_memory_mb;
use prosector::volume::statistics::{Asked, bounds_by_label, measure};
use prosector::volume::{
    ImageVolume, LabelLayers, LabelMap, LabelTable, Modality, Rescale, VoxelData, Window,
};

const DIMS: [usize; 3] = [512, 512, 1000];
const SPACING_MM: [f64; 3] = [0.8, 0.8, 1.0];
/// Three views side by side in a window of 1360 x 860.
const VIEW: [u32; 2] = [440, 640];
const STROKES: usize = 8;
const MOVES: usize = 12;
const WINDOW: Window = Window {
    level: 40.0,
    width: 400.0,
};

/// Balls in rows, of a radius that leaves background between them.
struct Balls {
    centres: Vec<[i64; 3]>,
    radius: i64,
}

impl Balls {
    fn of(count: usize) -> Self {
        let along = if count <= 20 { [2, 2] } else { [5, 5] };
        let slabs = count.div_ceil(along[0] * along[1]);
        let place = |at: usize, of: usize, size: usize| ((2 * at + 1) * size / (2 * of)) as i64;
        let centres = (0..count).map(|n| {
            let (i, j, k) = (
                n % along[0],
                n / along[0] % along[1],
                n / (along[0] * along[1]),
            );
            [
                place(i, along[0], DIMS[0]),
                place(j, along[1], DIMS[1]),
                place(k, slabs, DIMS[2]),
            ]
        });
        Self {
            centres: centres.collect(),
            radius: if count <= 20 { 75 } else { 40 },
        }
    }

    fn labels(&self, grid: Grid) -> (LabelMap, LabelTable) {
        let (mut labels, mut table) = (LabelMap::empty(grid), LabelTable::default());
        for (n, centre) in self.centres.iter().enumerate() {
            let value = n as u16 + 1;
            table.add(value, &format!("structure_{value}"));
            self.fill(centre, value, &mut labels);
        }
        (labels, table)
    }

    fn fill(&self, centre: &[i64; 3], value: u16, labels: &mut LabelMap) {
        let r = self.radius;
        for k in -r..=r {
            for j in -r..=r {
                let left = r * r - j * j - k * k;
                if left < 0 {
                    continue;
                }
                let half = (left as f64).sqrt() as i64;
                let row = [centre[0] - half, centre[1] + j, centre[2] + k];
                if let Some(start) = labels.grid.offset_of(VoxelIndex(row)) {
                    labels.voxels[start..start + (2 * half + 1) as usize].fill(value);
                }
            }
        }
    }
}

fn opened(balls: &Balls) -> Session {
    let grid = Grid::new(DIMS, Affine::from_spacing(SPACING_MM, [0.0; 3]));
    let values = (0..grid.len()).map(|offset| (offset % 1999) as i16 - 1000);
    let voxels = VoxelData::I16(values.collect());
    let image = Arc::new(ImageVolume::new(
        grid,
        voxels,
        Rescale::IDENTITY,
        Modality::Ct,
    ));
    let mut session = Session::default();
    session.apply(ScanCommand::Open(Box::new(OpenedScan {
        image,
        info: ScanInfo::default(),
        key: ScanKey(1),
        source: ScanSource::File {
            path: PathBuf::from("scan.nii.gz"),
            series: None,
            frame: None,
            frames_of_slice: None,
            modality: None,
        },
        window: WINDOW,
    })));
    let (labels, table) = balls.labels(grid);
    session.apply(ScanCommand::OpenLabels(Box::new(OpenedLabels {
        layers: LabelLayers::from(labels),
        table,
        measurements: Vec::new(),
        path: PathBuf::from("labels.nii.gz"),
    })));
    session
}

/// Three views of the scan, on a device.
struct Screen {
    device: Offscreen,
    /// Each texture lives as long as its view is drawn into.
    targets: Vec<(wgpu::Texture, wgpu::TextureView)>,
}

impl Screen {
    fn new() -> Result<Self, String> {
        let device = Offscreen::new().map_err(|e| e.to_string())?;
        println!("drawn by {}", device.drawn_by());
        let targets = (0..3).map(|_| device.target(VIEW[0], VIEW[1])).collect();
        Ok(Self { device, targets })
    }

    fn draw(&mut self, session: &Session, at: VoxelIndex) -> (Duration, Duration) {
        let case = session.case().expect("a scan is open");
        let maps = case.document().layers().maps();
        let scene = Scene {
            image: case.image(),
            labels: maps,
            table: case.document().table(),
            proposal: None,
            second: None,
        };
        let begun = Instant::now();
        for (id, plane) in [Plane::Axial, Plane::Coronal, Plane::Sagittal]
            .into_iter()
            .enumerate()
        {
            let view = SliceView::fit(
                case.grid(),
                plane,
                Convention::Radiological,
                at,
                VIEW[0],
                VIEW[1],
            );
            let id = id as u64;
            self.device
                .renderer()
                .prepare(id, &view, &scene, &SliceStyle::new(WINDOW));
            self.device.submit(&self.targets[id as usize].1, id);
        }
        let own = begun.elapsed();
        self.device.wait().expect("the device answers");
        (own, begun.elapsed())
    }

    fn heed(&mut self, effects: &[Effect]) -> Option<VoxelBox> {
        let boxes = effects.iter().filter_map(|effect| match effect {
            Effect::LabelsChanged(changed) => Some(*changed),
            _ => None,
        });
        let changed = boxes.reduce(VoxelBox::union);
        if let Some(changed) = changed {
            self.device.renderer().labels_changed(changed);
        }
        changed
    }
}

fn report(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    println!(
        "{name:<34} median {:8.2} ms   worst {:8.2} ms",
        ms(times[times.len() / 2]),
        ms(times[times.len() - 1])
    );
}

fn main() {
    let count = std::env::args().find_map(|a| a.parse().ok()).unwrap_or(20);
    let mut screen = match Screen::new() {
        Ok(screen) => screen,
        Err(error) => return println!("skipped: {error}"),
    };
    let balls = Balls::of(count);
    let mut session = opened(&balls);
    let bytes = DIMS.iter().product::<usize>() * 2;
    println!(
        "{count} labels; voxels {} MB, labels {} MB, both open: peak memory {} MB",
        bytes / 1_000_000,
        bytes / 1_000_000,
        peak_memory_mb().unwrap_or(0)
    );
    let centre = VoxelIndex(balls.centres[0]);
    let begun = Instant::now();
    screen.draw(&session, centre);
    while screen.device.renderer().is_uploading() {
        screen.draw(&session, centre);
    }
    println!(
        "on the device after {:.1?}: peak memory {} MB",
        begun.elapsed(),
        peak_memory_mb().unwrap_or(0)
    );
    for shape in [BrushShape::Disc, BrushShape::Sphere] {
        paint(&mut session, &mut screen, &balls, shape);
    }
    println!("peak memory {} MB", peak_memory_mb().unwrap_or(0));
}

/// Strokes over the borders of labels, each undone.
fn paint(session: &mut Session, screen: &mut Screen, balls: &Balls, shape: BrushShape) {
    session.apply(ToolCommand::Brush(Brush {
        shape,
        diameter_mm: 16.0,
    }));
    let (mut own, mut shown, mut end, mut undo, mut measured) =
        (vec![], vec![], vec![], vec![], vec![]);
    for stroke in 0..STROKES {
        let n = stroke * 7 % balls.centres.len();
        let value = n as u16 + 1;
        session.apply(LabelCommand::Activate(value));
        let bounds = bounds_of(session, value);
        let mut at = balls.centres[n];
        at[0] += balls.radius - 4;
        screen.draw(session, VoxelIndex(at));
        let mut changed = bounds;
        for step in 0..MOVES {
            let to = VoxelPoint(DVec3::new(
                at[0] as f64,
                (at[1] + 3 * step as i64) as f64,
                at[2] as f64,
            ));
            let begun = Instant::now();
            let effects = match step {
                0 => session.apply(StrokeCommand::Begin {
                    mode: StrokeMode::Paint,
                    plane: Plane::Axial,
                    at: to,
                }),
                _ => session.apply(StrokeCommand::To(to)),
            };
            if let Some(more) = screen.heed(&effects) {
                changed = changed.union(more);
            }
            let command = begun.elapsed();
            let (work, drawn) = screen.draw(session, VoxelIndex(at));
            own.push(command + work);
            shown.push(command + drawn);
        }
        let begun = Instant::now();
        let effects = session.apply(StrokeCommand::End);
        screen.heed(&effects);
        end.push(begun.elapsed());
        measured.push(time_of_statistics(session, value, changed));
        let begun = Instant::now();
        let effects = session.apply(HistoryCommand::Undo);
        screen.heed(&effects);
        let command = begun.elapsed();
        undo.push(command + screen.draw(session, VoxelIndex(at)).1);
    }
    report(&format!("{shape:?}: a move, own work"), own);
    report(&format!("{shape:?}: a move, on screen"), shown);
    report(&format!("{shape:?}: end of the stroke"), end);
    report(&format!("{shape:?}: undo, on screen"), undo);
    report(&format!("{shape:?}: statistics of the label"), measured);
}

fn bounds_of(session: &Session, value: u16) -> VoxelBox {
    let case = session.case().expect("a scan is open");
    let found = bounds_by_label(case.labels());
    let of_label = found.into_iter().find(|(v, _)| *v == value);
    of_label.expect("the label has voxels").1
}

/// As the statistics pane does it: of the box that the label was in and the one that changed.
fn time_of_statistics(session: &Session, value: u16, within: VoxelBox) -> Duration {
    let case = session.case().expect("a scan is open");
    let asked = Asked {
        plane: Plane::Axial,
        suv: None,
    };
    let begun = Instant::now();
    let found = measure(case.image(), case.labels(), (value, within), &asked);
    assert!(found.is_some(), "the label has voxels");
    begun.elapsed()
}
