//! What is done to results after the network: nnU-Net's post-processing, and the rules of TotalSegmentator's tasks.

use std::fs;
use std::path::{Path, PathBuf};

use prosector::geometry::Affine;
use prosector::io::{OpenOptions, open_labels, open_scan, save_image};
use prosector::util::JobContext;
use prosector::volume::components::{Connectivity, connected_components};
use prosector::volume::{Grid, ImageVolume, LabelMap, Modality};

use crate::nnunet_folder::Place;
use crate::support::{assert_refused, program, said};

const CT: &str = "models/Dataset901_Ct/nnUNetTrainer__nnUNetPlans__3d_fullres";
const VALIDATION: &str = "crossval_results_folds_0_1";
const FUNCTION: &str = "remove_all_but_largest_component_from_segmentation";

impl Place {
    /// Labels of a recorded scan by a model, which is imported first.
    fn found(&self, folder: &Path, id: &str, case: &str) -> LabelMap {
        self.found_in(folder, id, &self.golden.join("cases").join(case))
    }

    fn found_in(&self, folder: &Path, id: &str, case: &Path) -> LabelMap {
        self.found_with(folder, id, [&[], &[]], case)
    }

    /// The same of any scan, with more options for importing and segmenting.
    pub fn found_with(
        &self,
        folder: &Path,
        id: &str,
        [importing, segmenting]: [&[&str]; 2],
        case: &Path,
    ) -> LabelMap {
        let output = self.import(folder, &[&["--as", id], importing].concat());
        assert!(output.status.success(), "{}", said(&output));
        let out = self.path().join("out.nii.gz");
        let [case, out_text] = [case, &out].map(|path| path.to_str().unwrap());
        let segment = ["segment", case, "-o", out_text, "--auto", "--device", "cpu"];
        let options = [&segment[..], &["--model", id], segmenting].concat();
        let output = program(self.path(), &options);
        assert!(output.status.success(), "{}", said(&output));
        open_labels(&out, &JobContext::silent()).unwrap().0
    }

    /// The scan that TotalSegmentator was recorded with, of voxels of this side.
    pub fn recorded_scan(&self, side_mm: f64) -> (PathBuf, ImageVolume) {
        let recorded = self.golden.join("cases/totalseg.nii.gz");
        let recorded = open_scan(&recorded, &OpenOptions::default(), &JobContext::silent());
        let recorded = recorded.unwrap().image;
        let spacing = Affine::from_spacing([side_mm; 3], [0.0; 3]);
        let grid = Grid::new(recorded.grid().dims, spacing);
        let voxels = recorded.voxels().clone();
        let scan = ImageVolume::new(grid, voxels, recorded.rescale(), Modality::Ct);
        let path = self.path().join("scan.nii.gz");
        save_image(&path, &scan).unwrap();
        (path, scan)
    }
}

/// Numbers of voxels of the pieces of a label, or of several together.
fn pieces(labels: &LabelMap, members: &[u16], connectivity: Connectivity) -> Vec<usize> {
    let mask: Vec<u8> = labels
        .voxels
        .iter()
        .map(|label| u8::from(members.contains(label)))
        .collect();
    connected_components(&mask, labels.grid.dims, connectivity).1
}

/// Voxels of a label that the one has and the other has not.
fn gained(labels: &LabelMap, before: &LabelMap, value: u16) -> usize {
    let pairs = labels.voxels.iter().zip(&before.voxels);
    pairs
        .filter(|(now, then)| **now == value && **then != value)
        .count()
}

fn largest(sizes: &[usize]) -> usize {
    sizes.iter().copied().max().unwrap_or(0)
}

/// The folder's own file of steps: of label 1, then of labels 2 and 3 together.
fn noted(folder: &Path) -> PathBuf {
    let validation = folder.join(VALIDATION);
    fs::create_dir(&validation).unwrap();
    let noted = serde_json::json!({
        "postprocessing_fns": [FUNCTION, FUNCTION],
        "postprocessing_kwargs": [{ "labels_or_regions": 1 }, { "labels_or_regions": [2, 3] }],
    });
    let path = validation.join("postprocessing.json");
    fs::write(&path, serde_json::to_vec(&noted).unwrap()).unwrap();
    path
}

#[test]
fn only_the_largest_pieces_stay_where_training_found_that_better() {
    let Some(place) = Place::new() else { return };
    let folder = place.copied_as(CT, "Dataset901_Ct/nnUNetTrainer__nnUNetPlans__3d_fullres");
    let before = place.found(&folder, "before", "ct_0000.nii.gz");
    noted(&folder);
    let after = place.found(&folder, "after", "ct_0000.nii.gz");
    for members in [&[1][..], &[2, 3]] {
        let all = pieces(&before, members, Connectivity::TwentySix);
        assert!(all.len() > 1, "there is something to remove: {all:?}");
        let kept = pieces(&after, members, Connectivity::TwentySix);
        assert_eq!(largest(&kept), largest(&all));
        assert!(kept.iter().all(|&size| size == largest(&all)), "{kept:?}");
    }
    assert!((1..=3).all(|value| gained(&after, &before, value) == 0));
    let output = program(place.path(), &["models", "list"]);
    let listed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        listed.contains("postprocessing that was found for it"),
        "{listed}"
    );
}

/// As Python 3.12 pickles `([function], [{"labels_or_regions": [1, 2, 3]}])`.
fn pickle(module: &str, function: &str) -> Vec<u8> {
    let text = |text: &str| [&[0x8c, text.len() as u8][..], text.as_bytes(), &[0x94]].concat();
    [
        &b"\x80\x04]\x94"[..],
        &text(module),
        &text(function),
        b"\x93\x94a]\x94}\x94",
        &text("labels_or_regions"),
        b"]\x94(K\x01K\x02K\x03esa\x86\x94.",
    ]
    .concat()
}

#[test]
fn the_pickle_beside_it_is_read_and_never_executed() {
    let Some(place) = Place::new() else { return };
    let folder = place.copied_as(CT, "Dataset901_Ct/nnUNetTrainer__nnUNetPlans__3d_fullres");
    let json = noted(&folder);
    let path = json.with_extension("pkl");
    fs::remove_file(&json).unwrap();
    let module = "nnunetv2.postprocessing.remove_connected_components";
    fs::write(&path, pickle(module, FUNCTION)).unwrap();
    let after = place.found(&folder, "pickled", "ct_0000.nii.gz");
    assert_eq!(pieces(&after, &[1, 2, 3], Connectivity::TwentySix).len(), 1);
    let refused = |reason: &str| {
        assert_refused(&place.import(&folder, &["--as", "other"]), reason);
        assert!(!place.path().join("models/other").exists());
    };
    fs::write(&path, pickle("os", "system")).unwrap();
    refused("os.system");
    fs::write(&path, &pickle(module, FUNCTION)[..40]).unwrap();
    refused("not a whole pickle");
    fs::write(
        &json,
        br#"{"postprocessing_fns": ["dilate"], "postprocessing_kwargs": [{}]}"#,
    )
    .unwrap();
    refused("\"dilate\" is not one of nnU-Net's");
}

/// The same network as two tasks, of which only one has rules.
#[test]
fn the_body_is_one_piece_and_small_parts_of_extremities_go() {
    let Some(place) = Place::new() else { return };
    let network = "totalseg/Dataset913_lung_nodules";
    let plain = place.copied_as(network, "Dataset597_mri_body_139subj");
    let body = place.copied_as(network, "Dataset299_body_1559subj");
    // On voxels of the task's own spacing what comes out is what the rules made.
    let (path, _) = place.recorded_scan(1.5);
    let before = place.found_in(&plain, "plain", &path);
    let after = place.found_in(&body, "body", &path);
    let all = pieces(&before, &[1], Connectivity::Six);
    assert!(all.len() > 1, "there is something to remove: {all:?}");
    assert_eq!(pieces(&after, &[1], Connectivity::Six), [largest(&all)]);
    // No piece of it has the 50 ml that a part of an extremity must have.
    assert!(before.voxels.contains(&2) && !after.voxels.contains(&2));
    assert_eq!(gained(&after, &before, 1), 0);
}
