//! Scribbles and lassos as prompts, what other labels keep, and what a click would ask.

use std::sync::Arc;

use prosector::geometry::Plane;
use prosector::prompt::Polarity::{Negative, Positive};
use prosector::prompt::{Asked, DrawingKind, Polarity};
use prosector::session::journal::{Recorded, Replay};
use prosector::session::{
    AiCommand, Effect, HistoryCommand, LabelCommand, PromptCommand, ScanCommand, Session, Severity,
    ToolCommand,
};

use super::invariants::state;
use super::{Desk, at, click, has, notice, paint, voxel_box};

const DIMS: [usize; 3] = [12, 10, 8];

fn draw(kind: DrawingKind, polarity: Polarity, line: &[[f64; 3]]) -> PromptCommand {
    PromptCommand::Draw {
        kind,
        polarity,
        plane: Plane::Axial,
        line: line.iter().map(|&p| at(p)).collect(),
    }
}

fn scribble(polarity: Polarity, line: &[[f64; 3]]) -> PromptCommand {
    draw(DrawingKind::Scribble, polarity, line)
}

fn lasso(polarity: Polarity, line: &[[f64; 3]]) -> PromptCommand {
    draw(DrawingKind::Lasso, polarity, line)
}

/// Corners of a square around the voxels 3 to 6 of axial slice `k`.
fn square(k: f64) -> [[f64; 3]; 4] {
    [[2.5, 2.5, k], [6.5, 2.5, k], [6.5, 6.5, k], [2.5, 6.5, k]]
}

/// What the effects ask of the model.
fn asked(effects: &[Effect]) -> Option<Asked> {
    effects.iter().find_map(|e| match e {
        Effect::RunPrompt { asked, .. } => Some(asked.clone()),
        _ => None,
    })
}

/// Whether anything of the target or its history is there.
fn is_untouched(desk: &Desk) -> bool {
    let case = desk.case();
    case.prompts().is_empty() && case.history().undo_len() == 0 && case.table().labels().is_empty()
}

#[test]
fn a_scribble_starts_a_lesion_and_covers_what_lies_under_its_width() {
    let mut desk = Desk::new(DIMS);
    desk.apply(ToolCommand::ScribbleWidth(Some(0.2)));
    let line = [[2.0, 3.0, 4.2], [8.0, 3.0, 4.2]];
    let thin = asked(&desk.apply(scribble(Positive, &line))).expect("the model is asked");
    let drawing = &thin.prompts.drawings[0];
    assert_eq!(drawing.region.bounds, voxel_box([2, 3, 4], [8, 3, 4]));
    assert_eq!(drawing.region.count(), 7);
    assert_eq!(desk.case().history().undo_name(), Some("scribble"));
    assert_eq!(
        desk.case().active().map(|l| l.name.as_str()),
        Some("lesion_1")
    );
    // Rows are 1.5 mm apart.
    desk.apply(ToolCommand::ScribbleWidth(Some(4.0)));
    let thick = asked(&desk.apply(scribble(Negative, &line))).expect("asked again");
    let drawing = &thick.prompts.drawings[1];
    assert_eq!(
        [drawing.region.bounds.min[1], drawing.region.bounds.max[1]],
        [2, 4]
    );
    assert_eq!(drawing.polarity, Negative);
}

#[test]
fn a_lasso_covers_the_voxels_inside_on_the_last_slice_too() {
    let mut desk = Desk::new(DIMS);
    let effects = desk.apply(lasso(Positive, &square(7.0)));
    let drawn = asked(&effects)
        .expect("the model is asked")
        .prompts
        .drawings;
    assert_eq!(drawn[0].region.bounds, voxel_box([3, 3, 7], [6, 6, 7]));
    assert_eq!(drawn[0].region.count(), 16);
    assert_eq!(drawn[0].normal_axis, 2);
}

#[test]
fn what_leaves_the_scan_is_cut_and_what_is_nothing_is_refused() {
    let mut desk = Desk::new(DIMS);
    let nothing = [
        scribble(Positive, &[[-9.0, 3.0, 4.0], [-5.0, 3.0, 4.0]]),
        scribble(Positive, &[[2.0, 3.0, 8.0], [8.0, 3.0, 8.0]]),
        scribble(Positive, &[]),
        scribble(Positive, &[[f64::NAN, 3.0, 4.0]]),
        lasso(Positive, &square(4.0)[..2]),
        lasso(Positive, &square(-1.0)),
        lasso(
            Negative,
            &[[3.1, 3.1, 4.0], [3.4, 3.1, 4.0], [3.4, 3.4, 4.0]],
        ),
    ];
    for command in nothing {
        let effects = desk.apply(command);
        let said = notice(&effects, Severity::Error).expect("a reason");
        assert!(said.contains("covers no voxel of the scan"), "{said}");
        assert!(is_untouched(&desk));
    }
    let leaving = scribble(Positive, &[[9.0, 3.0, 4.0], [30.0, 3.0, 4.0]]);
    let drawn = asked(&desk.apply(leaving)).expect("asked").prompts.drawings;
    assert_eq!(drawn[0].region.bounds.max[0], 11);
    assert_eq!(drawn[0].region.bounds.min[0], 8, "half of its width before");
}

#[test]
fn a_locked_label_takes_no_drawing() {
    let mut desk = Desk::new(DIMS);
    paint(&mut desk, [3.0, 3.0, 3.0]);
    desk.apply(LabelCommand::Lock {
        value: 1,
        locked: true,
    });
    let before = (state(desk.case()), desk.case().history().undo_len());
    for command in [
        scribble(Positive, &[[3.0, 3.0, 3.0], [5.0, 3.0, 3.0]]),
        lasso(Positive, &square(3.0)),
    ] {
        let effects = desk.apply(command);
        assert!(notice(&effects, Severity::Error).is_some_and(|n| n.contains("is locked")));
        assert!(asked(&effects).is_none());
    }
    let after = (state(desk.case()), desk.case().history().undo_len());
    assert_eq!(after, before);
}

#[test]
fn the_last_prompt_is_taken_back_whatever_its_kind() {
    let mut desk = Desk::new(DIMS);
    desk.apply(PromptCommand::AddClick(click([3, 3, 3], Positive)));
    desk.apply(scribble(Positive, &[[2.0, 3.0, 4.0], [8.0, 3.0, 4.0]]));
    desk.apply(PromptCommand::SetBox(voxel_box([1; 3], [6; 3])));
    desk.apply(lasso(Negative, &square(2.0)));
    desk.apply(PromptCommand::AddClick(click([4, 4, 4], Negative)));
    let mut counts = Vec::new();
    for _ in 0..5 {
        let prompts = desk.case().prompts();
        let kinds: Vec<DrawingKind> = prompts.drawings.iter().map(|d| d.kind).collect();
        counts.push((prompts.clicks.len(), kinds, prompts.target_box.is_some()));
        desk.apply(PromptCommand::RemoveLast);
    }
    let (s, l) = (DrawingKind::Scribble, DrawingKind::Lasso);
    let expected = [
        (2, vec![s, l], true),
        (1, vec![s, l], true),
        (1, vec![s], true),
        (1, vec![s], false),
        (1, vec![], false),
    ];
    assert_eq!(counts, expected);
    assert!(desk.case().prompts().is_empty());
}

#[test]
fn undo_goes_through_drawings_and_redo_asks_again() {
    let mut desk = Desk::new(DIMS);
    desk.apply(lasso(Positive, &square(4.0)));
    desk.answer(&[voxel_box([3, 3, 3], [6, 6, 5])]);
    let standing = state(desk.case());
    desk.apply(scribble(Negative, &[[6.0, 3.0, 4.0], [6.0, 6.0, 4.0]]));
    let effects = desk.apply(HistoryCommand::Undo);
    assert!(has(&effects, |e| matches!(e, Effect::CancelJob(_))));
    assert_eq!(state(desk.case()), standing);
    let again = asked(&desk.apply(HistoryCommand::Redo)).expect("it was not answered");
    assert_eq!(again.prompts.drawings.len(), 2);
    desk.apply(HistoryCommand::JumpTo(0));
    assert!(desk.case().prompts().is_empty() && desk.case().proposal().is_none());
}

#[test]
fn drawings_come_back_from_the_journal() {
    let journal = Arc::new(Recorded::default());
    let mut desk = Desk::with(Session::default().with_archive(journal.clone()), DIMS);
    desk.apply(PromptCommand::AddClick(click([3, 3, 3], Positive)));
    desk.apply(scribble(Negative, &[[2.0, 5.0, 4.0], [8.0, 6.0, 4.0]]));
    desk.answer(&[voxel_box([3, 3, 3], [6, 4, 5])]);
    desk.apply(lasso(Positive, &square(7.0)));
    let replay = Replay::of(journal.bytes(), 1 << 30).expect("whole");
    assert!(!replay.is_damaged);
    let mut again = Desk::new(DIMS);
    let effects = again.apply(ScanCommand::Resume(Box::new(replay)));
    assert_eq!(again.case().prompts(), desk.case().prompts());
    assert!(
        asked(&effects).is_some(),
        "the lasso is not answered: the proposal is of the prompts before it"
    );
    again.apply(HistoryCommand::Undo);
    desk.apply(HistoryCommand::Undo);
    assert_eq!(again.case().prompts(), desk.case().prompts());
    assert!(again.prompt.is_none(), "these were answered");
}

#[test]
fn a_negative_scribble_lets_a_piece_of_the_label_go() {
    let mut desk = Desk::new(DIMS);
    desk.apply(PromptCommand::AddClick(click([3, 3, 3], Positive)));
    desk.answer(&[voxel_box([2, 2, 2], [4, 4, 4])]);
    desk.apply(AiCommand::Accept);
    let far = voxel_box([8, 7, 6], [9, 8, 7]);
    desk.apply(PromptCommand::AddClick(click([8, 7, 6], Positive)));
    desk.answer(&[far]);
    assert!(desk.proposed_at([3, 3, 3]), "not looked at, so kept");
    desk.apply(scribble(Negative, &[[2.0, 3.0, 3.0], [4.0, 3.0, 3.0]]));
    desk.answer(&[far]);
    assert!(!desk.proposed_at([3, 3, 3]) && desk.proposed_at([8, 7, 6]));
}

/// A desk with an accepted `lesion_1` in the voxels 2 to 4, and the next lesion begun.
fn with_accepted() -> Desk {
    let mut desk = Desk::new(DIMS);
    desk.apply(PromptCommand::AddClick(click([3, 3, 3], Positive)));
    desk.answer(&[voxel_box([2, 2, 2], [4, 4, 4])]);
    desk.apply(AiCommand::Accept);
    desk.apply(LabelCommand::StartNextLesion);
    desk
}

fn holds(desk: &Desk, asked: &Asked, voxel: [i64; 3]) -> bool {
    let offset = desk
        .case()
        .grid()
        .offset_of(click(voxel, Positive).voxel)
        .expect("inside");
    asked
        .others
        .as_ref()
        .is_some_and(|others| others.has(offset))
}

#[test]
fn accepted_labels_are_told_as_not_of_the_next_target() {
    let mut desk = with_accepted();
    let effects = desk.apply(PromptCommand::AddClick(click([6, 3, 3], Positive)));
    let next = asked(&effects).expect("asked");
    assert!(holds(&desk, &next, [4, 3, 3]) && !holds(&desk, &next, [5, 3, 3]));
    // The label that is worked on is no evidence against itself.
    desk.answer(&[voxel_box([5, 2, 2], [7, 4, 4])]);
    desk.apply(AiCommand::Accept);
    let effects = desk.apply(PromptCommand::AddClick(click([8, 3, 3], Positive)));
    let again = asked(&effects).expect("asked");
    assert!(holds(&desk, &again, [4, 3, 3]) && !holds(&desk, &again, [6, 3, 3]));
}

#[test]
fn a_label_that_is_pointed_into_or_may_be_taken_from_is_not() {
    let pointing_into = [
        PromptCommand::AddClick(click([3, 3, 3], Positive)),
        PromptCommand::SetBox(voxel_box([2, 2, 2], [5, 4, 4])),
        scribble(Positive, &[[4.0, 3.0, 3.0], [8.0, 3.0, 3.0]]),
        lasso(Positive, &square(3.0)),
        draw(
            DrawingKind::Diameter,
            Positive,
            &[[1.0, 3.0, 3.0], [5.0, 3.0, 3.0]],
        ),
    ];
    for command in pointing_into {
        let mut desk = with_accepted();
        let into = asked(&desk.apply(command.clone())).expect("asked");
        assert!(!holds(&desk, &into, [4, 4, 4]), "{command:?}");
    }
    let mut desk = with_accepted();
    let beside = asked(&desk.apply(scribble(Negative, &[[3.0, 3.0, 3.0]]))).expect("asked");
    assert!(holds(&desk, &beside, [3, 3, 3]), "not this, it says");
    for locked in [false, true] {
        let mut desk = with_accepted();
        desk.apply(LabelCommand::Lock { value: 1, locked });
        desk.apply(ToolCommand::TakeFromOthers(true));
        let effects = desk.apply(PromptCommand::AddClick(click([6, 3, 3], Positive)));
        let taking = asked(&effects).expect("asked");
        assert_eq!(holds(&desk, &taking, [4, 3, 3]), locked);
    }
}

#[test]
fn what_a_click_would_ask_is_what_it_asks_and_changes_nothing() {
    let mut desk = with_accepted();
    desk.apply(PromptCommand::AddClick(click([6, 3, 3], Positive)));
    desk.answer(&[voxel_box([5, 2, 2], [7, 4, 4])]);
    let before = (state(desk.case()), desk.case().history().undo_len());
    let tools = *desk.session.tools();
    let wanted = click([8, 3, 3], Negative);
    let would = desk.case().asked_by_click(wanted, &tools).expect("asks");
    assert_eq!(
        (state(desk.case()), desk.case().history().undo_len()),
        before
    );
    let does = asked(&desk.apply(PromptCommand::AddClick(wanted))).expect("asked");
    assert_eq!(would.prompts, does.prompts);
    assert!(
        would
            .prior
            .is_some_and(|p| p.voxels == does.prior.clone().unwrap().voxels)
    );
    assert!(does.others.is_some() && would.others.is_some());
}

#[test]
fn a_lesion_is_asked_for_beside_earlier_ones_of_its_kind() {
    let mut desk = Desk::new(DIMS);
    let latest = |effects: &[Effect]| asked(effects).expect("asked").alike.map(|a| a.latest(4));
    let first = desk.apply(PromptCommand::AddClick(click([2, 2, 2], Positive)));
    assert!(latest(&first).is_none(), "nothing came before");
    desk.answer(&[voxel_box([1, 1, 1], [3, 3, 3])]);
    desk.apply(AiCommand::Accept);
    desk.apply(LabelCommand::StartNextLesion);
    let second = desk.apply(PromptCommand::AddClick(click([8, 6, 5], Positive)));
    let alike = latest(&second).expect("the first lesion");
    assert_eq!(alike.len(), 1);
    assert_eq!(alike[0].bounds, voxel_box([1, 1, 1], [3, 3, 3]));
    desk.answer(&[voxel_box([7, 5, 4], [9, 7, 6])]);
    desk.apply(AiCommand::Accept);
    desk.apply(LabelCommand::Add {
        name: Some("liver".to_owned()),
    });
    let other = desk.apply(PromptCommand::AddClick(click([5, 4, 4], Positive)));
    assert!(latest(&other).is_none(), "a liver is no lesion");
    let group = |desk: &mut Desk, values: &[u16]| {
        let values = values.to_vec();
        let group = "organs".to_owned();
        desk.apply(LabelCommand::Group { values, group });
    };
    group(&mut desk, &[1, 3]);
    let grouped = desk.apply(PromptCommand::AddClick(click([5, 5, 4], Positive)));
    assert_eq!(latest(&grouped).expect("its group").len(), 1);
}

#[test]
fn a_click_that_would_ask_nothing_is_told_apart() {
    let mut desk = with_accepted();
    let tools = *desk.session.tools();
    let asks = |desk: &Desk, voxel| {
        let tools = *desk.session.tools();
        desk.case()
            .asked_by_click(click(voxel, Positive), &tools)
            .is_some()
    };
    assert!(asks(&desk, [6, 3, 3]));
    assert!(!asks(&desk, [12, 3, 3]), "beside the scan");
    let keeper = |desk: &Desk, voxel| {
        let voxel = click(voxel, Positive).voxel;
        desk.case().keeper_of(voxel, &tools).map(|l| l.value)
    };
    assert_eq!(keeper(&desk, [3, 3, 3]), Some(1));
    assert_eq!(keeper(&desk, [6, 3, 3]), None);
    assert_eq!(keeper(&desk, [12, 3, 3]), None);
    desk.apply(ToolCommand::AskByHand(true));
    assert!(!asks(&desk, [6, 3, 3]), "it waits");
    desk.apply(ToolCommand::AskByHand(false));
    desk.apply(LabelCommand::Lock {
        value: 2,
        locked: true,
    });
    assert!(!asks(&desk, [6, 3, 3]), "the label is locked");
    desk.apply(LabelCommand::Lock {
        value: 2,
        locked: false,
    });
    desk.apply(AiCommand::RunAuto { structures: None });
    desk.answer_auto(&[voxel_box([8, 7, 6], [9, 8, 7])]);
    assert!(!asks(&desk, [6, 3, 3]), "structures stand");
}
