//! What training draws: every kind of target, told by the stream of samples.

use std::path::{Path, PathBuf};
use std::process::Command;

use half::f16;
use safetensors::SafeTensors;

use super::support::shared;

const SIDE: usize = 48;
const VOXELS: usize = SIDE * SIDE * SIDE;

/// A recipe in `folder` that draws prompted samples on two scans and the abdomen's label map, by these shares.
fn recipe(folder: &Path, shares: &str) -> Option<PathBuf> {
    let source = shared("data/train/hippocampus")?;
    let maps = shared("data/train/label_maps")?;
    for part in ["images", "labels"] {
        std::fs::create_dir_all(folder.join(part)).unwrap();
        for case in ["hippocampus_001", "hippocampus_003"] {
            let file = format!("{part}/{case}.nii.gz");
            std::fs::copy(source.join(&file), folder.join(&file)).unwrap();
        }
    }
    std::fs::write(
        folder.join("splits.toml"),
        "[hippocampus]\nvalidation = []\n",
    )
    .unwrap();
    let path = folder.join("recipe.toml");
    let text = format!(
        r#"
checkpoints = "checkpoints"
splits = "splits.toml"

[card]
id = "tiny"
title = "Tiny"
description = "Tiny."
notices = []

[schedule]
seed = 11
steps = 100
batch = 4
learning_rate = 1e-3
warmup = 1
weight_decay = 0.01
average = 0.9
checkpoint_every = 1

[structure_loss]
target_weight = 2.0
weight = 2.0

{shares}

[[structures]]
value = 1
name = "anterior_hippocampus"
modality = "mr"

[[datasets]]
name = "hippocampus"
folder = "images"
image = ".nii.gz"
labels = "../labels/{{}}.nii.gz"
modality = "mr"
spacing_mm = [1.0, 1.0, 1.0]
lesions = true

[datasets.structures]
1 = "anterior_hippocampus"

[[label_maps]]
name = "abdomen"
folder = "{}"
starts_with = "spl_abdomen"
ends_with = "_labels.nii.gz"
"#,
        maps.display()
    );
    std::fs::write(&path, text).unwrap();
    Some(path)
}

/// The bytes that the program writes for some steps.
fn stream(recipe: &Path, steps: &str) -> Vec<u8> {
    let output = Command::new(env!("CARGO_BIN_EXE_prosector"))
        .args(["train", recipe.to_str().unwrap(), "--samples", steps])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    output.stdout
}

/// The blobs of a stream, a step each.
fn blobs(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some((length, rest)) = stream.split_first_chunk::<8>() {
        let (blob, rest) = rest.split_at(u64::from_le_bytes(*length) as usize);
        found.push(blob);
        stream = rest;
    }
    assert!(stream.is_empty());
    found
}

fn halves(blob: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let bytes = blob.tensor(name).unwrap().data();
    let numbers = bytes.chunks_exact(2);
    numbers
        .map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32())
        .collect()
}

fn singles(blob: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let bytes = blob.tensor(name).unwrap().data();
    let numbers = bytes.chunks_exact(4);
    numbers
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect()
}

/// Draws two steps of one kind of target and checks that each sample is a fair question.
fn asks_fairly(shares: &str) {
    let folder = tempfile::tempdir().unwrap();
    let Some(recipe) = recipe(folder.path(), shares) else {
        return;
    };
    let drawn = stream(&recipe, "3..5");
    assert!(drawn == stream(&recipe, "3..5"), "the same steps differ");
    let blobs = blobs(&drawn);
    assert_eq!(blobs.len(), 2);
    assert!(blobs[0] != blobs[1], "two steps are the same");
    for blob in blobs {
        let blob = SafeTensors::deserialize(blob).unwrap();
        let truths = halves(&blob, "prompted.truth");
        let images = halves(&blob, "prompted.image");
        let clicks = singles(&blob, "prompted.clicks");
        let boxes = singles(&blob, "prompted.box");
        let had_mask = blob.tensor("prompted.has_previous").unwrap();
        let per_sample = clicks.len() / 4;
        assert_eq!(truths.len(), 4 * VOXELS);
        assert!(images.iter().all(|v| v.is_finite()));
        for (n, truth) in truths.chunks_exact(VOXELS).enumerate() {
            assert!(truth.iter().all(|t| (0.0..=1.0).contains(t)));
            let covered = truth.iter().filter(|t| **t > 0.5).count();
            assert!(covered > 0 && covered < VOXELS, "{covered} voxels");
            let image = &images[n * VOXELS * 3..][..VOXELS * 3];
            let first = image[0];
            assert!(image.iter().step_by(3).any(|v| *v != first), "no picture");
            let has_click = clicks[n * per_sample..][..per_sample]
                .chunks_exact(4)
                .any(|c| c[3] != 0.0);
            let has_box = boxes[6 * n].is_finite();
            assert!(has_click || has_box || had_mask.data()[n] == 1);
            if has_box {
                let face = |d: usize| boxes[6 * n + d];
                assert!((0..3).all(|d| face(d) < face(d + 3)));
            }
        }
    }
}

#[test]
fn labelled_structures_are_asked_for() {
    asks_fairly("[mix.automatic]\n[mix.prompted]\nhippocampus = 1.0");
}

#[test]
fn objects_without_labels_are_asked_for() {
    asks_fairly("[mix.automatic]\n[mix.prompted]\n[mix.made]\nsupervoxels = 1.0");
}

#[test]
fn scans_are_made_up_from_label_maps() {
    asks_fairly("[mix.automatic]\n[mix.prompted]\n[mix.made]\nlabel_maps = 1.0");
}

#[test]
fn lesions_are_painted_into_scans() {
    asks_fairly("[mix.automatic]\n[mix.prompted]\n[mix.made]\nlesions = 1.0");
}

#[test]
fn composed_shapes_take_what_is_left() {
    asks_fairly("[mix.automatic]\n[mix.prompted]");
}

#[test]
fn what_nothing_makes_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let shares = "[mix.automatic]\n[mix.prompted]\n[mix.made]\nunicorns = 1.0";
    let Some(recipe) = recipe(folder.path(), shares) else {
        return;
    };
    let output = Command::new(env!("CARGO_BIN_EXE_prosector"))
        .args(["train", recipe.to_str().unwrap(), "--samples", "0..1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(
        said.contains("unicorns") && said.contains("supervoxels"),
        "{said}"
    );
}
