//! `prosector operations` and `prosector edit`.

use std::path::Path;
use std::process::Output;

use prosector::io::{open_label_layers, open_labels, save_image, save_label_layers, save_labels};
use prosector::session::operations::OPERATIONS;
use prosector::util::JobContext;
use prosector::volume::{LabelLayers, LabelMap, LabelTable};
use serde_json::Value;
use tempfile::TempDir;

use super::bench::{image, labels};
use crate::support::{assert_refused, program, said};

/// A folder with the scan and its labels.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    save_image(&folder.path().join("scan.nii.gz"), &image()).expect("a scan");
    let mut table = LabelTable::default();
    for (value, name) in [(1, "shell"), (2, "ball"), (3, "sheet"), (4, "plates")] {
        table.add(value, name);
    }
    save_labels(&folder.path().join("labels.nii.gz"), &labels(), &table).expect("labels");
    folder
}

fn edit(folder: &Path, operations: &[&str]) -> Output {
    let mut arguments = vec![
        "edit",
        "scan.nii.gz",
        "--labels",
        "labels.nii.gz",
        "-o",
        "out.nii.gz",
    ];
    arguments.extend(operations.iter().flat_map(|o| ["--do", o]));
    program(folder, &arguments)
}

fn written(folder: &Path) -> (LabelMap, LabelTable) {
    let path = folder.join("out.nii.gz");
    let (labels, table, _) = open_labels(&path, &JobContext::silent()).expect("labels");
    (labels, table)
}

/// The labels, and above them a label over the whole scan.
fn save_layers(folder: &Path) {
    let mut table = LabelTable::default();
    table.add(1, "shell");
    let upper = table.add_layer("target").expect("room");
    table.add_in(upper, 9, "whole");
    let mut layers = LabelLayers::from(labels());
    layers.follow(&table);
    layers.voxels_mut(upper).expect("there").fill(9);
    save_label_layers(&folder.join("layers.seg.nrrd"), &layers, &table).expect("labels");
}

#[test]
fn layers_are_edited_and_written_as_asked() {
    let folder = folder();
    save_layers(folder.path());
    let run = |output: &str, more: &[&str]| {
        let mut arguments = vec!["edit", "scan.nii.gz", "--labels", "layers.seg.nrrd"];
        arguments.extend(["-o", output, "--do", "clear label=whole box=0,0,0,2,2,2"]);
        arguments.extend(more);
        program(folder.path(), &arguments)
    };
    let opened = |name: &str| {
        let path = folder.path().join(name);
        open_label_layers(&path, &JobContext::silent())
            .expect("labels")
            .0
    };
    let (len, lower) = (labels().voxels.len(), labels());
    let all = run("out.seg.nrrd", &[]);
    assert!(
        all.status.success() && !said(&all).contains("overlap"),
        "{}",
        said(&all)
    );
    let layers = opened("out.seg.nrrd");
    assert_eq!(
        layers.maps()[0].voxels,
        lower.voxels,
        "the layer below is as it was"
    );
    assert_eq!(layers.counts()[&9], len - 27);

    let flat = run("out.nii.gz", &[]);
    assert!(flat.status.success(), "{}", said(&flat));
    assert!(said(&flat).contains("labels overlap in"), "{}", said(&flat));
    assert_eq!(
        opened("out.nii.gz").counts()[&9],
        len - 27,
        "the upper layer is on top"
    );

    let one = run("out.nii.gz", &["--layers", "0"]);
    assert!(
        one.status.success() && !said(&one).contains("overlap"),
        "{}",
        said(&one)
    );
    assert_eq!(opened("out.nii.gz").maps()[0].voxels, lower.voxels);
    for wrong in ["2", "upper"] {
        let refused = run("none.nii.gz", &["--layers", wrong]);
        assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
        assert!(!folder.path().join("none.nii.gz").exists());
    }
}

#[test]
fn statistics_tell_the_layer_of_each_label() {
    let folder = folder();
    save_layers(folder.path());
    let arguments = [
        "statistics",
        "scan.nii.gz",
        "--labels",
        "layers.seg.nrrd",
        "--json",
    ];
    let output = program(folder.path(), &arguments);
    assert!(output.status.success(), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON and nothing else");
    let rows = report["labels"].as_array().expect("a list");
    let row = |value: u64| rows.iter().find(|r| r["value"] == value).expect("a row");
    assert_eq!(
        (&row(1)["layer"], &row(9)["layer"]),
        (&Value::from(0), &Value::from(1))
    );
    assert_eq!(row(9)["voxels"], labels().voxels.len());
    assert_eq!(row(1)["voxels"], labels().mask_of(1).count());
}

#[test]
fn the_table_is_printed_as_json() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = program(folder.path(), &["operations", "--json"]);
    assert!(output.status.success(), "{}", said(&output));
    let table: Value = serde_json::from_slice(&output.stdout).expect("JSON and nothing else");
    let rows = table["operations"].as_array().expect("a list");
    let ids: Vec<&str> = rows.iter().filter_map(|r| r["id"].as_str()).collect();
    let ours: Vec<&str> = OPERATIONS.iter().map(|o| o.id).collect();
    assert_eq!(ids, ours);
    for row in rows {
        assert!(row["title"].is_string() && row["keys"].is_array(), "{row}");
        let names = row["parameters"].as_array().expect("a list").iter();
        let names: Vec<&str> = names.filter_map(|p| p["name"].as_str()).collect();
        assert!(names.ends_with(&["over", "locked"]), "{names:?}");
    }
    let text = program(folder.path(), &["operations"]);
    let text = String::from_utf8(text.stdout).expect("UTF-8");
    assert!(
        text.contains("keep_largest label [connectivity=26]"),
        "{text}"
    );
}

#[test]
fn operations_are_done_in_order_and_names_are_kept() {
    let folder = folder();
    let output = edit(
        folder.path(),
        &["clear label=shell", "keep_largest label=4 connectivity=6"],
    );
    assert!(output.status.success(), "{}", said(&output));
    let (labels, table) = written(folder.path());
    let counts = labels.counts();
    assert_eq!(counts, [(2, 185), (3, 214), (4, 12)]);
    assert_eq!(table.get(4).map(|l| l.name.as_str()), Some("plates"));
    assert!(labels.grid.is_same(&super::bench::grid(), 1e-3));
}

#[test]
fn nothing_to_change_is_said_and_the_file_written() {
    let folder = folder();
    let output = edit(folder.path(), &["clear label=2 box=0,0,0,1,1,1"]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(
        said(&output).contains("clear label: nothing to change"),
        "{}",
        said(&output)
    );
    assert_eq!(written(folder.path()).0.voxels, labels().voxels);
}

#[test]
fn without_labels_there_are_none() {
    let folder = folder();
    let arguments = [
        "edit",
        "scan.nii.gz",
        "-o",
        "out.nii.gz",
        "--do",
        "clear label=1",
    ];
    let output = program(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("there is no label 1; there are none yet"));
}

#[test]
fn what_is_typed_wrong_exits_with_2_and_writes_nothing() {
    let folder = folder();
    for wrong in [
        "sharpen label=1",
        "clear",
        "clear label=9",
        "clear label=1 mm=2",
        "clear label=1 box=1,2,3",
        "clear label=1 box=90,90,90,99,99,99",
        "clear label=1 locked=7",
        "clear label=1 over=7",
        "keep_largest label=1 connectivity=7",
    ] {
        let output = edit(folder.path(), &["clear label=2", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {}", said(&output));
        assert_eq!(
            said(&output).lines().count(),
            1,
            "{wrong}: {}",
            said(&output)
        );
        assert!(output.stdout.is_empty());
    }
    let output = program(folder.path(), &["edit", "scan.nii.gz", "-o", "out.nii.gz"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!folder.path().join("out.nii.gz").exists());
}

#[test]
fn inputs_are_kept_and_other_grids_refused() {
    let folder = folder();
    for (name, lost) in [
        ("scan.nii.gz", "scan.nii.gz"),
        ("labels.nii.gz", "labels.nii.gz"),
    ] {
        let arguments = [
            "edit",
            "scan.nii.gz",
            "--labels",
            "labels.nii.gz",
            "-o",
            name,
            "--do",
            "clear label=1",
        ];
        assert_refused(&program(folder.path(), &arguments), lost);
    }
    let mut elsewhere = labels();
    elsewhere.grid = prosector::volume::Grid::new(
        elsewhere.grid.dims,
        elsewhere.grid.affine.stepped([1.0, 0.0, 0.0], [1.0; 3]),
    );
    let path = folder.path().join("labels.nii.gz");
    save_labels(&path, &elsewhere, &LabelTable::default()).expect("labels");
    assert_refused(
        &edit(folder.path(), &["clear label=1"]),
        "is on another grid",
    );
    assert!(!folder.path().join("out.nii.gz").exists());
}
