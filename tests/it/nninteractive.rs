//! nnInteractive from a folder and a file to a file: clicks and boxes on a scan that is stored another way round.

use std::fs;
use std::path::{Path, PathBuf};

use prosector::geometry::Affine;
use prosector::io::{open_labels, save_image};
use prosector::models::checkpoint::TensorFile;
use prosector::util::JobContext;
use prosector::volume::{Grid, ImageVolume, Modality, Rescale, VoxelData};
use tempfile::TempDir;

use crate::support::{assert_refused, copy, program, said, shared};

/// The recorded session, with a folder for its scan and the imported model.
struct Place {
    folder: TempDir,
    recording: TensorFile,
    golden: PathBuf,
    dims: [usize; 3],
}

impl Place {
    fn new() -> Option<Self> {
        let golden = shared("golden/nninteractive")?;
        let recording = golden.join("nninteractive_session_quiet.safetensors");
        let recording = TensorFile::open(&recording).unwrap();
        let image = recording.read("in/image").unwrap();
        let dims = <[usize; 3]>::try_from(&image.shape[..]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        // Superior, anterior, right in the recording; the file runs to the left, to the back and to the head.
        let [superior, anterior, right] = dims;
        let rows = [
            [-1.0, 0.0, 0.0, 10.0],
            [0.0, -1.0, 0.0, 20.0],
            [0.0, 0.0, 2.0, 30.0],
        ];
        let grid = Grid::new(
            [right, anterior, superior],
            Affine::from_rows(&rows).unwrap(),
        );
        let stored = turned(&image.data, dims).map(|v| v as i16);
        let voxels = VoxelData::I16(stored.collect());
        let scan = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct);
        save_image(&folder.path().join("scan.nii.gz"), &scan).unwrap();
        Some(Self {
            folder,
            recording,
            golden,
            dims,
        })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn import(&self, folder: &Path, options: &[&str]) -> std::process::Output {
        let folder = folder.to_str().unwrap();
        let import = ["models", "import", folder, "--system", "nninteractive"];
        program(self.path(), &[&import[..], options].concat())
    }

    /// A voxel of the recording as the file counts them.
    fn voxel(&self, [superior, anterior, right]: [usize; 3]) -> String {
        let [_, rows, columns] = self.dims;
        format!("{},{},{superior}", columns - 1 - right, rows - 1 - anterior)
    }

    /// What the command writes, in how many voxels it is not the recorded mask, and what it warns of.
    fn differing(&self, options: &[&str], recorded: &str) -> (usize, String) {
        let out = self.path().join("out.nii.gz");
        let segment = [
            "segment",
            "scan.nii.gz",
            "-o",
            "out.nii.gz",
            "--device",
            "cpu",
        ];
        let model = ["--model", "nninteractive", "--modality", "ct"];
        let output = program(self.path(), &[&segment[..], &model, options].concat());
        assert!(output.status.success(), "{}", said(&output));
        let (found, _, _) = open_labels(&out, &JobContext::silent()).unwrap();
        let expected = self.recording.read(recorded).unwrap();
        let expected = turned(&expected.data, self.dims);
        let pairs = found.voxels.iter().zip(expected);
        let differing = pairs.filter(|(found, expected)| f32::from(**found) != *expected);
        (differing.count(), said(&output))
    }
}

/// Values of superior, anterior, right as the file stores them.
fn turned(values: &[f32], dims: [usize; 3]) -> impl Iterator<Item = f32> {
    let slice = dims[1] * dims[2];
    values
        .chunks(slice)
        .flat_map(|slice| slice.iter().rev().copied())
}

#[test]
fn a_click_and_a_box_give_the_recorded_masks_however_the_scan_is_stored() {
    let Some(place) = Place::new() else {
        return;
    };
    let output = place.import(&place.golden.join("models/quiet"), &[]);
    assert!(output.status.success(), "{}", said(&output));
    let cards = program(place.path(), &["models", "list", "--json"]);
    let cards: serde_json::Value = serde_json::from_slice(&cards.stdout).unwrap();
    let cards = cards.as_array().unwrap();
    let card = cards
        .iter()
        .find(|card| card["id"] == "nninteractive")
        .unwrap();
    assert_eq!(card["licence"], "CC BY-NC-SA 4.0");
    assert_eq!(
        [&card["clicks"], &card["boxes"], &card["automatic"]],
        [true, true, false]
    );

    let click = place.voxel([20, 22, 18]);
    let (differing, _) = place.differing(&["--click", &click], "out/0.result");
    assert_eq!(differing, 0);
    // The last step: a box in a slice, after everything before was taken back.
    let corners = |first, last| format!("{},{}", place.voxel(first), place.voxel(last));
    let flat = corners([20, 14, 13], [20, 27, 24]);
    let (differing, warned) = place.differing(&["--box", &flat], "out/9.result");
    assert_eq!(differing, 0);
    assert!(!warned.contains("slice in the middle"), "{warned}");
    let thick = corners([17, 14, 13], [23, 27, 24]);
    let (differing, warned) = place.differing(&["--box", &thick], "out/9.result");
    assert_eq!(differing, 0, "the box's middle slice is shown");
    assert!(warned.contains("slice in the middle"), "{warned}");
}

#[test]
fn a_folder_that_is_not_whole_is_refused_in_one_line() {
    let Some(place) = Place::new() else {
        return;
    };
    let spoilt = |name: &str, spoil: &dyn Fn(&Path)| {
        let to = place.path().join(name);
        copy(&place.golden.join("models/quiet"), &to);
        spoil(&to);
        to
    };
    let said_class = "inference_session_class.json";
    let bare = spoilt("bare", &|at| fs::remove_file(at.join(said_class)).unwrap());
    assert_refused(&place.import(&bare, &[]), "no nnInteractive checkpoint");
    let radii = spoilt("radii", &|at| {
        fs::write(at.join(said_class), r#"{"point_radius": [3, 5]}"#).unwrap();
    });
    assert_refused(&place.import(&radii, &[]), "point_radius");
    let without = spoilt("without", &|at| {
        fs::remove_file(at.join("fold_0/checkpoint_final.pth")).unwrap();
    });
    assert_refused(&place.import(&without, &[]), "it has no checkpoint at all");
    let other = spoilt("other", &|at| {
        let info =
            r#"{"inference_class": "nnInteractiveInferenceSession", "interaction_channels": 8}"#;
        fs::write(at.join("inference_info.json"), info).unwrap();
    });
    assert_refused(&place.import(&other, &[]), "takes 8 channels");
    assert!(
        !place.path().join("models").exists(),
        "nothing is installed"
    );
}
