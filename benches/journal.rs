//! What keeping every step on disk costs on a scan of 512 x 512 x 300 voxels: bytes a step, time on the window's thread,
//! time until it is on disk, and the start with a journal of 100 MB. Prints a table.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use glam::DVec3;
use prosector::app::journal::{Writer, list};
use prosector::geometry::{Affine, Grid, Plane, VoxelIndex, VoxelPoint};
use prosector::io::ScanInfo;
use prosector::models::{AutoResult, PromptedResult, ScanKey};
use prosector::prompt::{Click, Polarity};
use prosector::session::journal::{Replay, Summary};
use prosector::session::{
    AiCommand, Command, Effect, History, OpenedScan, PromptCommand, ScanCommand, ScanSource,
    Session, StrokeCommand, StrokeMode,
};
use prosector::volume::{
    ImageVolume, LabelMap, LabelTable, Mask, Modality, Rescale, VoxelData, Window,
};

const DIMS: [usize; 3] = [512, 512, 300];
const PATIENCE: Duration = Duration::from_secs(120);
/// The journal that a start is measured with.
const LARGE_BYTES: u64 = 100_000_000;

struct Desk {
    session: Session,
    writer: Arc<Writer>,
    folder: PathBuf,
}

fn grid() -> Grid {
    Grid::new(DIMS, Affine::from_spacing([0.8, 0.8, 1.0], [0.0; 3]))
}

fn open(folder: &Path) -> Desk {
    let writer = Arc::new(Writer::start(folder, || {}).expect("the system has threads"));
    let mut session = Session::default().with_archive(writer.clone());
    let voxels = VoxelData::I16(vec![0; grid().len()]);
    let image = ImageVolume::new(grid(), voxels, Rescale::IDENTITY, Modality::Ct);
    session.apply(ScanCommand::Open(Box::new(OpenedScan {
        image: Arc::new(image),
        info: ScanInfo::default(),
        key: ScanKey(1),
        source: ScanSource::Sample,
        window: Window {
            level: 40.0,
            width: 400.0,
        },
    })));
    Desk {
        session,
        writer,
        folder: folder.to_path_buf(),
    }
}

/// Voxels of a ball: an organ of 2 million voxels has a radius of 78.
fn ball(centre: [i64; 3], radius: i64, mut set: impl FnMut(usize)) {
    for offset in 0..grid().len() {
        let place = grid().voxel_at(offset).0;
        let squares = (0..3).map(|d| (place[d] - centre[d]).pow(2)).sum::<i64>();
        if squares < radius * radius {
            set(offset);
        }
    }
}

impl Desk {
    fn bytes(&self) -> u64 {
        list(&self.folder).first().map_or(0, |work| work.bytes)
    }

    fn flush(&self) {
        self.writer.flush(PATIENCE).expect("there is room");
    }

    /// Applies commands, one of which is the step to be measured, and prints what it cost.
    fn measure(&mut self, name: &str, command: impl Into<Command>) {
        self.flush();
        let before = self.bytes();
        let start = Instant::now();
        self.session.apply(command);
        let in_window = start.elapsed();
        self.flush();
        let on_disk = start.elapsed();
        let bytes = self.bytes() - before;
        println!(
            "{name:<34}{bytes:>10} bytes{:>9.2} ms in the window{:>9.2} ms until on disk",
            in_window.as_secs_f64() * 1e3,
            on_disk.as_secs_f64() * 1e3
        );
    }

    fn begin_stroke(&mut self, i: f64, k: f64) {
        let point = |i: f64| VoxelPoint(DVec3::new(i, 200.0, k));
        self.session.apply(StrokeCommand::Begin {
            mode: StrokeMode::Paint,
            plane: Plane::Axial,
            at: point(i),
        });
        for step in 1..=20 {
            let to = point(i + 5.0 * f64::from(step));
            self.session.apply(StrokeCommand::To(to));
        }
    }

    fn ticket(effects: &[Effect]) -> prosector::session::Ticket {
        let ticket = effects.iter().find_map(|effect| match effect {
            Effect::RunPrompt { ticket, .. } | Effect::RunAuto { ticket, .. } => Some(*ticket),
            _ => None,
        });
        ticket.expect("the model was asked")
    }
}

fn steps(desk: &mut Desk) {
    desk.begin_stroke(100.0, 100.0);
    desk.measure("first brush stroke", StrokeCommand::End);
    desk.begin_stroke(100.0, 120.0);
    desk.measure("brush stroke, 100 voxels long", StrokeCommand::End);
    let effects = desk.session.apply(PromptCommand::AddClick(Click {
        voxel: VoxelIndex([300, 300, 150]),
        polarity: Polarity::Positive,
    }));
    let mut mask = Mask::empty(grid());
    ball([300, 300, 150], 78, |offset| mask.voxels[offset] = 1);
    let result = PromptedResult {
        mask,
        estimate: None,
        insight: None,
        warnings: Vec::new(),
    };
    let ticket = Desk::ticket(&effects);
    desk.measure(
        "proposed organ, 2 million voxels",
        AiCommand::PromptResult { ticket, result },
    );
    desk.measure("accepted organ", AiCommand::Accept);
    let effects = desk.session.apply(AiCommand::RunAuto { structures: None });
    let (mut labels, mut table) = (LabelMap::empty(grid()), LabelTable::default());
    for value in 1..=9u16 {
        table.add(value, &format!("organ_{value}"));
        let centre = [50 * i64::from(value), 256, 150];
        ball(centre, 24, |offset| labels.voxels[offset] = value);
    }
    let result = AutoResult {
        labels,
        table,
        estimate: None,
        insight: None,
        warnings: Vec::new(),
    };
    let ticket = Desk::ticket(&effects);
    desk.measure(
        "automatic result, 9 structures",
        AiCommand::AutoResult { ticket, result },
    );
    desk.measure("automatic result accepted", AiCommand::Accept);
}

fn start_with_a_large_journal(desk: &mut Desk) {
    let mut strokes = 0usize;
    while desk.bytes() < LARGE_BYTES {
        for _ in 0..50 {
            desk.begin_stroke((strokes * 7 % 400) as f64, (strokes % 300) as f64);
            desk.session.apply(StrokeCommand::End);
            strokes += 1;
        }
        desk.flush();
    }
    let bytes = desk.bytes();
    let steps = desk.session.case().map_or(0, |c| c.history().undo_len());
    let id = list(&desk.folder).remove(0).id;
    let path = desk.folder.join("journals").join(id);
    let start = Instant::now();
    let content = std::fs::read(path.with_extension("journal")).expect("readable");
    let read = start.elapsed();
    let start = Instant::now();
    let found = Summary::of(&content).expect("whole");
    let summarised = start.elapsed();
    let start = Instant::now();
    let replay = Replay::of(content, History::DEFAULT_BUDGET_BYTES).expect("whole");
    let replayed = start.elapsed();
    assert_eq!((found.steps, replay.is_damaged), (steps, false));
    println!(
        "start with {:.0} MB, {steps} steps: read {:.0} ms, question {:.0} ms, all steps {:.0} ms",
        bytes as f64 / 1e6,
        read.as_secs_f64() * 1e3,
        summarised.as_secs_f64() * 1e3,
        replayed.as_secs_f64() * 1e3
    );
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut desk = open(folder.path());
    steps(&mut desk);
    start_with_a_large_journal(&mut desk);
}
