//! Lengths, angles and ellipses: right in mm on any voxels, one step each, and kept beside the labels.

use std::f64::consts::PI;
use std::fs;
use std::sync::Arc;

use glam::{DMat3, DVec3};
use prosector::geometry::{Affine, VoxelIndex, WorldPoint};
use prosector::io::{self, TimeAxis};
use prosector::models::ScanKey;
use prosector::session::journal::{Recorded, Replay};
use prosector::session::{HistoryCommand, MeasureCommand, ScanCommand, Session, Severity};
use prosector::volume::measurement::{
    ANGLE, DISTANCE, ELLIPSE, Measurement, Shape, measurements_csv,
};
use prosector::volume::{Grid, ImageVolume, Modality, Rescale, VoxelData};

use crate::session::{Desk, notice, scan};

/// A scan of thick, oblique voxels whose value says where it is: i + 100 j + 10000 k.
fn oblique() -> ImageVolume {
    let turned = DMat3::from_axis_angle(DVec3::new(0.3, -0.5, 0.8).normalize(), 0.7);
    let [i, j, k] = [0.7, 1.3, 5.0];
    let columns = DMat3::from_cols(turned.x_axis * i, turned.y_axis * j, turned.z_axis * k);
    let rows: [[f64; 4]; 4] = std::array::from_fn(|r| {
        let shift = [12.0, -40.0, 7.0, 1.0][r];
        match r {
            3 => [0.0, 0.0, 0.0, 1.0],
            _ => [
                columns.x_axis[r],
                columns.y_axis[r],
                columns.z_axis[r],
                shift,
            ],
        }
    });
    let affine = Affine::from_rows(&rows).expect("not singular");
    let grid = Grid::new([40, 30, 8], affine);
    let values = (0..grid.len()).map(|n| {
        let [i, j, k] = grid.voxel_at(n).0;
        (i + 100 * j + 10_000 * k) as f32
    });
    let voxels = VoxelData::F32(values.collect());
    let rescale = Rescale {
        slope: 1.0,
        intercept: 0.0,
    };
    ImageVolume::new(grid, voxels, rescale, Modality::Ct)
}

fn world(image: &ImageVolume, voxel: [f64; 3]) -> DVec3 {
    let point = prosector::geometry::VoxelPoint(DVec3::from_array(voxel));
    image.grid().world_from_voxel(point).0
}

fn drawn(shape: Shape, places: &[DVec3]) -> Measurement {
    let points = places.iter().copied().map(WorldPoint).collect();
    Measurement::new(1, shape, points).expect("all places")
}

#[test]
fn distances_and_angles_are_in_mm_on_thick_oblique_voxels() {
    let image = oblique();
    // 10 voxels along i are 7 mm, 2 along k are 10 mm, at a right angle.
    let places = [[5.0, 5.0, 3.0], [15.0, 5.0, 3.0], [5.0, 5.0, 5.0]].map(|v| world(&image, v));
    let length = |a: usize, b: usize| {
        let reading = drawn(DISTANCE, &[places[a], places[b]]).reading(&image);
        reading.length_mm.expect("a length")
    };
    assert!((length(0, 1) - 7.0).abs() < 1e-9);
    assert!((length(0, 2) - 10.0).abs() < 1e-9);
    assert!((length(1, 2) - 149f64.sqrt()).abs() < 1e-9);
    let angle = |places: [DVec3; 3]| drawn(ANGLE, &places).reading(&image).degrees;
    let [a, b, c] = places;
    let right = angle([b, a, c]).expect("an angle");
    assert!((right - 90.0).abs() < 1e-9, "{right}");
    let at_b = angle([a, b, c]).expect("an angle");
    assert!(
        (at_b - (10.0f64 / 7.0).atan().to_degrees()).abs() < 1e-9,
        "{at_b}"
    );
    let straight = angle([b, a, a - (b - a)]).expect("an angle");
    assert!((straight - 180.0).abs() < 1e-9);
    // A thousandth of a degree is not lost in a cosine.
    let small = 1e-3f64.to_radians();
    let arm = (b - a) * small.cos() + (c - a).normalize() * 7.0 * small.sin();
    let measured = angle([b, a, a + arm]).expect("an angle");
    assert!((measured - 1e-3).abs() < 1e-9, "{measured}");
    assert_eq!(angle([a, a, c]), None, "an arm without length");
}

/// The values at the voxels of a slice whose centres lie in an ellipse, found by looking at all of them.
fn inside(image: &ImageVolume, slice: (usize, i64), c: DVec3, u: DVec3, v: DVec3) -> Vec<f64> {
    let grid = image.grid();
    let offsets = (0..grid.len()).filter(|&n| grid.voxel_at(n).0[slice.0] == slice.1);
    offsets
        .filter(|&n| {
            let away = grid.world_from_voxel(grid.voxel_at(n).center()).0 - c;
            let (a, b) = (
                away.dot(u) / u.length_squared(),
                away.dot(v) / v.length_squared(),
            );
            a * a + b * b <= 1.0
        })
        .map(|n| image.value(n))
        .collect()
}

#[test]
fn an_ellipse_has_the_values_of_the_voxels_in_it_in_every_plane() {
    let image = oblique();
    // Centre, the axes' directions in voxels, half lengths in mm, and the slice.
    let cases = [
        ([20.3, 15.2, 4.0], [0, 1], [6.0, 9.5], (2, 4)),
        ([20.3, 12.0, 3.8], [0, 2], [8.0, 11.0], (1, 12)),
        ([7.0, 14.6, 4.1], [1, 2], [10.0, 6.0], (0, 7)),
        // Over the border of the volume: what is outside has no values.
        ([0.0, 0.0, 0.0], [0, 1], [7.1, 7.1], (2, 0)),
        ([39.0, 29.0, 7.0], [0, 2], [5.0, 12.0], (1, 29)),
    ];
    for (centre, axes, half_mm, slice) in cases {
        let c = world(&image, centre);
        let unit = |axis: usize| image.grid().affine.column(axis).normalize();
        // Turned by 25 degrees in its plane.
        let (sin, cos) = 25f64.to_radians().sin_cos();
        let u = (unit(axes[0]) * cos + unit(axes[1]) * sin) * half_mm[0];
        let v = (unit(axes[1]) * cos - unit(axes[0]) * sin) * half_mm[1];
        let reading = drawn(ELLIPSE, &[c, c + u, c + v]).reading(&image);
        let expected = inside(&image, slice, c, u, v);
        assert!(expected.len() > 3, "{expected:?}");
        assert_eq!(reading.voxels, Some(expected.len()), "{centre:?}");
        let n = expected.len() as f64;
        let mean = expected.iter().sum::<f64>() / n;
        let sd = (expected.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        let values = reading.values.expect("values");
        assert!((values.mean - mean).abs() < 1e-9 * mean.abs().max(1.0));
        assert!((values.sd.expect("several") - sd).abs() < 1e-9 * sd);
        let area = reading.area_mm2.expect("an area");
        assert!((area - PI * half_mm[0] * half_mm[1]).abs() < 1e-9);
        let (long, short) = (
            reading.length_mm.expect("long"),
            reading.short_mm.expect("short"),
        );
        assert!((long - 2.0 * half_mm[0].max(half_mm[1])).abs() < 1e-9);
        assert!((short - 2.0 * half_mm[0].min(half_mm[1])).abs() < 1e-9);
    }
}

#[test]
fn an_ellipse_beside_the_scan_or_without_area_has_no_values() {
    let image = oblique();
    let [far, right, down] =
        [[200.0, 0.0, 0.0], [210.0, 0.0, 0.0], [200.0, 9.0, 0.0]].map(|v| world(&image, v));
    let beside = drawn(ELLIPSE, &[far, right, down]).reading(&image);
    assert_eq!((beside.voxels, beside.values), (Some(0), None));
    assert!(beside.area_mm2.expect("an area") > 0.0);
    let c = world(&image, [5.0, 5.0, 5.0]);
    let flat = drawn(ELLIPSE, &[c, c + DVec3::X, c + DVec3::X * 2.0]).reading(&image);
    assert_eq!((flat.voxels, flat.values), (Some(0), None));
}

#[test]
fn the_end_of_an_ellipses_axis_turns_it_and_its_middle_moves_it() {
    let [c, u, v] = [DVec3::new(3.0, 4.0, 5.0), DVec3::X * 6.0, DVec3::Y * 2.0];
    let before = drawn(ELLIPSE, &[c, c + u, c + v]);
    let places = |m: &Measurement| [0, 1, 2].map(|n| m.points()[n].0);
    let to = c + DVec3::new(0.0, 9.0, 0.0);
    let [centre, first, second] = places(&before.pulled(1, WorldPoint(to)));
    assert_eq!((centre, first), (c, to));
    let axis = second - centre;
    assert!(
        (axis.length() - 2.0).abs() < 1e-12,
        "the other stays as long"
    );
    assert!(
        axis.dot(to - c).abs() < 1e-12 && axis.z.abs() < 1e-12,
        "{axis}"
    );
    let [_, first, second] = places(&before.pulled(2, WorldPoint(c + DVec3::X * 3.0)));
    assert!(((first - c).length() - 6.0).abs() < 1e-12);
    assert_eq!(second, c + DVec3::X * 3.0);
    let moved = places(&before.pulled(0, WorldPoint(c + DVec3::Z)));
    assert_eq!(moved, [c, c + u, c + v].map(|p| p + DVec3::Z));
    let collapsed = before.pulled(1, WorldPoint(c));
    assert_eq!(places(&collapsed), places(&before), "no axis of no length");
}

fn points(places: &[[f64; 3]]) -> Vec<WorldPoint> {
    let points = places.iter().map(|&p| WorldPoint(DVec3::from_array(p)));
    points.collect()
}

fn draw(desk: &mut Desk, shape: Shape, places: &[[f64; 3]]) {
    let points = points(places);
    desk.apply(MeasureCommand::Draw { shape, points });
}

fn titles(desk: &Desk) -> Vec<String> {
    let measured = desk.case().measured().iter();
    measured.map(|(drawn, _)| drawn.title()).collect()
}

#[test]
fn each_is_one_step_that_is_undone_and_comes_back_from_the_journal() {
    let journal = Arc::new(Recorded::default());
    let session = Session::default().with_archive(journal.clone());
    let mut desk = Desk::with(session, [9, 8, 6]);
    assert!(!desk.case().is_dirty());
    draw(&mut desk, DISTANCE, &[[0.0; 3], [3.0, 4.0, 0.0]]);
    draw(
        &mut desk,
        ANGLE,
        &[[1.0, 0.0, 0.0], [0.0; 3], [0.0, 1.0, 0.0]],
    );
    assert_eq!(titles(&desk), ["Distance 1", "Angle 2"]);
    assert_eq!(desk.case().measured()[0].1.length_mm, Some(5.0));
    assert!(desk.case().is_dirty(), "what is measured is work too");
    let longer = points(&[[0.0; 3], [6.0, 8.0, 0.0]]);
    desk.apply(MeasureCommand::Change {
        number: 1,
        points: longer,
    });
    assert_eq!(desk.case().measured()[0].1.length_mm, Some(10.0));
    desk.apply(MeasureCommand::Remove(2));
    assert_eq!(titles(&desk), ["Distance 1"]);
    desk.apply(HistoryCommand::Undo);
    desk.apply(HistoryCommand::Undo);
    assert_eq!(titles(&desk), ["Distance 1", "Angle 2"]);
    assert_eq!(desk.case().measured()[0].1.length_mm, Some(5.0));
    desk.apply(HistoryCommand::Redo);
    assert_eq!(desk.case().history().undo_name(), Some("move measurement"));

    // A crash now.
    let replay = Replay::of(journal.bytes(), 1 << 20).expect("whole");
    assert!(!replay.is_damaged);
    let mut resumed = Desk::new([9, 8, 6]);
    resumed.apply(ScanCommand::Resume(Box::new(replay)));
    assert_eq!(titles(&resumed), ["Distance 1", "Angle 2"]);
    assert_eq!(resumed.case().measured()[0].1.length_mm, Some(10.0));
    resumed.apply(HistoryCommand::JumpTo(0));
    assert!(titles(&resumed).is_empty());
    resumed.apply(HistoryCommand::JumpTo(4));
    assert_eq!(titles(&resumed), ["Distance 1"]);

    // The last removed one's number is not given to the next while others have higher ones.
    draw(
        &mut desk,
        ELLIPSE,
        &[[0.0; 3], [4.0, 0.0, 0.0], [0.0, 3.0, 0.0]],
    );
    assert_eq!(titles(&desk), ["Distance 1", "Angle 2", "Ellipse 3"]);
    let bad = desk.apply(MeasureCommand::Draw {
        shape: ANGLE,
        points: points(&[[0.0; 3]]),
    });
    assert!(notice(&bad, Severity::Error).is_some());
    assert_eq!(titles(&desk).len(), 3);
}

#[test]
fn nothing_is_measured_through_time_or_without_a_scale() {
    let mut over_time = scan([9, 8, 6], 1);
    let time = TimeAxis {
        frame_ms: Some(100.0),
        has_scale: true,
        has_position: true,
    };
    over_time.info.time = Some(time);
    let mut desk = Desk::new([9, 8, 6]);
    let world = |grid: &Grid, v: [i64; 3]| grid.world_from_voxel(VoxelIndex(v).center());
    let grid = *over_time.image.grid();
    desk.apply(ScanCommand::Open(Box::new(over_time.clone())));
    let mut length = |to: [i64; 3]| {
        let effects = desk.apply(MeasureCommand::Draw {
            shape: DISTANCE,
            points: vec![world(&grid, [1, 1, 2]), world(&grid, to)],
        });
        let refused = notice(&effects, Severity::Error).map(str::to_owned);
        (desk.case().measured().len(), refused)
    };
    let (count, refused) = length([5, 1, 4]);
    assert_eq!(count, 0);
    assert!(refused.expect("said").contains("time"));
    assert_eq!(length([5, 1, 2]), (1, None), "in a frame");
    over_time.info.time = Some(TimeAxis {
        has_scale: false,
        ..time
    });
    over_time.key = ScanKey(2);
    let mut desk = Desk::new([9, 8, 6]);
    desk.apply(ScanCommand::Open(Box::new(over_time)));
    let effects = desk.apply(MeasureCommand::Draw {
        shape: DISTANCE,
        points: vec![world(&grid, [1, 1, 2]), world(&grid, [5, 1, 2])],
    });
    assert!(
        notice(&effects, Severity::Error)
            .expect("said")
            .contains("how long a pixel")
    );
}

#[test]
fn the_file_beside_the_labels_brings_them_back_and_keeps_what_others_put_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let labels = folder.path().join("ct_labels.nii.gz");
    let path = io::measurements_path(&labels);
    assert_eq!(path, folder.path().join("ct_labels.measurements.mrk.json"));
    io::save_measurements(&labels, &[]).expect("nothing to save");
    assert!(!path.exists(), "no file of nothing");
    let all = [
        Measurement::new(4, DISTANCE, points(&[[1.5, 2.5, 3.0], [-4.0, 0.1, 9.0]])),
        Measurement::new(
            5,
            ANGLE,
            points(&[[1.0, 0.0, 0.0], [0.0; 3], [0.0, 1.0, 0.25]]),
        ),
        Measurement::new(
            7,
            ELLIPSE,
            points(&[[10.0, 20.0, 30.0], [16.0, 20.0, 30.0], [10.0, 22.0, 30.0]]),
        ),
    ]
    .map(|m| m.expect("whole"));
    io::save_measurements(&labels, &all).expect("saved");
    assert_eq!(io::open_measurements(&labels).expect("read"), all);

    // As 3D Slicer reads it: LPS, and a curve through the ends of both axes.
    let text = fs::read_to_string(&path).expect("text");
    let mut file: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let line = &file["markups"][0];
    assert_eq!(
        (&line["type"], &line["coordinateSystem"]),
        (&"Line".into(), &"LPS".into())
    );
    assert_eq!(
        line["controlPoints"][0]["position"],
        serde_json::json!([-1.5, -2.5, 3.0])
    );
    let curve = &file["markups"][2];
    assert_eq!(curve["type"], "ClosedCurve");
    assert_eq!(
        curve["controlPoints"][2]["position"],
        serde_json::json!([-4.0, -20.0, 30.0])
    );

    // What 3D Slicer added: a line of its own in RAS, which is taken over, and a point list, which stays.
    let point = |p: [f64; 3]| serde_json::json!({ "position": p });
    let added = [
        serde_json::json!({ "type": "Line", "name": "L", "coordinateSystem": "RAS",
            "controlPoints": [point([0.0, 0.0, 0.0]), point([0.0, 0.0, 8.0])] }),
        serde_json::json!({ "type": "Fiducial", "name": "F", "controlPoints": [point([1.0, 2.0, 3.0])] }),
    ];
    file["markups"]
        .as_array_mut()
        .expect("a list")
        .extend(added);
    fs::write(&path, file.to_string()).expect("written");
    let read = io::open_measurements(&labels).expect("read");
    assert_eq!(read[..3], all);
    assert_eq!(read.len(), 4);
    assert_eq!(read[3].points(), points(&[[0.0; 3], [0.0, 0.0, 8.0]]));
    assert!(all.iter().all(|m| m.number != read[3].number));
    io::save_measurements(&labels, &[]).expect("saved");
    assert!(io::open_measurements(&labels).expect("read").is_empty());
    let text = fs::read_to_string(&path).expect("text");
    assert!(
        text.contains("Fiducial"),
        "another's markups are not lost: {text}"
    );

    // A file that is something else is neither read nor saved over.
    fs::write(&path, "notes").expect("written");
    assert!(io::open_measurements(&labels).is_err());
    let refused = io::save_measurements(&labels, &all).expect_err("refused");
    assert!(refused.to_string().contains("move it away"), "{refused}");
    io::save_measurements(&labels, &[]).expect("nothing to save");
    assert_eq!(fs::read_to_string(&path).expect("text"), "notes");
}

#[test]
fn the_table_has_a_line_for_each() {
    let image = oblique();
    let [a, b] = [[5.0, 5.0, 3.0], [15.0, 5.0, 3.0]].map(|v| world(&image, v));
    let distance = drawn(DISTANCE, &[DVec3::ZERO, DVec3::new(3.0, 4.0, 0.0)]);
    let ellipse = drawn(ELLIPSE, &[a, b, a + (world(&image, [5.0, 9.0, 3.0]) - a)]);
    let rows = [distance, ellipse].map(|m| {
        let reading = m.reading(&image);
        (m, reading)
    });
    let table = measurements_csv(&rows);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3);
    let columns = lines[0].split(',').count();
    assert!(lines.iter().all(|line| line.split(',').count() == columns));
    assert_eq!(lines[1], "Distance 1,distance,5,,,,,,,,,,0 0 0; 3 4 0");
    let cells: Vec<&str> = lines[2].split(',').collect();
    let values = rows[1].1.values.expect("values");
    assert_eq!(cells[6], rows[1].1.voxels.expect("voxels").to_string());
    assert_eq!(cells[7], values.mean.to_string());
}
