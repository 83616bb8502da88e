//! Outlines drawn on a slice, in the session and as voxels.

use proptest::prelude::*;

use prosector::geometry::{Affine, Orientation, Plane, VoxelPoint};
use prosector::prompt::Polarity::Positive;
use prosector::session::{
    Effect, HistoryCommand, LabelCommand, PromptCommand, Severity, StrokeCommand, StrokeMode,
};
use prosector::volume::{Grid, fill_outline};

use super::{Desk, at, click, has, voxel_box};

const DIMS: [usize; 3] = [24, 20, 12];

fn outline(mode: StrokeMode, plane: Plane, corners: &[[f64; 3]]) -> StrokeCommand {
    StrokeCommand::Outline {
        mode,
        plane,
        corners: corners.iter().map(|&c| at(c)).collect(),
    }
}

/// Corners of a square on axial slice `k`.
fn square(k: f64, low: f64, high: f64) -> [[f64; 3]; 4] {
    [
        [low, low, k],
        [high, low, k],
        [high, high, k],
        [low, high, k],
    ]
}

fn paint(desk: &mut Desk, corners: &[[f64; 3]]) -> Vec<Effect> {
    desk.apply(outline(StrokeMode::Paint, Plane::Axial, corners))
}

/// Whether a point is inside, by the number of edges that a ray towards +x crosses.
fn is_inside(corners: &[[f64; 2]], [x, y]: [f64; 2]) -> bool {
    let n = corners.len();
    let crossed = (0..n).filter(|&e| {
        let ([ax, ay], [bx, by]) = (corners[e], corners[(e + 1) % n]);
        (ay <= y) != (by <= y) && x < ax + (y - ay) / (by - ay) * (bx - ax)
    });
    crossed.count() % 2 == 1
}

proptest! {
    #[test]
    fn an_outline_holds_the_centres_inside_it_and_no_others(
        corners in proptest::collection::vec([-4.0f64..28.0, -4.0f64..24.0], 3..9),
        normal in 0usize..3,
        slice in 0usize..12,
    ) {
        let [across, down] = [(normal + 1) % 3, (normal + 2) % 3];
        let mut dims = [0; 3];
        (dims[normal], dims[across], dims[down]) = (12, 24, 20);
        let grid = Grid::new(dims, Affine::from_spacing([0.7, 0.9, 3.0], [0.0; 3]));
        let points: Vec<VoxelPoint> = corners
            .iter()
            .map(|c| {
                let mut p = [0.0; 3];
                (p[normal], p[across], p[down]) = (slice as f64 + 0.3, c[0], c[1]);
                at(p)
            })
            .collect();
        let mut found = vec![false; grid.len()];
        fill_outline(&grid, normal, &points, &mut |offset| {
            assert!(!found[offset], "no voxel twice");
            found[offset] = true;
        });
        for (offset, &found) in found.iter().enumerate() {
            let place = [offset % dims[0], offset / dims[0] % dims[1], offset / (dims[0] * dims[1])];
            let centre = [place[across] as f64, place[down] as f64];
            let wanted = place[normal] == slice && is_inside(&corners, centre);
            prop_assert_eq!(found, wanted, "at {:?}", place);
        }
    }
}

#[test]
fn outlines_that_share_an_edge_share_no_voxel() {
    let mut desk = Desk::new(DIMS);
    paint(&mut desk, &square(3.0, 2.0, 6.0));
    assert_eq!(desk.case().voxel_count(1), 16);
    desk.apply(LabelCommand::Add { name: None });
    let beside = [
        [6.0, 2.0, 3.0],
        [10.0, 2.0, 3.0],
        [10.0, 6.0, 3.0],
        [6.0, 6.0, 3.0],
    ];
    paint(&mut desk, &beside);
    let counts = [1, 2].map(|value| desk.case().voxel_count(value));
    assert_eq!(counts, [16, 16], "neither took a voxel of the other");
}

#[test]
fn an_outline_is_one_step_on_one_slice_of_any_plane() {
    for plane in Plane::ALL {
        let mut desk = Desk::new(DIMS);
        let normal = plane.normal_voxel_axis(&Orientation::of(&desk.case().grid().affine));
        let [across, down] = [(normal + 1) % 3, (normal + 2) % 3];
        let corner = |a: f64, d: f64| {
            let mut p = [0.0; 3];
            (p[normal], p[across], p[down]) = (5.0, a, d);
            p
        };
        let triangle = [corner(1.5, 1.5), corner(9.5, 1.5), corner(1.5, 9.5)];
        desk.apply(outline(StrokeMode::Paint, plane, &triangle));
        // Rows of 7, 6 .. 1 voxels: the centres below the diagonal.
        assert_eq!(desk.case().voxel_count(1), 28, "{plane:?}");
        let labelled = desk.case().labels().mask_of(1).bounds().expect("drawn");
        assert_eq!((labelled.min[normal], labelled.max[normal]), (5, 5));
        assert_eq!(desk.case().history().undo_name(), Some("polygon"));
        assert_eq!(desk.case().history().undo_len(), 1);
        desk.apply(HistoryCommand::Undo);
        assert!(
            desk.case().labels().counts().is_empty() && desk.case().table().labels().is_empty()
        );
    }
}

#[test]
fn an_outline_erases_the_active_label_only_and_heeds_locks() {
    let mut desk = Desk::new(DIMS);
    paint(&mut desk, &square(3.0, 2.0, 10.0));
    desk.apply(LabelCommand::Add { name: None });
    paint(&mut desk, &square(3.0, 4.0, 6.0));
    assert_eq!(
        desk.case().voxel_count(2),
        4,
        "paints over visible, unlocked labels"
    );
    desk.apply(outline(
        StrokeMode::Erase,
        Plane::Axial,
        &square(3.0, 0.0, 5.0),
    ));
    assert_eq!(desk.case().history().undo_name(), Some("erase by polygon"));
    assert_eq!(
        (desk.case().voxel_count(1), desk.case().voxel_count(2)),
        (60, 3)
    );
    desk.apply(LabelCommand::Lock {
        value: 1,
        locked: true,
    });
    paint(&mut desk, &square(3.0, 0.0, 20.0));
    assert_eq!(desk.case().voxel_count(1), 60, "locked");
    desk.apply(LabelCommand::Lock {
        value: 2,
        locked: true,
    });
    let before = desk.case().labels().clone();
    let effects = paint(&mut desk, &square(4.0, 0.0, 20.0));
    assert!(has(&effects, |e| matches!(
        e,
        Effect::Notice {
            severity: Severity::Error,
            ..
        }
    )));
    assert_eq!(*desk.case().labels(), before);
}

#[test]
fn an_outline_around_nothing_leaves_no_trace() {
    let nothing: [&[[f64; 3]]; 4] = [
        &square(3.0, 2.1, 2.9),
        &square(3.0, 100.0, 120.0),
        &[[2.0, 2.0, 3.0], [9.0, 9.0, 3.0]],
        &[[f64::NAN, 2.0, 3.0], [9.0, 2.0, 3.0], [9.0, 9.0, 3.0]],
    ];
    for corners in nothing {
        let mut desk = Desk::new(DIMS);
        let effects = paint(&mut desk, corners);
        assert!(
            has(&effects, |e| matches!(e, Effect::Notice { .. })),
            "said: {corners:?}"
        );
        assert!(
            desk.case().table().labels().is_empty(),
            "no empty label: {corners:?}"
        );
        assert!(!desk.case().is_dirty() && desk.case().history().undo_len() == 0);
    }
}

#[test]
fn an_outline_settles_a_standing_proposal_first() {
    let mut desk = Desk::new(DIMS);
    desk.apply(PromptCommand::AddClick(click([5, 5, 3], Positive)));
    desk.answer(&[voxel_box([12, 12, 6], [14, 14, 8])]);
    paint(&mut desk, &square(3.0, 2.0, 6.0));
    assert!(desk.case().proposal().is_none());
    assert_eq!(desk.case().voxel_count(1), 27 + 16);
    desk.apply(HistoryCommand::Undo);
    assert_eq!(desk.case().voxel_count(1), 27);
}
