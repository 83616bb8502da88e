//! Recipes, from a few scans to weights or an installed model; runs that were cut short and resumed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use burn::module::Module as _;
use burn::store::ModuleRecord;
use burn::tensor::{Device, Tensor, TensorData};
use prosector::engine::{Engine, Event, Request, Task};
use prosector::geometry::VoxelBox;
use prosector::io::{OpenOptions, open_scan};
use prosector::models::checkpoint::TensorFile;
use prosector::models::prosector1::{NetConfig, ProsectorNet};
use prosector::models::{DeviceChoice, ScanKey, open_model};
use prosector::prompt::{Asked, PromptSet};
use prosector::train::{self, TrainRequest};
use prosector::util::JobContext;
use prosector::volume::Modality;

use super::support::shared;

/// A folder with three small scans, a split, and room for models.
struct Workshop {
    folder: tempfile::TempDir,
}

const CASES: [&str; 3] = ["hippocampus_001", "hippocampus_003", "hippocampus_004"];

impl Workshop {
    fn new() -> Option<Self> {
        let source = shared("data/train/hippocampus")?;
        let folder = tempfile::tempdir().unwrap();
        for part in ["images", "labels"] {
            std::fs::create_dir(folder.path().join(part)).unwrap();
            for case in CASES {
                let file = format!("{part}/{case}.nii.gz");
                std::fs::copy(source.join(&file), folder.path().join(&file)).unwrap();
            }
        }
        let split = format!("[hippocampus]\nvalidation = [\"{}\"]\n", CASES[2]);
        std::fs::write(folder.path().join("splits.toml"), split).unwrap();
        Some(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a recipe that installs `id`: what every system has, then `own`.
    fn recipe(&self, id: &str, own: &str) -> PathBuf {
        let path = self.path(&format!("{id}.toml"));
        let text = format!(
            r#"
splits = "splits.toml"
{own}
[model]
id = "{id}"
title = "Tiny"
description = "Tiny."

[dataset]
name = "hippocampus"
folder = "images"
image = ".nii.gz"
labels = "../labels/{{}}.nii.gz"
modality = "mr"
structures = {{ 1 = "anterior_hippocampus" }}

[checkpoints]
folder = "checkpoints-{id}"
every_minutes = 0.0
"#
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_prosector"));
        command
            .args(arguments)
            .env("PROSECTOR_MODELS", self.path("models"))
            .env("PROSECTOR_LOG", "info");
        command
    }

    fn train(&self, recipe: &Path, more: &[&str]) -> Output {
        let arguments = ["train", recipe.to_str().unwrap(), "--device", "cpu"];
        self.command(&[&arguments[..], more].concat())
            .output()
            .unwrap()
    }

    fn succeed(&self, recipe: &Path, more: &[&str]) {
        let output = self.train(recipe, more);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {text}", recipe.display());
    }

    /// Trains until what its last checkpoint says of itself is far enough, and is killed there.
    fn cut_short(&self, recipe: &Path, far_enough: impl Fn(&str) -> bool) {
        let id = recipe.file_stem().unwrap().to_str().unwrap();
        let progress = self.path(&format!("checkpoints-{id}/progress.toml"));
        let arguments = ["train", recipe.to_str().unwrap(), "--device", "cpu"];
        let mut child = self
            .command(&arguments)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        loop {
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended by itself: {ended:?}");
            if std::fs::read_to_string(&progress).is_ok_and(|text| far_enough(&text)) {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        assert!(!ended.success(), "it ended by itself: {ended:?}");
    }

    /// Of each epoch so far what it notes of these.
    fn noted(&self, id: &str, keys: &[&str]) -> Vec<f64> {
        let path = self.path(&format!("checkpoints-{id}/progress.toml"));
        let progress: toml::Table =
            toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let epochs = progress["epochs"].as_array().unwrap();
        epochs
            .iter()
            .flat_map(|epoch| keys.iter().map(|key| epoch.get(key)))
            .flatten()
            .map(|value| value.as_float().unwrap())
            .collect()
    }

    /// The curve so far: losses of the epochs and the measures that choose.
    fn curve(&self, id: &str) -> Vec<f64> {
        self.noted(id, &["mean", "last", "score"])
    }

    /// The mean loss of each epoch.
    fn losses(&self, id: &str) -> Vec<f64> {
        self.noted(id, &["mean"])
    }

    /// The installed weights.
    fn weights(&self, id: &str) -> Vec<u8> {
        std::fs::read(self.path(&format!("models/{id}/weights.bpk"))).unwrap()
    }
}

const EPOCHS: usize = 5;

/// Six square patches a side, so that every system's smallest shapes fit.
const ENCODER: &str = r#"
[encoder]
trained = true

[encoder.random]
seed = 7
image_side = 64
patch = 16
width = 16
depth = 4
heads = 2
window = 4
global_blocks = [0, 1, 2, 3]
embedding = 32
"#;

fn masam() -> String {
    format!(
        r#"system = "masam"
{ENCODER}
[schedule]
seed = 1
epochs = {EPOCHS}
batch = 2
learning_rate = 1e-3

[masam]
image_side = 64
rank = 2
adapter_width = 4
intensity = {{ kind = "percentile" }}
warmup = 2
windows_per_epoch = 4
"#
    )
}

fn desam() -> String {
    format!(
        r#"system = "desam"
{ENCODER}
[schedule]
seed = 1
epochs = {EPOCHS}
batch = 8
learning_rate = 1e-3

[desam]
prompts = "whole-box"
loss = {{ cross_entropy = 1.0, iou = 10.0, iou_error = "mse" }}
outside_points = 1
"#
    )
}

/// Boxes a little too large for DeSAM, in place of the box around the whole slice.
fn desam_of_boxes() -> String {
    desam().replace("prompts = \"whole-box\"", "boxes = { loosening = 0.05 }")
}

/// With this share of steps that begin with a click.
fn sam(clicks: f64) -> String {
    format!(
        r#"system = "sam"
{ENCODER}
[schedule]
seed = 1
epochs = {EPOCHS}
batch = 8
learning_rate = 1e-3

[sam]
boxes = {{ loosening = 0.05 }}
clicks = {clicks:?}
loss = {{ cross_entropy = 1.0, iou = 1.0, iou_error = "mse" }}
"#
    )
}

/// Its linear head ends in a ReLU: with some seeds nothing gets through so small a one, and nothing is learnt.
fn autosam(encoder: &str, cache: &str) -> String {
    format!(
        r#"system = "autosam"
{cache}
{encoder}
[schedule]
seed = 5
epochs = {EPOCHS}
batch = 8
learning_rate = 1e-3

[autosam]
head = "linear"
input_side = 16
"#
    )
}

fn autoprosam() -> String {
    let encoder = ENCODER.replace("image_side = 64", "image_side = 256");
    format!(
        r#"system = "autoprosam"
{encoder}
[network]
channels = 8
head_channels = 4
window = 4
generator_channels = 2

[crops]
side = 16
spacing_mm = [2.0, 2.0, 2.0]
intensity = {{ percentiles = [0.5, 99.5] }}

[schedule]
seed = 1
epochs = {EPOCHS}
learning_rate = 1e-3
choose_every = 2
"#
    )
}

fn threedsam(channels: usize) -> String {
    let encoder = ENCODER.replace("image_side = 64", "image_side = 256");
    format!(
        r#"system = "3dsam"
{encoder}
[network]
channels = {channels}
head_channels = 4
window = 4
prompt_width = 16

[crops]
side = 16
spacing_mm = [2.0, 2.0, 2.0]
intensity = {{ percentiles = [0.5, 99.5] }}

[schedule]
seed = 1
epochs = {EPOCHS}
learning_rate = 1e-3
choose_every = 2
"#
    )
}

fn swinunetr() -> String {
    format!(
        r#"system = "swinunetr"

[swinunetr]
feature_size = 12

[crops]
side = 32
spacing_mm = [1.0, 1.0, 1.0]
intensity = {{ percentiles = [0.5, 99.5] }}

[schedule]
seed = 1
epochs = {EPOCHS}
learning_rate = 1e-3
choose_every = 2
warmup_epochs = 0
"#
    )
}

/// Trains in one go, and again cut short and resumed: the loss falls, the curve is the same, and so are the weights.
///
/// `tolerance` is by how much weights may differ.
fn resumes(id: &str, own: &str, tolerance: f32) {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let (whole, cut) = (format!("{id}-whole"), format!("{id}-cut"));
    workshop.succeed(&workshop.recipe(&whole, own), &[]);
    let recipe = workshop.recipe(&cut, own);
    workshop.cut_short(&recipe, |progress| {
        progress.matches("[[epochs]]").count() >= 2
    });
    let losses = workshop.losses(&whole);
    assert_eq!(losses.len(), EPOCHS);
    assert!(losses[EPOCHS - 1] < losses[0], "{losses:?}");
    let (curve, so_far) = (workshop.curve(&whole), workshop.curve(&cut));
    assert!(!so_far.is_empty() && so_far.len() < curve.len());
    workshop.succeed(&recipe, &["--resume"]);
    let resumed = workshop.curve(&cut);
    assert_eq!(resumed.len(), curve.len());
    let is_near = |(a, b): (&f64, &f64)| (a - b).abs() <= f64::from(tolerance);
    assert!(
        resumed.iter().zip(&curve).all(is_near),
        "{resumed:?} and {curve:?}"
    );
    let apart = farthest(&workshop.weights(&cut), &workshop.weights(&whole));
    assert!(apart <= tolerance, "weights differ by up to {apart}");
}

/// By how much the numbers of two files differ at most, which end in 32-bit floats.
fn farthest(a: &[u8], b: &[u8]) -> f32 {
    assert_eq!(a.len(), b.len());
    let pairs = a.rchunks_exact(4).zip(b.rchunks_exact(4));
    let differ = pairs.filter(|(a, b)| a != b).map(|(a, b)| {
        let [a, b] = [a, b].map(|v| f32::from_le_bytes([v[0], v[1], v[2], v[3]]));
        (a - b).abs()
    });
    differ.fold(0.0, |far, apart| if apart <= far { far } else { apart })
}

#[test]
fn masam_resumes_with_its_dropout() {
    resumes("masam", &masam(), 0.0);
}

#[test]
fn desam_resumes_with_its_best_epoch() {
    resumes("desam", &desam(), 0.0);
}

#[test]
fn sam_resumes_with_its_clicks() {
    resumes("sam", &sam(0.5), 0.0);
}

#[test]
fn autosam_resumes_from_cached_embeddings() {
    let frozen = ENCODER.replace("trained = true", "trained = false");
    resumes("autosam", &autosam(&frozen, "cache = \"embeddings\""), 0.0);
}

#[test]
fn autoprosam_resumes_with_clipped_gradients() {
    resumes("autoprosam", &autoprosam(), 0.0);
}

#[test]
fn threedsam_resumes_with_its_clicks() {
    // Some of its sums over threads are taken in the order in which these finish.
    resumes("threedsam", &threedsam(16), 1e-4);
}

#[test]
fn swinunetr_resumes_from_nothing_but_its_crops() {
    resumes("swinunetr", &swinunetr(), 0.0);
}

impl Workshop {
    /// Dice of a case by an installed model, prompted as the protocol says, step by step.
    fn dice(&self, id: &str, case: &str, protocol: &[&str]) -> Vec<f64> {
        let case = format!(
            "[[case]]\nid = '{case}'\nimage = 'images/{case}.nii.gz'\ntruth = 'labels/{case}.nii.gz'\n\
             modality = 'mr'\nlabels = {{ 1 = 'anterior_hippocampus' }}\n"
        );
        let cases = self.path("cases.toml");
        std::fs::write(&cases, case).unwrap();
        let arguments = ["evaluate", "--model", id, "--device", "cpu", "--json"];
        let cases = ["--cases", cases.to_str().unwrap(), "--protocol"];
        let output = self
            .command(&[&arguments[..], &cases, protocol].concat())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let steps = report["cases"][0]["steps"].as_array().unwrap();
        steps.iter().map(|s| s["dice"].as_f64().unwrap()).collect()
    }

    /// What the card of an installed model takes: nothing, clicks, boxes.
    fn takes(&self, id: &str) -> [bool; 3] {
        let path = self.path(&format!("models/{id}/card.toml"));
        let card: toml::Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        ["automatic", "clicks", "boxes"].map(|key| card[key].as_bool().unwrap())
    }
}

/// The recipe with longer training, of fewer slices a step.
fn longer(own: &str, epochs: usize) -> String {
    own.replace(&format!("epochs = {EPOCHS}"), &format!("epochs = {epochs}"))
        .replace("batch = 8", "batch = 4")
        .replace("1e-3", "3e-3")
}

#[test]
fn sam_and_desam_learn_boxes() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    // Of so small a structure DeSAM's way to resize leaves nothing at sixteen pixels a side.
    let finer = desam_of_boxes().replace("patch = 16", "patch = 8");
    for (id, own, epochs) in [("sam", sam(0.0), 30), ("desam", finer, 15)] {
        let untrained = longer(&own, 1).replace("3e-3", "1e-9");
        let dice = [("after", longer(&own, epochs)), ("before", untrained)].map(|(how, own)| {
            let id = format!("{id}-{how}");
            workshop.succeed(&workshop.recipe(&id, &own), &[]);
            assert_eq!(workshop.takes(&id), [false, false, true]);
            workshop.dice(&id, CASES[2], &["box"])[0]
        });
        let [after, before] = dice;
        assert!(
            after > 0.35 && after > before + 0.2,
            "{id}: {before} to {after}"
        );
    }
}

/// Enough is learnt of one scan to see there that clicks lie where they are meant to, and each makes the mask better.
#[test]
fn sam_learns_clicks_that_correct() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let recipe = workshop.recipe("clicked", &longer(&sam(0.5), 30));
    workshop.succeed(&recipe, &[]);
    assert_eq!(workshop.takes("clicked"), [false, true, true]);
    let dice = |protocol: &str| workshop.dice("clicked", CASES[0], &[protocol, "--steps", "3"]);
    let (clicks, boxed) = (dice("clicks"), dice("box+clicks"));
    assert!(clicks[0] < clicks[1] && clicks[1] < clicks[2], "{clicks:?}");
    assert!(boxed.iter().all(|&dice| dice > 0.6), "{boxed:?}");
}

/// Whoever has a SAM file trains its decoder further, on what the encoder as it is makes of the slices.
#[test]
fn a_sam_file_is_trained_further_with_its_encoder_as_it_is() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.succeed(&workshop.recipe("first", &sam(0.0)), &[]);
    let file = "cache = \"embeddings\"\n[encoder]\nsam = \"models/first/weights.bpk\"\n";
    let further = sam(0.0).replace(ENCODER, file);
    workshop.succeed(&workshop.recipe("further", &further), &[]);
    let tensors = |id: &str, prefix: &str| {
        let path = workshop.path(&format!("models/{id}/weights.bpk"));
        let file = TensorFile::open(&path).unwrap();
        let names = file.names().filter(|name| name.starts_with(prefix));
        let read = |name| file.read(name).unwrap().data;
        let found: Vec<Vec<f32>> = names.map(read).collect();
        assert!(!found.is_empty(), "{prefix}");
        found
    };
    for prefix in ["image_encoder.", "prompt_encoder."] {
        assert!(tensors("first", prefix) == tensors("further", prefix));
    }
    let decoder = "mask_decoder.";
    assert!(tensors("first", decoder) != tensors("further", decoder));
    let losses = workshop.losses("further");
    assert!(losses[0] < workshop.losses("first")[0], "{losses:?}");
}

#[test]
fn desam_is_prompted_in_one_way() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let boxes = "boxes = { loosening = 0.05 }";
    let both = desam_of_boxes().replace(boxes, &format!("{boxes}\nprompts = \"grid-points\""));
    for own in [both, desam_of_boxes().replace(boxes, "")] {
        let output = workshop.train(&workshop.recipe("prompts", &own), &[]);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("needs either 'prompts' or 'boxes'"), "{said}");
    }
}

/// What tells [`trains_and_answers`] its recipe, and the model that answers meanwhile.
const RECIPE: &str = "PROSECTOR_TEST_RECIPE";
const ANSWERING: &str = "PROSECTOR_TEST_ANSWERING";

/// A program that trains and answers at the same time; nothing to test by itself.
#[test]
#[ignore = "run by the test that says where models lie"]
fn trains_and_answers() {
    let (Ok(recipe), Ok(answering)) = (std::env::var(RECIPE), std::env::var(ANSWERING)) else {
        return;
    };
    let recipe = PathBuf::from(recipe);
    let scan = recipe.with_file_name(format!("images/{}.nii.gz", CASES[2]));
    let options = OpenOptions {
        modality: Some(Modality::Mr),
        ..OpenOptions::default()
    };
    let image = open_scan(&scan, &options, &JobContext::silent())
        .unwrap()
        .image;
    let image = Arc::new(image);
    let prompts = PromptSet {
        target_box: Some(VoxelBox {
            min: [8, 10, 12],
            max: [20, 30, 18],
        }),
        ..PromptSet::default()
    };
    let open = move || open_model(Some(&answering), DeviceChoice::Cpu);
    let alone = open().unwrap();
    let alone = alone.segment_prompted(&image, ScanKey(1), &prompts, None, &JobContext::silent());
    let alone = alone.unwrap().mask.voxels;

    let engine = Engine::start(open, || {});
    let request = TrainRequest {
        recipe,
        cache: None,
        device: DeviceChoice::Cpu,
        resume: false,
    };
    let task = Task::without_model(move |ctx| train::run(&request, ctx));
    let training = engine.submit(Request::Training { task });
    let click = || {
        engine.submit(Request::Prompt {
            scan: ScanKey(1),
            image: Arc::clone(&image),
            asked: Asked {
                prompts: prompts.clone(),
                ..Asked::default()
            },
        })
    };
    let mut answers = 0;
    loop {
        match engine.events().recv_timeout(Duration::from_secs(300)) {
            Ok(Event::Started { id }) if id == training => drop(click()),
            Ok(Event::FinishedPrompt { result, .. }) => {
                assert_eq!(result.mask.voxels, alone);
                answers += 1;
                // The user looks at it.
                std::thread::sleep(Duration::from_millis(30));
                click();
            }
            Ok(Event::FinishedTask { id, .. }) if id == training => break,
            Ok(Event::Failed { message, .. } | Event::ModelFailed { message }) => {
                panic!("{message}")
            }
            Ok(_) => {}
            Err(e) => panic!("{e}"),
        }
    }
    assert!(answers >= 3, "{answers} answers");
}

#[test]
fn clicks_are_answered_while_it_trains_and_change_nothing() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.succeed(&workshop.recipe("quiet", &desam()), &[]);
    let busy = workshop.recipe("busy", &desam());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "training::trains_and_answers", "--ignored"])
        .env("PROSECTOR_MODELS", workshop.path("models"))
        .env(RECIPE, &busy)
        .env(ANSWERING, "quiet")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert_eq!(workshop.curve("busy"), workshop.curve("quiet"));
    assert!(workshop.weights("busy") == workshop.weights("quiet"));
}

#[test]
fn a_system_that_is_not_trained_here_is_named() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let recipe = workshop.recipe("plain", "system = \"nnunet\"");
    let output = workshop.train(&recipe, &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("can be trained: choose one of 3dsam"),
        "{said}"
    );
}

#[test]
fn label_values_that_no_label_map_has_are_noticed() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let recipe = workshop.recipe("none", &desam());
    let text = std::fs::read_to_string(&recipe).unwrap();
    std::fs::write(&recipe, text.replace("{ 1 = ", "{ 77 = ")).unwrap();
    let output = workshop.train(&recipe, &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("nothing to learn from"), "{said}");
}

/// The cache keeps half precision; beyond that it changes nothing.
#[test]
fn a_cache_of_embeddings_changes_nothing_but_the_time() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let frozen = ENCODER.replace("trained = true", "trained = false");
    let cached = autosam(&frozen, "cache = \"embeddings\"");
    workshop.succeed(&workshop.recipe("cached", &cached), &[]);
    workshop.succeed(&workshop.recipe("plain", &autosam(&frozen, "")), &[]);
    let pairs: Vec<(f64, f64)> = workshop
        .curve("cached")
        .into_iter()
        .zip(workshop.curve("plain"))
        .collect();
    assert_eq!(pairs.len(), 2 * EPOCHS);
    assert!(pairs.iter().all(|(a, b)| (a - b).abs() < 5e-3), "{pairs:?}");
}

/// Writes a recipe by which the model in the box learns both paths from the workshop's scans.
fn recipe_of_the_box(workshop: &Workshop, id: &str, initial_weights: &str) -> PathBuf {
    let path = workshop.path(&format!("{id}.toml"));
    let text = format!(
        r#"
checkpoints = "checkpoints-{id}"
splits = "splits.toml"
{initial_weights}

[card]
id = "{id}"
title = "Tiny"
description = "Tiny."
notices = []

[schedule]
seed = 5
steps = 3
batch = 3
learning_rate = 1e-3
warmup = 1
weight_decay = 0.01
average = 0.9
checkpoint_every = 1

[structure_loss]
target_weight = 2.0
weight = 2.0

[mix.automatic]
hippocampus = 0.6

[mix.prompted]
hippocampus = 0.2

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

[datasets.variation]
rotation_degrees = 4.0
scale = 1.06
mirrored = 0.1
as_it_is = 0.5

[datasets.structures]
1 = "anterior_hippocampus"
"#
    );
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn the_model_in_the_box_resumes() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let weights = |id: &str| {
        let path = workshop.path(&format!("checkpoints-{id}/model.bpk"));
        let bytes = std::fs::read(path).unwrap();
        // What comes before the numbers names the parameters, and the names are random.
        bytes[bytes.len() - 19_500_000..].to_vec()
    };
    let whole = refined(recipe_of_the_box(&workshop, "whole", ""));
    workshop.succeed(&whole, &[]);
    let cut = refined(recipe_of_the_box(&workshop, "cut", ""));
    workshop.cut_short(&cut, |_| true);
    assert!(weights("cut") != weights("whole"));
    workshop.succeed(&cut, &["--resume"]);
    assert!(weights("cut") == weights("whole"));
    let initial_weights = "initial_weights = \"checkpoints-whole/model.bpk\"";
    let further = refined(recipe_of_the_box(&workshop, "further", initial_weights));
    workshop.succeed(&further, &[]);
    assert!(weights("further") != weights("whole"));
}

#[test]
fn the_model_in_the_box_learns() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let recipe = recipe_of_the_box(&workshop, "learns", "");
    let text = std::fs::read_to_string(&recipe).unwrap();
    let longer = text
        .replace("steps = 3", "steps = 20")
        .replace("batch = 3", "batch = 2");
    std::fs::write(&recipe, longer).unwrap();
    let output = workshop.train(&recipe, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    // A running mean, told every ten steps.
    let losses: Vec<f64> = said
        .lines()
        .filter_map(|line| {
            line.split_once("automatic loss hippocampus ")?
                .1
                .split(';')
                .next()
        })
        .map(|loss| loss.parse().unwrap())
        .collect();
    let [halfway, end] = losses[..] else {
        panic!("{said}");
    };
    assert!(end < halfway, "{losses:?}");
}

/// Has the structures of the MR data set refined.
fn refined(recipe: PathBuf) -> PathBuf {
    let text = std::fs::read_to_string(&recipe).unwrap();
    let place = "modality = \"mr\"\nspacing_mm";
    std::fs::write(
        &recipe,
        text.replace(place, &format!("refined = true\n{place}")),
    )
    .unwrap();
    recipe
}

/// Has only the refiner learn, from the weights that `from` ended with.
fn refining(recipe: &Path, from: &str) {
    let text = std::fs::read_to_string(recipe).unwrap();
    let first =
        format!("learner = \"refiner\"\ninitial_weights = \"checkpoints-{from}/model.bpk\"\n");
    let text = text
        .replace("hippocampus = 0.6", "hippocampus = 1.0")
        .replace("hippocampus = 0.2\n", "");
    std::fs::write(recipe, first + &text).unwrap();
}

#[test]
fn the_refiner_alone_learns() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let before = recipe_of_the_box(&workshop, "before", "");
    workshop.succeed(&before, &[]);
    let after = refined(recipe_of_the_box(&workshop, "after", ""));
    refining(&after, "before");
    workshop.succeed(&after, &[]);
    let device = Device::flex();
    let image: Vec<f32> = (0..16 * 16 * 16 * 3)
        .map(|i| (i % 17) as f32 / 8.0 - 1.0)
        .collect();
    let answers = |id: &str| {
        let path = workshop.path(&format!("checkpoints-{id}/model.bpk"));
        let record = ModuleRecord::load(path).unwrap().cast_to_module_dtype();
        let net = ProsectorNet::new(&NetConfig::new(1), &device).load_record(record);
        let image = TensorData::new(image.clone(), [1, 16, 16, 16, 3]);
        let embedding = net.encode(Tensor::from_data(image, &device));
        let trusting = |trust: f32| {
            let trust = TensorData::new(vec![trust], [1, 1, 1, 1, 1]);
            let first = net.first_answer(&embedding);
            net.refined(&embedding, first, Tensor::from_data(trust, &device))
        };
        [net.first_answer(&embedding), trusting(1.0), trusting(0.0)]
            .map(|logits| logits.into_data().iter::<f32>().collect::<Vec<f32>>())
    };
    let ([first, believed, not_believed], [same, refined, found_alone]) =
        (answers("before"), answers("after"));
    let differs = |a: &[f32], b: &[f32]| a.iter().zip(b).any(|(a, b)| (a - b).abs() > 1e-4);
    assert!(
        !differs(&first, &believed),
        "a new refiner corrects nothing"
    );
    assert!(not_believed.iter().all(|&logit| logit == not_believed[0]));
    assert!(first == same, "the rest does not learn");
    assert!(differs(&same, &refined));
    assert!(differs(&not_believed, &found_alone));
    let card = std::fs::read_to_string(workshop.path("checkpoints-after/model.toml")).unwrap();
    assert!(card.contains("automatic_refined = [\"mr\"]"), "{card}");
}

#[test]
fn a_refiner_learns_from_nothing_else_than_it_refines() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let recipe = recipe_of_the_box(&workshop, "mixed", "learner = \"refiner\"");
    let output = workshop.train(&recipe, &[]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("the refiner learns from automatic samples"),
        "{said}"
    );
}

#[test]
fn channels_that_the_heads_do_not_divide_are_refused() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let output = workshop.train(&workshop.recipe("heads", &threedsam(8)), &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("8 channels are no multiple of 16"), "{said}");
}

#[test]
fn a_recipe_without_checkpoints_is_not_resumed() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let recipe = workshop.recipe("kept", &desam());
    let text = std::fs::read_to_string(&recipe).unwrap();
    let without = text.split("[checkpoints]").next().unwrap();
    std::fs::write(&recipe, without).unwrap();
    let output = workshop.train(&recipe, &["--resume"]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no [checkpoints]"), "{said}");
}

#[test]
fn a_trained_encoder_is_not_read_from_a_cache() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    let recipe = workshop.recipe("both", &autosam(ENCODER, "cache = \"embeddings\""));
    let output = workshop.train(&recipe, &[]);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cannot be read from a cache"), "{said}");
}

#[test]
fn the_card_says_that_the_encoder_was_random() {
    let Some(workshop) = Workshop::new() else {
        return;
    };
    workshop.succeed(&workshop.recipe("honest", &autosam(ENCODER, "")), &[]);
    let card = std::fs::read_to_string(workshop.path("models/honest/card.toml")).unwrap();
    assert!(card.contains("started from random weights"), "{card}");
}
