//! What keeping every step costs on a scan of 512 x 512 x 300 voxels: bytes on disk, time of the window's thread, time until
//! a step is on disk, reading a large journal at the start, and undo of 1000 steps.
//!
//!   cargo bench --bench journal [-- FOLDER [MB]]
//!
//! The journals lie in FOLDER meanwhile (else in the system's folder for temporary files): what it lies on is measured.
//! The large journal has 100 MB unless told otherwise.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use glam::DVec3;
use prosector::app::journal::{LeftOver, Work, Writer, list};
use prosector::geometry::{Affine, Plane, VoxelIndex, VoxelPoint};
use prosector::io::ScanInfo;
use prosector::models::{AutoResult, PromptedResult, ScanKey};
use prosector::prompt::{Click, Polarity};
use prosector::session::journal::{Archive, Record, StepId};
use prosector::session::{
    AiCommand, Brush, BrushShape, Command, Effect, HistoryCommand, LabelCommand, OpenedScan,
    PromptCommand, ScanCommand, ScanSource, Session, Step, StrokeCommand, StrokeMode, Ticket,
    ToolCommand,
};
use prosector::util::peak_memory_mb;
use prosector::volume::{
    Grid, ImageVolume, LabelMap, LabelTable, Mask, Modality, Rescale, VoxelData, Window,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const DIMS: [usize; 3] = [512, 512, 300];
const SPACING_MM: [f64; 3] = [0.8, 0.8, 1.0];
/// The organ that a click brings: a liver and more, 10 million voxels.
const ORGAN_RADIUS_VOXELS: f64 = 134.0;
/// The structures that an automatic run brings.
const STRUCTURES: u16 = 20;
/// How rough the model's surfaces are, in voxels: networks draw none that are smooth.
const ROUGHNESS_VOXELS: u32 = 2;
const STROKES: usize = 50;
const STROKE_MOVES: usize = 15;
const LARGE_JOURNAL_MB: u64 = 100;
const UNDONE_STEPS: usize = 1000;
/// Too little to hold a step: each is read back from the disk.
const NO_BUDGET_BYTES: usize = 1;
const PATIENCE: Duration = Duration::from_secs(120);

static IMAGE: LazyLock<Arc<ImageVolume>> = LazyLock::new(|| {
    let grid = Grid::new(DIMS, Affine::from_spacing(SPACING_MM, [0.0; 3]));
    let voxels = VoxelData::I16(vec![0; grid.len()]);
    Arc::new(ImageVolume::new(
        grid,
        voxels,
        Rescale::IDENTITY,
        Modality::Ct,
    ))
});

/// The window's journal, with the time that its callers spend in it.
#[derive(Debug)]
struct Timed {
    writer: Writer,
    spent_ns: AtomicU64,
}

impl Archive for Timed {
    fn append(&self, record: Record) {
        let start = Instant::now();
        self.writer.append(record);
        let ns = start.elapsed().as_nanos() as u64;
        self.spent_ns.fetch_add(ns, Ordering::Relaxed);
    }

    fn holds(&self, step: StepId) -> bool {
        self.writer.holds(step)
    }

    fn read(&self, step: StepId) -> Result<Arc<Step>, String> {
        self.writer.read(step)
    }
}

/// A window without a window: a session whose steps go to a journal.
struct Desk {
    session: Session,
    journal: Arc<Timed>,
    folder: PathBuf,
}

/// What one command cost.
struct Cost {
    /// All of the command on the window's thread.
    command: Duration,
    /// The journal's part of it.
    journal: Duration,
    /// From the end of the command until all of it is on disk.
    to_disk: Duration,
    bytes: u64,
}

impl Desk {
    fn new(folder: &Path) -> Self {
        let writer = Writer::start(folder, || {}).expect("a thread");
        let journal = Arc::new(Timed {
            writer,
            spent_ns: AtomicU64::new(0),
        });
        let archive: Arc<dyn Archive> = journal.clone();
        let mut session = Session::default().with_archive(archive);
        session.apply(ScanCommand::Open(Box::new(scan())));
        let folder = folder.to_owned();
        Self {
            session,
            journal,
            folder,
        }
    }

    fn bytes(&self) -> u64 {
        list(&self.folder).iter().map(|work| work.bytes).sum()
    }

    fn flush(&self) {
        self.journal
            .writer
            .flush(PATIENCE)
            .expect("there is room on the disk");
    }

    /// Applies commands as one step and measures them.
    fn cost(&mut self, commands: Vec<Command>) -> Cost {
        self.flush();
        let before = self.bytes();
        self.journal.spent_ns.store(0, Ordering::Relaxed);
        let start = Instant::now();
        for command in commands {
            self.session.apply(command);
        }
        let command = start.elapsed();
        self.flush();
        let to_disk = start.elapsed() - command;
        Cost {
            command,
            journal: Duration::from_nanos(self.journal.spent_ns.load(Ordering::Relaxed)),
            to_disk,
            bytes: self.bytes() - before,
        }
    }

    /// Asks the model, and says by which ticket it answers.
    fn ask(&mut self, command: impl Into<Command>) -> Ticket {
        let effects = self.session.apply(command);
        let ticket = effects.iter().find_map(|effect| match effect {
            Effect::RunPrompt { ticket, .. } | Effect::RunAuto { ticket, .. } => Some(*ticket),
            _ => None,
        });
        ticket.expect("the model is asked")
    }
}

fn scan() -> OpenedScan {
    OpenedScan {
        image: Arc::clone(&IMAGE),
        info: ScanInfo::default(),
        key: ScanKey(1),
        source: ScanSource::File {
            path: PathBuf::from("scan.nii.gz"),
            series: None,
            frame: None,
            frames_of_slice: None,
            modality: None,
        },
        window: Window {
            level: 40.0,
            width: 400.0,
        },
    }
}

/// Calls back for each row of voxels of a ball with a rough surface: the offset of its first voxel, and its length.
fn rows_of_ball(
    centre: [i64; 3],
    radius: f64,
    rng: &mut ChaCha8Rng,
    mut row: impl FnMut(usize, usize),
) {
    let reach = radius.ceil() as i64;
    for k in centre[2] - reach..=centre[2] + reach {
        for j in centre[1] - reach..=centre[1] + reach {
            let (y, z) = ((j - centre[1]) as f64, (k - centre[2]) as f64);
            let square = radius * radius - y * y - z * z;
            if square < 0.0 {
                continue;
            }
            let half = square.sqrt() as i64;
            let mut rough = || i64::from(rng.random_range(0..=ROUGHNESS_VOXELS));
            let (first, last) = (centre[0] - half + rough(), centre[0] + half - rough());
            if first <= last {
                let first_voxel = VoxelIndex([first, j, k]);
                let offset = IMAGE.grid().offset_of(first_voxel);
                row(
                    offset.expect("inside the scan"),
                    (last - first + 1) as usize,
                );
            }
        }
    }
}

fn answer(ticket: Ticket, rng: &mut ChaCha8Rng) -> AiCommand {
    let mut mask = Mask::empty(*IMAGE.grid());
    let centre = DIMS.map(|n| n as i64 / 2);
    rows_of_ball(centre, ORGAN_RADIUS_VOXELS, rng, |at, len| {
        mask.voxels[at..at + len].fill(1);
    });
    let result = PromptedResult {
        mask,
        estimate: None,
        insight: None,
        structure: None,
        warnings: Vec::new(),
    };
    AiCommand::PromptResult { ticket, result }
}

/// Balls of 3 to 4 cm radius in rows.
fn found(ticket: Ticket, rng: &mut ChaCha8Rng) -> AiCommand {
    let mut labels = LabelMap::empty(*IMAGE.grid());
    let mut table = LabelTable::default();
    for n in 0..STRUCTURES {
        let place = i64::from(n);
        let centre = [
            60 + place % 5 * 98,
            130 + place / 5 % 2 * 250,
            75 + place / 10 * 150,
        ];
        let radius = 40.0 + f64::from(n % 8);
        rows_of_ball(centre, radius, rng, |at, len| {
            labels.voxels[at..at + len].fill(n + 1);
        });
        table.add(n + 1, &format!("structure_{n}"));
    }
    let result = AutoResult {
        labels,
        table,
        estimate: None,
        insight: None,
        nothing: None,
        warnings: Vec::new(),
    };
    AiCommand::AutoResult { ticket, result }
}

/// A stroke of so many moves.
fn stroke(rng: &mut ChaCha8Rng, mode: StrokeMode, moves: usize) -> Vec<Command> {
    let k = rng.random_range(60..DIMS[2] as i64 - 60) as f64;
    let mut place = [100.0, 100.0].map(|low: f64| rng.random_range(low..400.0));
    let mut at = || {
        place = place.map(|v| v + rng.random_range(-6.0..6.0));
        VoxelPoint(DVec3::new(place[0], place[1], k))
    };
    let plane = Plane::Axial;
    let begin = StrokeCommand::Begin {
        mode,
        plane,
        at: at(),
    };
    let moves = (0..moves).map(|_| StrokeCommand::To(at()));
    let all = std::iter::once(begin)
        .chain(moves)
        .chain([StrokeCommand::End]);
    all.map(Command::from).collect()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn print_head() {
    println!(
        "{:<34}{:>12}{:>14}{:>14}{:>14}",
        "a step", "bytes", "command ms", "journal ms", "to disk ms"
    );
}

fn print_costs(name: &str, costs: &[Cost]) {
    let mean = |of: fn(&Cost) -> f64| costs.iter().map(of).sum::<f64>() / costs.len() as f64;
    let worst = |of: fn(&Cost) -> f64| costs.iter().map(of).fold(0.0, f64::max);
    for (what, bytes, command, journal, to_disk) in [
        (
            "mean",
            mean(|c| c.bytes as f64),
            mean(|c| ms(c.command)),
            mean(|c| ms(c.journal)),
            mean(|c| ms(c.to_disk)),
        ),
        (
            "worst",
            worst(|c| c.bytes as f64),
            worst(|c| ms(c.command)),
            worst(|c| ms(c.journal)),
            worst(|c| ms(c.to_disk)),
        ),
    ] {
        let name = format!("{name}, {what}");
        println!("{name:<34}{bytes:>12.0}{command:>14.2}{journal:>14.3}{to_disk:>14.1}");
    }
}

fn steps(folder: &Path) {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut desk = Desk::new(folder);
    print_head();
    desk.session.apply(LabelCommand::StartNextLesion);
    let paint = |rng: &mut ChaCha8Rng| stroke(rng, StrokeMode::Paint, STROKE_MOVES);
    let costs: Vec<Cost> = (0..STROKES).map(|_| desk.cost(paint(&mut rng))).collect();
    print_costs("brush stroke", &costs);

    let click = PromptCommand::AddClick(Click {
        voxel: VoxelIndex(DIMS.map(|n| n as i64 / 2)),
        polarity: Polarity::Positive,
    });
    let ticket = desk.ask(click);
    let result = answer(ticket, &mut rng);
    let shown = desk.cost(vec![result.into()]);
    print_costs("answer to a click", &[shown]);
    let accepted = desk.cost(vec![AiCommand::Accept.into()]);
    print_costs("accepted organ", &[accepted]);

    let ticket = desk.ask(AiCommand::RunAuto { structures: None });
    let result = found(ticket, &mut rng);
    let shown = desk.cost(vec![result.into()]);
    print_costs("automatic result", &[shown]);
    let accepted = desk.cost(vec![AiCommand::Accept.into()]);
    print_costs("accepted automatic result", &[accepted]);

    let undo = undo_steps(&mut desk);
    print_times("undo of these steps", &undo);
    let case = desk.session.case().expect("open");
    let layer_mb = size_of_val(case.labels().voxels.as_slice()) as f64 / 1e6;
    println!("memory for the label layer        {layer_mb:>12.1} MB");
    let history_mb = case.history().used_bytes() as f64 / 1e6;
    println!("memory for these steps            {history_mb:>12.1} MB");
    desk.journal.writer.discard();
    desk.journal.writer.close(PATIENCE).expect("removed");
}

/// Works until the journal is large, and is gone then.
fn large_journal(folder: &Path, mb: u64) {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut desk = Desk::new(folder);
    desk.session.apply(ToolCommand::Brush(Brush {
        diameter_mm: 60.0,
        shape: BrushShape::Sphere,
    }));
    desk.session.apply(LabelCommand::StartNextLesion);
    for n in 0.. {
        let mode = [StrokeMode::Paint, StrokeMode::Erase][n % 2];
        for command in stroke(&mut rng, mode, 1) {
            desk.session.apply(command);
        }
        if n % 50 == 0 {
            desk.flush();
            if desk.bytes() >= mb * 1_000_000 {
                break;
            }
        }
    }
    desk.journal.writer.close(PATIENCE).expect("there is room");
}

fn print_times(name: &str, times: &[Duration]) {
    let mean = times.iter().copied().map(ms).sum::<f64>() / times.len() as f64;
    let worst = times.iter().copied().map(ms).fold(0.0, f64::max);
    let count = times.len();
    println!("{name:<34}{count:>8} times, mean {mean:.1} ms, worst {worst:.1} ms");
}

fn start_and_undo(folder: &Path, mb: u64) {
    large_journal(folder, mb);
    let work = list(folder).remove(0);
    let bytes = work.bytes;
    let kept = work.kept.expect("whole").steps;
    println!("a journal of {bytes} bytes, {kept} steps");
    let start = Instant::now();
    let left_over = LeftOver::all(folder).remove(0);
    let found = left_over.look().expect("whole").expect("unsaved");
    print_times("start-up: until it is offered", &[start.elapsed()]);

    let mut desk = Desk::new(folder);
    let start = Instant::now();
    let budget = desk.session.history_budget_bytes();
    let Work::Steps(replay) = found.read(budget).expect("whole") else {
        unreachable!("a journal holds steps");
    };
    print_times("start-up: until it is read", &[start.elapsed()]);
    let claim = found.into_claim().expect("a journal");
    let writer = &desk.journal.writer;
    writer.go_on(
        claim,
        replay.index.clone(),
        replay.whole_bytes,
        replay.is_damaged,
    );
    let start = Instant::now();
    desk.session.apply(ScanCommand::Resume(replay));
    print_times("start-up: until it is shown", &[start.elapsed()]);

    desk.flush();
    let undo = undo_steps(&mut desk);
    print_times("undo, from memory", &undo);
    let end = HistoryCommand::JumpTo(kept);
    desk.session.apply(end);
    desk.flush();
    desk.session
        .apply(ToolCommand::HistoryBudget(NO_BUDGET_BYTES));
    let undo = undo_steps(&mut desk);
    print_times("undo, each step from the disk", &undo);
    desk.journal.writer.discard();
    desk.journal.writer.close(PATIENCE).expect("removed");
}

fn undo_steps(desk: &mut Desk) -> Vec<Duration> {
    let case = desk.session.case().expect("open");
    let count = case.history().undo_len().min(UNDONE_STEPS);
    let undo = |_| {
        let start = Instant::now();
        desk.session.apply(HistoryCommand::Undo);
        start.elapsed()
    };
    (0..count).map(undo).collect()
}

fn main() {
    // Cargo tells benchmarks that they are such.
    let mut arguments = std::env::args().skip(1).filter(|a| !a.starts_with("--"));
    let place = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let mb = arguments.next().map_or(LARGE_JOURNAL_MB, |mb| {
        mb.parse().expect("megabytes as a number")
    });
    let folder = tempfile::tempdir_in(place).expect("a folder to write to");
    steps(folder.path());
    start_and_undo(folder.path(), mb);
    if let Some(mb) = peak_memory_mb() {
        println!("peak memory {mb} MB");
    }
}
