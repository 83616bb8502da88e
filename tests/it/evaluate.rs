//! `prosector evaluate`: rows, means, groups and the simulated user.

use std::fs;
use std::process::Command;

use prosector::geometry::{Affine, VoxelBox, VoxelIndex};
use prosector::io::{open_labels, save_image, save_labels, save_mask};
use prosector::prompt::{Polarity, correcting_click, loosened_box};
use prosector::util::JobContext;
use prosector::volume::metrics::dice;
use prosector::volume::phantom::phantom;
use prosector::volume::{Grid, LabelMap, LabelTable, Mask};
use serde_json::Value;

fn grid() -> Grid {
    Grid::new(
        [24, 20, 16],
        Affine::from_spacing([1.0, 1.0, 2.5], [0.0; 3]),
    )
}

fn filled(grid: Grid, boxes: &[(VoxelBox, u16)]) -> LabelMap {
    let mut labels = LabelMap::empty(grid);
    for offset in 0..grid.len() {
        for (b, value) in boxes {
            if b.contains(grid.voxel_at(offset)) {
                labels.voxels[offset] = *value;
            }
        }
    }
    labels
}

fn cube(min: [i64; 3], max: [i64; 3]) -> VoxelBox {
    VoxelBox { min, max }
}

fn evaluate(folder: &std::path::Path, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_prosector"))
        .arg("evaluate")
        .args(arguments)
        .arg("--json")
        .current_dir(folder)
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    serde_json::from_slice(&output.stdout).expect("JSON and nothing else on stdout")
}

#[test]
fn a_pair_has_a_row_per_value_and_their_mean() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut table = LabelTable::default();
    table.add(1, "larynx");
    table.add(2, "mandible");
    let truth = filled(
        grid(),
        &[
            (cube([2, 2, 2], [9, 9, 9]), 1),
            (cube([12, 2, 2], [19, 9, 9]), 2),
        ],
    );
    let pred = filled(
        grid(),
        &[
            (cube([2, 2, 2], [9, 9, 9]), 1),
            (cube([12, 2, 2], [19, 9, 5]), 2),
            (cube([12, 15, 2], [13, 16, 3]), 3),
        ],
    );
    save_labels(&folder.path().join("truth.nii.gz"), &truth, &table).expect("a label map");
    save_labels(&folder.path().join("pred.nii.gz"), &pred, &table).expect("a label map");

    let pair = ["--pred", "pred.nii.gz", "--truth", "truth.nii.gz"];
    let report = evaluate(folder.path(), &pair);
    let rows = report["cases"].as_array().expect("rows");
    assert_eq!(rows.len(), 3);
    for key in [
        "id",
        "label",
        "name",
        "modality",
        "domain",
        "dice",
        "iou",
        "nsd",
        "hd95_mm",
        "hd_mm",
        "assd_mm",
        "volume_pred_ml",
        "volume_truth_ml",
        "steps",
        "dsc_auc",
        "nsd_auc",
    ] {
        assert!(rows[0].get(key).is_some(), "{key}");
    }
    assert_eq!(rows[0]["name"], "larynx");
    assert_eq!(rows[0]["dice"], 1.0);
    let half = rows[1]["dice"].as_f64().expect("a number");
    assert!((half - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!(rows[1]["hd_mm"], 10.0);
    assert_eq!(rows[2]["dice"], 0.0);
    assert_eq!(rows[2]["hd95_mm"], Value::Null);
    let mean = report["mean"]["dice"].as_f64().expect("a number");
    assert!((mean - (1.0 + 2.0 / 3.0) / 3.0).abs() < 1e-12);

    let mapped = evaluate(folder.path(), &[&pair[..], &["--map", "1=1,3=2"]].concat());
    let rows = mapped["cases"].as_array().expect("rows");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["label"], 2);
    assert_eq!(rows[1]["dice"], 0.0);
    assert!(rows[1]["nsd"].as_f64().is_some_and(f64::is_sign_positive));

    let joined = evaluate(folder.path(), &[&pair[..], &["--map", "1=1,2=1"]].concat());
    let rows = joined["cases"].as_array().expect("rows");
    assert_eq!(rows.len(), 1);
    // 512 voxels of the truth, 256 too many.
    let dice = rows[0]["dice"].as_f64().expect("a number");
    assert!((dice - 2.0 * 512.0 / (512.0 + 768.0)).abs() < 1e-12);
}

#[test]
fn cases_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (text, reason) in [
        ("", "has no case"),
        ("[[case]]\nid = 'a'\n", "missing field"),
        ("not toml at all", "is not a file of cases"),
        (
            "[[case]]\nid='a'\nimage='i.nii'\ntruth='t.nii'\nlabels={ x = 'larynx' }\n",
            "no label value",
        ),
    ] {
        fs::write(folder.path().join("cases.toml"), text).expect("a file");
        let output = Command::new(env!("CARGO_BIN_EXE_prosector"))
            .args(["evaluate", "--cases", "cases.toml", "--protocol", "clicks"])
            .current_dir(folder.path())
            .output()
            .expect("the program starts");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(reason), "{stderr} does not say {reason}");
    }
}

fn mask_of(boxes: &[VoxelBox]) -> Mask {
    let boxes: Vec<_> = boxes.iter().map(|&b| (b, 1)).collect();
    filled(grid(), &boxes).mask_of(1)
}

#[test]
fn the_first_click_is_the_middle_of_the_target() {
    let truth = mask_of(&[cube([4, 4, 4], [12, 12, 8])]);
    let click = correcting_click(&Mask::empty(grid()), &truth).expect("an error");
    assert_eq!(click.polarity, Polarity::Positive);
    assert_eq!(click.voxel, VoxelIndex([8, 8, 6]));
    assert_eq!(correcting_click(&truth, &truth), None);
}

#[test]
fn clicks_go_to_the_largest_error_and_spacing_counts() {
    let truth = mask_of(&[cube([2, 2, 2], [6, 6, 6])]);
    let current = mask_of(&[cube([2, 2, 2], [6, 6, 6]), cube([10, 2, 2], [20, 10, 4])]);
    let click = correcting_click(&current, &truth).expect("an error");
    assert_eq!(click.polarity, Polarity::Negative);
    // Three slices of 2.5 mm: the middle one is 5 mm deep, and 5 mm are five voxels in the plane.
    assert_eq!(click.voxel.0[2], 3);
    assert_eq!(click.voxel.0[0], 15);
    assert_eq!(click.voxel.0[1], 6);
}

#[test]
fn errors_that_touch_at_a_corner_are_one() {
    // Two cubes of 8 and 27 voxels that touch at a corner outweigh one of 32.
    let truth = mask_of(&[
        cube([1, 1, 1], [3, 3, 3]),
        cube([4, 4, 4], [5, 5, 5]),
        cube([12, 12, 8], [15, 15, 9]),
    ]);
    let click = correcting_click(&Mask::empty(grid()), &truth).expect("an error");
    // In the larger cube, and there towards the smaller one.
    assert_eq!(click.voxel, VoxelIndex([2, 2, 3]));
}

#[test]
fn an_error_that_fills_the_volume_is_clicked_in_the_middle() {
    let truth = mask_of(&[grid().bounds()]);
    let click = correcting_click(&Mask::empty(grid()), &truth).expect("an error");
    assert_eq!(click.voxel, VoxelIndex([12, 10, 8]));
}

#[test]
fn boxes_are_loosened_by_a_part_of_their_side() {
    let tight = cube([10, 4, 2], [19, 8, 5]);
    let loose = loosened_box(tight, 10.0, &grid());
    assert_eq!(loose, cube([9, 3, 2], [20, 9, 5]));
    assert_eq!(loosened_box(tight, 0.0, &grid()), tight);
    assert_eq!(loosened_box(tight, 900.0, &grid()), grid().bounds());
}

#[test]
fn a_model_is_measured_step_by_step() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = phantom();
    save_image(&folder.path().join("ct.nii.gz"), &made.image).expect("the phantom");
    let mut truth = made.labels.clone();
    for value in &mut truth.voxels {
        *value = u16::from(*value == made.lesion) * 3;
    }
    save_labels(
        &folder.path().join("truth.nii.gz"),
        &truth,
        &LabelTable::default(),
    )
    .expect("its truth");
    fs::write(
        folder.path().join("cases.toml"),
        "[[case]]\nid = 'phantom'\nimage = 'ct.nii.gz'\ntruth = 'truth.nii.gz'\nmodality = 'ct'\n\
         domain = 'made'\nlabels = { 3 = 'lesion', 9 = 'nothing' }\nabsent_is_unknown = true\n",
    )
    .expect("a file");
    let cases = ["--cases", "cases.toml", "--device", "cpu"];
    let protocol = ["--protocol", "box+clicks", "--steps", "3", "--by", "domain"];
    let report = evaluate(folder.path(), &[&cases[..], &protocol].concat());

    let rows = report["cases"].as_array().expect("rows");
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!(
        (&row["id"], &row["name"]),
        (&"phantom".into(), &"lesion".into())
    );
    assert_eq!(
        (&row["modality"], &row["domain"]),
        (&"ct".into(), &"made".into())
    );
    let steps = row["steps"].as_array().expect("steps");
    let numbers: Vec<u64> = steps.iter().filter_map(|s| s["step"].as_u64()).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert_eq!(steps[3]["dice"], row["dice"]);
    let dice = |n: usize| steps[n]["dice"].as_f64().expect("a number");
    let area = (dice(1) + dice(2)) / 2.0 + (dice(2) + dice(3)) / 2.0;
    assert!((row["dsc_auc"].as_f64().expect("a number") - area).abs() < 1e-9);
    assert_eq!(report["groups"]["made"]["dice"], report["mean"]["dice"]);
    assert_eq!(report["mean"]["dice"], row["dice"]);

    let measured = ["--protocol", "diameter", "--steps", "1"];
    let report = evaluate(folder.path(), &[&cases[..], &measured].concat());
    let steps = report["cases"][0]["steps"].as_array().expect("steps");
    let numbers: Vec<u64> = steps.iter().filter_map(|s| s["step"].as_u64()).collect();
    assert_eq!(numbers, [0, 1], "the diameter, then a click");

    let many = ["--protocol", "clicks", "--steps", "7"];
    let report = evaluate(folder.path(), &[&cases[..], &many].concat());
    let area = report["cases"][0]["dsc_auc"].as_f64().expect("a number");
    assert!(area > 0.0 && area <= 4.0, "{area} is more than five clicks");

    let automatic = [&cases[..], &["--protocol", "auto"]].concat();
    refuses_a_name_that_the_model_has_not(folder.path(), &automatic);
    fs::write(
        folder.path().join("cases.toml"),
        "[[case]]\nid = 'phantom'\nimage = 'ct.nii.gz'\ntruth = 'truth.nii.gz'\nmodality = 'ct'\n",
    )
    .expect("a file");
    let by_value = evaluate(folder.path(), &automatic);
    assert_eq!(by_value["cases"][0]["label"], 3);
    assert_eq!(by_value["cases"][0]["steps"], serde_json::json!([]));
    assert_eq!(by_value["cases"][0]["dsc_auc"], Value::Null);
}

#[test]
fn numbered_targets_are_shown_those_before_them() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let made = phantom();
    save_image(&folder.path().join("ct.nii.gz"), &made.image).expect("the phantom");
    let mut truth = made.labels.clone();
    for (v, value) in truth.voxels.iter_mut().enumerate() {
        let half = 1 + u16::from(v % made.labels.grid.dims[0] > made.labels.grid.dims[0] / 2);
        *value = u16::from(*value == made.lesion) * 3 + u16::from(*value == 1) * half;
    }
    save_labels(
        &folder.path().join("truth.nii.gz"),
        &truth,
        &LabelTable::default(),
    )
    .expect("its truth");
    let names = "labels = { 1 = 'part_1', 2 = 'part_2', 3 = 'lesion' }";
    fs::write(
        folder.path().join("cases.toml"),
        format!("[[case]]\nid = 'phantom'\nimage = 'ct.nii.gz'\ntruth = 'truth.nii.gz'\nmodality = 'ct'\n{names}\n"),
    )
    .expect("a file");
    let clicks = [
        "--cases",
        "cases.toml",
        "--device",
        "cpu",
        "--protocol",
        "clicks",
        "--steps",
        "1",
    ];
    let alone = evaluate(folder.path(), &clicks);
    let in_context = evaluate(folder.path(), &[&clicks[..], &["--in-context"]].concat());
    let dice = |report: &Value, n: usize| report["cases"][n]["dice"].as_f64().expect("a number");
    assert_eq!(
        dice(&alone, 0),
        dice(&in_context, 0),
        "the first of its kind"
    );
    assert_ne!(dice(&alone, 1), dice(&in_context, 1), "the second");
    assert_eq!(dice(&alone, 2), dice(&in_context, 2), "of another kind");
}

#[test]
fn clicks_given_together_are_taken_one_after_another() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let of_any_size = dice_of_segment_and_evaluate(folder.path(), &[]);
    let small = dice_of_segment_and_evaluate(folder.path(), &["--small"]);
    assert_ne!(of_any_size, small, "what is small is looked at otherwise");
    let large = dice_of_segment_and_evaluate(folder.path(), &["--large"]);
    assert_ne!(of_any_size, large, "and what is large");
}

/// Two clicks into the phantom's lesion by both commands, to which `said` is said; they come to the same Dice.
fn dice_of_segment_and_evaluate(folder: &std::path::Path, said: &[&str]) -> f64 {
    let made = phantom();
    save_image(&folder.join("ct.nii.gz"), &made.image).expect("the phantom");
    let target = made.labels.mask_of(made.lesion);
    save_mask(&folder.join("truth.nii.gz"), &target).expect("its truth");
    fs::write(
        folder.join("cases.toml"),
        "[[case]]\nid = 'phantom'\nimage = 'ct.nii.gz'\ntruth = 'truth.nii.gz'\nmodality = 'ct'\n",
    )
    .expect("a file");
    let arguments = ["--cases", "cases.toml", "--device", "cpu", "--steps", "2"];
    let protocol = ["--protocol", "clicks"];
    let report = evaluate(folder, &[&arguments[..], &protocol, said].concat());

    let mut clicks: Vec<String> = Vec::new();
    let mut current = Mask::empty(target.grid);
    for _ in 0..2 {
        let click = correcting_click(&current, &target).expect("an error");
        let sign = match click.polarity {
            Polarity::Positive => "",
            Polarity::Negative => ",neg",
        };
        let [i, j, k] = click.voxel.0;
        clicks.extend(["--click".to_owned(), format!("{i},{j},{k}{sign}")]);
        let output = Command::new(env!("CARGO_BIN_EXE_prosector"))
            .args(["segment", "ct.nii.gz", "-o", "out.nii.gz"])
            .args(["--modality", "ct", "--device", "cpu"])
            .args(said)
            .args(&clicks)
            .current_dir(folder)
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{output:?}");
        let path = folder.join("out.nii.gz");
        let (labels, ..) = open_labels(&path, &JobContext::silent()).expect("a mask");
        current.voxels = labels.mask_of(1).voxels;
    }
    let measured = report["cases"][0]["dice"].as_f64().expect("a number");
    let found = dice(&current.voxels, &target.voxels);
    assert!((measured - found).abs() < 1e-9, "{measured} and {found}");
    measured
}

fn refuses_a_name_that_the_model_has_not(folder: &std::path::Path, automatic: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_prosector"))
        .arg("evaluate")
        .args(automatic)
        .current_dir(folder)
        .output()
        .expect("the program starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("finds no 'lesion' by itself"), "{stderr}");
}
