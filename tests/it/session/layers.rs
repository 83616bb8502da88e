//! Label layers: overlap, who may overwrite what across them, and their history.

use std::sync::Arc;

use prosector::prompt::Polarity::Positive;
use prosector::session::journal::{Recorded, Replay};
use prosector::session::operations::clear;
use prosector::session::{
    AiCommand, EditCommand, HistoryCommand, LabelCommand, LayerCommand, PromptCommand, ScanCommand,
    Session, Severity, StrokeCommand, StrokeMode, ToolCommand,
};
use prosector::volume::LayerId;

use super::{Desk, at, click, notice, on_label, paint, voxel_box};

const DIMS: [usize; 3] = [12, 10, 6];
const PLACE: [f64; 3] = [5.0, 5.0, 3.0];
const LOWEST: LayerId = LayerId(0);
const UPPER: LayerId = LayerId(1);

/// A label painted in the lowest layer, and another in a layer above it, at the same place.
fn two_layers() -> Desk {
    let mut desk = Desk::new(DIMS);
    draw_overlapping(&mut desk);
    desk
}

fn draw_overlapping(desk: &mut Desk) {
    paint(desk, PLACE);
    desk.apply(LayerCommand::Add { name: None });
    paint(desk, PLACE);
}

fn value_in(desk: &Desk, layer: LayerId, voxel: [i64; 3]) -> u16 {
    let document = desk.case().document();
    let [i, j, k] = voxel.map(|v| v as usize);
    let offset = document.grid().offset(i, j, k);
    document.layers().get(layer).expect("a layer").voxels[offset]
}

/// Everything of the layers that the history restores.
fn all(desk: &Desk) -> impl PartialEq + std::fmt::Debug + use<> {
    let document = desk.case().document();
    let maps: Vec<Vec<u16>> = document
        .layers()
        .maps()
        .iter()
        .map(|m| m.voxels.clone())
        .collect();
    let layers: Vec<_> = document
        .table()
        .layers()
        .iter()
        .map(|l| (l.id, l.name.clone(), l.visible))
        .collect();
    let labels: Vec<_> = document
        .table()
        .labels()
        .iter()
        .map(|l| (l.value, l.layer))
        .collect();
    (maps, layers, labels, document.active_layer())
}

fn edit(desk: &mut Desk, text: &str) -> Option<String> {
    let command = EditCommand::parse(text).expect("it can be read");
    let effects = desk.apply(command);
    notice(&effects, Severity::Error).map(str::to_owned)
}

#[test]
fn labels_of_different_layers_overlap_and_know_their_layer() {
    let desk = two_layers();
    let case = desk.case();
    let voxels = case.voxel_count(1);
    assert!(voxels > 4);
    assert_eq!(case.voxel_count(2), voxels, "the lower label gave nothing");
    assert_eq!(
        (
            value_in(&desk, LOWEST, [5, 5, 3]),
            value_in(&desk, UPPER, [5, 5, 3])
        ),
        (1, 2)
    );
    assert_eq!(
        (case.table().layer_of(1), case.table().layer_of(2)),
        (LOWEST, UPPER)
    );
    let (flat, overlapping) = case.document().layers().flattened();
    assert_eq!((flat.counts(), overlapping), (vec![(2, voxels)], voxels));
    let there = case.grid().voxel_at(case.grid().offset(5, 5, 3));
    assert_eq!(
        case.readout(there).expect("inside").label.as_deref(),
        Some("lesion 2, lesion 1")
    );
}

#[test]
fn one_layer_is_one_map_that_nothing_copies() {
    let mut desk = Desk::new(DIMS);
    paint(&mut desk, PLACE);
    let voxels = |desk: &Desk| desk.case().labels().voxels.as_ptr();
    let before = voxels(&desk);
    paint(&mut desk, [8.0, 5.0, 3.0]);
    desk.apply(on_label(&clear::OPERATION, 1));
    desk.apply(HistoryCommand::Undo);
    assert_eq!(voxels(&desk), before, "changed where they are");
    let layers = desk.case().document().layers();
    assert!(
        Arc::ptr_eq(&layers.flattened().0, &layers.maps()[0]),
        "saved as they are"
    );
    let snapshot = layers.clone();
    assert!(Arc::ptr_eq(&snapshot.maps()[0], &layers.maps()[0]));
}

#[test]
fn a_click_on_a_label_finds_its_layer_and_strokes_stay_in_it() {
    let mut desk = two_layers();
    let upper = desk
        .case()
        .document()
        .layers()
        .get(UPPER)
        .expect("there")
        .clone();
    desk.apply(LabelCommand::Activate(1));
    assert_eq!(desk.case().document().active_layer(), LOWEST);
    desk.apply(StrokeCommand::Begin {
        mode: StrokeMode::Erase,
        plane: prosector::geometry::Plane::Axial,
        at: at(PLACE),
    });
    desk.apply(StrokeCommand::End);
    assert_eq!(desk.case().voxel_count(1), 0);
    assert_eq!(desk.case().document().layers().get(UPPER), Some(&upper));
    paint(&mut desk, [5.0, 5.0, 4.0]);
    assert_eq!(value_in(&desk, LOWEST, [5, 5, 4]), 1);
    assert_eq!(desk.case().document().layers().get(UPPER), Some(&upper));
}

#[test]
fn every_command_of_layers_is_a_step_that_undo_takes_back() {
    let mut desk = two_layers();
    desk.apply(LayerCommand::Add {
        name: Some("tumour".into()),
    });
    let commands = [
        LayerCommand::Rename {
            layer: UPPER,
            name: "organs".into(),
        },
        LayerCommand::Show {
            layer: UPPER,
            visible: false,
        },
        LayerCommand::Reorder {
            layer: LOWEST,
            to: 2,
        },
        LayerCommand::Activate(LOWEST),
        LayerCommand::MoveLabel {
            value: 1,
            layer: LayerId(2),
        },
        LayerCommand::Remove(UPPER),
        LayerCommand::Add { name: None },
    ];
    for command in commands {
        let (before, steps) = (
            format!("{:?}", all(&desk)),
            desk.case().history().undo_len(),
        );
        desk.apply(command.clone());
        assert_eq!(desk.case().history().undo_len(), steps + 1, "{command:?}");
        let after = format!("{:?}", all(&desk));
        assert_ne!(before, after, "{command:?}");
        desk.apply(HistoryCommand::Undo);
        assert_eq!(format!("{:?}", all(&desk)), before, "{command:?} undone");
        desk.apply(HistoryCommand::Redo);
        assert_eq!(format!("{:?}", all(&desk)), after, "{command:?} done again");
        super::invariants::check_books(desk.case());
    }
    let end = format!("{:?}", all(&desk));
    desk.apply(HistoryCommand::JumpTo(0));
    assert_eq!(desk.case().table().layers().len(), 1);
    assert!(desk.case().document().layers().counts().is_empty());
    desk.apply(HistoryCommand::JumpTo(usize::MAX));
    assert_eq!(format!("{:?}", all(&desk)), end);
}

#[test]
fn a_removed_layer_comes_back_with_its_voxels_and_a_locked_label_keeps_it() {
    let mut desk = two_layers();
    let voxels = desk.case().voxel_count(2);
    desk.apply(LabelCommand::Lock {
        value: 2,
        locked: true,
    });
    let effects = desk.apply(LayerCommand::Remove(UPPER));
    assert!(notice(&effects, Severity::Error).is_some_and(|t| t.contains("locked")));
    assert_eq!(desk.case().voxel_count(2), voxels);
    desk.apply(LabelCommand::Lock {
        value: 2,
        locked: false,
    });
    desk.apply(LayerCommand::Remove(UPPER));
    assert_eq!(
        (
            desk.case().voxel_count(2),
            desk.case().table().labels().len()
        ),
        (0, 1)
    );
    assert_eq!(desk.case().document().active_layer(), LOWEST);
    let effects = desk.apply(LayerCommand::Remove(LOWEST));
    assert!(
        notice(&effects, Severity::Error).is_some(),
        "the only layer stays"
    );
    desk.apply(HistoryCommand::Undo);
    assert_eq!(desk.case().voxel_count(2), voxels);
    assert_eq!(value_in(&desk, UPPER, [5, 5, 3]), 2);
}

#[test]
fn a_label_moves_with_its_voxels_unless_others_have_them() {
    let mut desk = two_layers();
    let voxels = desk.case().voxel_count(2);
    let effects = desk.apply(LayerCommand::MoveLabel {
        value: 2,
        layer: LOWEST,
    });
    assert!(
        notice(&effects, Severity::Error).is_some(),
        "lesion 1 has them"
    );
    assert_eq!(desk.case().voxel_count(2), voxels);
    desk.apply(ToolCommand::TakeFromOthers(true));
    desk.apply(LabelCommand::Lock {
        value: 1,
        locked: true,
    });
    let effects = desk.apply(LayerCommand::MoveLabel {
        value: 2,
        layer: LOWEST,
    });
    assert!(notice(&effects, Severity::Error).is_some(), "and is locked");
    assert_eq!(value_in(&desk, UPPER, [5, 5, 3]), 2);
    desk.apply(LabelCommand::Lock {
        value: 1,
        locked: false,
    });
    desk.apply(LayerCommand::MoveLabel {
        value: 2,
        layer: LOWEST,
    });
    assert_eq!(
        (desk.case().voxel_count(1), desk.case().voxel_count(2)),
        (0, voxels)
    );
    assert_eq!(value_in(&desk, LOWEST, [5, 5, 3]), 2);
    assert_eq!(
        desk.case().document().active_layer(),
        LOWEST,
        "the active label took it along"
    );
    desk.apply(HistoryCommand::Undo);
    assert_eq!(
        (desk.case().voxel_count(1), desk.case().voxel_count(2)),
        (voxels, voxels)
    );
}

#[test]
fn an_accepted_target_takes_background_of_the_active_layer_only() {
    let mut desk = two_layers();
    let first = desk.case().voxel_count(1);
    desk.apply(LabelCommand::StartNextLesion);
    desk.apply(PromptCommand::AddClick(click([5, 5, 3], Positive)));
    desk.answer(&[voxel_box([0, 0, 3], [11, 9, 3])]);
    let promised = desk.case().gain().map(|g| (g.voxels, g.left));
    let effects = desk.apply(AiCommand::Accept);
    let upper = desk.case().voxel_count(2);
    assert_eq!(
        promised,
        Some((120 - upper, upper)),
        "what lesion 2 has in this layer stays"
    );
    assert_eq!(desk.case().voxel_count(3), 120 - upper);
    assert!(notice(&effects, Severity::Info).is_some_and(|t| t.contains("stay with")));
    assert_eq!(
        desk.case().voxel_count(1),
        first,
        "the layer below is another matter"
    );
}

#[test]
fn accepted_structures_begin_in_the_active_layer_and_known_ones_stay_in_theirs() {
    let mut desk = Desk::new(DIMS);
    desk.apply(LabelCommand::Add {
        name: Some("organ_1".into()),
    });
    desk.apply(LayerCommand::Add { name: None });
    desk.apply(AiCommand::RunAuto { structures: None });
    desk.answer_auto(&[voxel_box([0; 3], [3, 3, 3]), voxel_box([4; 3], [5; 3])]);
    let promised = desk.case().gain().map(|g| g.voxels);
    desk.apply(AiCommand::Accept);
    let table = desk.case().table();
    let layer = |name: &str| table.by_name(name).map(|l| l.layer);
    assert_eq!(
        (layer("organ_1"), layer("organ_2")),
        (Some(LOWEST), Some(UPPER))
    );
    assert_eq!((desk.case().voxel_count(1), promised), (64, Some(72)));
    super::invariants::check_books(desk.case());
    desk.apply(HistoryCommand::Undo);
    assert!(desk.case().document().layers().counts().is_empty());
}

#[test]
fn operations_read_and_write_the_layers_of_their_labels() {
    let mut desk = two_layers();
    let voxels = desk.case().voxel_count(1);
    assert_eq!(edit(&mut desk, "logic label=2 op=subtract with=1"), None);
    assert_eq!(
        (desk.case().voxel_count(1), desk.case().voxel_count(2)),
        (voxels, 0)
    );
    desk.apply(HistoryCommand::Undo);
    desk.apply(on_label(&clear::OPERATION, 1));
    assert_eq!(
        (desk.case().voxel_count(1), desk.case().voxel_count(2)),
        (0, voxels)
    );
    desk.apply(HistoryCommand::Undo);
    assert_eq!(edit(&mut desk, "margin label=2 mm=3 within=1"), None);
    assert_eq!(
        desk.case().voxel_count(2),
        voxels,
        "grown within what it covers"
    );
    let refused = edit(&mut desk, "smooth labels=1,2 method=joint mm=2");
    assert!(refused.is_some_and(|t| t.contains("several layers")));
    assert_eq!(edit(&mut desk, "merge labels=1,2 into=1"), None);
    assert_eq!(
        desk.case().voxel_count(1),
        voxels,
        "the union of two that are the same"
    );
    assert!(desk.case().table().get(2).is_none());
    desk.apply(HistoryCommand::Undo);
    assert_eq!(desk.case().voxel_count(2), voxels);
}

#[test]
fn a_hidden_layer_is_shown_when_it_is_painted_in() {
    let mut desk = two_layers();
    desk.apply(LayerCommand::Show {
        layer: UPPER,
        visible: false,
    });
    let table = desk.case().table();
    assert!(!table.is_shown(table.get(2).expect("there")));
    assert!(!table.with_layers_hidden().get(2).expect("there").visible);
    paint(&mut desk, [7.0, 5.0, 3.0]);
    let table = desk.case().table();
    assert!(table.is_shown(table.get(2).expect("there")));
    desk.apply(HistoryCommand::Undo);
    assert!(!desk.case().table().layer(UPPER).expect("there").visible);
}

#[test]
fn work_in_layers_comes_back_from_its_journal_with_all_steps() {
    let journal = Arc::new(Recorded::default());
    let mut desk = Desk::with(Session::default().with_archive(journal.clone()), DIMS);
    draw_overlapping(&mut desk);
    desk.apply(LayerCommand::MoveLabel {
        value: 1,
        layer: UPPER,
    });
    desk.apply(LayerCommand::Reorder {
        layer: UPPER,
        to: 0,
    });
    desk.apply(LayerCommand::Remove(LOWEST));
    desk.apply(HistoryCommand::Undo);
    let replay = Replay::of(journal.bytes(), usize::MAX).expect("whole");
    assert!(!replay.is_damaged);
    let mut again = Desk::new(DIMS);
    again.apply(ScanCommand::Resume(Box::new(replay)));
    for position in (0..5).chain([9]) {
        for desk in [&mut desk, &mut again] {
            desk.apply(HistoryCommand::JumpTo(position));
        }
        assert_eq!(
            format!("{:?}", all(&again)),
            format!("{:?}", all(&desk)),
            "at {position}"
        );
    }
}

/// Written by the version before layers: six steps, of every kind.
const VERSION_1: &[u8] = include_bytes!("../../data/journal_v1.bin");

#[test]
fn a_journal_of_the_version_before_layers_is_read_and_goes_on() {
    let replay = Replay::of(VERSION_1.to_vec(), usize::MAX).expect("it is read");
    assert_eq!(
        (replay.is_damaged, replay.whole_bytes),
        (false, VERSION_1.len() as u64)
    );
    let mut desk = Desk::new(super::invariants::DIMS);
    desk.apply(ScanCommand::Resume(Box::new(replay)));
    let counts = |desk: &Desk| {
        desk.case()
            .document()
            .layers()
            .counts()
            .into_iter()
            .collect::<Vec<_>>()
    };
    assert_eq!(counts(&desk), [(1, 32), (2, 12), (3, 22), (4, 8)]);
    assert!(desk.case().table().is_plain());
    desk.apply(LayerCommand::Add { name: None });
    desk.apply(HistoryCommand::JumpTo(0));
    assert!(counts(&desk).is_empty());
    assert_eq!(desk.case().history().redo_len(), 7);
}

#[test]
fn one_layer_is_written_as_versions_wrote_it_that_knew_no_others() {
    let journal = Arc::new(Recorded::default());
    let mut desk = Desk::with(Session::default().with_archive(journal.clone()), DIMS);
    let replay = Replay::of(VERSION_1.to_vec(), usize::MAX).expect("it is read");
    paint(&mut desk, PLACE);
    let plain = journal.bytes().len();
    paint(&mut desk, [8.0, 5.0, 3.0]);
    let stroke = journal.bytes().len() - plain;
    desk.apply(LayerCommand::Add { name: None });
    paint(&mut desk, PLACE);
    let before = journal.bytes().len();
    paint(&mut desk, [8.0, 5.0, 3.0]);
    let in_layer = journal.bytes().len() - before;
    assert_eq!(in_layer, stroke + 2, "a count and the layer's number");
    assert!(replay.layers.maps().len() == 1);
}
