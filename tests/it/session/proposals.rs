//! Clicks and boxes, results, accept, reject, refine.

use std::sync::Arc;

use prosector::geometry::Plane;
use prosector::models::trust::{Evidence, Insight, Traits};
use prosector::models::{Certainty, Estimate, PromptedResult};
use prosector::prompt::Polarity::{Negative, Positive};
use prosector::session::{
    AiCommand, Command, Effect, HistoryCommand, LabelCommand, PromptCommand, Proposed, Severity,
    StrokeCommand, StrokeMode, ToolCommand, ViewCommand,
};

use super::{Desk, click, has, mask, notice, voxel_box};

const DIMS: [usize; 3] = [12, 10, 8];

fn clicked() -> Desk {
    let mut desk = Desk::new(DIMS);
    desk.apply(PromptCommand::AddClick(click([3, 3, 3], Positive)));
    desk.answer(&[voxel_box([2, 2, 2], [4, 4, 4])]);
    desk
}

#[test]
fn the_first_click_starts_a_lesion_and_asks_the_model_without_a_prior() {
    let mut desk = Desk::new(DIMS);
    let effects = desk.apply(PromptCommand::AddClick(click([3, 3, 3], Positive)));
    let Some(Effect::RunPrompt { asked, .. }) = effects
        .iter()
        .find(|e| matches!(e, Effect::RunPrompt { .. }))
    else {
        panic!("no prompt job in {effects:?}");
    };
    assert_eq!(asked.prompts.clicks, [click([3, 3, 3], Positive)]);
    assert!(asked.prior.is_none() && asked.others.is_none());
    assert!(has(&effects, |e| matches!(e, Effect::TableChanged)));
    let active = desk.case().active().expect("a label was started");
    assert_eq!(active.name, "lesion_1");
    assert!(desk.case().is_prompt_running());
}

#[test]
fn a_proposal_stands_until_it_is_accepted() {
    let mut desk = clicked();
    let proposal = desk.case().proposal().expect("a proposal stands");
    assert_eq!(
        (proposal.voxels(), proposal.estimate),
        (27, Some(Estimate::Dice(0.8)))
    );
    assert_eq!(desk.label_at([3, 3, 3]), 0);
    assert!(desk.case().is_dirty());

    let effects = desk.apply(AiCommand::Accept);
    assert!(has(&effects, |e| matches!(e, Effect::LabelsChanged(_))));
    assert_eq!((desk.label_at([3, 3, 3]), desk.label_at([5, 3, 3])), (1, 0));
    assert_eq!(desk.case().voxel_count(1), 27);
    assert!(desk.case().proposal().is_none() && desk.case().prompts().is_empty());
}

#[test]
fn reject_leaves_the_labels_and_undo_brings_the_proposal_back() {
    let mut desk = clicked();
    desk.apply(AiCommand::Reject);
    assert!(desk.case().proposal().is_none() && desk.case().prompts().is_empty());
    assert_eq!(desk.case().voxel_count(1), 0);
    let effects = desk.apply(HistoryCommand::Undo);
    assert_eq!(desk.case().proposal().map(|p| p.voxels()), Some(27));
    assert!(!has(&effects, |e| matches!(e, Effect::RunPrompt { .. })));
}

#[test]
fn a_click_and_its_result_are_one_step() {
    let mut desk = clicked();
    assert_eq!(desk.case().history().undo_name(), Some("click"));
    assert_eq!(desk.case().history().undo_len(), 1);
    desk.apply(HistoryCommand::Undo);
    assert!(desk.case().proposal().is_none() && desk.case().table().labels().is_empty());
    let effects = desk.apply(HistoryCommand::Redo);
    assert_eq!(desk.case().proposal().map(|p| p.voxels()), Some(27));
    assert!(!has(&effects, |e| matches!(e, Effect::RunPrompt { .. })));
}

#[test]
fn undo_cancels_the_job_and_redo_asks_again() {
    let mut desk = Desk::new(DIMS);
    desk.apply(PromptCommand::AddClick(click([3, 3, 3], Positive)));
    let late = desk.prompt.clone().expect("a job was asked for");
    let effects = desk.apply(HistoryCommand::Undo);
    assert!(has(
        &effects,
        |e| matches!(e, Effect::CancelJob(t) if *t == late.0)
    ));
    desk.prompt = Some(late);
    desk.answer(&[voxel_box([0; 3], [1; 3])]);
    assert!(desk.case().proposal().is_none(), "a late result is ignored");
    let effects = desk.apply(HistoryCommand::Redo);
    assert!(has(&effects, |e| matches!(e, Effect::RunPrompt { .. })));
}

#[test]
fn more_clicks_refine_the_standing_proposal() {
    let mut desk = clicked();
    desk.apply(PromptCommand::AddClick(click([4, 4, 4], Negative)));
    let (_, prompts, prior) = desk.prompt.clone().expect("a job was asked for");
    assert_eq!(prompts.clicks.len(), 2);
    assert_eq!(prior.map(|m| m.count()), Some(27));
    desk.answer(&[voxel_box([2, 2, 2], [3, 3, 3])]);
    assert_eq!(desk.case().proposal().map(|p| p.voxels()), Some(8));
    desk.apply(HistoryCommand::Undo);
    assert_eq!(desk.case().proposal().map(|p| p.voxels()), Some(27));
    assert_eq!(desk.case().prompts().clicks.len(), 1);
}

#[test]
fn an_accepted_label_is_the_prior_and_is_replaced() {
    let mut desk = clicked();
    desk.apply(AiCommand::Accept);
    desk.apply(PromptCommand::AddClick(click([4, 4, 4], Negative)));
    let prior = desk.prompt.clone().and_then(|p| p.2);
    assert_eq!(prior.map(|m| m.count()), Some(27));
    desk.answer(&[voxel_box([2, 2, 2], [3, 3, 3])]);
    desk.apply(AiCommand::Accept);
    assert_eq!(desk.case().voxel_count(1), 8);
    assert_eq!(desk.label_at([4, 4, 4]), 0);
}

#[test]
fn a_piece_that_the_model_did_not_look_at_is_kept() {
    let mut desk = clicked();
    desk.apply(AiCommand::Accept);
    let far = voxel_box([8, 7, 6], [9, 8, 7]);
    desk.apply(PromptCommand::AddClick(click([8, 7, 6], Positive)));
    desk.answer(&[far]);
    assert!(desk.proposed_at([3, 3, 3]) && desk.proposed_at([8, 7, 6]));
    desk.apply(AiCommand::Accept);
    assert_eq!(desk.case().voxel_count(1), 27 + 8);
    // A negative click in the piece lets it go.
    desk.apply(PromptCommand::AddClick(click([3, 3, 3], Negative)));
    desk.answer(&[far]);
    assert!(!desk.proposed_at([3, 3, 3]) && desk.proposed_at([8, 7, 6]));
}

#[test]
fn accept_does_not_take_from_other_labels_unless_told_to() {
    for take in [false, true] {
        let mut desk = clicked();
        desk.apply(ToolCommand::TakeFromOthers(take));
        desk.apply(LabelCommand::StartNextLesion);
        assert_eq!(desk.case().voxel_count(1), 27, "moving on accepted");
        desk.apply(PromptCommand::AddClick(click([4, 4, 4], Positive)));
        desk.answer(&[voxel_box([4, 2, 2], [5, 4, 4])]);
        desk.apply(AiCommand::Accept);
        assert_eq!(desk.label_at([4, 3, 3]), if take { 2 } else { 1 });
        assert_eq!(desk.label_at([5, 3, 3]), 2);
        // A locked label keeps its voxels either way.
        desk.apply(HistoryCommand::Undo);
        desk.apply(LabelCommand::Lock {
            value: 1,
            locked: true,
        });
        desk.apply(AiCommand::Accept);
        assert_eq!(desk.label_at([4, 3, 3]), 1);
        assert_eq!(desk.case().voxel_count(1), 27);
    }
}

#[test]
fn a_locked_label_takes_neither_clicks_nor_a_proposal() {
    let mut desk = clicked();
    desk.apply(LabelCommand::Lock {
        value: 1,
        locked: true,
    });
    let effects = desk.apply(AiCommand::Accept);
    let text = notice(&effects, Severity::Error).expect("refused");
    assert!(text.contains("lesion 1 is locked"), "{text}");
    assert!(desk.case().proposal().is_some());
    let effects = desk.apply(PromptCommand::AddClick(click([1, 1, 1], Positive)));
    assert!(notice(&effects, Severity::Error).is_some());
    assert_eq!(desk.case().prompts().clicks.len(), 1);
}

#[test]
fn prompts_outside_the_scan_are_refused() {
    let mut desk = Desk::new(DIMS);
    let effects = desk.apply(PromptCommand::AddClick(click([12, 0, 0], Positive)));
    let text = notice(&effects, Severity::Error).expect("refused");
    assert!(text.contains("outside the scan of 12x10x8"), "{text}");
    let effects = desk.apply(PromptCommand::SetBox(voxel_box([20; 3], [30; 3])));
    assert!(notice(&effects, Severity::Error).is_some());
    assert!(desk.case().table().labels().is_empty());
    assert_eq!(desk.case().history().undo_len(), 0);
}

#[test]
fn a_box_is_clipped_and_starts_afresh() {
    let mut desk = clicked();
    desk.apply(PromptCommand::SetBox(voxel_box([1, 1, 1], [50, 4, 4])));
    let (_, prompts, prior) = desk.prompt.clone().expect("a job was asked for");
    assert_eq!(prompts.target_box, Some(voxel_box([1, 1, 1], [11, 4, 4])));
    assert!(prior.is_none(), "nothing was accepted yet");
}

#[test]
fn a_label_keeps_what_lies_out_of_the_reach_of_a_box_in_it() {
    let mut desk = Desk::new(DIMS);
    desk.apply(PromptCommand::AddClick(click([3, 3, 3], Positive)));
    desk.answer(&[voxel_box([0, 2, 2], [11, 4, 4])]);
    desk.apply(AiCommand::Accept);
    // The box is corrected at one end of the label: its reach is one voxel more on either side along i.
    desk.apply(PromptCommand::SetBox(voxel_box([0, 2, 2], [3, 4, 4])));
    desk.answer(&[voxel_box([0, 2, 2], [2, 4, 4])]);
    let proposed = |desk: &Desk| [2, 3, 4, 5, 11].map(|i| desk.proposed_at([i, 3, 3]));
    assert_eq!(proposed(&desk), [true, false, false, true, true]);
    // A negative click beyond says that the piece is wrong there.
    desk.apply(PromptCommand::AddClick(click([9, 3, 3], Negative)));
    desk.answer(&[voxel_box([0, 2, 2], [2, 4, 4])]);
    assert_eq!(proposed(&desk), [true, false, false, false, false]);
}

#[test]
fn the_last_prompt_goes_first() {
    let mut desk = clicked();
    desk.apply(PromptCommand::SetBox(voxel_box([1; 3], [5; 3])));
    desk.apply(PromptCommand::AddClick(click([5, 5, 5], Negative)));
    desk.apply(PromptCommand::RemoveLast);
    assert_eq!(desk.case().prompts().clicks.len(), 1);
    assert!(desk.case().prompts().target_box.is_some());
    desk.apply(PromptCommand::RemoveLast);
    assert!(desk.case().prompts().target_box.is_none());
    assert!(desk.prompt.is_some(), "the rest is asked again");
    desk.apply(PromptCommand::RemoveLast);
    assert!(desk.case().prompts().is_empty() && desk.case().proposal().is_none());
    assert!(desk.prompt.is_none());
}

#[test]
fn an_automatic_result_is_a_proposal_and_its_names_find_their_labels() {
    let mut desk = clicked();
    desk.apply(AiCommand::Accept);
    desk.apply(AiCommand::RunAuto { structures: None });
    assert!(desk.case().is_auto_running());
    desk.answer_auto(&[
        voxel_box([0; 3], [3, 3, 3]),
        voxel_box([6, 0, 0], [8, 3, 3]),
    ]);
    let proposal = desk.case().proposal().expect("a proposal stands");
    assert!(matches!(proposal.content, Proposed::Structures { .. }));
    desk.apply(AiCommand::Accept);
    let names: Vec<_> = desk
        .case()
        .table()
        .labels()
        .iter()
        .map(|l| l.name.as_str())
        .collect();
    assert_eq!(names, ["lesion_1", "organ_1", "organ_2"]);
    let organ_1 = desk.case().table().by_name("organ_1").expect("added").value;
    assert_eq!(desk.label_at([0, 0, 0]), organ_1);
    assert_eq!(desk.label_at([3, 3, 3]), 1, "the lesion keeps its voxels");

    // A second run replaces the same structures and adds none.
    desk.apply(AiCommand::RunAuto { structures: None });
    desk.answer_auto(&[voxel_box([0; 3], [1, 1, 1])]);
    desk.apply(AiCommand::Accept);
    assert_eq!(desk.case().table().labels().len(), 3);
    assert_eq!(desk.case().voxel_count(organ_1), 8);
}

#[test]
fn an_automatic_result_waits_until_the_target_is_decided() {
    let mut desk = clicked();
    desk.apply(AiCommand::RunAuto { structures: None });
    desk.answer_auto(&[voxel_box([6, 6, 6], [7, 7, 7])]);
    let standing = desk.case().proposal().expect("the target still stands");
    assert!(standing.mask().is_some());
    let effects = desk.apply(AiCommand::Accept);
    assert!(has(&effects, |e| matches!(e, Effect::ProposalChanged)));
    let standing = desk.case().proposal().expect("now the structures stand");
    assert!(standing.mask().is_none());
}

#[test]
fn a_click_on_an_automatic_result_accepts_it_and_starts_a_lesion() {
    let mut desk = organs_proposed();
    let receiver = desk.case().receiver();
    assert_eq!(
        (receiver.title.as_str(), receiver.is_new),
        ("lesion 1", true)
    );
    desk.apply(PromptCommand::AddClick(click([4, 3, 3], Positive)));
    assert_eq!(desk.case().voxel_count(1), 64);
    let active = desk.case().active().expect("a lesion was started");
    assert_eq!(active.name, "lesion_1");
    assert_eq!(receiver.color, active.color, "as it was said before");
    let prior = desk.prompt.clone().and_then(|p| p.2);
    assert!(prior.is_none(), "an organ is no prior of a lesion");
}

/// Two organs: the first of 64 voxels, the second of 48.
fn organs_proposed() -> Desk {
    let mut desk = Desk::new(DIMS);
    desk.apply(AiCommand::RunAuto { structures: None });
    desk.answer_auto(&[
        voxel_box([0; 3], [3, 3, 3]),
        voxel_box([6, 0, 0], [8, 3, 3]),
    ]);
    desk
}

#[test]
fn after_accepting_organs_neither_click_nor_box_nor_stroke_goes_into_one() {
    let prompts = [
        Command::from(PromptCommand::AddClick(click([2, 2, 2], Positive))),
        PromptCommand::SetBox(voxel_box([1; 3], [2; 3])).into(),
        StrokeCommand::Begin {
            mode: StrokeMode::Paint,
            plane: Plane::Axial,
            at: super::at([10.0, 8.0, 6.0]),
        }
        .into(),
    ];
    for prompt in prompts {
        let mut desk = organs_proposed();
        desk.apply(AiCommand::Accept);
        assert!(desk.case().active().is_none());
        desk.apply(prompt.clone());
        let active = desk.case().active().map(|l| l.name.as_str());
        assert_eq!(active, Some("lesion_1"), "{prompt:?}");
        desk.apply(StrokeCommand::End);
        assert_eq!(desk.case().voxel_count(1), 64);
    }
    let mut desk = organs_proposed();
    desk.apply(AiCommand::Accept);
    desk.apply(LabelCommand::Activate(2));
    assert_eq!(desk.case().receiver().title, "organ 2");
    desk.apply(PromptCommand::AddClick(click([7, 2, 2], Positive)));
    assert_eq!(desk.case().table().labels().len(), 2, "the user chose it");
    assert_eq!(desk.prompt.and_then(|p| p.2).map(|m| m.count()), Some(48));
}

#[test]
fn without_a_chosen_label_the_eraser_says_so() {
    let mut desk = organs_proposed();
    desk.apply(AiCommand::Accept);
    let effects = desk.apply(StrokeCommand::Begin {
        mode: StrokeMode::Erase,
        plane: Plane::Axial,
        at: super::at([2.0, 2.0, 2.0]),
    });
    let text = notice(&effects, Severity::Error).expect("refused");
    assert!(text.contains("choose the label"), "{text}");
}

#[test]
fn structures_are_accepted_and_rejected_alone() {
    let mut desk = organs_proposed();
    desk.apply(AiCommand::AcceptStructure(2));
    let names = |desk: &Desk| -> Vec<String> {
        let labels = desk.case().table().labels().iter();
        labels.map(|l| l.name.clone()).collect()
    };
    assert_eq!(names(&desk), ["organ_2"]);
    assert_eq!(desk.case().voxel_count(2), 48);
    assert_eq!(desk.case().proposal().map(|p| p.voxels()), Some(64));
    assert!(desk.case().active().is_none());

    desk.apply(AiCommand::RejectStructure(1));
    assert!(
        desk.case().proposal().is_none(),
        "nothing is left to decide"
    );
    assert_eq!(desk.case().labels().counts(), [(2, 48)]);

    desk.apply(HistoryCommand::Undo);
    assert_eq!(desk.case().proposal().map(|p| p.voxels()), Some(64));
    desk.apply(HistoryCommand::Undo);
    assert_eq!(desk.case().proposal().map(|p| p.voxels()), Some(112));
    assert!(names(&desk).is_empty() && desk.case().labels().counts().is_empty());
    desk.apply(HistoryCommand::Redo);
    assert_eq!(desk.case().labels().counts(), [(2, 48)]);
    desk.apply(AiCommand::Accept);
    assert_eq!(desk.case().labels().counts(), [(1, 64), (2, 48)]);
}

#[test]
fn a_structure_that_is_not_there_changes_nothing() {
    let mut desk = clicked();
    let steps = desk.case().history().undo_len();
    for value in [1, 9] {
        desk.apply(AiCommand::AcceptStructure(value));
        desk.apply(AiCommand::RejectStructure(value));
    }
    assert_eq!(desk.case().proposal().map(|p| p.voxels()), Some(27));
    assert_eq!(desk.case().history().undo_len(), steps);
}

#[test]
fn the_size_of_a_target_is_what_accepting_gives() {
    for (take, lock_other, expected) in [(false, false, 18), (true, false, 27), (true, true, 18)] {
        let mut desk = clicked();
        desk.apply(ToolCommand::TakeFromOthers(take));
        desk.apply(LabelCommand::StartNextLesion);
        desk.apply(LabelCommand::Lock {
            value: 1,
            locked: lock_other,
        });
        desk.apply(PromptCommand::AddClick(click([4, 4, 4], Positive)));
        desk.answer(&[voxel_box([4, 2, 2], [6, 4, 4])]);
        let gain = desk.case().gain().expect("a proposal stands").clone();
        assert_eq!((gain.voxels, gain.left), (expected, 27 - expected));
        desk.apply(AiCommand::Accept);
        assert_eq!(desk.case().voxel_count(2), expected);
        assert!(desk.case().gain().is_none());
    }
}

#[test]
fn the_size_of_a_proposal_follows_locks_and_tools() {
    let mut desk = clicked();
    let gain = |desk: &Desk| desk.case().gain().map(|g| (g.voxels, g.left));
    assert_eq!(gain(&desk), Some((27, 0)));
    let lock = |locked| LabelCommand::Lock { value: 1, locked };
    desk.apply(lock(true));
    assert_eq!(gain(&desk), Some((0, 27)));
    desk.apply(lock(false));
    assert_eq!(gain(&desk), Some((27, 0)));
    desk.apply(HistoryCommand::Undo);
    assert_eq!(gain(&desk), Some((0, 27)));
}

#[test]
fn sizes_of_structures_are_what_accepting_gives() {
    let mut desk = clicked();
    desk.apply(AiCommand::Accept);
    desk.apply(AiCommand::RunAuto { structures: None });
    let organs = [
        voxel_box([0; 3], [3, 3, 3]),
        voxel_box([6, 0, 0], [8, 3, 3]),
    ];
    desk.answer_auto(&organs);
    // Of the first, 2x2x2 voxels are the lesion's.
    let gain = desk.case().gain().expect("structures stand").clone();
    let alone: Vec<usize> = gain.structures.iter().map(|s| s.voxels).collect();
    assert_eq!((gain.voxels, gain.left, alone), (104, 8, vec![56, 48]));
    assert_eq!(gain.structures[1].bounds, organs[1]);
    let becomes = gain.structures[0].becomes;
    desk.apply(AiCommand::AcceptStructure(1));
    assert_eq!(desk.case().voxel_count(becomes), 56);
    desk.apply(HistoryCommand::Undo);
    desk.apply(AiCommand::Accept);
    let counts = desk.case().labels().counts();
    assert_eq!(counts.iter().map(|c| c.1).sum::<usize>(), 27 + 104);
}

#[test]
fn failed_and_empty_results_say_so() {
    let mut desk = Desk::new(DIMS);
    desk.apply(PromptCommand::AddClick(click([3, 3, 3], Positive)));
    let ticket = desk.prompt.as_ref().expect("asked").0;
    let effects = desk.apply(AiCommand::JobEnded {
        ticket,
        failure: Some("out of memory".into()),
    });
    assert_eq!(notice(&effects, Severity::Error), Some("out of memory"));
    assert!(!desk.case().is_prompt_running());
    desk.apply(PromptCommand::AddClick(click([3, 3, 4], Positive)));
    let effects = desk.answer(&[]);
    assert!(notice(&effects, Severity::Warning).is_some());
}

#[test]
fn the_cross_hair_goes_to_where_the_model_is_least_sure_and_on_from_there() {
    let mut desk = Desk::new([9, 8, 12]);
    let none = desk.apply(ViewCommand::GoToDoubt(Plane::Axial));
    assert!(notice(&none, Severity::Info).is_some(), "no proposal");
    let grid = *desk.case().grid();
    // Unsure: 3 voxels in slice 2, 5 in slice 3, 4 in slice 8 and 2 in slice 9; elsewhere certain.
    let mut logits = vec![-8.0f32; grid.len()];
    for (k, voxels) in [(2, 1..4), (3, 1..6), (8, 2..6), (9, 2..4)] {
        for i in voxels {
            logits[grid.offset(i, 4, k)] = 0.1;
        }
    }
    desk.apply(PromptCommand::AddClick(click([4, 4, 4], Positive)));
    let (ticket, ..) = desk.prompt.take().expect("asked");
    let insight = Insight {
        certainty: Certainty::of_logits(grid, &logits),
        evidence: Evidence {
            traits: Traits::default(),
            look: Vec::new(),
        },
    };
    let result = PromptedResult {
        mask: mask(grid, &[voxel_box([1, 1, 1], [6, 6, 9])]),
        estimate: None,
        insight: Some(Arc::new(insight)),
        structure: None,
        warnings: Vec::new(),
    };
    desk.apply(AiCommand::PromptResult { ticket, result });
    let undo = desk.case().history().undo_len();
    let mut go = |plane| {
        desk.apply(ViewCommand::GoToDoubt(plane));
        desk.case().cross_hair().0
    };
    assert_eq!(
        go(Plane::Axial),
        [3, 4, 3],
        "most of all, in the middle of them"
    );
    assert_eq!(go(Plane::Axial), [3, 4, 8], "not the neighbour");
    assert_eq!(go(Plane::Axial), [3, 4, 3], "and round again");
    assert_eq!(go(Plane::Coronal)[1], 4);
    assert!(desk.session.display().uncertainty_shown);
    assert_eq!(desk.case().history().undo_len(), undo, "looking is no step");
}

#[test]
fn what_the_model_said_stays_with_the_proposal() {
    let mut desk = Desk::new([12, 12, 12]);
    desk.apply(PromptCommand::AddClick(click([4, 4, 4], Positive)));
    let (ticket, ..) = desk.prompt.take().expect("asked");
    let result = PromptedResult {
        mask: mask(*desk.case().grid(), &[voxel_box([1, 1, 1], [6, 6, 9])]),
        estimate: None,
        insight: None,
        structure: None,
        warnings: vec!["taken for the spinal_cord".to_owned()],
    };
    let told = desk.apply(AiCommand::PromptResult { ticket, result });
    assert_eq!(
        notice(&told, Severity::Warning),
        Some("taken for the spinal cord")
    );
    let said = |desk: &Desk| desk.case().proposal().map(|p| p.said().to_vec());
    let expected = Some(vec!["taken for the spinal cord".to_owned()]);
    assert_eq!(said(&desk), expected);
    desk.apply(HistoryCommand::Undo);
    assert_eq!(said(&desk), None);
    desk.apply(HistoryCommand::Redo);
    assert_eq!(said(&desk), expected, "as before");
}
