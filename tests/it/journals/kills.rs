//! A program that edits by script is killed at random moments; what it reported as on the disk is there, with all steps.
//!
//! The program is this test binary itself: it runs [`the_killed_program`], which edits through the session's door and the
//! window's writer. `tests/kill_sessions.sh` kills 200 times.

use std::io::{BufRead, BufReader, Write, stdout};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use prosector::app::journal::list;
use prosector::prompt::Polarity::Positive;
use prosector::session::journal::{Recorded, Replay};
use prosector::session::operations::fill_holes;
use prosector::session::{
    AiCommand, HistoryCommand, LabelCommand, LayerCommand, PromptCommand, ScanCommand, Session,
    StrokeCommand, StrokeMode,
};
use prosector::volume::{LabelLayers, LayerId};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::session::{Desk, at, click, on_label, paint, voxel_box};

use super::{DIMS, PATIENCE, data_of, folder, recover, started};

/// Tells the program which script to run.
const SEED: &str = "PROSECTOR_KILLED_PROGRAM";
/// How many programs are killed.
const KILLS: &str = "PROSECTOR_KILLS";
/// More commands than any program gets to before it is killed.
const ENOUGH: usize = 100_000;
/// How many more commands reach the disk at most between two reports.
const BEYOND: usize = 3;

/// A script's next command: equal for equal seeds and equal sessions.
fn act(desk: &mut Desk, rng: &mut ChaCha8Rng) {
    let voxel: [i64; 3] = std::array::from_fn(|d| rng.random_range(0..DIMS[d] as i64));
    let value = rng.random_range(1..4u16);
    match rng.random_range(0..20) {
        0..6 => paint(desk, voxel.map(|v| v as f64)),
        6 => {
            desk.apply(StrokeCommand::Begin {
                mode: StrokeMode::Erase,
                plane: prosector::geometry::Plane::Coronal,
                at: at(voxel.map(|v| v as f64)),
            });
            desk.apply(StrokeCommand::End);
        }
        7 => {
            desk.apply(PromptCommand::AddClick(click(voxel, Positive)));
            let reach = voxel_box(voxel.map(|v| (v - 3).max(0)), voxel);
            desk.answer(&[reach]);
            desk.apply(AiCommand::Accept);
        }
        8 => drop(desk.apply(LabelCommand::StartNextLesion)),
        9 => drop(desk.apply(LabelCommand::Activate(value))),
        10 => drop(desk.apply(LabelCommand::Remove(value))),
        11 => drop(desk.apply(LabelCommand::Recolor {
            value,
            color: [voxel[0] as u8; 3],
        })),
        12 => drop(desk.apply(on_label(&fill_holes::OPERATION, value))),
        13 => drop(desk.apply(HistoryCommand::Redo)),
        14 => drop(desk.apply(HistoryCommand::JumpTo(voxel[0] as usize * 3))),
        15 => drop(desk.apply(LayerCommand::Add { name: None })),
        16 => drop(desk.apply(LayerCommand::Activate(LayerId(value - 1)))),
        17 => drop(desk.apply(LayerCommand::MoveLabel {
            value,
            layer: LayerId(voxel[0] as u16 % 3),
        })),
        18 => drop(desk.apply(LayerCommand::Remove(LayerId(value - 1)))),
        _ => drop(desk.apply(HistoryCommand::Undo)),
    }
}

/// The program that is killed; nothing to test by itself.
#[test]
#[ignore = "run by the test that kills it"]
fn the_killed_program() {
    let Ok(seed) = std::env::var(SEED) else {
        return;
    };
    let home = std::env::var("XDG_DATA_HOME").expect("the test tells where");
    let (mut desk, writer) = started(&data_of(Path::new(&home)));
    let mut rng = ChaCha8Rng::seed_from_u64(seed.parse().expect("a number"));
    for n in 1..=ENOUGH {
        act(&mut desk, &mut rng);
        // Now and then several are under way.
        if n % 3 != 0 {
            writer.flush(PATIENCE).expect("there is room");
            writeln!(stdout(), "committed {n}").expect("somebody listens");
            stdout().flush().expect("somebody listens");
        }
    }
}

fn start(home: &Path, seed: u64) -> Child {
    let own = std::env::current_exe().expect("this program has a file");
    Command::new(own)
        .args(["--exact", "journals::kills::the_killed_program"])
        .args(["--ignored", "--nocapture"])
        .env(SEED, seed.to_string())
        .env("XDG_DATA_HOME", home)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("this program starts")
}

/// Kills the program some time after its first report, and gives the last one.
fn killed(mut program: Child, after: Duration) -> usize {
    let mut lines = BufReader::new(program.stdout.take().expect("piped")).lines();
    let number = |line: std::io::Result<String>| -> Option<usize> {
        let line = line.ok()?;
        line.strip_prefix("committed ")?.parse().ok()
    };
    let first = lines.by_ref().find_map(number).expect("it reports");
    std::thread::sleep(after);
    program.kill().expect("it runs");
    let last = lines.filter_map(number).last();
    program.wait().expect("it ends");
    last.unwrap_or(first)
}

/// Whether undo goes back to the beginning, and redo to the end, over the same labels. Both stay where they are.
fn is_same_history(one: &mut Desk, other: &mut Desk) -> bool {
    let here = other.case().history().undo_len();
    let is_same = labels_of_steps(one) == labels_of_steps(other);
    one.apply(HistoryCommand::JumpTo(here));
    other.apply(HistoryCommand::JumpTo(here));
    is_same
}

/// The voxels of every layer, the lowest first.
type Voxels = Vec<Vec<u16>>;

fn voxels_of(layers: &LabelLayers) -> Voxels {
    layers.maps().iter().map(|map| map.voxels.clone()).collect()
}

/// The labels at each position of the list of steps, from the beginning.
fn labels_of_steps(desk: &mut Desk) -> Vec<Voxels> {
    desk.apply(HistoryCommand::JumpTo(0));
    let mut labels = vec![voxels_of(desk.case().document().layers())];
    while desk.case().history().redo_len() > 0 {
        desk.apply(HistoryCommand::Redo);
        labels.push(voxels_of(desk.case().document().layers()));
    }
    labels
}

/// Whether a script has done nothing so far that is to be kept.
fn has_no_step(seed: u64, commands: usize) -> bool {
    let mut desk = Desk::with(Default::default(), DIMS);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..commands).for_each(|_| act(&mut desk, &mut rng));
    let history = desk.case().history();
    history.undo_len() + history.redo_len() == 0
}

/// A session that goes on with what a journal holds.
fn resumed(bytes: Vec<u8>) -> Desk {
    let replay = Replay::of(bytes, 1 << 20).expect("whole");
    let mut desk = Desk::with(Default::default(), DIMS);
    desk.apply(ScanCommand::Resume(Box::new(replay)));
    desk
}

/// The work of a killed program: its labels and number of steps as `recover` tells them, and a session that goes on.
fn recovered(home: &Path, id: &str) -> (Voxels, usize, Desk) {
    let out = home.join(format!("{id}.seg.nrrd"));
    let target = out.to_str().expect("text");
    let (status, _, err) = recover(home, &["--export", id, "-o", target]);
    assert_eq!(status, Some(0), "{err}");
    let context = prosector::util::JobContext::silent();
    let (labels, ..) = prosector::io::open_label_layers(&out, &context).expect("read");
    let kept = list(&data_of(home)).into_iter().find(|w| w.id == id);
    let steps = kept.expect("listed").kept.expect("whole").steps;
    let journal = data_of(home).join("journals").join(id);
    let bytes = std::fs::read(journal.with_extension("journal")).expect("readable");
    (voxels_of(&labels), steps, resumed(bytes))
}

/// Where the records of a journal end that end behind `from`: each begins with the length of what follows its 12 bytes.
fn ends_from(bytes: &[u8], from: usize) -> Vec<usize> {
    let mut ends = vec![8];
    while let Some(&end) = ends.last().filter(|&&end| end < bytes.len()) {
        let len: [u8; 4] = bytes[end..end + 4].try_into().expect("four bytes");
        ends.push(end + 12 + u32::from_le_bytes(len) as usize);
    }
    ends.into_iter().filter(|&end| end >= from).collect()
}

/// Whether a journal holds what the program of this seed reported last, or that and a part of what it did next, because a
/// kill comes between any two records: the labels, and undo to the very beginning. The program's script is run again to
/// know them.
fn is_of(home: &Path, id: &str, seed: u64, reported: usize) -> bool {
    let (labels, steps, mut again) = recovered(home, id);
    let journal = Arc::new(Recorded::default());
    let mut desk = Desk::with(Session::default().with_archive(journal.clone()), DIMS);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..reported).for_each(|_| act(&mut desk, &mut rng));
    let least = journal.bytes();
    let replayed = resumed(least.clone());
    let layers = |desk: &Desk| desk.case().document().layers().clone();
    assert_eq!(layers(&replayed), layers(&desk));
    (0..BEYOND).for_each(|_| act(&mut desk, &mut rng));
    let bytes = journal.bytes();
    ends_from(&bytes, least.len()).into_iter().any(|end| {
        let mut one = resumed(bytes[..end].to_vec());
        voxels_of(one.case().document().layers()) == labels
            && one.case().history().undo_len() == steps
            && is_same_history(&mut one, &mut again)
    })
}

#[cfg(target_os = "linux")]
#[test]
fn what_was_reported_as_on_the_disk_outlives_a_kill() {
    let kills = std::env::var(KILLS).map_or(10, |n| n.parse().expect("a number"));
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut killed_so_far = 0;
    while killed_so_far < kills {
        // Every other time two at once, in one folder.
        let home = folder();
        let count = (1 + killed_so_far % 3 % 2).min(kills - killed_so_far);
        let mut known = Vec::new();
        let mut programs = Vec::new();
        for _ in 0..count {
            let seed: u64 = rng.random();
            let wait = Duration::from_micros(rng.random_range(0..300_000));
            programs.push((start(home.path(), seed), seed, wait));
        }
        for (program, seed, wait) in programs {
            known.push((seed, killed(program, wait)));
        }
        let ids: Vec<String> = list(&data_of(home.path()))
            .into_iter()
            .map(|w| w.id)
            .collect();
        assert!(ids.len() <= count, "a journal each");
        for id in &ids {
            let of = known
                .iter()
                .position(|&(seed, reported)| is_of(home.path(), id, seed, reported));
            known.remove(of.expect("the labels of what was reported last"));
        }
        for (seed, reported) in known {
            assert!(
                has_no_step(seed, reported),
                "seed {seed}: nothing of it is there"
            );
        }
        killed_so_far += count;
    }
    let mut out = stdout();
    writeln!(
        out,
        "{killed_so_far} of {kills} killed programs lost nothing"
    )
    .expect("printed");
}
