//! Which case next: `prosector worklist rank`, and who may know what of it.

use std::fs;
use std::path::Path;

use prosector::io::{OpenOptions, open_labels, open_scan, save_image, save_labels};
use prosector::project::{Measure, Project, WhyNot, disagreement};
use prosector::util::JobContext;
use prosector::volume::{
    ImageVolume, LabelLayers, LabelMap, LabelTable, Modality, Rescale, VoxelData,
};
use serde_json::Value;

use crate::nnunet_folder::Place;
use crate::support::{program, said, shared};
use crate::worklist::{json, run};

/// A small nnU-Net, which does not say how good its answers are.
const MODEL: &str = "models/Dataset904_Casc/nnUNetTrainerNoMirroring__nnUNetPlans__3d_lowres";

fn rank(folder: &Path, more: &str) -> Value {
    let line = format!("rank study.toml --model small --device cpu{more}");
    json(folder, &line)
}

/// The cases in their order, each with a number or why it has none.
fn told(report: &Value, measure: &str) -> Vec<(String, Value)> {
    let rows = report["cases"].as_array().unwrap();
    let told = |row: &Value| {
        let number = &row[measure];
        let told = match &number["value"] {
            Value::Null => number["why_not"].clone(),
            value => value.clone(),
        };
        (row["case"].as_str().unwrap().to_owned(), told)
    };
    rows.iter().map(told).collect()
}

fn near(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap();
    assert!((value - expected).abs() < 1e-9, "{value} for {expected}");
}

/// What the model finds in a scan, and how much of it another map has: all but every `lacking`th voxel of label b.
fn thinned(map: &LabelMap, lacking: usize) -> LabelMap {
    let mut thinned = map.clone();
    let of_b = thinned.voxels.iter_mut().filter(|v| **v == 2);
    of_b.step_by(lacking).for_each(|v| *v = 0);
    thinned
}

/// Dice of a map with its thinned one, the mean of two labels.
fn lacking(map: &LabelMap, thinned: &LabelMap) -> f64 {
    let count = |map: &LabelMap| map.voxels.iter().filter(|v| **v == 2).count() as f64;
    let dice = 2.0 * count(thinned) / (count(map) + count(thinned));
    (1.0 - dice) / 2.0
}

/// A project of scans a to e: b begins with what the model finds, c and d with less of it; e cannot be read.
fn project() -> Option<(Place, LabelMap, LabelTable)> {
    let place = Place::new()?;
    let output = place.import(&place.golden.join(MODEL), &["--as", "small"]);
    assert!(output.status.success(), "{}", said(&output));
    let at = place.path();
    let scan = place.golden.join("cases/casc_0000.nii.gz");
    let mut list = String::from("id,image,labels\n");
    for id in ["a", "b", "c", "d", "e"] {
        fs::copy(&scan, at.join(format!("{id}.nii.gz"))).unwrap();
        let labels = match id {
            "b" | "c" | "d" => format!("{id}_seg.nii.gz"),
            _ => String::new(),
        };
        list.push_str(&format!("{id},{id}.nii.gz,{labels}\n"));
    }
    let segment =
        "segment b.nii.gz -o b_seg.nii.gz --auto --model small --modality ct --device cpu";
    let words: Vec<&str> = segment.split(' ').collect();
    let output = program(at, &words);
    assert!(output.status.success(), "{}", said(&output));
    let (found, table, _) = open_labels(&at.join("b_seg.nii.gz"), &JobContext::silent()).unwrap();
    for (id, lacking) in [("c", 2), ("d", 10)] {
        save_labels(
            &at.join(format!("{id}_seg.nii.gz")),
            &thinned(&found, lacking),
            &table,
        )
        .unwrap();
    }
    fs::write(at.join("cases.csv"), list).unwrap();
    json(
        at,
        "new study.toml --label a --label b --readers-per-case 2 --blinded",
    );
    json(at, "add study.toml cases.csv");
    let whole = fs::read(&scan).unwrap();
    fs::write(at.join("e.nii.gz"), &whole[..whole.len() / 2]).unwrap();
    Some((place, found, table))
}

#[test]
fn cases_are_ranked_by_disagreement_once_and_again_when_there_is_more() {
    let Some((place, found, table)) = project() else {
        return;
    };
    let at = place.path();
    let report = rank(at, " --by disagreement");
    assert_eq!(report["ranked"], 4, "{report}");
    assert!(report["warnings"][0].as_str().unwrap().contains("case e: "));
    let order = told(&report, "disagreement");
    let ids: Vec<&str> = order.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(
        ids,
        ["c", "d", "b", "a", "e"],
        "what has no number comes last"
    );
    near(&order[0].1, lacking(&found, &thinned(&found, 2)));
    near(&order[1].1, lacking(&found, &thinned(&found, 10)));
    near(&order[2].1, 0.0);
    assert_eq!(
        order[3].1,
        "there are neither two finished readings nor labels"
    );
    assert_eq!(order[4].1, "it could not be ranked");
    assert_eq!(
        report["cases"][0]["disagreement"]["between"],
        "model_and_labels"
    );
    let unsure = told(&report, "uncertainty");
    assert_eq!(
        unsure[0].1,
        "the model does not say how good its answers are"
    );

    // What is known is not found out again; what is lacking is.
    assert_eq!(rank(at, "")["ranked"], 0);
    fs::remove_file(at.join("study.worklist/ranks/c.toml")).unwrap();
    fs::write(at.join("study.worklist/ranks/d.toml"), "broken").unwrap();
    assert_eq!(rank(at, "")["ranked"], 2);
    assert_eq!(rank(at, " --cases b --again")["ranked"], 1);

    // Two who have read it are compared with each other, whatever the model says.
    save_labels(&at.join("whole.nii.gz"), &found, &table).unwrap();
    save_labels(&at.join("thin.nii.gz"), &thinned(&found, 3), &table).unwrap();
    json(at, "save study.toml a --reader ann --labels whole.nii.gz");
    let report = rank(at, "");
    assert_eq!(report["ranked"], 1, "{report}");
    assert_eq!(told(&report, "disagreement")[0].1, 0.0, "the model and ann");
    json(at, "save study.toml a --reader bob --labels thin.nii.gz");
    let report = rank(at, " --by disagreement");
    let first = &report["cases"][1];
    assert_eq!(
        (&first["case"], &first["disagreement"]["between"]),
        (&"a".into(), &"readers".into())
    );
    near(
        &first["disagreement"]["value"],
        lacking(&found, &thinned(&found, 3)),
    );

    // The next case is the one with the largest number.
    let next = |by: &str| json(at, &format!("next study.toml --reader cem{by}"))["case"].clone();
    assert_eq!(
        (next(""), next(" --by disagreement")),
        ("b".into(), "c".into())
    );
    let text = String::from_utf8(run(at, "rank study.toml --model small --by disagreement").stdout)
        .unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[1].ends_with("c (the model does not say how good its answers are)"),
        "{text}"
    );
}

#[test]
fn who_has_not_read_a_blinded_case_does_not_see_how_others_differ() {
    let Some((place, found, table)) = project() else {
        return;
    };
    let at = place.path();
    save_labels(&at.join("thin.nii.gz"), &thinned(&found, 2), &table).unwrap();
    json(at, "save study.toml b --reader ann --labels thin.nii.gz");
    rank(at, "");
    let project = Project::open(&at.join("study.toml")).unwrap();
    let seen = |id: &str, reader: &str| {
        let rank = project.rank_for(id, reader).unwrap();
        let number = rank.number(Measure::Disagreement).clone();
        (number.value.is_some(), number.why_not)
    };
    assert_eq!(seen("b", "ann"), (true, None), "her own is finished");
    assert_eq!(seen("b", "bob"), (false, Some(WhyNot::Blinded)));
    assert_eq!(seen("c", "bob"), (true, None), "of nobody's work");
    let entries = project.list_for("bob").unwrap();
    let of_b = entries.iter().find(|e| e.id == "b").unwrap();
    assert_eq!(of_b.rank.disagreement.value, None);
    // Nor by what comes next.
    let next = json(at, "next study.toml --reader bob --by disagreement");
    assert_eq!(next["case"], "c");
}

#[test]
fn disagreement_is_the_dice_that_lacks_on_average() {
    let grid = prosector::volume::Grid::new(
        [4, 1, 1],
        prosector::geometry::Affine::from_spacing([1.0; 3], [0.0; 3]),
    );
    let map = |voxels: [u16; 4]| -> LabelLayers {
        LabelMap {
            grid,
            voxels: voxels.to_vec(),
        }
        .into()
    };
    let mut table = LabelTable::default();
    for (value, name) in [(1, "x"), (2, "y"), (3, "nobody")] {
        table.add(value, name);
    }
    let names = ["x", "y", "nobody"].map(str::to_owned);
    let apart = |maps: &[LabelLayers]| {
        let maps: Vec<_> = maps.iter().map(|m| (m, &table)).collect();
        disagreement(&maps, &names).unwrap()
    };
    // x: Dice 2/3; y: one of two alone has it.
    let (a, b) = (map([1, 1, 0, 0]), map([1, 0, 0, 2]));
    assert!((apart(&[a.clone(), b.clone()]) - (1.0 / 3.0 + 1.0) / 2.0).abs() < 1e-12);
    assert_eq!(apart(&[a.clone(), a.clone()]), 0.0);
    assert_eq!(apart(&[map([0; 4]), map([0; 4])]), 0.0, "nobody has any");
    // Three readers: each pair in x, two pairs in y.
    let expected = (1.0 / 3.0 + 0.0 + 1.0 / 3.0 + 1.0 + 1.0) / 5.0;
    assert!((apart(&[a.clone(), b, a]) - expected).abs() < 1e-12);
}

#[test]
fn what_the_model_in_the_box_doubts_comes_first() {
    let Some(data) = shared("data/train/hippocampus") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let options = OpenOptions {
        modality: Some(Modality::Mr),
        ..OpenOptions::default()
    };
    let scan = open_scan(
        &data.join("images/hippocampus_001.nii.gz"),
        &options,
        &JobContext::silent(),
    );
    let image = scan.unwrap().image;
    save_image(&at.join("plain.nii.gz"), &image).unwrap();
    // The same with noise as large as its contrasts: the model cannot be as sure of it.
    let (low, high) = image.value_range().unwrap();
    let noise = |n: usize| ((n * 7919 + n / 13 * 104_729) % 1000) as f64 / 1000.0 - 0.5;
    let value = |n: usize| (image.value(n) + noise(n) * (high - low) * 0.8).max(0.0) as i16;
    let voxels = VoxelData::I16((0..image.grid().len()).map(value).collect());
    let noisy = ImageVolume::new(*image.grid(), voxels, Rescale::IDENTITY, Modality::Mr);
    save_image(&at.join("noisy.nii.gz"), &noisy).unwrap();
    json(
        at,
        "new study.toml --label anterior_hippocampus --label posterior_hippocampus",
    );
    json(at, "add study.toml noisy.nii.gz plain.nii.gz");
    let report = json(at, "rank study.toml --device cpu");
    let order = told(&report, "uncertainty");
    assert_eq!(order[0].0, "noisy", "{report}");
    let plain = &report["cases"][1]["uncertainty"];
    let part = |key: &str| plain[key].as_f64().unwrap();
    assert!(part("expected_dice") > 0.6, "{report}");
    let mean = (1.0 - part("expected_dice") + part("unsure_border")) / 2.0;
    near(&plain["value"], mean);
    let next = json(at, "next study.toml --reader ann --by uncertainty");
    assert_eq!(next["case"], "noisy");
}
