//! A program that edits by script is killed at random moments; what it reported as on the disk is there, with all steps.
//!
//! The program is this test binary itself: it runs [`the_killed_program`], which edits through the session's door and the
//! window's writer. `tests/kill_sessions.sh` kills 200 times.

use std::io::{BufRead, BufReader, Write, stdout};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use prosector::app::journal::list;
use prosector::prompt::Polarity::Positive;
use prosector::session::journal::Replay;
use prosector::session::operations::fill_holes;
use prosector::session::{
    AiCommand, HistoryCommand, LabelCommand, PromptCommand, ScanCommand, StrokeCommand,
    StrokeMode,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::session::{Desk, at, click, on_label, voxel_box};

use super::{DIMS, PATIENCE, data_of, folder, paint, recover, started};

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
    match rng.random_range(0..16) {
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

/// The labels at each position of the list of steps, from the beginning.
fn labels_of_steps(desk: &mut Desk) -> Vec<Vec<u16>> {
    desk.apply(HistoryCommand::JumpTo(0));
    let mut labels = vec![desk.case().labels().voxels.clone()];
    while desk.case().history().redo_len() > 0 {
        desk.apply(HistoryCommand::Redo);
        labels.push(desk.case().labels().voxels.clone());
    }
    labels
}

/// The work of a journal: its labels and steps as `recover` tells them, and a session that goes on with it.
fn recovered(home: &Path, id: &str) -> (Vec<u16>, usize, Desk) {
    let out = home.join(format!("{id}.nii"));
    let target = out.to_str().expect("text");
    let (status, _, err) = recover(home, &["--export", id, "-o", target]);
    assert_eq!(status, Some(0), "{err}");
    let context = prosector::util::JobContext::silent();
    let (labels, ..) = prosector::io::open_labels(&out, &context).expect("read");
    let kept = list(&data_of(home)).into_iter().find(|w| w.id == id);
    let steps = kept.expect("listed").kept.expect("whole").steps;
    let journal = data_of(home).join("journals").join(id);
    let bytes = std::fs::read(journal.with_extension("journal")).expect("readable");
    let replay = Replay::of(bytes, 1 << 20).expect("whole");
    let mut desk = Desk::with(Default::default(), DIMS);
    desk.apply(ScanCommand::Resume(Box::new(replay)));
    (labels.voxels, steps, desk)
}

/// Checks that a journal holds what the program of this seed reported last, or what it did since, and gives how many
/// commands that are.
fn check(home: &Path, id: &str, seed: u64, reported: usize) -> Option<usize> {
    let (labels, steps, mut again) = recovered(home, id);
    let mut desk = Desk::with(Default::default(), DIMS);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for n in 1..=reported + BEYOND {
        act(&mut desk, &mut rng);
        let case = desk.case();
        let is_it = case.labels().voxels == labels && case.history().undo_len() == steps;
        if n >= reported && is_it {
            assert_eq!(again.case().labels().voxels, labels);
            let same = labels_of_steps(&mut again) == labels_of_steps(&mut desk);
            assert!(same, "seed {seed}: undo does not go back as it did");
            return Some(n);
        }
    }
    None
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
        let ids: Vec<String> = list(&data_of(home.path())).into_iter().map(|w| w.id).collect();
        assert_eq!(ids.len(), count, "a journal each");
        for id in &ids {
            let of = known.iter().position(|&(seed, reported)| {
                check(home.path(), id, seed, reported).is_some()
            });
            known.remove(of.expect("the labels of what was reported last"));
        }
        killed_so_far += count;
    }
    let mut out = stdout();
    writeln!(out, "{killed_so_far} of {kills} killed programs lost nothing").expect("printed");
}
