//! A label that nobody named is called after the structure that the model found in it.

use prosector::models::PromptedResult;
use prosector::prompt::Polarity::Positive;
use prosector::session::{
    AiCommand, Effect, HistoryCommand, LabelCommand, PromptCommand, Severity,
};

use super::{Desk, click, mask, notice, voxel_box};

const DIMS: [usize; 3] = [12, 10, 8];

/// Answers the standing click with a target that is this structure, or none.
fn answer(desk: &mut Desk, structure: Option<&str>) {
    let (ticket, ..) = desk.prompt.take().expect("asked");
    let result = PromptedResult {
        mask: mask(*desk.case().grid(), &[voxel_box([2, 2, 2], [4, 4, 4])]),
        estimate: None,
        insight: None,
        structure: structure.map(str::to_owned),
        warnings: Vec::new(),
    };
    desk.apply(AiCommand::PromptResult { ticket, result });
}

/// Clicks, is answered, and accepts.
fn taken(desk: &mut Desk, structure: Option<&str>) -> Vec<Effect> {
    desk.apply(PromptCommand::AddClick(click([3, 3, 3], Positive)));
    answer(desk, structure);
    desk.apply(AiCommand::Accept)
}

/// What the model is told that the target of a click is called.
fn told(desk: &mut Desk) -> Option<String> {
    let effects = desk.apply(PromptCommand::AddClick(click([3, 3, 3], Positive)));
    let asked = effects.into_iter().find_map(|effect| match effect {
        Effect::RunPrompt { asked, .. } => Some(asked),
        _ => None,
    });
    asked.expect("asked").called
}

fn names(desk: &Desk) -> Vec<String> {
    let labels = desk.case().table().labels().iter();
    labels.map(|l| l.name.clone()).collect()
}

#[test]
fn a_label_is_called_after_its_structure_once_that_is_accepted() {
    let mut desk = Desk::new(DIMS);
    desk.apply(PromptCommand::AddClick(click([3, 3, 3], Positive)));
    answer(&mut desk, Some("left_parotid"));
    assert_eq!(names(&desk), ["lesion_1"], "nothing is decided yet");
    let told = desk.apply(AiCommand::Accept);
    assert_eq!(names(&desk), ["left_parotid"]);
    assert_eq!(
        notice(&told, Severity::Info),
        Some("lesion 1 is called left parotid now: rename it if it is something else")
    );
    desk.apply(HistoryCommand::Undo);
    assert_eq!(names(&desk), ["lesion_1"]);
    desk.apply(HistoryCommand::Redo);
    assert_eq!(names(&desk), ["left_parotid"]);
}

#[test]
fn an_answer_that_is_no_structure_any_more_names_nothing() {
    let mut desk = Desk::new(DIMS);
    desk.apply(PromptCommand::AddClick(click([3, 3, 3], Positive)));
    answer(&mut desk, Some("left_parotid"));
    desk.apply(PromptCommand::AddClick(click([4, 4, 4], Positive)));
    answer(&mut desk, None);
    desk.apply(AiCommand::Accept);
    assert_eq!(names(&desk), ["lesion_1"]);
}

#[test]
fn what_somebody_named_stays_called_so() {
    let mut desk = Desk::new(DIMS);
    let name = Some("lesion_of_the_parotid".to_owned());
    desk.apply(LabelCommand::Add { name });
    taken(&mut desk, Some("left_parotid"));
    assert_eq!(names(&desk), ["lesion_of_the_parotid"]);
}

#[test]
fn no_two_labels_are_called_after_one_structure() {
    let mut desk = Desk::new(DIMS);
    taken(&mut desk, Some("left_parotid"));
    desk.apply(LabelCommand::StartNextLesion);
    taken(&mut desk, Some("left_parotid"));
    assert_eq!(names(&desk), ["left_parotid", "lesion_1"]);
}

#[test]
fn the_model_is_told_a_name_that_somebody_gave() {
    let mut desk = Desk::new(DIMS);
    assert_eq!(told(&mut desk), None, "lesion_1");
    let name = Some("Left parotid".to_owned());
    desk.apply(LabelCommand::Add { name });
    assert_eq!(told(&mut desk).as_deref(), Some("Left parotid"));
}
