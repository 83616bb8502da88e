//! The files of unsaved work: what reaches the disk, when it is full, who may take what, what killed programs leave.

mod kills;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use prosector::app::journal::{Disk, Event, LeftOver, Work, Writer, list};
use prosector::prompt::Polarity::Positive;
use prosector::session::{
    AiCommand, HistoryCommand, PromptCommand, ScanCommand, Session, ToolCommand,
};
use prosector::util::JobContext;
use tempfile::TempDir;

use crate::session::{Desk, click, paint, voxel_box};

const DIMS: [usize; 3] = [24, 20, 16];
const PATIENCE: Duration = Duration::from_secs(20);

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn desk_on(writer: &Arc<Writer>) -> Desk {
    Desk::with(Session::default().with_archive(writer.clone()), DIMS)
}

fn started(folder: &Path) -> (Desk, Arc<Writer>) {
    let writer = Arc::new(Writer::start(folder, || {}).expect("a thread"));
    (desk_on(&writer), writer)
}

fn paint_somewhere(desk: &mut Desk, n: usize) {
    paint(
        desk,
        [(n * 5 % 24) as f64, (n * 3 % 20) as f64, (n % 16) as f64],
    );
}

/// The files of a folder and of those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).into_iter();
    let files = entries.map(|e| e.expect("it can be listed"));
    files
        .filter(|e| e.file_type().is_file())
        .map(|e| e.path().to_owned())
        .collect()
}

/// The only journal of a folder.
fn journal_in(folder: &Path) -> PathBuf {
    let mut all = files(folder);
    all.retain(|f| f.extension().is_some_and(|e| e == "journal"));
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// What windows that are gone left, which is so many. Another test that starts a program shares our open files with it for a
/// moment, and with them the locks of windows that are gone already: that is waited for.
fn left_over(folder: &Path, count: usize) -> Vec<LeftOver> {
    let since = Instant::now();
    loop {
        let found = LeftOver::all(folder);
        if found.len() == count || since.elapsed() > PATIENCE {
            return found;
        }
    }
}

/// The only work of a folder, resumed in a session of its own; the window that had it is gone.
fn resumed(folder: &Path) -> (Desk, Arc<Writer>) {
    let mut all = left_over(folder, 1);
    assert_eq!(all.len(), 1);
    let found = all.remove(0).look().expect("whole").expect("unsaved");
    let Work::Steps(replay) = found.read(1 << 20).expect("whole") else {
        panic!("a journal");
    };
    let (mut desk, writer) = started(folder);
    let claim = found.into_claim().expect("a journal");
    writer.go_on(
        claim,
        replay.index.clone(),
        replay.whole_bytes,
        replay.is_damaged,
    );
    desk.apply(ScanCommand::Resume(replay));
    (desk, writer)
}

#[test]
fn nothing_is_written_before_there_is_work_and_steps_are_there_within_a_moment() {
    let folder = folder();
    let (mut desk, writer) = started(folder.path());
    writer.flush(PATIENCE).expect("nothing to do");
    assert!(files(folder.path()).is_empty());
    paint(&mut desk, [3.0; 3]);
    let start = Instant::now();
    writer.flush(PATIENCE).expect("there is room");
    let work = list(folder.path());
    assert_eq!(work.len(), 1);
    assert!(work[0].is_in_use);
    assert_eq!(work[0].kept.as_ref().map(|k| k.steps), Ok(1));
    assert!(start.elapsed() < Duration::from_secs(5));
    writer.discard();
    writer.close(PATIENCE).expect("removed");
    assert!(
        files(folder.path()).is_empty(),
        "{:?}",
        files(folder.path())
    );
}

#[test]
fn nobody_waits_for_a_journal_that_is_closed() {
    let folder = folder();
    let (mut desk, writer, _) = started_on_small_disk(folder.path());
    paint(&mut desk, [3.0; 3]);
    let start = Instant::now();
    writer.close(PATIENCE).expect("there is room");
    writer.flush(PATIENCE).expect("all is on disk");

    let (mut desk, writer, is_full) = started_on_small_disk(folder.path());
    is_full.store(true, Ordering::Relaxed);
    paint(&mut desk, [3.0; 3]);
    assert!(writer.close(PATIENCE).is_err());
    assert!(writer.flush(PATIENCE).is_err(), "it never will be");
    assert!(start.elapsed() < PATIENCE / 4);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_and_names_tell_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    let (mut desk, writer) = started(folder.path());
    paint(&mut desk, [3.0; 3]);
    writer.flush(PATIENCE).expect("there is room");
    for file in files(folder.path()) {
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(file.parent().expect("a folder")), 0o700);
        let name = file
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        assert!(
            name.len() == 16 && name.chars().all(|c| c.is_ascii_hexdigit()),
            "{name}"
        );
    }
}

#[test]
fn another_session_goes_on_in_the_same_file() {
    let folder = folder();
    let (mut desk, writer) = started(folder.path());
    for n in 0..5 {
        paint_somewhere(&mut desk, n);
    }
    desk.apply(HistoryCommand::Undo);
    writer.close(PATIENCE).expect("there is room");
    drop((desk, writer));
    let before = files(folder.path());
    let (mut desk, writer) = resumed(folder.path());
    assert_eq!(
        (
            desk.case().history().undo_len(),
            desk.case().history().redo_len()
        ),
        (4, 1)
    );
    for n in 5..9 {
        paint_somewhere(&mut desk, n);
    }
    let labels = desk.case().labels().clone();
    writer.close(PATIENCE).expect("there is room");
    assert_eq!(files(folder.path()), before, "no other file");
    drop((desk, writer));
    let (mut desk, _writer) = resumed(folder.path());
    assert_eq!(*desk.case().labels(), labels);
    assert_eq!(desk.case().history().undo_len(), 8);
    desk.apply(HistoryCommand::JumpTo(0));
    assert!(desk.case().labels().voxels.iter().all(|&v| v == 0));
}

#[test]
fn steps_beyond_the_memory_come_back_from_the_disk() {
    let folder = folder();
    let writer = Arc::new(Writer::start(folder.path(), || {}).expect("a thread"));
    let session = Session::default().with_archive(writer.clone());
    let mut desk = Desk::with(session.with_history_budget(20_000), DIMS);
    let mut labels = vec![desk.case().labels().voxels.clone()];
    for n in 0..300 {
        paint_somewhere(&mut desk, n);
        if desk.case().history().undo_len() == labels.len() {
            labels.push(desk.case().labels().voxels.clone());
        }
    }
    writer.flush(PATIENCE).expect("there is room");
    desk.apply(ToolCommand::HistoryBudget(20_000));
    let history = desk.case().history();
    assert!(history.used_bytes() <= 20_000, "{}", history.used_bytes());
    let steps = labels.len() - 1;
    assert!(steps > 200);
    assert_eq!(history.undo_len(), steps);
    while let Some(expected) = labels.pop() {
        assert_eq!(desk.case().labels().voxels, expected);
        desk.apply(HistoryCommand::Undo);
        assert!(desk.case().history().used_bytes() <= 20_000);
    }
    desk.apply(HistoryCommand::JumpTo(steps));
    assert_eq!(desk.case().history().undo_len(), steps);
}

/// A disk that can be full: then half of what is written arrives.
struct SmallDisk(File, Arc<AtomicBool>);

impl Disk for SmallDisk {
    fn write(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        if self.1.load(Ordering::Relaxed) {
            self.0.write(at, &bytes[..bytes.len() / 2])?;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.0.write(at, bytes)
    }

    fn cut(&mut self, at: u64) -> io::Result<()> {
        self.0.cut(at)
    }
}

fn started_on_small_disk(folder: &Path) -> (Desk, Arc<Writer>, Arc<AtomicBool>) {
    let is_full = Arc::new(AtomicBool::new(false));
    let shared = is_full.clone();
    let disk_of = Arc::new(move |file| Box::new(SmallDisk(file, shared.clone())) as Box<dyn Disk>);
    let writer = Arc::new(Writer::start_on(folder, disk_of, || {}).expect("a thread"));
    (desk_on(&writer), writer, is_full)
}

#[test]
fn a_full_disk_is_told_once_work_goes_on_and_arrives_when_there_is_room() {
    let folder = folder();
    let (mut desk, writer, is_full) = started_on_small_disk(folder.path());
    for n in 0..3 {
        paint_somewhere(&mut desk, n);
    }
    writer.flush(PATIENCE).expect("there is room");
    is_full.store(true, Ordering::Relaxed);
    for n in 3..6 {
        paint_somewhere(&mut desk, n);
        assert!(writer.flush(PATIENCE).is_err());
        let kept = list(folder.path()).remove(0);
        // A whole step may be seen before the failed write is taken back.
        let steps = kept.kept.expect("whole steps only").steps;
        assert!((3..=n + 1).contains(&steps), "{steps}");
    }
    let full = Event::Fails("the disk is full; free some space".to_owned());
    assert_eq!(writer.events(), [full]);
    desk.apply(HistoryCommand::Undo);
    desk.apply(HistoryCommand::Undo);
    paint_somewhere(&mut desk, 7);
    is_full.store(false, Ordering::Relaxed);
    writer.flush(PATIENCE).expect("there is room again");
    assert_eq!(writer.events(), [Event::WorksAgain]);
    let (labels, ..) = list(folder.path())[0].labels().expect("whole");
    assert_eq!(labels, *desk.case().document().layers());
    assert_eq!(list(folder.path())[0].kept.as_ref().map(|k| k.steps), Ok(5));
}

#[test]
fn a_step_that_got_its_result_stays_in_memory_until_the_disk_has_that_too() {
    let folder = folder();
    let (_, writer, is_full) = started_on_small_disk(folder.path());
    let session = Session::default().with_archive(writer.clone());
    let mut desk = Desk::with(session.with_history_budget(1), DIMS);
    desk.apply(PromptCommand::AddClick(click([5; 3], Positive)));
    writer.flush(PATIENCE).expect("the click is on disk");
    is_full.store(true, Ordering::Relaxed);
    desk.answer(&[voxel_box([4; 3], [6; 3])]);
    desk.apply(AiCommand::Accept);
    paint_somewhere(&mut desk, 0);
    assert!(writer.flush(PATIENCE).is_err());
    desk.apply(HistoryCommand::JumpTo(0));
    desk.apply(HistoryCommand::Redo);
    assert!(desk.case().proposal().is_some(), "the result of the click");
}

#[test]
fn a_disk_that_is_full_from_the_beginning_leaves_no_stump() {
    let folder = folder();
    let (mut desk, writer, is_full) = started_on_small_disk(folder.path());
    is_full.store(true, Ordering::Relaxed);
    paint_somewhere(&mut desk, 0);
    assert!(writer.flush(PATIENCE).is_err());
    assert!(files(folder.path()).is_empty());
    // By itself, too, after a while.
    is_full.store(false, Ordering::Relaxed);
    let start = Instant::now();
    while list(folder.path()).is_empty() {
        assert!(start.elapsed() < PATIENCE, "it is not tried again");
        std::thread::sleep(Duration::from_millis(20));
    }
    writer.flush(PATIENCE).expect("there is room");
    assert_eq!(list(folder.path())[0].kept.as_ref().map(|k| k.steps), Ok(1));
}

#[cfg(unix)]
#[test]
fn a_journal_that_somebody_deletes_is_written_again() {
    let folder = folder();
    let (mut desk, writer) = started(folder.path());
    paint_somewhere(&mut desk, 0);
    writer.flush(PATIENCE).expect("there is room");
    let journal = journal_in(folder.path());
    fs::remove_file(&journal).expect("removed");
    paint_somewhere(&mut desk, 1);
    writer.flush(PATIENCE).expect("there is room");
    assert!(journal.exists());
    let (labels, ..) = list(folder.path())[0].labels().expect("whole");
    assert_eq!(labels, *desk.case().document().layers());
}

#[test]
fn a_journal_damaged_in_the_middle_is_kept_aside_before_it_is_gone_on_in() {
    let folder = folder();
    let (mut desk, writer) = started(folder.path());
    for n in 0..6 {
        paint_somewhere(&mut desk, n);
    }
    writer.close(PATIENCE).expect("there is room");
    drop((desk, writer));
    let journal = journal_in(folder.path());
    let mut bytes = fs::read(&journal).expect("readable");
    let middle = bytes.len() * 3 / 4;
    bytes[middle] ^= 0xff;
    fs::write(&journal, &bytes).expect("writable");
    let (mut desk, writer) = resumed(folder.path());
    let steps = desk.case().history().undo_len();
    assert!((1..6).contains(&steps), "{steps}");
    paint_somewhere(&mut desk, 9);
    writer.flush(PATIENCE).expect("there is room");
    assert_eq!(
        list(folder.path())[0].kept.as_ref().map(|k| k.steps),
        Ok(steps + 1)
    );
    let aside = fs::read(journal.with_extension("damaged")).expect("kept");
    assert_eq!(aside, bytes);
}

#[test]
fn windows_at_once_have_a_journal_each_and_take_none_of_one_that_lives() {
    let folder = folder();
    let mut all: Vec<_> = (0..4).map(|_| started(folder.path())).collect();
    for (n, (desk, _)) in all.iter_mut().enumerate() {
        for stroke in 0..=n {
            paint_somewhere(desk, stroke);
        }
    }
    for (_, writer) in &all {
        writer.flush(PATIENCE).expect("there is room");
    }
    let mut steps: Vec<_> = list(folder.path())
        .iter()
        .map(|w| w.kept.as_ref().expect("whole").steps)
        .collect();
    steps.sort_unstable();
    assert_eq!(steps, [1, 2, 3, 4]);
    assert!(LeftOver::all(folder.path()).is_empty(), "all of them live");
    drop(all.remove(1));
    let found = left_over(folder.path(), 1);
    assert_eq!(found.len(), 1);
    assert!(
        LeftOver::all(folder.path()).is_empty(),
        "one start asks about it"
    );
    drop(found);
    assert_eq!(left_over(folder.path(), 1).len(), 1, "later");
}

#[test]
fn work_that_was_saved_is_not_offered_and_leaves_nothing() {
    let folder = folder();
    let (mut desk, writer) = started(folder.path());
    paint_somewhere(&mut desk, 0);
    let saved = folder.path().join("labels.nii.gz");
    let case = desk.case();
    prosector::io::save_labels(&saved, case.labels(), case.table()).expect("written");
    let revision = case.revision();
    desk.apply(ScanCommand::MarkSaved {
        revision,
        path: saved.clone(),
    });
    writer.close(PATIENCE).expect("there is room");
    drop((desk, writer));
    let kept = list(folder.path());
    assert!(kept[0].kept.as_ref().is_ok_and(|k| k.is_saved));
    let moved = folder.path().join("moved.nii.gz");
    fs::rename(&saved, &moved).expect("moved");
    let look = || left_over(folder.path(), 1).remove(0).look().expect("whole");
    assert!(look().is_some(), "the file that it was saved to is gone");
    fs::rename(&moved, &saved).expect("moved");
    assert!(look().is_none());
    assert_eq!(files(folder.path()), [saved]);
}

#[test]
fn what_cannot_be_read_is_put_aside_each_by_itself() {
    let folder = folder();
    let journals = folder.path().join("journals");
    fs::create_dir(&journals).expect("made");
    for content in ["one", "two"] {
        fs::write(journals.join("0123.journal"), content).expect("written");
        fs::write(folder.path().join("recovery-7.json"), content).expect("written");
        for found in left_over(folder.path(), 2) {
            assert!(found.look().is_err());
        }
        assert!(LeftOver::all(folder.path()).is_empty());
    }
    for (n, content) in ["one", "two"].into_iter().enumerate() {
        for aside in [
            journals.join(format!("0123.unreadable-{n}")),
            folder.path().join(format!("recovery-7.unreadable-{n}")),
        ] {
            assert_eq!(fs::read_to_string(aside).ok().as_deref(), Some(content));
        }
    }
}

#[test]
fn a_journal_whose_beginning_is_damaged_or_of_another_version_is_not_deleted() {
    let folder = folder();
    let (mut desk, writer) = started(folder.path());
    paint_somewhere(&mut desk, 0);
    paint_somewhere(&mut desk, 1);
    writer.close(PATIENCE).expect("there is room");
    drop((desk, writer));
    let journal = journal_in(folder.path());
    let whole = fs::read(&journal).expect("readable");
    let look = || left_over(folder.path(), 1).remove(0).look();

    let mut other = whole.clone();
    other[7] += 1;
    fs::write(&journal, &other).expect("writable");
    for _ in 0..2 {
        let reason = look().expect_err("it may mean anything");
        assert!(reason.contains("open it with that one"), "{reason}");
        assert_eq!(fs::read(&journal).ok().as_ref(), Some(&other), "it stays");
    }

    let mut damaged = whole;
    damaged[20] ^= 0xff;
    fs::write(&journal, &damaged).expect("writable");
    look().expect_err("steps without a beginning");
    let aside = fs::read(journal.with_extension("unreadable-0"));
    assert_eq!(aside.ok(), Some(damaged));
    assert!(LeftOver::all(folder.path()).is_empty());
}

/// Runs `prosector recover` for a user whose data are in this folder.
fn recover(home: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_prosector"))
        .arg("recover")
        .args(arguments)
        .env("XDG_DATA_HOME", home)
        .env("HOME", home)
        .output()
        .expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The folder of the window's data for a user whose data are in this folder.
fn data_of(home: &Path) -> PathBuf {
    let data = home.join("prosector");
    fs::create_dir_all(&data).expect("made");
    data
}

#[cfg(target_os = "linux")]
#[test]
fn recover_lists_and_exports_without_a_window() {
    let home = folder();
    let data = data_of(home.path());
    let (status, out, err) = recover(home.path(), &["--json"]);
    assert_eq!((status, err.as_str()), (Some(0), ""));
    let nothing: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(nothing, serde_json::json!({ "work": [] }));

    let (mut desk, writer) = started(&data);
    paint_somewhere(&mut desk, 0);
    paint_somewhere(&mut desk, 1);
    writer.flush(PATIENCE).expect("there is room");
    let (status, out, _) = recover(home.path(), &["--json"]);
    assert_eq!(status, Some(0));
    let found: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    let bytes = fs::metadata(journal_in(&data)).expect("there").len();
    let id = list(&data)[0].id.clone();
    let expected = serde_json::json!({ "work": [{
        "id": id, "scan": "scan.nii.gz", "committed_steps": 2, "last_step": "brush", "saved": false, "bytes": bytes,
    }] });
    assert_eq!(found, expected);

    let out = home.path().join("out.nii.gz");
    let target = out.to_str().expect("text");
    let refused = |arguments: &[&str], code, why: &str| {
        let (status, out, err) = recover(home.path(), arguments);
        let told = format!("{arguments:?}: {err}");
        assert_eq!((status, out.as_str()), (Some(code), ""), "{told}");
        assert!(err.contains(why), "{told}");
        assert!(code == 2 || err.lines().count() == 1, "{told}");
    };
    let export = ["--export", &id, "-o", target];
    refused(&export, 1, "a window works on it");
    writer.close(PATIENCE).expect("there is room");
    refused(&["--export", "no-such-id", "-o", target], 1, "no-such-id");
    refused(&["--export", &id], 2, "--output");
    refused(&["-o", target], 2, "--export");
    let nowhere = ["--export", &id, "-o", "/no/such/folder/out.nii"];
    refused(&nowhere, 1, "/no/such/folder");

    assert!(!out.exists(), "nothing is written when it is refused");
    let (status, _, err) = recover(home.path(), &export);
    assert_eq!(status, Some(0), "{err}");
    let is_sheared = |line: &str| line.contains("not at right angles");
    assert!(err.lines().all(is_sheared), "{err}");
    let (labels, table, _) = prosector::io::open_labels(&out, &JobContext::silent()).expect("read");
    assert_eq!(labels.voxels, desk.case().labels().voxels);
    assert_eq!(table.labels()[0].name, "lesion_1");
    assert_eq!(list(&data).len(), 1, "it stays where it is");

    fs::remove_file(&out).expect("it is ours");
    let whole = fs::read(journal_in(&data)).expect("readable");
    let damage = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(journal_in(&data), bytes).expect("writable");
    };
    let second = second_record_at(&whole);
    damage(second + 20);
    refused(&export, 1, "damaged behind step 0");
    let kept = list(&data).remove(0).kept.expect("a beginning");
    assert!(!kept.is_saved, "nobody knows what was behind");
    damage(20);
    refused(&export, 1, "cannot be read");
    assert!(!out.exists());
    let (status, out, err) = recover(home.path(), &["--json"]);
    assert_eq!(status, Some(0));
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&out).expect("JSON"),
        nothing
    );
    assert!(err.contains(&id), "{err}");
}

/// Where the second record of a journal begins: behind the mark and the first, whose head of 12 bytes tells its length.
fn second_record_at(journal: &[u8]) -> usize {
    let len: [u8; 4] = journal[8..12].try_into().expect("four bytes");
    8 + 12 + u32::from_le_bytes(len) as usize
}
