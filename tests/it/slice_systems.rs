//! AutoSAM and DeSAM as a user meets them: imported from the authors' files, run on a scan, refused by name.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use prosector::io::open_labels;
use prosector::util::JobContext;
use serde_json::{Map, Value, json};

use super::support::shared;

/// The tensors of a recording under a prefix, as a safetensors file of their own with another prefix.
pub(super) fn extract(recording: &Path, [prefix, instead]: [&str; 2], to: &Path) {
    let bytes = std::fs::read(recording).unwrap();
    let header_length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Map<String, Value> = serde_json::from_slice(&bytes[8..8 + header_length]).unwrap();
    let data = &bytes[8 + header_length..];
    let (mut kept, mut out) = (Map::new(), Vec::new());
    for (name, entry) in header {
        let Some(name) = name.strip_prefix(prefix) else {
            continue;
        };
        let offsets: Vec<usize> = serde_json::from_value(entry["data_offsets"].clone()).unwrap();
        let start = out.len();
        out.extend_from_slice(&data[offsets[0]..offsets[1]]);
        let entry = json!({
            "dtype": entry["dtype"], "shape": entry["shape"], "data_offsets": [start, out.len()],
        });
        kept.insert(format!("{instead}{name}"), entry);
    }
    let header = serde_json::to_vec(&kept).unwrap();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(out);
    std::fs::write(to, file).unwrap();
}

pub(super) struct Workplace {
    folder: tempfile::TempDir,
}

impl Workplace {
    pub(super) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_prosector"))
            .args(arguments)
            .env("PROSECTOR_MODELS", self.path("models"))
            .output()
            .unwrap()
    }

    pub(super) fn succeed(&self, arguments: &[&str]) -> Output {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}");
        output
    }

    pub(super) fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "{arguments:?} should be refused");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }
}

/// Heads do not show in a checkpoint's shapes; the recordings' networks have fewer than SAM's.
const HEADS: &str = "[network.decoder.prim.transformer]\nheads = 4\n";

#[test]
fn desam_is_imported_and_run_on_a_scan() {
    let Some(file) = shared("golden/desam/desam_model_best.pth") else {
        return;
    };
    let Some(scan) = shared("data/train/hippocampus/images/hippocampus_001.nii.gz") else {
        return;
    };
    let place = Workplace::new();
    let heads = place.path("heads.toml");
    std::fs::write(&heads, HEADS).unwrap();
    let (file, scan) = (file.to_str().unwrap(), scan.to_str().unwrap());
    let heads = heads.to_str().unwrap();
    let import = ["models", "import", file, "--system", "desam", "--as", "one"];
    place.succeed(&[&import[..], &["--config", heads, "--modality", "mr"]].concat());
    let out = place.path("auto.nii.gz");
    let out = out.to_str().unwrap();
    let found = [
        "segment", scan, "-o", out, "--auto", "--model", "one", "--json",
    ];
    let found = place.succeed(&[&found[..], &["--modality", "mr"]].concat());
    let report: Value = serde_json::from_slice(&found.stdout).unwrap();
    assert!(report["labels"].is_array());
    assert!(report["predicted_iou"].is_number(), "{report}");
    let out = place.path("box.nii.gz");
    let boxed = [
        "segment",
        scan,
        "-o",
        out.to_str().unwrap(),
        "--model",
        "one",
    ];
    place.succeed(&[&boxed[..], &["--box", "5,5,10,25,30,12"]].concat());
    let (map, _, _) = open_labels(&out, &JobContext::silent()).unwrap();
    let plane = map.grid.dims[0] * map.grid.dims[1];
    let planes = map.voxels.chunks(plane).enumerate();
    let filled: Vec<usize> = planes
        .filter(|(_, p)| p.contains(&1))
        .map(|(k, _)| k)
        .collect();
    assert_eq!(filled, [10, 11, 12], "every slice of the box, no other");
    let refused = place.refusal(&[&boxed[..], &["--click", "10,10,10"]].concat());
    assert!(refused.contains("takes no clicks"), "{refused}");
}

#[test]
fn several_desam_files_make_one_model_of_several_organs() {
    let Some(file) = shared("golden/desam/desam_model_best.pth") else {
        return;
    };
    let place = Workplace::new();
    let file = file.to_str().unwrap();
    let classes = place.path("classes.toml");
    let names = "modality = \"mr\"\n[classes]\n1 = \"prostate\"\n2 = \"bladder\"\n";
    std::fs::write(&classes, names).unwrap();
    let import = [
        "models", "import", file, file, "--system", "desam", "--as", "two",
    ];
    place.succeed(&[&import[..], &["--classes", classes.to_str().unwrap()]].concat());
}

#[test]
fn autosam_needs_the_sam_beneath_a_decoder() {
    let (Some(file), Some(recording)) = (
        shared("golden/desam/autosam_cnn_checkpoint_b4.pth.tar"),
        shared("golden/desam/autosam_cnn_ckpt_forward.safetensors"),
    ) else {
        return;
    };
    let Some(scan) = shared("data/train/hippocampus/images/hippocampus_001.nii.gz") else {
        return;
    };
    let place = Workplace::new();
    let base = place.path("sam.safetensors");
    extract(&recording, ["w/", ""], &base);
    let (file, base) = (file.to_str().unwrap(), base.to_str().unwrap());
    let import = [
        "models", "import", file, "--system", "AutoSAM", "--as", "heart",
    ];
    let refused = place.refusal(&import);
    assert!(refused.contains("--base"), "{refused}");
    let import = [&import[..], &["--base", base, "--modality", "mr"]].concat();
    place.succeed(&import);
    let out = place.path("auto.nii.gz");
    let (scan, out) = (scan.to_str().unwrap(), out.to_str().unwrap());
    let segment = [
        "segment",
        scan,
        "-o",
        out,
        "--model",
        "heart",
        "--modality",
        "mr",
    ];
    place.succeed(&[&segment[..], &["--auto"]].concat());
    let refused = place.refusal(&[&segment[..], &["--box", "5,5,5,9,9,9"]].concat());
    assert!(refused.contains("takes no box"), "{refused}");
}
