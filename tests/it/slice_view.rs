//! The map between pixels, voxels and millimetres of the three views.

use glam::{DQuat, DVec3};
use proptest::prelude::*;
use prosector::geometry::{
    Affine, Axis, Convention, Grid, Plane, SliceView, VoxelIndex, VoxelPoint, WorldPoint,
};

/// Rotated, flipped, anisotropic and sheared grids.
fn grids() -> impl Strategy<Value = Grid> {
    (
        prop::array::uniform3(2usize..40),
        prop::array::uniform3(0.3f64..6.0),
        prop::array::uniform3(-3.0f64..3.0),
        prop::array::uniform3(any::<bool>()),
        -0.4f64..0.4,
        prop::array::uniform3(-300.0f64..300.0),
    )
        .prop_map(|(dims, spacing, angles, flips, shear, origin)| {
            let turn = DQuat::from_euler(glam::EulerRot::XYZ, angles[0], angles[1], angles[2]);
            let [i, j, mut k] = std::array::from_fn(|d| {
                let sign = if flips[d] { -1.0 } else { 1.0 };
                turn * (DVec3::AXES[d] * spacing[d] * sign)
            });
            k += j.normalize() * shear * spacing[2];
            let affine = Affine::from_columns(i, j, k, DVec3::from_array(origin)).expect("regular");
            Grid::new(dims, affine)
        })
}

fn views() -> impl Strategy<Value = SliceView> {
    let part = 0.0f64..1.0;
    (
        grids(),
        0usize..3,
        any::<bool>(),
        prop::array::uniform3(part),
        0.05f64..5.0,
        prop::array::uniform2(1u32..2000),
    )
        .prop_map(|(grid, plane, radiological, at, mm_per_pixel, size)| {
            let voxel: [f64; 3] = std::array::from_fn(|d| at[d] * (grid.dims[d] as f64 - 1.0));
            let center = grid.world_from_voxel(VoxelPoint(DVec3::from_array(voxel)));
            let convention = match radiological {
                true => Convention::Radiological,
                false => Convention::Neurological,
            };
            SliceView::new(
                &grid,
                Plane::ALL[plane],
                convention,
                center,
                mm_per_pixel,
                size,
            )
        })
}

proptest! {
    #[test]
    fn pixels_survive_the_round_trip(view in views(), x in -50.0f64..2000.0, y in -50.0f64..2000.0) {
        let voxel = view.voxel_from_pixel(x, y);
        prop_assert_eq!(voxel.0[view.normal_axis()], view.slice() as f64);
        let (bx, by) = view.pixel_from_voxel(voxel);
        prop_assert!((bx - x).abs() < 1e-6 && (by - y).abs() < 1e-6);
        let (wx, wy) = view.pixel_from_world(view.world_from_pixel(x, y));
        prop_assert!((wx - x).abs() < 1e-5 && (wy - y).abs() < 1e-5);
    }

    #[test]
    fn a_pixel_is_as_many_millimetres_in_every_direction(view in views(), angle in 0.0f64..6.3) {
        let a = view.world_from_pixel(10.0, 20.0).0;
        let b = view.world_from_pixel(10.0 + 30.0 * angle.cos(), 20.0 + 30.0 * angle.sin()).0;
        let expected = 30.0 * view.mm_per_pixel();
        prop_assert!((a.distance(b) - expected).abs() < 1e-6 * expected.max(1.0));
    }

    #[test]
    fn screen_directions_follow_the_letters(view in views()) {
        let [left, right, top, bottom] = view.letters();
        prop_assert_eq!([left.opposite(), top.opposite()], [right, bottom]);
        let at = |x, y| view.world_from_pixel(x, y).0;
        let (to_right, down) = (at(1.0, 0.0) - at(0.0, 0.0), at(0.0, 1.0) - at(0.0, 0.0));
        // The assignment of voxel axes maximises the sum of cosines, so at least one of them is plain.
        prop_assert!(to_right.dot(right.unit()).max(down.dot(bottom.unit())) > 0.0);
    }

    #[test]
    fn zoom_keeps_what_is_under_the_pointer(view in views(), x in 0.0f64..900.0, factor in 0.2f64..5.0) {
        let before = view.world_from_pixel(x, 33.0).0;
        let after = view.zoomed(factor, x, 33.0).world_from_pixel(x, 33.0).0;
        prop_assert!(before.distance(after) < 1e-6);
        let moved = view.panned(12.0, -7.0).world_from_pixel(x + 12.0, 26.0).0;
        prop_assert!(before.distance(moved) < 1e-6);
    }

    #[test]
    fn fit_shows_the_whole_slice(grid in grids(), plane in 0usize..3, w in 20u32..900, h in 20u32..900) {
        let cursor = VoxelIndex([1, 1, 1]);
        let view = SliceView::fit(&grid, Plane::ALL[plane], Convention::Radiological, cursor, w, h);
        let [across, down] = view.in_plane_axes();
        let mut reach = [0.0f64; 2];
        for corner in 0..4 {
            let mut v = DVec3::splat(view.slice() as f64);
            v[across] = if corner & 1 == 0 { -0.5 } else { grid.dims[across] as f64 - 0.5 };
            v[down] = if corner & 2 == 0 { -0.5 } else { grid.dims[down] as f64 - 0.5 };
            let (x, y) = view.pixel_from_voxel(VoxelPoint(v));
            prop_assert!((-1e-6..=f64::from(w) + 1e-6).contains(&x));
            prop_assert!((-1e-6..=f64::from(h) + 1e-6).contains(&y));
            reach = [reach[0].max(x / f64::from(w)), reach[1].max(y / f64::from(h))];
        }
        prop_assert!(reach[0].max(reach[1]) > 1.0 - 1e-6, "it fills the view in one direction");
    }

    #[test]
    fn stepping_goes_through_all_slices_and_stops(view in views()) {
        let ends = [view.stepped(-1000), view.stepped(1000)];
        let last = view.slice_count() as i64 - 1;
        let mut slices = ends.map(|v| v.slice());
        slices.sort_unstable();
        prop_assert_eq!(slices, [0, last]);
        prop_assert_eq!(ends[0].stepped(last).slice(), ends[1].slice());
    }
}

fn directions(convention: Convention, plane: Plane) -> String {
    let grid = Grid::new([9, 9, 9], Affine::from_spacing([1.0; 3], [0.0; 3]));
    let view = SliceView::fit(&grid, plane, convention, VoxelIndex([4; 3]), 90, 90);
    view.letters().iter().map(|a| a.letter()).collect()
}

#[test]
fn radiological_views_have_the_patient_s_right_on_the_left() {
    assert_eq!(directions(Convention::Radiological, Plane::Axial), "RLAP");
    assert_eq!(directions(Convention::Radiological, Plane::Coronal), "RLSI");
    assert_eq!(
        directions(Convention::Radiological, Plane::Sagittal),
        "APSI"
    );
    assert_eq!(directions(Convention::Neurological, Plane::Axial), "LRAP");
    assert_eq!(directions(Convention::Neurological, Plane::Coronal), "LRSI");
    assert_eq!(
        directions(Convention::Neurological, Plane::Sagittal),
        "APSI"
    );
}

#[test]
fn the_world_agrees_with_the_letters() {
    // Left-handed LAS storage, anisotropic.
    let affine = Affine::from_columns(
        DVec3::X * -0.8,
        DVec3::Y * 0.8,
        DVec3::Z * 3.0,
        DVec3::new(40.0, -40.0, 7.0),
    )
    .expect("regular");
    let grid = Grid::new([100, 100, 30], affine);
    let center = WorldPoint(DVec3::new(0.0, 0.0, 22.0));
    let view = SliceView::new(
        &grid,
        Plane::Axial,
        Convention::Radiological,
        center,
        0.5,
        [200, 100],
    );
    let corner = view.world_from_pixel(0.0, 0.0).0;
    assert!(
        corner.distance(DVec3::new(50.0, 25.0, 22.0)) < 1e-9,
        "right, front: {corner}"
    );
    assert_eq!(
        (view.normal_axis(), view.slice(), view.step_sign()),
        (2, 5, 1)
    );
    assert_eq!(
        view.voxel_at_pixel(100.2, 50.2),
        Some(VoxelIndex([50, 50, 5]))
    );
    assert_eq!(view.voxel_at_pixel(0.0, 0.0), None, "beside the volume");
    assert_eq!(view.letters()[0], Axis::Right);
}

#[test]
fn a_tilted_gantry_leaves_the_patient_upright() {
    let tilt = 20f64.to_radians();
    let affine = Affine::from_columns(
        DVec3::X,
        DVec3::new(0.0, tilt.cos(), tilt.sin()),
        DVec3::Z * 2.0,
        DVec3::ZERO,
    )
    .expect("regular");
    let grid = Grid::new([32, 32, 32], affine);
    let cursor = VoxelIndex([16; 3]);
    let view = SliceView::fit(
        &grid,
        Plane::Sagittal,
        Convention::Radiological,
        cursor,
        300,
        300,
    );
    let down = view.world_from_pixel(10.0, 11.0).0 - view.world_from_pixel(10.0, 10.0).0;
    assert!(
        (down.normalize() + DVec3::Z).length() < 1e-9,
        "down is inferior: {down}"
    );
}

mod tilted {
    use super::*;
    use prosector::geometry::Tilt;
    use prosector::render::{Scene, SliceStyle, reference};
    use prosector::volume::{ImageVolume, LabelTable, Modality, Rescale, VoxelData, Window};

    fn grid() -> Grid {
        Grid::new(
            [40, 30, 20],
            Affine::from_spacing([1.0, 1.5, 3.0], [-20.0, -20.0, -30.0]),
        )
    }

    fn axial(tilt: Tilt) -> SliceView {
        let at = VoxelIndex([17, 14, 9]);
        SliceView::fit(
            &grid(),
            Plane::Axial,
            Convention::Radiological,
            at,
            160,
            120,
        )
        .tilted(tilt, at.center())
    }

    fn turned(about: DVec3, degrees: f64) -> Tilt {
        Tilt::default().turned(about, degrees.to_radians())
    }

    #[test]
    fn a_turn_about_its_normal_leaves_a_view_as_it_is_but_turns_where_the_others_cut_it() {
        let straight = axial(Tilt::default());
        let view = axial(turned(straight.normal_mm(), 30.0));
        assert!(!view.is_tilted());
        assert_eq!(
            view.voxel_from_pixel_columns(),
            straight.voxel_from_pixel_columns()
        );
        let cos = 30f64.to_radians().cos();
        for (before, after) in straight.traces().into_iter().zip(view.traces()) {
            assert!((before.dot(after).abs() - cos).abs() < 1e-9);
        }
    }

    #[test]
    fn pixels_and_voxels_of_a_turned_view_are_inverse_in_mm_and_its_plane_goes_through_the_cross_hair()
     {
        let view = axial(turned(DVec3::new(0.3, 1.0, 0.2), 35.0));
        assert!(view.is_tilted() && (view.tilt_deg() - 35.0).abs() < 5.0);
        let at = grid().world_from_voxel(VoxelIndex([17, 14, 9]).center());
        assert!(view.distance_mm(at).abs() < 1e-9);
        for (x, y) in [(0.0, 0.0), (37.5, 110.0), (160.0, 3.0)] {
            let voxel = view.voxel_from_pixel(x, y);
            let (back_x, back_y) = view.pixel_from_voxel(voxel);
            assert!((back_x - x).abs() < 1e-9 && (back_y - y).abs() < 1e-9);
            assert!(view.distance_mm(grid().world_from_voxel(voxel)).abs() < 1e-9);
        }
        let [a, b] = [
            view.world_from_pixel(10.0, 20.0).0,
            view.world_from_pixel(40.0, 60.0).0,
        ];
        assert!(
            (a.distance(b) - 50.0 * view.mm_per_pixel()).abs() < 1e-9,
            "true to the mm"
        );
    }

    #[test]
    fn letters_say_both_axes_that_a_direction_is_between() {
        let about_patients_length = DVec3::Z;
        let at = VoxelIndex([17, 14, 9]);
        let coronal = SliceView::fit(
            &grid(),
            Plane::Coronal,
            Convention::Radiological,
            at,
            80,
            80,
        );
        let view = coronal.tilted(turned(about_patients_length, 40.0), at.center());
        let [_, right, _, bottom] = view.border_texts();
        assert_eq!(bottom, Axis::Inferior.letter().to_string());
        assert!(right.starts_with('L') && right.len() == 2, "{right}");
    }

    #[test]
    fn a_turned_picture_has_the_values_of_the_scan_between_its_slices() {
        let grid = grid();
        // A ramp in the world: what is between voxels is known exactly.
        let ramp = |place: DVec3| 2.0 * place.x + place.y - 1.5 * place.z;
        let values = (0..grid.len())
            .map(|n| ramp(grid.world_from_voxel(grid.voxel_at(n).center()).0) as f32);
        let voxels = VoxelData::F32(values.collect());
        let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Mr);
        let table = LabelTable::default();
        let scene = Scene {
            image: &image,
            labels: &[],
            table: &table,
            proposal: None,
            second: None,
        };
        let window = Window {
            width: 300.0,
            level: 0.0,
        };
        let view = axial(turned(DVec3::new(1.0, 0.4, 0.0), 25.0));
        let picture = reference::draw(&view, &scene, &SliceStyle::new(window));
        let mut compared = 0;
        for (x, y, pixel) in picture.enumerate_pixels() {
            let (px, py) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
            let voxel = view.voxel_from_pixel(px, py).0;
            let last = DVec3::from_array(grid.dims.map(|n| n as f64 - 1.0));
            if voxel.cmplt(DVec3::ZERO).any() || voxel.cmpgt(last).any() {
                continue;
            }
            let expected =
                255.0 * (ramp(view.world_from_pixel(px, py).0) / 300.0 + 0.5).clamp(0.0, 1.0);
            assert!((f64::from(pixel.0[0]) - expected).abs() <= 1.0, "{x} {y}");
            compared += 1;
        }
        assert!(compared > 3000, "{compared}");
    }
}
