//! Rigid transforms, their files, and finding them by mutual information.

use std::f64::consts::FRAC_PI_2;

use glam::{DQuat, DVec3};
use prosector::geometry::{Affine, RigidTransform, VoxelIndex, WorldPoint};
use prosector::io::{open_transform, save_image, save_transform};
use prosector::registration::{RegistrationError, register};
use prosector::util::{CancelToken, JobContext};
use prosector::volume::{Grid, ImageVolume, Modality, Rescale, VoxelData};

use crate::support::{assert_refused, program, said};

/// A body of a few round organs; `contrast` says what each looks like.
fn body(grid: Grid, contrast: [f64; 4], modality: Modality) -> ImageVolume {
    let organs = [
        (DVec3::new(0.0, 0.0, 0.0), DVec3::new(60.0, 45.0, 70.0)),
        (DVec3::new(18.0, 10.0, 12.0), DVec3::new(16.0, 12.0, 20.0)),
        (DVec3::new(-22.0, -6.0, -14.0), DVec3::new(12.0, 20.0, 11.0)),
        (DVec3::new(4.0, -20.0, 25.0), DVec3::new(9.0, 8.0, 14.0)),
    ];
    let value = |offset: usize| {
        let mm = grid.world_from_voxel(grid.voxel_at(offset).center()).0;
        let inside = |&(centre, radii): &(DVec3, DVec3)| ((mm - centre) / radii).length() <= 1.0;
        let organ = organs.iter().rposition(inside);
        let texture = 6.0 * (mm.x * 0.31).sin() * (mm.y * 0.23).cos();
        organ.map_or(-900.0, |n| contrast[n] + texture) as f32
    };
    let voxels = VoxelData::F32((0..grid.len()).map(value).collect());
    ImageVolume::new(grid, voxels, Rescale::IDENTITY, modality)
}

fn grid(dims: [usize; 3], spacing_mm: [f64; 3]) -> Grid {
    let first = std::array::from_fn(|d| -(dims[d] as f64 - 1.0) * spacing_mm[d] / 2.0);
    Grid::new(dims, Affine::from_spacing(spacing_mm, first))
}

fn ct() -> ImageVolume {
    body(
        grid([70, 56, 34], [2.0, 2.0, 5.0]),
        [0.0, 60.0, 120.0, 250.0],
        Modality::Ct,
    )
}

/// Another contrast, on other voxels, and moved: where it would have to be carried back from.
fn moved_mr(by: RigidTransform) -> ImageVolume {
    let here = grid([44, 40, 36], [2.5, 2.5, 3.0]);
    let mr = body(here, [600.0, 200.0, 900.0, 80.0], Modality::Mr);
    ImageVolume::new(
        by.carried(&here),
        mr.voxels().clone(),
        Rescale::IDENTITY,
        Modality::Mr,
    )
}

fn displacement() -> RigidTransform {
    let turn = DVec3::new(0.4, -0.7, 0.5).normalize() * 8f64.to_radians();
    RigidTransform::about(WorldPoint(DVec3::ZERO), turn, DVec3::new(11.0, -9.0, 8.0))
}

/// How far the corners of the moved scan are from where they belong, in mm, at most.
fn farthest_off(found: &RigidTransform, by: &RigidTransform) -> f64 {
    let corners =
        [-40.0, 40.0].map(|x| [-40.0, 40.0].map(|y| [-40.0, 40.0].map(|z| DVec3::new(x, y, z))));
    let corners = corners.into_iter().flatten().flatten();
    let off = |p: DVec3| found.apply(by.apply(WorldPoint(p))).0.distance(p);
    corners.map(off).fold(0.0, f64::max)
}

#[test]
fn transforms_turn_move_and_go_back() {
    let centre = WorldPoint(DVec3::new(10.0, 0.0, 0.0));
    let quarter = RigidTransform::about(centre, DVec3::Z * FRAC_PI_2, DVec3::new(0.0, 0.0, 5.0));
    let there = quarter.apply(WorldPoint(DVec3::new(11.0, 0.0, 0.0))).0;
    assert!(there.distance(DVec3::new(10.0, 1.0, 5.0)) < 1e-12);
    assert!((quarter.angle_deg() - 90.0).abs() < 1e-9);
    let none = quarter.inverse().after(&quarter);
    assert!(none.angle_deg() < 1e-9 && none.translation_mm().length() < 1e-9);
    let own = grid([5, 6, 7], [1.0, 2.0, 3.0]);
    let carried = quarter.carried(&own);
    let voxel = VoxelIndex([4, 1, 6]).center();
    let wanted = quarter.apply(own.world_from_voxel(voxel)).0;
    assert!(carried.world_from_voxel(voxel).0.distance(wanted) < 1e-9);
    let stretched = glam::DMat3::from_diagonal(DVec3::new(1.0, 1.0, 1.1));
    assert!(RigidTransform::from_matrix(stretched, DVec3::ZERO).is_none());
    let mirrored = glam::DMat3::from_diagonal(DVec3::new(-1.0, 1.0, 1.0));
    assert!(RigidTransform::from_matrix(mirrored, DVec3::ZERO).is_none());
}

#[test]
fn files_say_what_itk_reads_in_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("map.tfm");
    for turn in [
        DVec3::ZERO,
        DVec3::new(0.3, -0.2, 0.9),
        DVec3::new(0.0, 3.1, 0.0),
    ] {
        let map = RigidTransform::about(
            WorldPoint(DVec3::new(3.0, -80.0, 55.0)),
            turn,
            DVec3::X * 7.0,
        );
        save_transform(&path, &map).expect("written");
        let read = open_transform(&path).expect("read").after(&map.inverse());
        assert!(read.angle_deg() < 1e-6 && read.translation_mm().length() < 1e-6);
    }
    // The file maps fixed to moving, in LPS: a patient who lies 5 mm further left in the moving scan.
    let shift =
        RigidTransform::from_parts(DQuat::IDENTITY, DVec3::new(5.0, 0.0, 0.0)).expect("rigid");
    save_transform(&path, &shift).expect("written");
    let text = std::fs::read_to_string(&path).expect("text");
    assert!(text.contains("\nParameters: 0 0 0 5 0 0\n"), "{text}");
    // The same turn by 0.1 about x, 0.2 about y and 0.3 about z in both kinds that other programs write.
    let kinds = [
        (
            "Euler3DTransform_double_3_3",
            "0.1 0.2 0.3 1 2 3",
            "4 5 6 0",
        ),
        (
            "AffineTransform_double_3_3",
            "0.930432063657 -0.294043836552 0.218710761292 \
             0.308577466859 0.950563785922 -0.034762563777 \
             -0.197676811654 0.099833416647 0.975170327202 1 2 3",
            "4 5 6",
        ),
    ];
    let corner = WorldPoint(DVec3::new(-20.0, 30.0, 40.0));
    let places: Vec<DVec3> = kinds
        .iter()
        .map(|(kind, parameters, fixed)| {
            let text = format!(
                "#Insight Transform File V1.0\n#Transform 0\nTransform: {kind}\nParameters: {parameters}\nFixedParameters: {fixed}\n"
            );
            std::fs::write(&path, text).expect("written");
            open_transform(&path).expect("read").inverse().apply(corner).0
        })
        .collect();
    // From first principles: R_z R_x R_y (p - c) + c + t in LPS, p being (20, -30, 40) there.
    let rotation =
        DQuat::from_rotation_z(0.3) * DQuat::from_rotation_x(0.1) * DQuat::from_rotation_y(0.2);
    let centre = DVec3::new(4.0, 5.0, 6.0);
    let wanted =
        rotation * (DVec3::new(20.0, -30.0, 40.0) - centre) + centre + DVec3::new(1.0, 2.0, 3.0);
    let wanted = DVec3::new(-wanted.x, -wanted.y, wanted.z);
    for place in places {
        assert!(place.distance(wanted) < 1e-6, "{place} {wanted}");
    }
    for text in [
        "",
        "nonsense",
        "#Insight Transform File V1.0\nTransform: BSplineTransform_double_3_3\nParameters: 1\nFixedParameters: 1\n",
    ] {
        std::fs::write(&path, text).expect("written");
        assert!(open_transform(&path).is_err(), "{text}");
    }
    assert!(save_transform(&folder.path().join("map.nii"), &shift).is_err());
}

#[test]
fn a_moved_scan_of_another_modality_is_brought_back() {
    let by = displacement();
    let (fixed, moving) = (ct(), moved_mr(by));
    let ctx = JobContext::silent();
    let found = register(&fixed, &moving, RigidTransform::IDENTITY, &ctx).expect("found");
    let off = farthest_off(&found.fixed_from_moving, &by);
    assert!(off < 1.5, "{off} mm");
    assert!(found.information > found.information_before.expect("they overlap"));
    // The other way round it is the map back, for the smaller one is looked at in either case.
    let back = register(&moving, &fixed, RigidTransform::IDENTITY, &ctx).expect("found");
    let round = back.fixed_from_moving.after(&found.fixed_from_moving);
    assert!(round.angle_deg() < 0.5 && round.shift_at(WorldPoint(DVec3::ZERO)).length() < 1.0);
    // The same again gives the same, to the last bit.
    let again = register(&fixed, &moving, RigidTransform::IDENTITY, &ctx).expect("found");
    assert_eq!(again, found);
}

#[test]
fn what_cannot_be_registered_says_so() {
    let ctx = JobContext::silent();
    let far = RigidTransform::from_parts(DQuat::IDENTITY, DVec3::X * 500.0).expect("rigid");
    let refused = register(&ct(), &moved_mr(far), RigidTransform::IDENTITY, &ctx);
    assert_eq!(refused, Err(RegistrationError::NoOverlap));
    let film = ct().over_time(None);
    let refused = register(&film, &ct(), RigidTransform::IDENTITY, &ctx);
    assert_eq!(refused, Err(RegistrationError::NoVolume));
    let cancel = CancelToken::default();
    cancel.cancel();
    let stopped = JobContext::new(cancel, |_, _| {});
    let refused = register(&ct(), &ct(), RigidTransform::IDENTITY, &stopped);
    assert!(matches!(refused, Err(RegistrationError::Cancelled(_))));
}

#[test]
fn the_command_line_writes_the_transform_and_no_voxel() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let by = displacement();
    save_image(&folder.path().join("ct.nii.gz"), &ct()).expect("a scan");
    let moving = folder.path().join("mr.nii.gz");
    save_image(&moving, &moved_mr(by)).expect("a scan");
    let before = std::fs::read(&moving).expect("bytes");
    let run = |options: &[&str]| {
        let start = ["register", "ct.nii.gz", "mr.nii.gz", "-o"];
        program(folder.path(), &[&start[..], options].concat())
    };
    let output = run(&["map.tfm", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let read = open_transform(&folder.path().join("map.tfm")).expect("a transform");
    assert!(farthest_off(&read, &by) < 1.5);
    for (row, wanted) in read
        .to_rows()
        .iter()
        .zip(report["fixed_from_moving"].as_array().expect("rows"))
    {
        for (number, wanted) in row.iter().zip(wanted.as_array().expect("numbers")) {
            assert!((number - wanted.as_f64().expect("a number")).abs() < 1e-6);
        }
    }
    assert_eq!(std::fs::read(&moving).expect("bytes"), before);
    assert_refused(&run(&["ct.nii.gz"]), ".tfm");
    assert_refused(&run(&["new.tfm", "--start", "ct.nii.gz"]), "ITK text");
}
