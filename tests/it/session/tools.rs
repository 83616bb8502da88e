//! Limits of drawing by hand, regions, cuts and moved labels, in the session.

use prosector::geometry::{Plane, VoxelIndex};
use prosector::prompt::Polarity::{Negative, Positive};
use prosector::prompt::TargetSize;
use prosector::session::{
    AiCommand, Area, Brush, BrushShape, CutSide, Effect, HistoryCommand, LabelCommand,
    LayerCommand, Limits, Over, PromptCommand, Region, ScanCommand, Scissors, StrokeCommand,
    StrokeMode, ToolCommand, ValueRange,
};
use prosector::volume::Depth;

use super::{Desk, at, click, paint, scan, voxel_box};

const DIMS: [usize; 3] = [24, 20, 12];

fn limit(desk: &mut Desk, limits: Limits) {
    desk.apply(ToolCommand::Limits(limits));
}

/// A square of voxels from 4 to 9 on an axial slice.
fn square(desk: &mut Desk, k: f64) {
    let corners = [[3.5, 3.5, k], [9.5, 3.5, k], [9.5, 9.5, k], [3.5, 9.5, k]];
    desk.apply(StrokeCommand::Outline {
        mode: StrokeMode::Paint,
        plane: Plane::Axial,
        corners: corners.map(at).to_vec(),
    });
}

fn new_label(desk: &mut Desk) {
    desk.apply(LabelCommand::Add { name: None });
}

fn lock(desk: &mut Desk, value: u16) {
    let locked = true;
    desk.apply(LabelCommand::Lock { value, locked });
}

fn counts(desk: &Desk) -> Vec<usize> {
    (1..=3)
        .map(|value| desk.case().voxel_count(value))
        .collect()
}

fn cut(desk: &mut Desk, corners: &[[f64; 3]], scissors: Scissors) {
    desk.apply(StrokeCommand::Cut {
        plane: Plane::Axial,
        corners: corners.iter().copied().map(at).collect(),
        scissors,
    });
}

#[test]
fn values_limit_what_is_painted_and_erased() {
    let mut desk = Desk::new(DIMS);
    let value = |at: [i64; 3]| {
        let desk = Desk::new(DIMS);
        let offset = desk.case().grid().offset_of(VoxelIndex(at)).unwrap();
        desk.case().image().value(offset)
    };
    // Values rise by 2 along i: columns 6 to 8 of row 5.
    let range = ValueRange {
        low: value([6, 5, 3]),
        high: value([8, 5, 3]),
        inverted: false,
    };
    let values = Some(range);
    limit(
        &mut desk,
        Limits {
            values,
            ..Limits::default()
        },
    );
    square(&mut desk, 3.0);
    let drawn: Vec<i64> = (4..=9).filter(|&i| desk.label_at([i, 5, 3]) == 1).collect();
    assert_eq!(drawn, [6, 7, 8]);
    assert_eq!(counts(&desk)[0], 3, "other rows have other values");
    let inverted = Some(ValueRange {
        inverted: true,
        ..range
    });
    limit(
        &mut desk,
        Limits {
            values: inverted,
            ..Limits::default()
        },
    );
    square(&mut desk, 3.0);
    assert_eq!(
        counts(&desk)[0],
        36,
        "the others, and the three are there already"
    );
    desk.apply(StrokeCommand::Outline {
        mode: StrokeMode::Erase,
        plane: Plane::Axial,
        corners: [
            [0.0, 0.0, 3.0],
            [20.0, 0.0, 3.0],
            [20.0, 19.0, 3.0],
            [0.0, 19.0, 3.0],
        ]
        .map(at)
        .to_vec(),
    });
    assert_eq!(counts(&desk)[0], 3, "erasing keeps to them too");
    let nowhere = Some(ValueRange {
        low: 1e6,
        high: 2e6,
        inverted: false,
    });
    limit(
        &mut desk,
        Limits {
            values: nowhere,
            ..Limits::default()
        },
    );
    let steps = desk.case().history().undo_len();
    paint(&mut desk, [15.0, 15.0, 3.0]);
    assert_eq!(
        desk.case().history().undo_len(),
        steps,
        "no step without a change"
    );
}

#[test]
fn a_label_limits_where_is_painted_in_its_layer_and_in_others() {
    for other_layer in [false, true] {
        let mut desk = Desk::new(DIMS);
        square(&mut desk, 3.0);
        if other_layer {
            desk.apply(LayerCommand::Add { name: None });
        }
        new_label(&mut desk);
        desk.apply(ToolCommand::Brush(Brush {
            diameter_mm: 9.0,
            shape: BrushShape::Disc,
        }));
        let area = Area::Label(1);
        limit(
            &mut desk,
            Limits {
                area,
                ..Limits::default()
            },
        );
        paint(&mut desk, [9.0, 9.0, 3.0]);
        let inside = counts(&desk);
        assert!(inside[1] > 0);
        let of_first = if other_layer { 36 } else { 36 - inside[1] };
        assert_eq!(inside[0], of_first, "only voxels of the first label");
        desk.apply(HistoryCommand::Undo);
        limit(
            &mut desk,
            Limits {
                area,
                outside: true,
                ..Limits::default()
            },
        );
        paint(&mut desk, [9.0, 9.0, 3.0]);
        let outside = counts(&desk);
        assert_eq!(outside[0], 36, "not one of the first label");
        assert!(outside[1] > 0);
        assert_eq!(desk.label_at([9, 9, 3]), if other_layer { 0 } else { 1 });
        desk.apply(HistoryCommand::Undo);
        // The same by what is shown, until it is hidden.
        let area = Area::Shown;
        limit(
            &mut desk,
            Limits {
                area,
                outside: true,
                ..Limits::default()
            },
        );
        paint(&mut desk, [9.0, 9.0, 3.0]);
        assert_eq!(counts(&desk), outside);
        let area = Area::Labelled;
        desk.apply(HistoryCommand::Undo);
        limit(
            &mut desk,
            Limits {
                area,
                ..Limits::default()
            },
        );
        paint(&mut desk, [9.0, 9.0, 3.0]);
        assert_eq!(counts(&desk), inside);
    }
}

#[test]
fn painting_takes_from_what_its_own_rule_says() {
    let mut desk = Desk::new(DIMS);
    square(&mut desk, 3.0);
    new_label(&mut desk);
    square(&mut desk, 4.0);
    new_label(&mut desk);
    desk.apply(ToolCommand::Brush(Brush {
        diameter_mm: 14.0,
        shape: BrushShape::Sphere,
    }));
    let mut painted = |over| {
        limit(
            &mut desk,
            Limits {
                over,
                ..Limits::default()
            },
        );
        paint(&mut desk, [6.0, 6.0, 3.0]);
        let counts = counts(&desk);
        desk.apply(HistoryCommand::Undo);
        counts
    };
    let nothing = painted(Over::Nothing);
    assert_eq!(nothing[..2], [36, 36]);
    assert!(nothing[2] > 0, "background all the same");
    let one = painted(Over::Label(2));
    assert!(one[0] == 36 && one[1] < 36, "{one:?}");
    let all = painted(Over::Shown);
    assert!(all[0] < 36 && all[1] < 36, "{all:?}");
    lock(&mut desk, 2);
    limit(
        &mut desk,
        Limits {
            over: Over::Label(2),
            ..Limits::default()
        },
    );
    paint(&mut desk, [6.0, 6.0, 3.0]);
    assert_eq!(counts(&desk)[1], 36, "a lock holds whatever the rule says");
}

#[test]
fn limits_by_label_go_with_the_scan_and_those_by_value_stay() {
    let mut desk = Desk::new(DIMS);
    let values = Some(ValueRange {
        low: 0.0,
        high: 10.0,
        inverted: false,
    });
    let limits = Limits {
        values,
        area: Area::Label(3),
        outside: true,
        over: Over::Label(4),
        edges: true,
    };
    limit(&mut desk, limits);
    desk.apply(ScanCommand::Open(Box::new(scan(DIMS, 2))));
    let left = Limits {
        values,
        edges: true,
        ..Limits::default()
    };
    assert_eq!(desk.session.tools().limits, left);
}

#[test]
fn a_flood_is_one_step_and_stays_in_its_slice_when_told_to() {
    let mut desk = Desk::new(DIMS);
    let region = |plane| Region::Flood {
        at: VoxelIndex([12, 10, 11]),
        tolerance: 6.0,
        in_slice_of: plane,
    };
    let mode = StrokeMode::Paint;
    let flood = |desk: &mut Desk, plane| {
        let region = region(plane);
        desk.apply(StrokeCommand::Region { mode, region });
    };
    // Along i, three voxels to each side are within 6; rows beside differ by 48.
    flood(&mut desk, Some(Plane::Axial));
    assert_eq!(counts(&desk)[0], 7);
    assert_eq!(desk.case().history().undo_name(), Some("flood fill"));
    assert_eq!(desk.case().history().undo_len(), 1);
    desk.apply(HistoryCommand::Undo);
    assert!(desk.case().table().labels().is_empty());
    // Across i the slice has one column.
    flood(&mut desk, Some(Plane::Sagittal));
    assert_eq!(counts(&desk)[0], 1);
    let found = region(None).found_in(desk.case().image()).expect("inside");
    flood(&mut desk, None);
    assert_eq!(
        counts(&desk)[0],
        found.count(),
        "what was shown is what is drawn"
    );
    let beyond = Region::Flood {
        at: VoxelIndex([99, 0, 0]),
        tolerance: 1.0,
        in_slice_of: None,
    };
    let before = counts(&desk);
    desk.apply(StrokeCommand::Region {
        mode,
        region: beyond,
    });
    assert_eq!(counts(&desk), before);
}

#[test]
fn scissors_cut_the_active_label_through_slices_inside_or_outside() {
    let mut desk = Desk::new(DIMS);
    for k in [0.0, 3.0, 4.0, 5.0, 11.0] {
        square(&mut desk, k);
    }
    let whole = desk.case().labels().clone();
    new_label(&mut desk);
    square(&mut desk, 7.0);
    desk.apply(LabelCommand::Activate(1));
    // Wide enough that the lean of the slices (0.2 rows and less a slice) takes nothing of the squares out of it.
    let around = [
        [-9.0, -9.0, 4.0],
        [30.0, -9.0, 4.0],
        [30.0, 30.0, 4.0],
        [-9.0, 30.0, 4.0],
    ];
    let slab = Depth::SlabMm(6.0);
    let side = CutSide::Inside;
    cut(&mut desk, &around, Scissors { depth: slab, side });
    assert_eq!(
        counts(&desk),
        [72, 36, 0],
        "three slices of the active label only"
    );
    assert_eq!(desk.case().history().undo_name(), Some("scissors"));
    desk.apply(HistoryCommand::Undo);
    cut(
        &mut desk,
        &around,
        Scissors {
            depth: Depth::Whole,
            side,
        },
    );
    assert_eq!(counts(&desk), [0, 36, 0]);
    desk.apply(HistoryCommand::Undo);
    // Outside of the left half of slice 4, nothing else.
    let left = [
        [-9.0, -9.0, 4.0],
        [6.5, -9.0, 4.0],
        [6.5, 30.0, 4.0],
        [-9.0, 30.0, 4.0],
    ];
    let side = CutSide::Outside;
    let depth = Depth::SlabMm(0.0);
    cut(&mut desk, &left, Scissors { depth, side });
    assert_eq!(counts(&desk)[0], 4 * 36 + 18);
    assert_eq!((desk.label_at([6, 5, 4]), desk.label_at([7, 5, 4])), (1, 0));
    desk.apply(HistoryCommand::Undo);
    assert_eq!(counts(&desk), [180, 36, 0]);
    lock(&mut desk, 1);
    cut(&mut desk, &around, Scissors::default());
    assert_eq!(counts(&desk), [180, 36, 0], "locked");
    assert_eq!(desk.case().labels().mask_of(1), whole.mask_of(1));
}

#[test]
fn a_moved_label_takes_background_only_and_comes_back() {
    let mut desk = Desk::new(DIMS);
    square(&mut desk, 11.0);
    square(&mut desk, 10.0);
    let first = desk.case().labels().mask_of(1);
    new_label(&mut desk);
    paint(&mut desk, [15.0, 5.0, 11.0]);
    let other = counts(&desk)[1];
    desk.apply(LabelCommand::Activate(1));
    desk.apply(StrokeCommand::Shift([7, 1, 0]));
    assert_eq!(desk.case().history().undo_name(), Some("move label"));
    assert_eq!(
        (desk.label_at([4, 4, 10]), desk.label_at([11, 5, 10])),
        (0, 1)
    );
    let [moved, kept, _] = counts(&desk)[..] else {
        panic!()
    };
    assert_eq!(kept, other, "the other label keeps what it has");
    let in_the_way = (0..desk.case().grid().len()).filter(|&offset| {
        let [i, j, k] = desk.case().grid().voxel_at(offset).0;
        let is_target = (11..=16).contains(&i) && (5..=10).contains(&j) && k >= 10;
        is_target && desk.case().labels().voxels[offset] == 2
    });
    let in_the_way = in_the_way.count();
    assert!(in_the_way > 0);
    assert_eq!(moved, 72 - in_the_way, "which the moved one does not get");
    desk.apply(HistoryCommand::Undo);
    assert_eq!(desk.case().labels().mask_of(1), first);
    // Partly beyond the last column: the rest stays, and it is said.
    desk.apply(StrokeCommand::Shift([17, 8, 0]));
    assert_eq!(counts(&desk)[0], 2 * 3 * 6);
    desk.apply(HistoryCommand::Undo);
    let steps = desk.case().history().undo_len();
    desk.apply(StrokeCommand::Shift([24, 0, 0]));
    lock(&mut desk, 1);
    desk.apply(StrokeCommand::Shift([1, 0, 0]));
    assert_eq!(
        desk.case().labels().mask_of(1),
        first,
        "not out of the scan, not while locked"
    );
    assert_eq!(
        desk.case().history().undo_len(),
        steps + 1,
        "the lock alone"
    );
}

#[test]
fn a_click_that_stands_is_asked_once_more_as_one_on_something_small_or_large() {
    let mut desk = Desk::new(DIMS);
    let sizes = |effects: &[Effect]| -> Vec<TargetSize> {
        let asked = effects.iter().filter_map(|effect| match effect {
            Effect::RunPrompt { asked, .. } => Some((asked.size, asked.prior.is_some())),
            _ => None,
        });
        asked
            .inspect(|(_, refines)| assert!(!refines, "from nothing"))
            .map(|(size, _)| size)
            .collect()
    };
    let first = desk.apply(PromptCommand::AddClick(click([5, 5, 3], Positive)));
    assert_eq!(sizes(&first), [TargetSize::Any]);
    desk.answer(&[voxel_box([4, 4, 3], [6, 6, 3])]);
    let as_before = desk.apply(ToolCommand::TargetSize(TargetSize::Any));
    assert!(sizes(&as_before).is_empty(), "it is so already");
    let large = desk.apply(ToolCommand::TargetSize(TargetSize::Large));
    assert_eq!(sizes(&large), [TargetSize::Large]);
    desk.answer(&[voxel_box([2, 2, 2], [8, 8, 4])]);
    let small = desk.apply(ToolCommand::TargetSize(TargetSize::Small));
    assert_eq!(sizes(&small), [TargetSize::Small]);
    desk.answer(&[voxel_box([5, 5, 3], [5, 5, 3])]);
    assert!(!desk.proposed_at([4, 4, 3]) && desk.proposed_at([5, 5, 3]));
    desk.apply(HistoryCommand::Undo);
    let undone = desk.case().prompts().is_empty() && desk.case().proposal().is_none();
    assert!(undone, "click and answer are one step, as of any click");
    desk.apply(PromptCommand::SetBox(voxel_box([3, 3, 2], [8, 8, 4])));
    desk.answer(&[voxel_box([3, 3, 2], [8, 8, 4])]);
    let boxed = desk.apply(ToolCommand::TargetSize(TargetSize::Any));
    assert!(sizes(&boxed).is_empty(), "a box says how large it is");
    desk.apply(AiCommand::Accept);
    let nothing = desk.apply(ToolCommand::TargetSize(TargetSize::Small));
    assert!(sizes(&nothing).is_empty(), "nothing stands");
}

#[test]
fn prompts_wait_until_the_model_is_asked() {
    let mut desk = Desk::new(DIMS);
    desk.apply(ToolCommand::AskByHand(true));
    desk.apply(PromptCommand::AddClick(click([5, 5, 3], Positive)));
    desk.apply(PromptCommand::AddClick(click([9, 9, 3], Negative)));
    desk.apply(PromptCommand::SetBox(voxel_box([3, 3, 2], [8, 8, 4])));
    assert!(desk.prompt.is_none() && !desk.case().is_prompt_running());
    desk.apply(HistoryCommand::Undo);
    desk.apply(HistoryCommand::Redo);
    assert!(desk.prompt.is_none(), "undo asks for nothing either");
    desk.apply(PromptCommand::Ask);
    let (_, prompts, _) = desk.prompt.clone().expect("asked once, for all of them");
    assert_eq!(
        (prompts.clicks.len(), prompts.target_box.is_some()),
        (2, true)
    );
    desk.answer(&[voxel_box([4, 4, 3], [6, 6, 3])]);
    assert!(desk.case().proposal().is_some());
    desk.apply(PromptCommand::Ask);
    assert!(desk.prompt.is_none(), "it is answered");
    // What is on its way answers less than was pointed at by then.
    desk.apply(PromptCommand::AddClick(click([6, 5, 3], Positive)));
    desk.apply(PromptCommand::Ask);
    desk.apply(PromptCommand::AddClick(click([7, 5, 3], Positive)));
    assert!(!desk.case().is_prompt_running());
    desk.apply(ToolCommand::AskByHand(false));
    desk.apply(PromptCommand::AddClick(click([8, 5, 3], Positive)));
    let (_, prompts, prior) = desk.prompt.clone().expect("at once again");
    assert_eq!(prompts.clicks.len(), 5);
    assert!(prior.is_some(), "what stands is refined");
}
