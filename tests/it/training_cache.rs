//! The packed training cache: samples from it equal those from the files, and nothing else passes for one.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::support::shared;

const TRAINED_ON: [&str; 2] = ["hippocampus_001", "hippocampus_003"];
const HELD_OUT: &str = "hippocampus_004";
const SARCOMA: &str = "STS_003";

/// A recipe on two MR scans, a patient's CT and PET, and a label map; samples of every kind.
struct Workshop {
    folder: tempfile::TempDir,
    recipe: PathBuf,
}

impl Workshop {
    fn new() -> Option<Self> {
        let train = shared("data/train")?;
        let folder = tempfile::tempdir().unwrap();
        for part in ["images", "labels"] {
            std::fs::create_dir(folder.path().join(part)).unwrap();
            for case in TRAINED_ON.iter().chain([&HELD_OUT]) {
                let file = format!("{part}/{case}.nii.gz");
                let from = train.join("hippocampus").join(&file);
                std::fs::copy(from, folder.path().join(&file)).unwrap();
            }
        }
        let patients = std::fs::read_dir(train.join("sarcoma")).unwrap();
        let others: Vec<String> = patients
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|patient| patient != SARCOMA)
            .collect();
        let splits = format!(
            "[hippocampus]\nvalidation = [\"{HELD_OUT}\"]\n[sarcoma]\nvalidation = {others:?}\n"
        );
        std::fs::write(folder.path().join("splits.toml"), splits).unwrap();
        let text = RECIPE.replace("TRAIN", train.to_str().unwrap());
        let recipe = folder.path().join("recipe.toml");
        std::fs::write(&recipe, text).unwrap();
        Some(Self { folder, recipe })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Packs the cache and says where it is.
    fn packed(&self) -> PathBuf {
        let cache = self.path("cache.zip");
        let output = train(&self.recipe, &["--pack", cache.to_str().unwrap()]);
        assert_succeeded(&output);
        let bytes = std::fs::metadata(&cache).unwrap().len();
        let size = format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains("4 scans and 1 label maps") && said.contains(&size),
            "{said}"
        );
        cache
    }

    /// The recipe with a piece of its text exchanged.
    fn changed(&self, from: &str, to: &str) -> PathBuf {
        let text = std::fs::read_to_string(&self.recipe).unwrap();
        assert!(text.contains(from));
        let path = self.path("changed.toml");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        path
    }

    /// The recipe for a machine without the data.
    fn without_folders(&self) -> PathBuf {
        let text = std::fs::read_to_string(&self.recipe).unwrap();
        let gone = text.lines().map(|line| match line {
            line if line.starts_with("folder = ") => "folder = \"gone\"",
            line => line,
        });
        let path = self.path("elsewhere.toml");
        std::fs::write(&path, gone.collect::<Vec<_>>().join("\n")).unwrap();
        path
    }
}

fn train(recipe: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prosector"))
        .args(["train", recipe.to_str().unwrap()])
        .args(more)
        .output()
        .unwrap()
}

fn assert_succeeded(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Asserts that samples from this cache are refused with a line that says so.
fn assert_refused(recipe: &Path, cache: &Path, because: &str) {
    let output = train(
        recipe,
        &["--samples", "0..1", "--cache", cache.to_str().unwrap()],
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(output.stdout.is_empty());
    assert!(
        said.starts_with("error: training cache") && said.contains(because),
        "{said}"
    );
}

#[test]
fn samples_from_a_cache_equal_those_from_the_files() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let from_files = train(&workshop.recipe, &["--samples", "2..6"]);
    assert_succeeded(&from_files);
    let cache = workshop.packed();
    let cache = ["--samples", "2..6", "--cache", cache.to_str().unwrap()];
    let from_cache = train(&workshop.without_folders(), &cache);
    assert_succeeded(&from_cache);
    assert!(from_files.stdout.len() > 1 << 20);
    assert!(from_files.stdout == from_cache.stdout, "samples differ");
}

#[test]
fn training_goes_on_without_the_data() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let cache = workshop.packed();
    let cache = ["--device", "cpu", "--cache", cache.to_str().unwrap()];
    assert_succeeded(&train(&workshop.without_folders(), &cache));
    assert!(workshop.path("checkpoints/model.bpk").exists());
}

#[test]
fn validation_patients_are_not_in_it() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let cache = std::fs::File::open(workshop.packed()).unwrap();
    let mut archive = zip::ZipArchive::new(cache).unwrap();
    assert_eq!(archive.len(), 2 * 4 + 1 + 1);
    let mut contents = String::new();
    let mut entry = archive.by_name("contents.toml").unwrap();
    entry.read_to_string(&mut contents).unwrap();
    let contents: toml::Table = toml::from_str(&contents).unwrap();
    let datasets = contents["datasets"].as_array().unwrap();
    let scans = datasets.iter().flat_map(|d| d["scans"].as_array().unwrap());
    let names: Vec<&str> = scans.map(|s| s["name"].as_str().unwrap()).collect();
    let sarcoma = format!("{SARCOMA}/");
    assert_eq!(names, [TRAINED_ON[0], TRAINED_ON[1], &sarcoma, &sarcoma]);
}

#[test]
fn a_cache_of_other_data_is_refused() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let cache = workshop.packed();
    let other_modality = workshop.changed("modality = \"pet\"", "modality = \"mr\"");
    assert_refused(&other_modality, &cache, "does not hold sarcoma-pet");
    let other_maps = workshop.changed("spl_abdomen", "spl_brain");
    assert_refused(&other_maps, &cache, "does not hold maps");
    let splits = std::fs::read_to_string(workshop.path("splits.toml")).unwrap();
    let more_held_out = splits.replace(HELD_OUT, TRAINED_ON[0]);
    std::fs::write(workshop.path("splits.toml"), more_held_out).unwrap();
    assert_refused(&workshop.recipe, &cache, "does not hold hippocampus");
}

#[test]
fn a_damaged_cache_is_refused() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let cache = workshop.packed();
    let whole = std::fs::read(&cache).unwrap();
    for length in [0, 1, 1000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&cache, &whole[..length]).unwrap();
        assert_refused(&workshop.recipe, &cache, "no whole training cache");
    }
    for part in 1..6 {
        let mut damaged = whole.clone();
        damaged[whole.len() * part / 6] ^= 0x20;
        std::fs::write(&cache, &damaged).unwrap();
        assert_refused(&workshop.recipe, &cache, "no whole training cache");
    }
    assert_refused(&workshop.recipe, &workshop.path("none"), "No such file");
}

const RECIPE: &str = r#"
checkpoints = "checkpoints"
splits = "splits.toml"

[card]
id = "tiny"
title = "Tiny"
description = "Tiny."
notices = []

[schedule]
seed = 11
steps = 1
batch = 4
learning_rate = 1e-3
warmup = 1
weight_decay = 0.01
average = 0.9
checkpoint_every = 1

[structure_loss]
target_weight = 2.0
weight = 2.0

[mix.automatic]
hippocampus = 0.2

[mix.prompted]
hippocampus = 0.1
sarcoma-ct = 0.2
sarcoma-pet = 0.1

[mix.made]
supervoxels = 0.1
label_maps = 0.15
lesions = 0.15

[[structures]]
value = 1
name = "anterior_hippocampus"
modality = "mr"

[[datasets]]
name = "hippocampus"
folder = "images"
image = ".nii.gz"
labels = "../labels/{}.nii.gz"
modality = "mr"
spacing_mm = [1.0, 1.0, 1.0]

[datasets.structures]
1 = "anterior_hippocampus"

[[datasets]]
name = "sarcoma-ct"
folder = "TRAIN/sarcoma"
image = "CT_image.nii.gz"
labels = "{}CT_mask.nii.gz"
modality = "ct"
spacing_mm = [4.0, 4.0, 3.0]
cropped_around_target = true
lesions = true

[[datasets]]
name = "sarcoma-pet"
folder = "TRAIN/sarcoma"
image = "PET_image.nii.gz"
labels = "{}PET_mask.nii.gz"
modality = "pet"
spacing_mm = [4.0, 4.0, 4.0]
cropped_around_target = true

[[label_maps]]
name = "maps"
folder = "TRAIN/label_maps"
starts_with = "spl_abdomen"
ends_with = "_labels.nii.gz"
"#;
