//! What holds whatever the user does, checked on random commands.

use proptest::prelude::*;

use prosector::geometry::{Plane, VoxelBox, WorldPoint};
use prosector::prompt::{DrawingKind, Polarity, PromptSet};
use prosector::session::operations::{clear, fill_holes, keep_largest};
use prosector::session::{
    AiCommand, Brush, BrushShape, Case, Command, HistoryCommand, LabelCommand, LayerCommand,
    MeasureCommand, PromptCommand, Proposed, Session, StrokeCommand, StrokeMode, ToolCommand,
};
use prosector::volume::measurement::{Measurement, SHAPES, Shape};
use prosector::volume::{Label, LabelLayers, LayerId};

use super::{Desk, at, click, on_label, voxel_box};

pub const DIMS: [usize; 3] = [9, 8, 6];

/// What a user or the model does.
#[derive(Debug, Clone)]
pub enum Act {
    Do(Command),
    Answer(VoxelBox),
    AnswerAuto([VoxelBox; 2]),
}

impl Act {
    pub fn on(&self, desk: &mut Desk) {
        match self {
            Self::Do(command) => desk.apply(command.clone()),
            Self::Answer(b) => desk.answer(&[*b]),
            Self::AnswerAuto(boxes) => desk.answer_auto(boxes),
        };
    }
}

fn voxel() -> impl Strategy<Value = [i64; 3]> {
    [0..9i64, 0..8i64, 0..6i64]
}

fn any_box() -> impl Strategy<Value = VoxelBox> {
    (voxel(), voxel()).prop_map(|(a, b)| {
        let min = std::array::from_fn(|d| a[d].min(b[d]));
        voxel_box(min, std::array::from_fn(|d| a[d].max(b[d])))
    })
}

fn point() -> impl Strategy<Value = [f64; 3]> {
    [-1.0..10.0f64, -1.0..9.0f64, -1.0..7.0f64]
}

fn value() -> impl Strategy<Value = u16> {
    1..5u16
}

fn label_command() -> impl Strategy<Value = Command> {
    prop_oneof![
        Just(LabelCommand::StartNextLesion),
        Just(LabelCommand::Add { name: None }),
        (value(), 0..3u8).prop_map(|(value, n)| LabelCommand::Rename {
            value,
            name: format!("name_{n}"),
        }),
        (value(), any::<[u8; 3]>())
            .prop_map(|(value, color)| LabelCommand::Recolor { value, color }),
        (value(), any::<u8>())
            .prop_map(|(value, percent)| LabelCommand::Opacity { value, percent }),
        (prop::collection::vec(value(), 1..3), 0..3u8).prop_map(|(values, n)| {
            LabelCommand::Group {
                values,
                group: ["", "organs", "nodes"][usize::from(n)].to_owned(),
            }
        }),
        (value(), any::<bool>()).prop_map(|(value, visible)| LabelCommand::Show { value, visible }),
        (value(), any::<bool>()).prop_map(|(value, locked)| LabelCommand::Lock { value, locked }),
        value().prop_map(LabelCommand::Activate),
        value().prop_map(LabelCommand::Remove),
    ]
    .prop_map(Command::from)
}

/// Of layers: for acts where labels of several may overlap.
fn layer_command() -> impl Strategy<Value = Command> {
    let layer = || (0..3u16).prop_map(LayerId);
    prop_oneof![
        3 => Just(LayerCommand::Add { name: None }),
        1 => (layer(), 0..3u8).prop_map(|(layer, n)| LayerCommand::Rename {
            layer,
            name: format!("name_{n}"),
        }),
        1 => layer().prop_map(LayerCommand::Remove),
        1 => (layer(), any::<bool>())
            .prop_map(|(layer, visible)| LayerCommand::Show { layer, visible }),
        1 => (layer(), 0..3usize).prop_map(|(layer, to)| LayerCommand::Reorder { layer, to }),
        2 => layer().prop_map(LayerCommand::Activate),
        2 => (value(), layer())
            .prop_map(|(value, layer)| LayerCommand::MoveLabel { value, layer }),
    ]
    .prop_map(Command::from)
}

fn stroke_command() -> impl Strategy<Value = Command> {
    let mode = prop_oneof![Just(StrokeMode::Paint), Just(StrokeMode::Erase)];
    let plane = prop_oneof![
        Just(Plane::Axial),
        Just(Plane::Coronal),
        Just(Plane::Sagittal)
    ];
    prop_oneof![
        3 => (mode, plane, point()).prop_map(|(mode, plane, p)| StrokeCommand::Begin {
            mode,
            plane,
            at: at(p),
        }),
        3 => point().prop_map(|p| StrokeCommand::To(at(p))),
        2 => Just(StrokeCommand::End),
        1 => Just(StrokeCommand::Abort),
    ]
    .prop_map(Command::from)
}

/// What is drawn to be measured, some of it with too few places.
fn measure_command() -> impl Strategy<Value = Command> {
    let places = || {
        let places = prop::collection::vec(point(), 1..4);
        places.prop_map(|p| {
            p.into_iter()
                .map(|p| WorldPoint(p.into()))
                .collect::<Vec<_>>()
        })
    };
    prop_oneof![
        3 => (0..SHAPES.len(), places()).prop_map(|(n, points)| {
            let (shape, mut points): (Shape, Vec<WorldPoint>) = (SHAPES[n], points);
            points.truncate(shape.points);
            MeasureCommand::Draw { shape, points }
        }),
        1 => (0..4u32, places())
            .prop_map(|(number, points)| MeasureCommand::Change { number, points }),
        1 => (0..4u32).prop_map(MeasureCommand::Remove),
    ]
    .prop_map(Command::from)
}

fn draw_command() -> impl Strategy<Value = Command> {
    let kind = prop_oneof![
        Just(DrawingKind::Scribble),
        Just(DrawingKind::Lasso),
        Just(DrawingKind::Diameter)
    ];
    let polarity = prop_oneof![Just(Polarity::Positive), Just(Polarity::Negative)];
    let plane = prop_oneof![Just(Plane::Axial), Just(Plane::Sagittal)];
    let line = prop::collection::vec(point(), 1..5);
    let drawn = (kind, polarity, plane, line);
    drawn.prop_map(|(kind, polarity, plane, line)| {
        let line = line.into_iter().map(at).collect();
        let command = PromptCommand::Draw {
            kind,
            polarity,
            plane,
            line,
        };
        command.into()
    })
}

fn other_command() -> impl Strategy<Value = Command> {
    let polarity = prop_oneof![Just(Polarity::Positive), Just(Polarity::Negative)];
    let shape = prop_oneof![Just(BrushShape::Disc), Just(BrushShape::Sphere)];
    prop_oneof![
        3 => (voxel(), polarity).prop_map(|(v, p)| PromptCommand::AddClick(click(v, p)).into()),
        1 => any_box().prop_map(|b| PromptCommand::SetBox(b).into()),
        1 => Just(PromptCommand::RemoveLast.into()),
        1 => Just(PromptCommand::Clear.into()),
        1 => Just(AiCommand::RunAuto { structures: None }.into()),
        3 => Just(AiCommand::Accept.into()),
        1 => Just(AiCommand::Reject.into()),
        2 => (1..3u16).prop_map(|v| AiCommand::AcceptStructure(v).into()),
        1 => (1..3u16).prop_map(|v| AiCommand::RejectStructure(v).into()),
        1 => value().prop_map(|v| on_label(&fill_holes::OPERATION, v).into()),
        1 => value().prop_map(|v| on_label(&keep_largest::OPERATION, v).into()),
        1 => value().prop_map(|v| on_label(&clear::OPERATION, v).into()),
        1 => any::<bool>().prop_map(|on| ToolCommand::TakeFromOthers(on).into()),
        1 => (0.1..9.0f64, shape).prop_map(|(diameter_mm, shape)| {
            ToolCommand::Brush(Brush { diameter_mm, shape }).into()
        }),
    ]
}

pub fn act(with_history: bool) -> impl Strategy<Value = Act> {
    let history = prop_oneof![Just(HistoryCommand::Undo), Just(HistoryCommand::Redo)];
    let history_weight = if with_history { 4 } else { 0 };
    let mut options = vec![
        (4, label_command().prop_map(Act::Do).boxed()),
        (3, layer_command().prop_map(Act::Do).boxed()),
        (6, stroke_command().prop_map(Act::Do).boxed()),
        (6, other_command().prop_map(Act::Do).boxed()),
        (3, measure_command().prop_map(Act::Do).boxed()),
        (2, draw_command().prop_map(Act::Do).boxed()),
        (4, any_box().prop_map(Act::Answer).boxed()),
        (2, [any_box(), any_box()].prop_map(Act::AnswerAuto).boxed()),
    ];
    if history_weight > 0 {
        options.push((4, history.prop_map(|h| Act::Do(h.into())).boxed()));
    }
    proptest::strategy::Union::new_weighted(options)
}

/// As [`act`], with jumps in the history: many steps at once.
pub fn act_or_jump() -> impl Strategy<Value = Act> {
    let jump = (0..12usize).prop_map(|n| Act::Do(HistoryCommand::JumpTo(n).into()));
    prop_oneof![12 => act(true), 1 => jump]
}

/// All that the history restores.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    labels: LabelLayers,
    table: Vec<Label>,
    layers: Vec<(LayerId, String, bool)>,
    prompts: PromptSet,
    proposal: Option<Vec<u16>>,
    measurements: Vec<Measurement>,
    revision: u64,
}

impl State {
    /// As it is in another session too.
    pub fn without_revision(self) -> Self {
        Self {
            revision: 0,
            ..self
        }
    }
}

pub fn state(case: &Case) -> State {
    let mut table = case.table().labels().to_vec();
    for label in &mut table {
        label.visible = true;
    }
    State {
        labels: case.document().layers().clone(),
        table,
        layers: (case.table().layers().iter())
            .map(|l| (l.id, l.name.clone(), l.visible))
            .collect(),
        prompts: case.prompts().clone(),
        proposal: case.proposal().map(|p| match &p.content {
            Proposed::Target { mask, .. } => mask.voxels.iter().map(|&v| u16::from(v)).collect(),
            Proposed::Structures { labels, .. } => labels.voxels.clone(),
        }),
        measurements: case.document().measurements().to_vec(),
        revision: case.revision(),
    }
}

/// Ends a stroke in progress, so that everything is in the history.
pub fn finish_stroke(desk: &mut Desk) {
    desk.apply(StrokeCommand::End);
}

pub fn check_books(case: &Case) {
    let layers = case.document().layers();
    let counted = layers.counts();
    let ids = layers.iter().map(|(id, _)| id);
    assert!(ids.eq(case.table().layers().iter().map(|l| l.id)));
    for (id, map) in layers.iter() {
        for (value, _) in map.counts() {
            assert_eq!(case.table().layer_of(value), id, "{value} is in its layer");
        }
    }
    let active = case.active().map(|l| l.layer);
    assert!(active.is_none_or(|layer| layer == case.document().active_layer()));
    for (&value, &voxels) in &counted {
        assert!(case.table().get(value).is_some(), "{value} has no name");
        assert_eq!(case.voxel_count(value), voxels);
    }
    for label in case.table().labels() {
        let expected = counted.get(&label.value).copied().unwrap_or(0);
        assert_eq!(case.voxel_count(label.value), expected);
    }
    let measured = case.measured().iter().map(|(drawn, _)| drawn);
    assert!(measured.eq(case.document().measurements()));
    check_gain(case);
}

/// What is promised of a proposal is there exactly as long as it stands, and counts each of its voxels once.
fn check_gain(case: &Case) {
    let promised = case.gain().map(|g| g.voxels + g.left);
    assert_eq!(promised, case.proposal().map(|p| p.voxels()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn undo_goes_all_the_way_back_and_redo_all_the_way_forth(acts in prop::collection::vec(act(false), 1..40)) {
        let mut desk = Desk::new(DIMS);
        let first = state(desk.case());
        for act in &acts {
            act.on(&mut desk);
        }
        finish_stroke(&mut desk);
        check_books(desk.case());
        let mut seen = vec![state(desk.case())];
        while desk.case().history().undo_len() > 0 {
            desk.apply(HistoryCommand::Undo);
            check_books(desk.case());
            seen.push(state(desk.case()));
        }
        prop_assert_eq!(seen.pop(), Some(first));
        while desk.case().history().redo_len() > 0 {
            if let Some(expected) = seen.pop() {
                desk.apply(HistoryCommand::Redo);
                prop_assert_eq!(state(desk.case()), expected);
            }
        }
    }

    #[test]
    fn undoing_the_steps_of_one_command_is_as_if_it_had_not_been(acts in prop::collection::vec(act(true), 1..30)) {
        let mut desk = Desk::new(DIMS);
        for act in &acts {
            finish_stroke(&mut desk);
            let before = (state(desk.case()), desk.case().history().undo_len());
            if matches!(act, Act::Do(Command::History(_))) {
                act.on(&mut desk);
                continue;
            }
            act.on(&mut desk);
            finish_stroke(&mut desk);
            let steps = desk.case().history().undo_len().saturating_sub(before.1);
            if steps == 0 {
                continue;
            }
            let after = state(desk.case());
            for _ in 0..steps {
                desk.apply(HistoryCommand::Undo);
            }
            prop_assert_eq!(&state(desk.case()), &before.0, "undo of {:?}", act);
            for _ in 0..steps {
                desk.apply(HistoryCommand::Redo);
            }
            prop_assert_eq!(&state(desk.case()), &after, "redo of {:?}", act);
        }
    }

    #[test]
    fn a_locked_label_never_changes(acts in prop::collection::vec(act(true), 1..60)) {
        let mut desk = Desk::new(DIMS);
        for act in &acts {
            let before = (desk.case().document().layers().clone(), desk.case().table().clone());
            act.on(&mut desk);
            let case = desk.case();
            for label in before.1.labels().iter().filter(|l| l.locked) {
                let still = case.table().get(label.value);
                prop_assert!(still.is_some(), "{} is gone after {:?}", label.name, act);
                if still.is_some_and(|l| l.locked) {
                    let mask = |layers: &LabelLayers| {
                        Some(layers.get(label.layer)?.mask_of(label.value))
                    };
                    let same = mask(&before.0) == mask(case.document().layers());
                    prop_assert!(same, "{} changed by {:?}", label.name, act);
                }
            }
            if desk.case().is_stroke_active() {
                continue;
            }
            check_books(desk.case());
        }
    }

    #[test]
    fn accepting_gives_what_was_promised(acts in prop::collection::vec(act(true), 1..40)) {
        let mut desk = Desk::new(DIMS);
        for act in &acts {
            act.on(&mut desk);
        }
        finish_stroke(&mut desk);
        let case = desk.case();
        if let (Some(gain), Some(proposal)) = (case.gain().cloned(), case.proposal()) {
            let proposed: Vec<u16> = match &proposal.content {
                Proposed::Target { mask, label } => {
                    mask.voxels.iter().map(|&v| u16::from(v) * label).collect()
                }
                Proposed::Structures { labels, .. } => {
                    let becomes = |v| gain.structures.iter().find(|s| s.proposed == v);
                    labels.voxels.iter().map(|&v| becomes(v).map_or(0, |s| s.becomes)).collect()
                }
            };
            let locked = |v: u16| case.table().get(v).is_some_and(|l| l.locked);
            let refused: Vec<bool> = proposed.iter().map(|&v| locked(v)).collect();
            desk.apply(AiCommand::Accept);
            let case = desk.case();
            let has = |n: usize, value: u16| {
                let labels = case.document().layers().get(case.table().layer_of(value));
                labels.is_some_and(|labels| labels.voxels[n] == value)
            };
            let got = (0..proposed.len()).filter(|&n| proposed[n] != 0 && has(n, proposed[n]) && !refused[n]);
            prop_assert_eq!(got.count(), gain.voxels);
        }
    }

    #[test]
    fn the_history_keeps_to_its_budget(acts in prop::collection::vec(act(true), 1..60), budget in 500..6000usize) {
        let mut desk = Desk::with(Session::default().with_history_budget(budget), DIMS);
        for act in &acts {
            act.on(&mut desk);
            let history = desk.case().history();
            let steps = history.undo_len() + history.redo_len();
            prop_assert!(history.used_bytes() <= budget || steps == 1);
            prop_assert_eq!(history.used_bytes() == 0, steps == 0);
        }
    }

    #[test]
    fn an_aborted_stroke_is_as_if_it_had_not_been(
        acts in prop::collection::vec(act(true), 0..20),
        start in point(),
        path in prop::collection::vec(point(), 0..6),
    ) {
        let mut desk = Desk::new(DIMS);
        for act in &acts {
            act.on(&mut desk);
        }
        finish_stroke(&mut desk);
        // A stroke decides what stands, as a step of its own: done here before.
        for _ in 0..2 {
            // Twice, because an automatic result may wait behind the first.
            desk.apply(AiCommand::Accept);
            desk.apply(AiCommand::Reject);
        }
        let before = (state(desk.case()), desk.case().history().undo_len());
        for mode in [StrokeMode::Paint, StrokeMode::Erase] {
            desk.apply(StrokeCommand::Begin { mode, plane: Plane::Axial, at: at(start) });
            for &p in &path {
                desk.apply(StrokeCommand::To(at(p)));
            }
            desk.apply(StrokeCommand::Abort);
            prop_assert_eq!(&(state(desk.case()), desk.case().history().undo_len()), &before);
        }
    }
}
