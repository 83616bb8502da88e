//! Strokes, clean-up, the label table, history, views.

use std::sync::Arc;

use prosector::geometry::{Plane, VoxelIndex};
use prosector::prompt::Polarity::Positive;
use prosector::session::operations::{clear, fill_holes, keep_largest};
use prosector::session::{
    AiCommand, Brush, BrushShape, Effect, HistoryCommand, LabelCommand, PromptCommand, ScanCommand,
    Severity, StrokeCommand, StrokeMode, ToolCommand, ViewCommand,
};
use prosector::volume::Window;

use super::{Desk, at, click, has, notice, on_label, scan, voxel_box};
use crate::over_time::{film, opened};

const DIMS: [usize; 3] = [24, 20, 12];

fn begin(mode: StrokeMode, voxel: [f64; 3]) -> StrokeCommand {
    StrokeCommand::Begin {
        mode,
        plane: Plane::Axial,
        at: at(voxel),
    }
}

fn draw(desk: &mut Desk, mode: StrokeMode, voxel: [f64; 3]) {
    desk.apply(begin(mode, voxel));
    desk.apply(StrokeCommand::End);
}

fn brush(diameter_mm: f64, shape: BrushShape) -> ToolCommand {
    ToolCommand::Brush(Brush { diameter_mm, shape })
}

#[test]
fn a_stroke_is_one_step_and_shows_at_once() {
    let mut desk = Desk::new(DIMS);
    desk.apply(brush(4.0, BrushShape::Disc));
    let effects = desk.apply(begin(StrokeMode::Paint, [5.0, 5.0, 3.0]));
    assert!(has(
        &effects,
        |e| matches!(e, Effect::LabelsChanged(b) if b.min[2] == 3 && b.max[2] == 3)
    ));
    assert_eq!(desk.label_at([5, 5, 3]), 1);
    desk.apply(StrokeCommand::To(at([15.0, 5.0, 3.0])));
    desk.apply(StrokeCommand::To(at([15.0, 12.0, 3.0])));
    desk.apply(StrokeCommand::End);
    for voxel in [[5, 5, 3], [10, 5, 3], [15, 5, 3], [15, 9, 3], [15, 12, 3]] {
        assert_eq!(desk.label_at(voxel), 1, "no gap at {voxel:?}");
    }
    assert_eq!((desk.label_at([5, 5, 2]), desk.label_at([5, 5, 4])), (0, 0));
    assert_eq!(desk.case().history().undo_name(), Some("brush"));
    assert_eq!(desk.case().history().undo_len(), 1);
    let drawn = desk.case().labels().clone();
    desk.apply(HistoryCommand::Undo);
    assert!(desk.case().labels().counts().is_empty());
    assert!(desk.case().table().labels().is_empty());
    desk.apply(HistoryCommand::Redo);
    assert_eq!(*desk.case().labels(), drawn);
}

#[test]
fn an_aborted_stroke_leaves_no_trace() {
    let mut desk = Desk::new(DIMS);
    draw(&mut desk, StrokeMode::Paint, [5.0, 5.0, 3.0]);
    let before = (desk.case().labels().clone(), desk.case().revision());
    for mode in [StrokeMode::Paint, StrokeMode::Erase] {
        desk.apply(begin(mode, [7.0, 5.0, 3.0]));
        desk.apply(StrokeCommand::To(at([3.0, 5.0, 3.0])));
        assert_ne!(*desk.case().labels(), before.0);
        let effects = desk.apply(StrokeCommand::Abort);
        assert!(has(&effects, |e| matches!(e, Effect::LabelsChanged(_))));
        assert_eq!(
            (desk.case().labels().clone(), desk.case().revision()),
            before
        );
        assert_eq!(desk.case().history().undo_len(), 1);
    }
    // Without a label, the label that the stroke started goes too.
    let mut desk = Desk::new(DIMS);
    desk.apply(begin(StrokeMode::Paint, [7.0, 5.0, 3.0]));
    desk.apply(HistoryCommand::Undo);
    assert!(desk.case().table().labels().is_empty() && desk.case().active().is_none());
    assert!(!desk.case().is_dirty());
}

#[test]
fn the_sphere_is_round_in_millimetres() {
    let mut desk = Desk::new([41, 31, 21]);
    desk.apply(brush(16.0, BrushShape::Sphere));
    draw(&mut desk, StrokeMode::Paint, [20.0, 15.0, 10.0]);
    let case = desk.case();
    let center = case
        .grid()
        .world_from_voxel(VoxelIndex([20, 15, 10]).center())
        .0;
    for (offset, &value) in case.labels().voxels.iter().enumerate() {
        let mm = case
            .grid()
            .world_from_voxel(case.grid().voxel_at(offset).center())
            .0;
        assert_eq!(value == 1, mm.distance(center) <= 8.0 + 1e-9, "at {mm}");
    }
    let ideal = 4.0 / 3.0 * std::f64::consts::PI * 8f64.powi(3) / 1000.0;
    assert!((case.volume_ml(1) / ideal - 1.0).abs() < 0.1);
}

#[test]
fn the_disc_is_round_on_each_plane() {
    for (plane, axis) in [(Plane::Axial, 2), (Plane::Coronal, 1), (Plane::Sagittal, 0)] {
        let mut desk = Desk::new([41, 31, 21]);
        desk.apply(brush(16.0, BrushShape::Disc));
        let point = at([20.2, 15.1, 9.8]);
        desk.apply(StrokeCommand::Begin {
            mode: StrokeMode::Paint,
            plane,
            at: point,
        });
        desk.apply(StrokeCommand::End);
        let case = desk.case();
        let mut on_slice = point;
        on_slice.0[axis] = on_slice.0[axis].round();
        let center = case.grid().world_from_voxel(on_slice).0;
        for (offset, &value) in case.labels().voxels.iter().enumerate() {
            let voxel = case.grid().voxel_at(offset);
            let mm = case.grid().world_from_voxel(voxel.center()).0;
            let inside = voxel.0[axis] as f64 == on_slice.0[axis] && mm.distance(center) <= 8.0;
            assert_eq!(value == 1, inside, "{plane:?} at {voxel:?}");
        }
    }
}

#[test]
fn a_tip_smaller_than_a_voxel_draws_a_line_without_gaps() {
    let mut desk = Desk::new(DIMS);
    desk.apply(brush(0.1, BrushShape::Disc));
    desk.apply(begin(StrokeMode::Paint, [2.4, 2.4, 3.0]));
    desk.apply(StrokeCommand::To(at([20.4, 11.4, 3.0])));
    desk.apply(StrokeCommand::End);
    for i in 2..=20 {
        let drawn = (0..20).any(|j| desk.label_at([i, j, 3]) == 1);
        assert!(drawn, "a gap at i = {i}");
    }
}

#[test]
fn the_brush_paints_over_unlocked_visible_labels_only() {
    for (lock, hide, expected) in [(false, false, 2), (true, false, 1), (false, true, 1)] {
        let mut desk = Desk::new(DIMS);
        draw(&mut desk, StrokeMode::Paint, [5.0, 5.0, 3.0]);
        desk.apply(LabelCommand::Add { name: None });
        desk.apply(LabelCommand::Lock {
            value: 1,
            locked: lock,
        });
        desk.apply(LabelCommand::Show {
            value: 1,
            visible: !hide,
        });
        draw(&mut desk, StrokeMode::Paint, [6.0, 5.0, 3.0]);
        assert_eq!(desk.label_at([5, 5, 3]), expected);
        draw(&mut desk, StrokeMode::Erase, [4.0, 5.0, 3.0]);
        let left = if expected == 2 { 0 } else { 1 };
        assert_eq!(
            desk.label_at([5, 5, 3]),
            left,
            "the eraser takes from the active label only"
        );
    }
}

#[test]
fn a_locked_active_label_takes_no_stroke() {
    let mut desk = Desk::new(DIMS);
    draw(&mut desk, StrokeMode::Paint, [5.0, 5.0, 3.0]);
    desk.apply(LabelCommand::Lock {
        value: 1,
        locked: true,
    });
    let before = desk.case().labels().clone();
    for mode in [StrokeMode::Paint, StrokeMode::Erase] {
        let effects = desk.apply(begin(mode, [7.0, 5.0, 3.0]));
        assert!(notice(&effects, Severity::Error).is_some());
        desk.apply(StrokeCommand::End);
    }
    for edit in [
        on_label(&fill_holes::OPERATION, 1),
        on_label(&keep_largest::OPERATION, 1),
        on_label(&clear::OPERATION, 1),
    ] {
        let effects = desk.apply(edit);
        assert!(notice(&effects, Severity::Error).is_some());
    }
    desk.apply(LabelCommand::Remove(1));
    assert_eq!(*desk.case().labels(), before);
}

#[test]
fn holes_are_filled_and_islands_removed() {
    let mut desk = Desk::new(DIMS);
    desk.apply(brush(14.0, BrushShape::Sphere));
    draw(&mut desk, StrokeMode::Paint, [10.0, 10.0, 6.0]);
    let solid = desk.case().labels().clone();
    desk.apply(brush(3.0, BrushShape::Sphere));
    draw(&mut desk, StrokeMode::Erase, [10.0, 10.0, 6.0]);
    draw(&mut desk, StrokeMode::Paint, [1.0, 1.0, 1.0]);
    assert_ne!(*desk.case().labels(), solid);
    desk.apply(on_label(&fill_holes::OPERATION, 1));
    desk.apply(on_label(&keep_largest::OPERATION, 1));
    assert_eq!(*desk.case().labels(), solid);
    desk.apply(HistoryCommand::Undo);
    assert_eq!(desk.label_at([1, 1, 1]), 1);
    desk.apply(on_label(&clear::OPERATION, 1));
    assert_eq!(desk.case().voxel_count(1), 0);
    assert!(desk.case().table().get(1).is_some());
}

#[test]
fn labels_are_named_coloured_and_counted() {
    let mut desk = Desk::new(DIMS);
    desk.apply(LabelCommand::StartNextLesion);
    desk.apply(LabelCommand::StartNextLesion);
    desk.apply(LabelCommand::Add {
        name: Some(" liver ".into()),
    });
    let names = |desk: &Desk| -> Vec<String> {
        desk.case()
            .table()
            .labels()
            .iter()
            .map(|l| l.name.clone())
            .collect()
    };
    assert_eq!(names(&desk), ["lesion_1", "lesion_2", "liver"]);
    let effects = desk.apply(LabelCommand::Rename {
        value: 1,
        name: "liver".into(),
    });
    assert!(
        notice(&effects, Severity::Error).is_some(),
        "a name is taken once"
    );
    desk.apply(LabelCommand::Rename {
        value: 1,
        name: "met".into(),
    });
    desk.apply(LabelCommand::StartNextLesion);
    assert_eq!(names(&desk), ["met", "lesion_2", "liver", "lesion_1"]);
    for shade in [10, 20, 30] {
        desk.apply(LabelCommand::Recolor {
            value: 2,
            color: [shade; 3],
        });
    }
    desk.apply(HistoryCommand::Undo);
    let color = desk.case().table().get(2).map(|l| l.color);
    assert_eq!(
        color,
        Some(prosector::volume::LabelTable::palette_color(2)),
        "one step for one drag"
    );
    desk.apply(LabelCommand::Activate(2));
    desk.apply(LabelCommand::Remove(2));
    assert_eq!(names(&desk), ["met", "liver", "lesion_1"]);
    assert!(
        desk.case().active().is_none(),
        "which is next is for the user to say"
    );
    desk.apply(HistoryCommand::Undo);
    assert_eq!(names(&desk), ["met", "lesion_2", "liver", "lesion_1"]);
}

#[test]
fn the_view_is_clamped_and_not_part_of_the_history() {
    let mut desk = Desk::new(DIMS);
    desk.apply(ViewCommand::CrossHair(VoxelIndex([-5, 100, 3])));
    assert_eq!(desk.case().cross_hair(), VoxelIndex([0, 19, 3]));
    desk.apply(ViewCommand::StepSlice {
        plane: Plane::Axial,
        steps: 2,
    });
    assert_eq!(desk.case().cross_hair(), VoxelIndex([0, 19, 5]));
    // The first voxel axis points to the left, so a step to the right goes down.
    desk.apply(ViewCommand::CrossHair(VoxelIndex([10, 10, 5])));
    desk.apply(ViewCommand::StepSlice {
        plane: Plane::Sagittal,
        steps: 1,
    });
    assert_eq!(desk.case().cross_hair(), VoxelIndex([9, 10, 5]));
    desk.apply(ViewCommand::Window(Window {
        level: 40.0,
        width: -3.0,
    }));
    assert!(desk.case().window().width > 0.0);
    desk.apply(ViewCommand::OverlayOpacity(7.0));
    assert_eq!(desk.session.display().overlay_opacity, 1.0);
    assert_eq!(desk.case().history().undo_len(), 0);
    assert!(!desk.case().is_dirty());
}

#[test]
fn the_readout_names_voxel_millimetres_value_and_label() {
    let mut desk = Desk::new(DIMS);
    draw(&mut desk, StrokeMode::Paint, [5.0, 5.0, 3.0]);
    let readout = desk.case().readout(VoxelIndex([5, 5, 3])).expect("inside");
    let offset = 5 + 24 * (5 + 20 * 3);
    assert_eq!(readout.value, f64::from(offset % 1000) * 2.0 - 1000.0);
    assert_eq!(
        readout.world.expect("space").0.to_array(),
        [10.0 - 5.0 + 0.5, -20.0 + 7.5 + 0.9, 14.0]
    );
    assert_eq!(readout.label.as_deref(), Some("lesion 1"));
    assert_eq!(
        readout.to_string(),
        "(5, 5, 3)  5.5 R  11.6 P  14.0 S  mm  130 HU  lesion 1"
    );
    assert!(desk.case().readout(VoxelIndex([-1, 0, 0])).is_none());
}

#[test]
fn over_time_the_readout_names_the_frame_and_sizes_are_voxels() {
    let folder = film(4);
    let opened = opened(folder.path());
    let mut desk = Desk::new(DIMS);
    let mut scan = scan(DIMS, 2);
    scan.image = Arc::new(opened.image.over_time(Some(40.0)));
    scan.info = opened.info;
    desk.apply(ScanCommand::Open(Box::new(scan)));
    let readout = desk.case().readout(VoxelIndex([5, 6, 3])).expect("inside");
    assert!(readout.world.is_none());
    assert_eq!(
        readout.to_string(),
        "(5, 6) frame 3  120.0 ms  RGB 60 15 170"
    );
    assert_eq!(desk.case().size_text(7), "7 voxels");
    desk.apply(PromptCommand::AddClick(click([5, 6, 3], Positive)));
    desk.answer(&[voxel_box([4, 4, 3], [6, 8, 3])]);
    desk.apply(AiCommand::Accept);
    assert_eq!(desk.label_at([5, 6, 3]), 1);
    assert_eq!(desk.label_at([5, 6, 2]), 0);
}
