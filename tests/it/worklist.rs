//! Annotation projects by the command line: cases, readers, agreement, consensus, cohorts out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use dicom_object::open_file;
use prosector::geometry::Affine;
use prosector::io::{OpenOptions, open_labels, open_scan, save_image, save_labels};
use prosector::project::{Method, consensus};
use prosector::util::JobContext;
use prosector::volume::{
    Grid, ImageVolume, LabelLayers, LabelMap, LabelTable, Modality, Rescale, VoxelData,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::dicom_made::{folder_of, stack_at};
use crate::dicom_seg::named;
use crate::support::{assert_refused, copy, program, said};

const SIDE: usize = 12;

fn grid() -> Grid {
    Grid::new(
        [SIDE; 3],
        Affine::from_spacing([1.0; 3], [-14.0, 3.0, 100.0]),
    )
}

fn ball(centre: [i64; 3], radius: i64) -> LabelMap {
    let grid = grid();
    let inside = |n: usize| {
        let v = grid.voxel_at(n).0;
        let squared: i64 = (0..3).map(|d| (v[d] - centre[d]).pow(2)).sum();
        u16::from(squared <= radius * radius)
    };
    LabelMap {
        grid,
        voxels: (0..grid.len()).map(inside).collect(),
    }
}

/// Three readers' balls, as in the Python that made the expected values (NumPy, SimpleITK 2.5).
fn balls() -> [LabelMap; 3] {
    [ball([5, 5, 5], 4), ball([6, 5, 5], 4), ball([5, 6, 4], 3)]
}

fn table() -> LabelTable {
    let mut table = LabelTable::default();
    table.add(1, "tumour");
    table
}

/// A folder with two scans below `patients` and each reader's label map.
fn desk() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for patient in ["a", "b"] {
        let below = folder.path().join("patients").join(patient);
        fs::create_dir_all(&below).unwrap();
        let voxels = VoxelData::I16((0..grid().len()).map(|n| n as i16 - 1000).collect());
        let image = ImageVolume::new(grid(), voxels, Rescale::IDENTITY, Modality::Ct);
        save_image(&below.join(format!("{patient}.nii.gz")), &image).unwrap();
    }
    // By its name a label map, and no case.
    save_labels(
        &folder.path().join("patients/a/a_seg.nii.gz"),
        &balls()[0],
        &table(),
    )
    .unwrap();
    for (n, map) in balls().iter().enumerate() {
        save_labels(&folder.path().join(format!("r{n}.nii.gz")), map, &table()).unwrap();
    }
    folder
}

/// Runs a command of `worklist` in a folder.
pub fn run(folder: &Path, line: &str) -> Output {
    let words: Vec<&str> = line.split(' ').collect();
    program(folder, &[&["worklist"], words.as_slice()].concat())
}

/// What such a command that succeeds prints as JSON.
pub fn json(folder: &Path, line: &str) -> Value {
    let done = run(folder, &format!("{line} --json"));
    assert!(done.status.success(), "{line}: {}", said(&done));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn project(readers: usize) -> TempDir {
    let folder = desk();
    let new = format!(
        "new study.toml --label tumour --label node? --readers-per-case {readers} --blinded"
    );
    json(folder.path(), &new);
    let added = json(folder.path(), "add study.toml patients");
    assert_eq!(
        (&added["found"], &added["added"]),
        (&Value::from(2), &Value::from(2))
    );
    folder
}

fn near(value: &Value, expected: f64, tolerance: f64) {
    let value = value.as_f64().unwrap();
    assert!(
        (value - expected).abs() < tolerance,
        "{value} for {expected}"
    );
}

#[test]
fn cases_go_from_reader_to_reader() {
    let folder = project(2);
    let at = folder.path();
    let text = fs::read_to_string(at.join("study.worklist/cases/a.toml")).unwrap();
    assert!(text.contains("image = \"patients/a/a.nii.gz\""), "{text}");
    assert!(
        text.contains("labels = \"patients/a/a_seg.nii.gz\""),
        "{text}"
    );
    assert_eq!(json(at, "add study.toml patients")["added"], 0);

    let next = json(at, "next study.toml --reader ann --start");
    assert_eq!(
        (&next["case"], &next["state"], &next["left"]),
        (&"a".into(), &"in_progress".into(), &2.into())
    );
    assert_eq!(next["template"][1]["may_be_empty"], true);
    // Begun, it stays the next one.
    assert_eq!(json(at, "next study.toml --reader ann")["case"], "a");
    json(
        at,
        "save study.toml a --reader ann --labels r0.nii.gz --seconds 61.5 --model prosector-1 --prompts box",
    );
    assert_eq!(json(at, "next study.toml --reader ann")["case"], "b");
    json(
        at,
        "save study.toml a --reader bob --state flagged --note unclear",
    );
    // Both places are taken; others get the other case.
    assert_eq!(json(at, "next study.toml --reader cem")["case"], "b");
    let third = run(at, "save study.toml a --reader cem --labels r2.nii.gz");
    assert_refused(&third, "has its 2 reader(s) already (ann, bob)");

    let status = json(at, "status study.toml");
    assert_eq!(status["cases"][0]["readings"][0]["seconds"], 61.5);
    assert_eq!(status["cases"][0]["readings"][1]["note"], "unclear");
    assert_eq!(status["readers"]["bob"]["flagged"], 1);
    assert_eq!(status["complete"], 0);
    assert_eq!(
        json(at, "status study.toml --state flagged")["cases"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // Blinded: who is not done sees the own reading alone.
    let seen = |reader: &str| {
        let status = json(at, &format!("status study.toml --reader {reader}"));
        status["cases"][0]["readings"].as_array().unwrap().len()
    };
    assert_eq!((seen("ann"), seen("bob")), (2, 1));
    json(at, "save study.toml b --reader ann --labels r0.nii.gz");
    assert_eq!(
        json(at, "next study.toml --reader ann")["case"],
        Value::Null
    );
}

#[test]
fn a_case_is_done_with_its_labels_alone() {
    let folder = project(1);
    let at = folder.path();
    save_labels(&at.join("empty.nii.gz"), &LabelMap::empty(grid()), &table()).unwrap();
    let refused = |line: &str, reason: &str| assert_refused(&run(at, line), reason);
    refused(
        "save study.toml a --reader ann --labels empty.nii.gz",
        "tumour has no voxel",
    );
    assert!(
        !at.join("study.worklist/readings").exists(),
        "nothing is written"
    );
    refused(
        "save study.toml zz --reader ann --state flagged",
        "no such case",
    );
    refused(
        "save study.toml ../a --reader ann --state flagged",
        "no such case",
    );
    refused(
        "save study.toml a --reader ../ann --state flagged",
        "reader's name",
    );
    refused("next study.txt --reader ann", "ends as .toml");
    refused("new study.toml --label x", "already");
    refused("compare missing.toml", "cannot be read");
    let usage = run(at, "save study.toml a --reader ann");
    assert_eq!(usage.status.code(), Some(2));
    fs::write(at.join("broken.toml"), "version = 1\nlabel = 3\n").unwrap();
    refused("status broken.toml", "is not as a project's file should be");
    // Work of another program on the same reading is waited for by the user, not overwritten.
    json(
        at,
        "save study.toml a --reader ann --state in_progress --labels empty.nii.gz",
    );
    let lock = at.join("study.worklist/readings/a/ann.lock");
    fs::write(&lock, "1 elsewhere").unwrap();
    refused(
        "save study.toml a --reader ann --labels r0.nii.gz",
        "another program is writing",
    );
    let kept = fs::read_to_string(at.join("study.worklist/readings/a/ann.toml")).unwrap();
    assert!(kept.contains("state = \"in_progress\""));
    // That of a program of this computer that is no more is in nobody's way.
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if host.is_empty() {
        fs::remove_file(&lock).unwrap();
    } else {
        fs::write(&lock, format!("4000000000 {}", host.trim())).unwrap();
    }
    json(at, "save study.toml a --reader ann --labels r0.nii.gz");
    assert!(!lock.exists());
}

/// All three readers have read case a, and nobody case b.
fn read() -> TempDir {
    let folder = project(3);
    for (n, reader) in ["ann", "bob", "cem"].iter().enumerate() {
        let line = format!("save study.toml a --reader {reader} --labels r{n}.nii.gz");
        json(folder.path(), &line);
    }
    folder
}

#[test]
fn readers_are_compared_as_numpy_does_it() {
    let folder = read();
    let report = json(folder.path(), "compare study.toml");
    let rows = report["pairs"].as_array().unwrap();
    assert_eq!(rows.len(), 6, "three pairs of two labels");
    let expected = [
        (["ann", "bob"], 0.7760278483892217, 0.8093385214007782, 0.0),
        (["ann", "cem"], 0.5573845080533456, 0.6, -0.134),
        (
            ["bob", "cem"],
            0.5224411797417671,
            0.5684210526315789,
            -0.134,
        ),
    ];
    for (readers, kappa, dice, difference_ml) in expected {
        let row = rows
            .iter()
            .find(|r| r["readers"] == serde_json::json!(readers) && r["label"] == "tumour");
        let row = row.unwrap();
        near(&row["kappa"], kappa, 1e-12);
        near(&row["dice"], dice, 1e-12);
        near(&row["volume_difference_ml"], difference_ml, 1e-9);
        assert!(row["nsd"].as_f64().unwrap() > 0.8);
    }
    let nodes = rows.iter().filter(|r| r["label"] == "node");
    for row in nodes {
        assert_eq!(
            (&row["dice"], &row["kappa"]),
            (&Value::from(1.0), &Value::Null),
            "nobody has one"
        );
    }
    near(
        &report["labels"][0]["dice"],
        (0.8093385214007782 + 0.6 + 0.5684210526315789) / 3.0,
        1e-12,
    );
    assert!(
        report["warnings"][0]
            .as_str()
            .unwrap()
            .contains("1 case(s)")
    );
}

#[test]
fn a_third_reader_decides_between_two() {
    let folder = project(2);
    let at = folder.path();
    let decide = "save study.toml a --reader dan --adjudicate --labels r2.nii.gz";
    json(at, "save study.toml a --reader ann --labels r0.nii.gz");
    assert_refused(&run(at, decide), "fewer than two readings are finished");
    json(at, "save study.toml a --reader bob --labels r1.nii.gz");
    let own = "save study.toml a --reader ann --adjudicate --labels r0.nii.gz";
    assert_refused(&run(at, own), "ann has read it");
    json(at, decide);
    let second = "save study.toml a --reader eve --adjudicate --labels r2.nii.gz";
    assert_refused(&run(at, second), "has its 1");

    let status = json(at, "status study.toml");
    let case = &status["cases"][0];
    assert_eq!(case["readings"].as_array().unwrap().len(), 2);
    assert_eq!(case["adjudication"]["reader"], "dan");
    assert_eq!(status["cases"][1]["adjudication"], Value::Null);
    // Who decides is no third reader of the case: the readings and their consensus stay those of two.
    let pairs = json(at, "compare study.toml")["pairs"].clone();
    assert_eq!(pairs.as_array().unwrap().len(), 2, "one pair of two labels");

    json(at, "export study.toml -o nn --as nnunet --from adjudicated");
    let (map, ..) = open_labels(&at.join("nn/labelsTr/a.nii.gz"), &JobContext::silent()).unwrap();
    assert_eq!(map.counts(), balls()[2].counts());
    json(at, "export study.toml -o tables --as csv");
    let audit = fs::read_to_string(at.join("tables/audit.csv")).unwrap();
    let told = audit.lines().find(|line| line.contains(",dan,"));
    assert!(told.unwrap().contains("adjudicated"), "{audit}");
}

#[test]
fn staple_weighs_readers_as_simpleitk_does() {
    let readings: Vec<(LabelLayers, LabelTable)> = balls()
        .into_iter()
        .map(|map| (map.into(), table()))
        .collect();
    let names = ["tumour".to_owned()];
    let found = consensus(&readings, &names, Method::Staple).unwrap();
    let expected = [
        [0.9849141657237398, 0.9761043079957995],
        [0.9354896529625837, 0.9687259142429581],
        [0.5152449912817034, 0.9951121011724078],
    ];
    for (estimate, expected) in found.performance[0].readers.iter().zip(expected) {
        for d in 0..2 {
            assert!(
                (estimate[d] - expected[d]).abs() < 1e-4,
                "{estimate:?} for {expected:?}"
            );
        }
    }
    assert_eq!(found.labels.counts(), [(1, 218)]);
    let majority = consensus(&readings, &names, Method::Majority).unwrap();
    assert_eq!(majority.labels.counts(), [(1, 218)]);
    let [a, b, c] = balls();
    for n in 0..grid().len() {
        let votes = a.voxels[n] + b.voxels[n] + c.voxels[n];
        assert_eq!(majority.labels.voxels[n], u16::from(votes >= 2));
    }
    assert!(
        majority.undecided.iter().all(|&v| v == 0),
        "three readers always decide"
    );
    let two = consensus(&readings[..2], &names, Method::Majority).unwrap();
    let differ = a
        .voxels
        .iter()
        .zip(&b.voxels)
        .filter(|(x, y)| x != y)
        .count();
    assert_eq!(two.undecided.iter().filter(|&&v| v != 0).count(), differ);
    assert!(consensus(&readings[..1], &names, Method::Staple).is_err());
}

fn exists(folder: &Path, names: &[&str]) {
    for name in names {
        assert!(folder.join(name).is_file(), "{name}");
    }
}

#[test]
fn a_cohort_goes_out_as_others_take_it() {
    let folder = read();
    let at = folder.path();
    assert_refused(
        &run(at, "export study.toml -o out --as nnunet"),
        "several finished readings",
    );
    assert!(!at.join("out").exists());
    let joined = json(at, "consensus study.toml --method staple");
    assert_eq!(joined["cases"][0]["voxels"]["tumour"], 218);
    near(
        &joined["cases"][0]["performance"]["tumour"]["cem"][0],
        0.5152449912817034,
        1e-4,
    );
    json(at, "consensus study.toml");

    json(
        at,
        "export study.toml -o nn --as nnunet --from majority --ignore-unsure",
    );
    exists(
        &at.join("nn"),
        &[
            "dataset.json",
            "imagesTr/a_0000.nii.gz",
            "labelsTr/a.nii.gz",
        ],
    );
    let text = fs::read_to_string(at.join("nn/dataset.json")).unwrap();
    let dataset: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        dataset["labels"],
        serde_json::json!({"background": 0, "tumour": 1, "node": 2, "ignore": 3})
    );
    assert_eq!(
        (&dataset["numTraining"], &dataset["channel_names"]["0"]),
        (&1.into(), &"CT".into())
    );
    let (map, ..) = open_labels(&at.join("nn/labelsTr/a.nii.gz"), &JobContext::silent()).unwrap();
    assert_eq!(map.counts(), [(1, 218)]);

    json(at, "export study.toml -o bids --as bids --from ann");
    exists(
        &at.join("bids"),
        &[
            "dataset_description.json",
            "sub-a/anat/sub-a_desc-prosector_dseg.nii.gz",
            "sub-a/anat/sub-a_desc-prosector_dseg.tsv",
        ],
    );
    json(at, "export study.toml -o tables --as csv");
    let audit = fs::read_to_string(at.join("tables/audit.csv")).unwrap();
    assert_eq!(audit.lines().count(), 4);
    assert!(
        audit.lines().nth(1).unwrap().contains("saved as done"),
        "{audit}"
    );
    let statistics = fs::read_to_string(at.join("tables/statistics.csv")).unwrap();
    assert!(
        statistics.contains("a,cem,1,tumour,0,123,0.123"),
        "{statistics}"
    );
    // NIfTI is no DICOM series; a folder with something in it is not written into.
    assert_refused(
        &run(at, "export study.toml -o seg --as seg --from ann"),
        "is no DICOM series",
    );
    assert_refused(
        &run(at, "export study.toml -o tables --as csv"),
        "not empty",
    );
    let usage = run(
        at,
        "export study.toml -o x --as bids --from ann --ignore-unsure",
    );
    assert_eq!(usage.status.code(), Some(2));
}

#[test]
fn cases_come_from_lists_and_data_sets() {
    let folder = desk();
    let at = folder.path();
    let project = |name: &str| json(at, &format!("new {name}.toml --label tumour"));
    let cases = |name: &str| -> Vec<String> {
        let status = json(at, &format!("status {name}.toml"));
        let rows = status["cases"].as_array().unwrap();
        rows.iter()
            .map(|c| {
                format!(
                    "{} {}",
                    c["id"].as_str().unwrap(),
                    c["image"].as_str().unwrap()
                )
            })
            .collect()
    };
    let copy = |to: &str| {
        let to: PathBuf = at.join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(at.join("patients/a/a.nii.gz"), to).unwrap();
    };
    fs::write(
        at.join("list.csv"),
        "id,image\nfirst,patients/a/a.nii.gz\n\"second\",patients/b/b.nii.gz\n",
    )
    .unwrap();
    project("csv");
    json(at, "add csv.toml list.csv");
    assert_eq!(
        cases("csv"),
        ["first patients/a/a.nii.gz", "second patients/b/b.nii.gz"]
    );
    fs::write(at.join("bad.csv"), "id,image\nfirst,missing.nii\n").unwrap();
    assert_refused(
        &run(at, "add csv.toml bad.csv"),
        "missing.nii: cannot be read",
    );

    for name in [
        "nn/imagesTr/c_0000.nii.gz",
        "nn/imagesTr/c_0001.nii.gz",
        "nn/labelsTr/c.nii.gz",
    ] {
        copy(name);
    }
    project("nnunet");
    json(at, "add nnunet.toml nn");
    assert_eq!(cases("nnunet"), ["c nn/imagesTr/c_0000.nii.gz"]);
    let case = fs::read_to_string(at.join("nnunet.worklist/cases/c.toml")).unwrap();
    assert!(case.contains("labels = \"nn/labelsTr/c.nii.gz\""), "{case}");

    copy("bids/sub-01/anat/sub-01_T1w.nii.gz");
    copy("bids/sub-01/dwi/sub-01_dwi.nii.gz");
    copy("bids/derivatives/x/sub-01/anat/sub-01_dseg.nii.gz");
    fs::write(at.join("bids/dataset_description.json"), "{}").unwrap();
    project("bids");
    json(at, "add bids.toml bids");
    assert_eq!(
        cases("bids"),
        ["sub-01_T1w bids/sub-01/anat/sub-01_T1w.nii.gz"]
    );

    // Two scans of one name are not mixed up, and nothing is added.
    copy("twice/x/a.nii.gz");
    copy("twice/y/a.nii.gz");
    project("twice");
    assert_refused(&run(at, "add twice.toml twice"), "two scans");
    assert!(cases("twice").is_empty());
    fs::create_dir(at.join("nothing")).unwrap();
    assert_refused(&run(at, "add twice.toml nothing"), "no scan was found");
}

/// A DICOM series as a case that two have read and a third has decided.
fn adjudicated_series() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let series = folder_of(named(stack_at(&[0.0, 5.0, 10.0])));
    copy(series.path(), &at.join("patient"));
    let scan = open_scan(
        &at.join("patient"),
        &OpenOptions::default(),
        &JobContext::silent(),
    );
    let grid = *scan.unwrap().image.grid();
    for (n, name) in ["r0", "r1", "r2"].iter().enumerate() {
        let mut map = LabelMap::empty(grid);
        map.voxels[n + 4..n + 10].fill(1);
        save_labels(&at.join(format!("{name}.nii.gz")), &map, &table()).unwrap();
    }
    fs::write(at.join("cases.csv"), "id,image\nx,patient\n").unwrap();
    json(at, "new study.toml --label tumour --readers-per-case 2");
    json(at, "add study.toml cases.csv");
    json(
        at,
        "save study.toml x --reader ann --labels r0.nii.gz --edits 7",
    );
    json(at, "save study.toml x --reader bob --labels r1.nii.gz");
    json(
        at,
        "save study.toml x --reader dan --adjudicate --labels r2.nii.gz",
    );
    folder
}

#[test]
fn dicom_of_a_cohort_says_who_read_and_who_approved() {
    let folder = adjudicated_series();
    let at = folder.path();
    let text = |path: &str, tag: Tag| {
        let object = open_file(at.join(path)).unwrap();
        let element = object.element(tag).ok()?;
        Some(element.to_str().unwrap().trim().to_owned())
    };
    json(at, "export study.toml -o seg --as seg --from ann");
    let creator = text("seg/x.dcm", tags::CONTENT_CREATOR_NAME);
    assert_eq!(creator.as_deref(), Some("ann"));
    for (from, status, reviewer) in [
        ("ann", "UNAPPROVED", None),
        ("adjudicated", "APPROVED", Some("dan")),
    ] {
        let line = format!("export study.toml -o {from} --as rtstruct --from {from}");
        json(at, &line);
        let written = format!("{from}/x.dcm");
        assert_eq!(
            text(&written, tags::APPROVAL_STATUS).as_deref(),
            Some(status)
        );
        assert_eq!(text(&written, tags::REVIEWER_NAME).as_deref(), reviewer);
    }
    let date = text("adjudicated/x.dcm", tags::REVIEW_DATE).unwrap();
    assert!(date.len() == 8 && date.starts_with("20"), "{date}");
    json(at, "export study.toml -o tables --as csv");
    let audit = fs::read_to_string(at.join("tables/audit.csv")).unwrap();
    let header = audit.lines().next().unwrap();
    assert_eq!(header, "when,case,reader,what,program,model,prompts,edits");
    let of_ann = audit.lines().find(|l| l.contains(",ann,saved")).unwrap();
    assert!(of_ann.ends_with(",7"), "{of_ann}");
}
