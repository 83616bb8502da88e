//! Folders that nnU-Net wrote: imported, run from a file to a file, refused in one line.

use std::fs;
use std::path::{Path, PathBuf};

use prosector::io::open_labels;
use prosector::util::JobContext;
use serde_json::Value;
use tempfile::TempDir;

use crate::checkpoints::torch_zip;
use crate::support::{assert_refused, copy, program, said, shared};

const CT: &str = "Dataset901_Ct/nnUNetTrainer__nnUNetPlans__3d_fullres";

/// A folder with its own models, and a copy of a recorded trained model that may be spoilt.
pub struct Place {
    folder: TempDir,
    pub golden: PathBuf,
}

impl Place {
    pub fn new() -> Option<Self> {
        Some(Self {
            golden: shared("golden/nnunet")?,
            folder: tempfile::tempdir().unwrap(),
        })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A copy of a folder of `models`.
    fn copied(&self, model: &str) -> PathBuf {
        self.copied_as(&format!("models/{model}"), model)
    }

    /// A copy of a recorded folder under another name.
    pub fn copied_as(&self, from: &str, to: &str) -> PathBuf {
        let to = self.path().join(to);
        copy(&self.golden.join(from), &to);
        to
    }

    pub fn import(&self, folder: &Path, options: &[&str]) -> std::process::Output {
        let folder = folder.to_str().unwrap();
        let import = ["models", "import", folder, "--system", "nnunet"];
        program(self.path(), &[&import[..], options].concat())
    }

    fn imported(&self, model: &str, options: &[&str]) {
        let output = self.import(&self.golden.join("models").join(model), options);
        assert!(output.status.success(), "{}", said(&output));
    }

    fn refused(&self, folder: &Path, options: &[&str], reason: &str) {
        assert_refused(&self.import(folder, options), reason);
        assert!(self.installed().is_empty(), "nothing is installed");
    }

    fn installed(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path().join("models"));
        let names = entries
            .into_iter()
            .flatten()
            .map(|e| e.unwrap().file_name());
        names.map(|n| n.to_string_lossy().into_owned()).collect()
    }

    /// Segments a recorded case and counts the voxels whose label is not that of the official result.
    fn differing(&self, case: &str, expected: &str, options: &[&str]) -> usize {
        let cases = self.golden.join("cases");
        let (case, out) = (cases.join(case), self.path().join("out.nii.gz"));
        let (case, out_text) = (case.to_str().unwrap(), out.to_str().unwrap());
        let segment = ["segment", case, "-o", out_text, "--auto", "--device", "cpu"];
        let output = program(self.path(), &[&segment[..], options].concat());
        assert!(output.status.success(), "{}", said(&output));
        let ctx = JobContext::silent();
        let (found, _, _) = open_labels(&out, &ctx).unwrap();
        let (expected, _, _) = open_labels(&cases.join(expected), &ctx).unwrap();
        assert_eq!(found.grid.dims, expected.grid.dims);
        assert!(found.grid.is_same(&expected.grid, 1e-3));
        let pairs = found.voxels.iter().zip(&expected.voxels);
        pairs.filter(|(a, b)| a != b).count()
    }
}

fn changed(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut value);
    fs::write(path, serde_json::to_vec(&value).unwrap()).unwrap();
}

#[test]
fn a_folder_is_imported_under_its_own_name_with_what_it_says() {
    let Some(place) = Place::new() else { return };
    place.imported("Dataset902_Mr", &["--licence", "mine"]);
    let output = program(place.path(), &["models", "list", "--json"]);
    let cards: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let card = cards.iter().find(|c| c["system"] == "nnunet").unwrap();
    assert_eq!(card["id"], "Dataset902_Mr-3d_fullres");
    assert_eq!(card["licence"], "mine");
    assert_eq!(card["channels"], serde_json::json!(["T1", "T2"]));
    let structures = card["structures"].as_array().unwrap();
    // The order of the regions in the file, and a colour each.
    let names: Vec<&Value> = structures.iter().map(|s| &s["name"]).collect();
    assert_eq!(names, ["whole", "core", "enhancing"]);
    assert!(structures.iter().all(|s| s["color"].is_array()));
    let stage = &card["config"]["parts"][0]["stages"][0];
    assert_eq!(stage["mirror_axes"], serde_json::json!([0, 1]));
    assert_eq!(stage["transpose"], serde_json::json!([1, 0, 2]));
    let verified = program(
        place.path(),
        &["models", "verify", "Dataset902_Mr-3d_fullres"],
    );
    assert!(verified.status.success(), "{}", said(&verified));
}

#[test]
fn from_file_to_file_the_results_are_the_official_ones() {
    let Some(place) = Place::new() else { return };
    place.imported(CT, &["--as", "ct"]);
    let mirrored = ["--model", "ct"];
    assert!(place.differing("ct_0000.nii.gz", "ct_mirror_folds.nii.gz", &mirrored) <= 2);
    place.imported("Dataset903_Flat", &["--as", "flat"]);
    let flat = ["--model", "flat"];
    assert!(place.differing("flat_0000.nii.gz", "flat_2d.nii.gz", &flat) <= 2);
    let old = "Dataset905_Old";
    place.imported(old, &["--as", "old", "--checkpoint", "best"]);
    assert!(place.differing("old_0000.nii.gz", "old_small.nii.gz", &["--model", "old"]) <= 2);
}

#[test]
fn a_cascade_runs_the_stage_before_it() {
    let Some(place) = Place::new() else { return };
    let cascade = "Dataset904_Casc/nnUNetTrainerNoMirroring__nnUNetPlans__3d_cascade_fullres";
    place.imported(cascade, &["--as", "cascade"]);
    let found = place.differing(
        "casc_0000.nii.gz",
        "casc_fullres.nii.gz",
        &["--model", "cascade"],
    );
    assert!(found <= 2, "{found}");
}

#[test]
fn several_images_are_given_by_their_names() {
    let Some(place) = Place::new() else { return };
    place.imported("Dataset902_Mr", &["--as", "mr"]);
    let cases = place.golden.join("cases");
    let second = cases.join("mr_0001.nii.gz");
    let named = format!("t2={}", second.display());
    let given = ["--model", "mr", "--channel", &named];
    assert!(place.differing("mr_0000.nii.gz", "mr_regions.nii.gz", &given) <= 2);
    let first = cases.join("mr_0000.nii.gz");
    let segment = |options: &[&str]| {
        let scan = first.to_str().unwrap();
        let all = ["segment", scan, "-o", "x.nii.gz", "--auto", "--model", "mr"];
        let output = program(place.path(), &[&all[..], options].concat());
        assert!(!place.path().join("x.nii.gz").exists());
        output
    };
    assert_refused(&segment(&[]), "2 images of one grid (T1, T2)");
    let unknown = format!("T3={}", second.display());
    assert_refused(&segment(&["--channel", &unknown]), "no channel 'T3'");
    let other = format!("T2={}", cases.join("ct_0000.nii.gz").display());
    assert_refused(&segment(&["--channel", &other]), "on another grid");
}

#[test]
fn folders_that_cannot_be_used_are_refused_in_one_line() {
    let Some(place) = Place::new() else { return };
    place.refused(&place.golden.join("cases"), &[], "no trained nnU-Net model");
    let ct = place.copied(CT);
    place.refused(
        &ct,
        &["--folds", "0,3"],
        "no fold_3/checkpoint_final.pth; it has fold_0, fold_1",
    );
    place.refused(&ct, &["--checkpoint", "best"], "give --checkpoint final");
    let cascade = "Dataset904_Casc/nnUNetTrainerNoMirroring__nnUNetPlans__3d_cascade_fullres";
    place.refused(&place.copied(cascade), &[], "goes on from 3d_lowres");
    place.refused(
        &place.golden.join("models/Dataset904_Casc"),
        &[],
        "2 trained models",
    );
    let (plans, dataset) = (ct.join("plans.json"), ct.join("dataset.json"));
    let (whole_plans, whole_dataset) = (fs::read(&plans).unwrap(), fs::read(&dataset).unwrap());
    let of_plans: [(&str, &str, Value); 4] = [
        (
            "/configurations/3d_fullres/architecture/network_class_name",
            "SwinUNETR",
            "a.SwinUNETR".into(),
        ),
        (
            "/configurations/3d_fullres/preprocessor_name",
            "Clever",
            "CleverPreprocessor".into(),
        ),
        (
            "/configurations/3d_fullres/resampling_fn_data",
            "my_fn",
            "my_fn".into(),
        ),
        ("/image_reader_writer", "Tiff3DIO", "Tiff3DIO".into()),
    ];
    for (pointer, reason, value) in of_plans {
        changed(&plans, |json| *json.pointer_mut(pointer).unwrap() = value);
        place.refused(&ct, &[], reason);
        fs::write(&plans, &whole_plans).unwrap();
    }
    changed(&dataset, |json| json["labels"]["lung"] = 4.into());
    place.refused(&ct, &[], "4 outputs, and dataset.json names 5");
    fs::write(&dataset, &whole_dataset).unwrap();
    changed(&dataset, |json| json["channel_names"]["1"] = "PET".into());
    place.refused(&ct, &[], "dataset.json names 2");
    fs::write(&dataset, &whole_dataset).unwrap();
    let checkpoint = ct.join("fold_0/checkpoint_final.pth");
    torch_zip(
        &checkpoint,
        b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
    );
    place.refused(&ct, &[], "os.system");
}

#[test]
fn tasks_of_totalsegmentator_are_merged_and_run_only_what_is_wanted() {
    let Some(place) = Place::new() else { return };
    let root = place.golden.join("totalseg");
    place.refused(
        &root,
        &[],
        "choose one of total, total_fast, lung_nodules with --preset",
    );
    place.refused(
        &root,
        &["--preset", "total_mr"],
        "Dataset850_TotalSegMRI_part1_organs is not there",
    );
    let output = place.import(&root, &["--preset", "total"]);
    assert!(output.status.success(), "{}", said(&output));
    let id = "totalsegmentator-total";
    let output = program(place.path(), &["models", "list", "--json"]);
    let cards: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let card = cards.iter().find(|c| c["id"] == id).unwrap();
    let structures = card["structures"].as_array().unwrap();
    assert_eq!(structures.len(), 117);
    let named = |name: &str| structures.iter().find(|s| s["name"] == name).unwrap();
    assert_eq!(named("aorta")["color"], serde_json::json!([216, 108, 54]));
    let value = |name: &str| &named(name)["value"];
    assert_eq!(
        [value("liver"), value("aorta"), value("costal_cartilages")],
        [5, 52, 117]
    );
    assert!(card["licence"].as_str().unwrap().starts_with("Apache-2.0"));
    let some = ["--model", id, "--structures", "liver,aorta,rib_left_4"];
    let expected = "nnunet_totalseg_subset.nii.gz";
    assert!(place.differing("totalseg.nii.gz", expected, &some) <= 2);
    let fast = root.join("Dataset297_TotalSegmentator_total_3mm_1559subj");
    let output = place.import(&fast, &["--as", "fast"]);
    assert!(output.status.success(), "{}", said(&output));
    let expected = "nnunet_totalseg_fast.nii.gz";
    assert!(place.differing("totalseg.nii.gz", expected, &["--model", "fast"]) <= 2);
}
