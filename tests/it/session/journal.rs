//! What a journal holds is the session: replayed, torn, damaged, read back from when memory is short.

use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;

use prosector::prompt::Polarity::Positive;
use prosector::session::journal::{Recorded, Replay, ReplayError, Summary};
use prosector::session::{
    AiCommand, Effect, HistoryCommand, LabelCommand, OpenedLabels, PromptCommand, ScanCommand,
    Session, Severity, ViewCommand,
};

use prosector::volume::LayerId;

use super::invariants::{DIMS, State, act_or_jump, check_books, finish_stroke, state};
use super::{Desk, click, has, notice, organs, paint, scan, voxel_box};

/// Plenty of memory.
const AMPLE: usize = 1 << 30;

/// A session that is recorded, and its journal.
fn recorded_desk() -> (Desk, Arc<Recorded>) {
    let journal = Arc::new(Recorded::default());
    let session = Session::default().with_archive(journal.clone());
    (Desk::with(session, DIMS), journal)
}

/// A new session that goes on with the work of a journal.
fn resumed(bytes: Vec<u8>, budget: usize) -> Desk {
    let replay = Replay::of(bytes, budget).expect("it has a beginning");
    let (mut desk, _) = recorded_desk();
    desk.apply(ScanCommand::Resume(Box::new(replay)));
    desk
}

fn names(desk: &Desk) -> Vec<String> {
    let history = desk.case().history();
    let all = history.undo_len() + history.redo_len();
    assert_eq!(history.name_at(all), None);
    (0..all)
        .map(|n| history.name_at(n).expect("a name").to_owned())
        .collect()
}

/// All that a window shows of the work.
#[derive(Debug, PartialEq)]
struct Shown {
    state: State,
    names: Vec<String>,
    position: usize,
    active: Option<u16>,
    active_layer: LayerId,
    is_dirty: bool,
    labels_path: Option<PathBuf>,
    visible: Vec<bool>,
}

fn all_of(desk: &Desk) -> Shown {
    let case = desk.case();
    Shown {
        state: state(case),
        names: names(desk),
        position: case.history().undo_len(),
        active: case.active().map(|l| l.value),
        active_layer: case.document().active_layer(),
        is_dirty: case.is_dirty(),
        labels_path: case.labels_path().map(Into::into),
        visible: case.table().labels().iter().map(|l| l.visible).collect(),
    }
}

/// The states of the whole list of steps, from its beginning to its end.
fn every_state(desk: &mut Desk) -> Vec<State> {
    desk.apply(HistoryCommand::JumpTo(0));
    let mut states = vec![state(desk.case())];
    while desk.case().history().redo_len() > 0 {
        desk.apply(HistoryCommand::Redo);
        states.push(state(desk.case()));
    }
    states
}

fn save(desk: &mut Desk) {
    desk.apply(ScanCommand::MarkSaved {
        revision: desk.case().revision(),
        path: PathBuf::from("labels.nii.gz"),
    });
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_replay_is_the_session(
        acts in prop::collection::vec((act_or_jump(), prop::bool::weighted(0.05)), 1..50),
        budget in prop_oneof![Just(AMPLE), 0..3000usize],
    ) {
        let (mut desk, journal) = recorded_desk();
        for (act, saves) in &acts {
            act.on(&mut desk);
            if *saves {
                finish_stroke(&mut desk);
                save(&mut desk);
            }
        }
        finish_stroke(&mut desk);
        let bytes = journal.bytes();
        let summary = Summary::of(&bytes).expect("whole");
        let history = desk.case().history();
        prop_assert_eq!(summary.steps, history.undo_len());
        prop_assert_eq!(summary.last_step.as_deref(), history.undo_name());
        prop_assert_eq!(summary.is_saved, !desk.session.is_dirty());
        prop_assert!(!summary.is_damaged);

        let replay = Replay::of(bytes.clone(), budget).expect("whole");
        prop_assert_eq!((replay.is_damaged, replay.whole_bytes), (false, bytes.len() as u64));
        prop_assert_eq!(&replay.layers, desk.case().document().layers());
        // Steps are read back from the journal that they came from, because memory may not hold them.
        let mut again = Desk::with(Session::default().with_archive(journal.clone()).with_history_budget(budget), DIMS);
        let at_begin = journal.bytes();
        again.apply(ScanCommand::Resume(Box::new(replay)));
        prop_assert_eq!(all_of(&again), all_of(&desk));
        check_books(again.case());
        prop_assert!(at_begin.len() < bytes.len() || desk.case().history().undo_len() == 0);
    }

    #[test]
    fn undo_after_a_replay_is_undo_before_it(acts in prop::collection::vec(act_or_jump(), 1..50)) {
        let (mut desk, journal) = recorded_desk();
        for act in &acts {
            act.on(&mut desk);
        }
        finish_stroke(&mut desk);
        let mut again = resumed(journal.bytes(), AMPLE);
        prop_assert_eq!(every_state(&mut again), every_state(&mut desk));
        prop_assert_eq!(again.case().history().undo_len(), desk.case().history().undo_len());
    }

    #[test]
    fn what_memory_does_not_hold_is_read_back(acts in prop::collection::vec(act_or_jump(), 1..50), budget in 0..3000usize) {
        let (mut desk, _journal) = recorded_desk();
        let journal = Arc::new(Recorded::default());
        let small = Session::default().with_archive(journal).with_history_budget(budget);
        let mut small = Desk::with(small, DIMS);
        for act in &acts {
            act.on(&mut desk);
            act.on(&mut small);
            let history = small.case().history();
            let newest_alone = history.used_bytes() <= budget || history.undo_len() > 0;
            prop_assert!(newest_alone);
        }
        finish_stroke(&mut desk);
        finish_stroke(&mut small);
        let without_revisions = |states: Vec<State>| states.into_iter().map(State::without_revision).collect::<Vec<_>>();
        prop_assert_eq!(names(&small), names(&desk));
        prop_assert_eq!(without_revisions(every_state(&mut small)), without_revisions(every_state(&mut desk)));
    }
}

#[test]
fn a_colour_joins_the_one_before_whether_memory_holds_that_or_not() {
    for budget in [0, AMPLE] {
        let journal = Arc::new(Recorded::default());
        let session = Session::default().with_archive(journal);
        let mut desk = Desk::with(session.with_history_budget(budget), DIMS);
        paint(&mut desk, [3.0, 3.0, 2.0]);
        let value = desk.case().active().expect("the painted label").value;
        let color = |desk: &Desk| desk.case().table().get(value).map(|l| l.color);
        let before = color(&desk);
        let recolor = |shade| LabelCommand::Recolor {
            value,
            color: [shade; 3],
        };
        desk.apply(recolor(1));
        paint(&mut desk, [4.0, 4.0, 2.0]);
        desk.apply(HistoryCommand::Undo);
        desk.apply(recolor(2));
        assert_eq!(names(&desk), ["brush", "label colour"], "{budget} bytes");
        assert_eq!(color(&desk), Some([2; 3]));
        desk.apply(HistoryCommand::Undo);
        assert_eq!(color(&desk), before, "{budget} bytes");
    }
}

/// A journal's length, the labels and the steps in force at one moment.
type Moment = (usize, Vec<u16>, usize);

/// Work with every kind of record, and the moments after each command.
fn all_kinds() -> (Vec<u8>, Vec<Moment>) {
    let (mut desk, journal) = recorded_desk();
    let mut seen = Vec::new();
    let mut note = |desk: &Desk| {
        let case = desk.case();
        let labels = case.labels().voxels.clone();
        seen.push((journal.bytes().len(), labels, case.history().undo_len()));
    };
    note(&desk);
    paint(&mut desk, [3.0, 3.0, 2.0]);
    note(&desk);
    desk.apply(LabelCommand::Add {
        name: Some("Ödem".into()),
    });
    note(&desk);
    desk.apply(AiCommand::RunAuto { structures: None });
    desk.answer_auto(&[voxel_box([0; 3], [2; 3]), voxel_box([4; 3], [5; 3])]);
    note(&desk);
    desk.apply(AiCommand::Accept);
    note(&desk);
    save(&mut desk);
    note(&desk);
    desk.apply(HistoryCommand::Undo);
    note(&desk);
    desk.apply(PromptCommand::AddClick(click([7, 7, 5], Positive)));
    note(&desk);
    desk.answer(&[voxel_box([6, 6, 4], [8, 7, 5])]);
    note(&desk);
    desk.apply(AiCommand::Accept);
    note(&desk);
    (journal.bytes(), seen)
}

#[test]
fn a_journal_torn_at_any_byte_gives_the_steps_before() {
    let (bytes, seen) = all_kinds();
    for cut in 0..=bytes.len() {
        let replay = match Replay::of(bytes[..cut].to_vec(), AMPLE) {
            Ok(replay) => replay,
            Err(refused) => {
                assert!(cut < seen[0].0, "the beginning is whole at {cut}");
                assert_eq!(refused, ReplayError::Empty, "cut at {cut}");
                continue;
            }
        };
        assert!(!replay.is_damaged, "cut at {cut}");
        let whole = replay.whole_bytes as usize;
        // Between two notes lie several records; what they changed last is there at the note.
        let moment = seen.iter().find(|(at, ..)| *at == whole);
        if let Some((_, labels, steps)) = moment {
            assert_eq!(&replay.layers.maps()[0].voxels, labels, "cut at {cut}");
            let summary = Summary::of(&bytes[..cut]).expect("begun");
            assert_eq!(summary.steps, *steps, "cut at {cut}");
            let mut desk = resumed(bytes[..cut].to_vec(), AMPLE);
            assert_eq!(desk.case().history().undo_len(), *steps);
            desk.apply(HistoryCommand::JumpTo(0));
            assert!(desk.case().labels().voxels.iter().all(|&v| v == 0));
        }
    }
}

#[test]
fn a_flipped_byte_ends_the_replay_before_it_and_is_told_where_more_follows() {
    let (bytes, seen) = all_kinds();
    let (begin, last) = (seen[0].0, seen[seen.len() - 2].0);
    for at in (begin..bytes.len()).step_by(3) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x11;
        let replay = Replay::of(flipped.clone(), AMPLE).expect("begun");
        assert!(replay.whole_bytes as usize <= at, "flipped at {at}");
        assert!(replay.is_damaged || at >= last, "flipped at {at}");
        assert_eq!(
            Summary::of(&flipped).expect("begun").is_damaged,
            replay.is_damaged
        );
    }
}

#[test]
fn other_files_and_other_versions_are_refused_by_name() {
    let (bytes, _) = all_kinds();
    let refused = |bytes: &[u8]| Replay::of(bytes.to_vec(), AMPLE).err();
    assert_eq!(refused(b"{\"version\":1}"), Some(ReplayError::NotAJournal));
    assert_eq!(refused(b""), Some(ReplayError::Empty));
    let mut later = bytes;
    later[7] = 3;
    assert_eq!(refused(&later), Some(ReplayError::OtherVersion));
}

#[test]
fn names_colours_and_what_is_no_step_come_back() {
    let (mut desk, journal) = recorded_desk();
    let labels = organs(*desk.case().grid(), &[voxel_box([0; 3], [2; 3])]);
    let opened = OpenedLabels {
        layers: labels.0.into(),
        table: labels.1,
        measurements: Vec::new(),
        path: "organs.nii.gz".into(),
    };
    desk.apply(ScanCommand::OpenLabels(Box::new(opened)));
    for color in [[1, 2, 3], [4, 5, 6], [7, 8, 9]] {
        desk.apply(LabelCommand::Recolor { value: 1, color });
    }
    desk.apply(LabelCommand::Activate(1));
    desk.apply(LabelCommand::Show {
        value: 1,
        visible: false,
    });
    let again = resumed(journal.bytes(), AMPLE);
    assert_eq!(all_of(&again), all_of(&desk));
    assert_eq!(
        again.case().voxel_count(1),
        27,
        "opened labels are the beginning"
    );
    assert_eq!(
        names(&again),
        ["label colour"],
        "a row of colours is one step"
    );
    assert_eq!(again.case().table().labels()[0].color, [7, 8, 9]);
    assert!(!again.case().table().labels()[0].visible);
}

#[test]
fn saved_work_that_comes_back_is_saved_and_undo_makes_it_unsaved() {
    let (mut desk, journal) = recorded_desk();
    paint(&mut desk, [3.0, 3.0, 2.0]);
    paint(&mut desk, [6.0, 6.0, 2.0]);
    save(&mut desk);
    let mut again = resumed(journal.bytes(), AMPLE);
    assert!(!again.session.is_dirty());
    again.apply(HistoryCommand::Undo);
    assert!(again.session.is_dirty());
    again.apply(HistoryCommand::Redo);
    assert!(!again.session.is_dirty());
}

#[test]
fn prompts_without_an_answer_are_asked_again_and_a_proposal_stands() {
    let (mut desk, journal) = recorded_desk();
    desk.apply(PromptCommand::AddClick(click([4, 4, 3], Positive)));
    let asked = resumed(journal.bytes(), AMPLE);
    assert_eq!(
        asked.prompt.as_ref().map(|p| p.1.clicks.len()),
        Some(1),
        "the answer was lost"
    );
    desk.answer(&[voxel_box([3; 3], [5; 3])]);
    let mut stands = resumed(journal.bytes(), AMPLE);
    assert!(stands.prompt.is_none());
    assert_eq!(stands.case().proposal().map(|p| p.voxels()), Some(27));
    assert_eq!(
        stands.case().proposal().and_then(|p| p.estimate),
        desk.case().proposal().and_then(|p| p.estimate)
    );
    stands.apply(AiCommand::Accept);
    assert_eq!(stands.case().voxel_count(1), 27);
}

#[test]
fn a_scan_in_another_order_gets_the_labels_and_a_scan_elsewhere_refuses_them() {
    let (mut desk, journal) = recorded_desk();
    paint(&mut desk, [0.0, 3.0, 2.0]);
    let replay = Replay::of(journal.bytes(), AMPLE).expect("whole");
    let mut turned = scan(DIMS, 5);
    let grid = *turned.image.grid();
    let affine = grid
        .affine
        .stepped([(DIMS[0] - 1) as f64, 0.0, 0.0], [-1.0, 1.0, 1.0]);
    turned.image = with_affine(&turned, affine);
    let (mut other, _) = recorded_desk();
    other.apply(ScanCommand::Open(Box::new(turned)));
    let effects = other.apply(ScanCommand::Resume(Box::new(replay.clone())));
    let told = notice(&effects, Severity::Warning);
    assert!(told.is_some_and(|t| t.contains("reordered")), "{told:?}");
    let last = DIMS[0] as i64 - 1;
    assert_eq!(other.label_at([last, 3, 2]), desk.label_at([0, 3, 2]));
    assert!(other.session.is_dirty());
    assert_eq!(other.case().history().undo_len(), 0);

    let mut elsewhere = Desk::new([3, 3, 3]);
    let effects = elsewhere.apply(ScanCommand::Resume(Box::new(replay)));
    assert!(notice(&effects, Severity::Error).is_some());
    assert!(has(&effects, |e| !matches!(e, Effect::LabelsChanged(_))));
}

fn with_affine(
    of: &prosector::session::OpenedScan,
    affine: prosector::geometry::Affine,
) -> Arc<prosector::volume::ImageVolume> {
    use prosector::volume::{Grid, ImageVolume, Modality, Rescale, VoxelData};
    let grid = Grid::new(of.image.grid().dims, affine);
    let voxels = VoxelData::I16(vec![0; grid.len()]);
    Arc::new(ImageVolume::new(
        grid,
        voxels,
        Rescale::IDENTITY,
        Modality::Ct,
    ))
}

#[test]
fn a_step_costs_what_it_changed() {
    let (mut desk, journal) = recorded_desk();
    paint(&mut desk, [3.0, 3.0, 2.0]);
    let before = journal.bytes().len();
    paint(&mut desk, [6.0, 3.0, 2.0]);
    let bytes = journal.bytes().len() - before;
    assert!(bytes < 120, "{bytes} bytes");
    desk.apply(ViewCommand::OverlayShown(false));
    assert_eq!(journal.bytes().len(), before + bytes, "views are no work");
}
