//! The program as scripts see it: exit codes, one line of refusal, nothing written when refused.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::CommandFactory;
use flate2::Compression;
use flate2::write::GzEncoder;
use prosector::cli::Cli;
use prosector::geometry::Affine;
use prosector::io::{open_labels, save_image, save_labels};
use prosector::util::JobContext;
use prosector::volume::{Grid, ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::shared;

/// A folder with a small scan in it.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let grid = small_grid();
        let voxels = (0..grid.len()).map(|n| (n % 1700) as i16 - 1000).collect();
        let image = ImageVolume::new(
            grid,
            VoxelData::I16(voxels),
            Rescale::IDENTITY,
            Modality::Ct,
        );
        save_image(&bench.path("scan.nii"), &image).expect("a small scan");
        save_image(&bench.path("scan.nii.gz"), &image).expect("a small scan");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).expect("a file in a temporary folder");
        path
    }

    /// Runs the program in the folder; `SCAN` stands for the small scan, `OUT` for an output.
    fn run(&self, line: &str) -> Output {
        let words = line.split_whitespace().map(|word| match word {
            "SCAN" => self.path("scan.nii.gz"),
            "OUT" => self.path("out.nii.gz"),
            "PNG" => self.path("out.png"),
            other => PathBuf::from(other),
        });
        program(self.folder.path(), &words.collect::<Vec<_>>())
    }

    fn has_no_output(&self) -> bool {
        let names = fs::read_dir(self.folder.path()).expect("the folder");
        names
            .filter_map(Result::ok)
            .all(|e| !e.file_name().to_string_lossy().starts_with("out"))
    }
}

fn small_grid() -> Grid {
    Grid::new(
        [20, 18, 12],
        Affine::from_spacing([1.5, 1.5, 3.0], [-14.0, 3.0, 100.0]),
    )
}

fn program(folder: &Path, arguments: &[PathBuf]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prosector"))
        .args(arguments)
        .current_dir(folder)
        .env("XDG_RUNTIME_DIR", folder)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Exit code 1, one line on stderr that holds `reason`, nothing on stdout.
fn assert_refused(output: &Output, reason: &str) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("error: "), "{stderr}");
    assert!(stderr.contains(reason), "{stderr} does not say {reason}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(output.stdout.is_empty());
}

fn assert_success(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&assert_success(output)).expect("JSON and nothing else on stdout")
}

#[test]
fn definitions_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn bad_usage_exits_with_2() {
    let bench = Bench::new();
    for line in [
        "segment SCAN -o OUT",
        "segment SCAN -o OUT --prior SCAN",
        "segment SCAN --click 1,2,3",
        "segment SCAN -o OUT --auto --click 1,2,3",
        "segment SCAN -o OUT --click 1,2",
        "segment SCAN -o OUT --click 1,2,3,yes",
        "segment SCAN -o OUT --click 1.5,2,3",
        "segment SCAN -o OUT --click nan,2,3 --world",
        "segment SCAN -o OUT --diameter 1,2,3",
        "segment SCAN -o OUT --diameter 1,2,3,4,5,3,6,7,3",
        "segment SCAN -o OUT --box 1,2,3,4,5",
        "segment SCAN -o OUT --auto --modality us",
        "segment SCAN -o OUT --auto --device tpu",
        "segment SCAN -o OUT --click 1,2,3 --structures larynx",
        "evaluate",
        "evaluate --pred SCAN",
        "evaluate --truth SCAN",
        "evaluate --cases cases.toml",
        "evaluate --cases cases.toml --protocol scribble",
        "evaluate --pred SCAN --truth SCAN --map 1-2",
        "evaluate --pred SCAN --truth SCAN --tolerance-mm -1",
        "screenshot SCAN -o PNG --size 10",
        "models",
        "info",
        "info SCAN --frame -1",
    ] {
        let output = bench.run(line);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{line}: {}",
            text(&output.stderr)
        );
        assert!(output.stdout.is_empty(), "{line}");
    }
    assert!(bench.has_no_output());
}

#[test]
fn a_series_of_a_file_without_any_is_refused() {
    let bench = Bench::new();
    for line in [
        "info SCAN --series 1.2.3",
        "convert SCAN -o OUT --series 1.2.3",
        "segment SCAN -o OUT --click 1,2,3 --series 1.2.3",
    ] {
        assert_refused(
            &bench.run(line),
            "has no series 1.2.3; only DICOM has series",
        );
    }
    assert!(bench.has_no_output());
}

#[test]
fn what_was_assumed_is_told_with_its_option() {
    let bench = Bench::new();
    let warnings = json(&bench.run("info SCAN --json"))["warnings"].to_string();
    assert!(
        warnings.contains("guessed from the values: ct, set it with --modality"),
        "{warnings}"
    );
}

#[test]
fn info_tells_the_facts_as_json() {
    let bench = Bench::new();
    let facts = json(&bench.run("info SCAN --json"));
    assert_eq!(facts["dims"], serde_json::json!([20, 18, 12]));
    assert_eq!(facts["frames"], 1);
    assert_eq!(facts["spacing_mm"], serde_json::json!([1.5, 1.5, 3.0]));
    assert_eq!(
        facts["affine"][2],
        serde_json::json!([0.0, 0.0, 3.0, 100.0])
    );
    assert_eq!(facts["affine"][3], serde_json::json!([0.0, 0.0, 0.0, 1.0]));
    assert_eq!(facts["dtype"], "int16");
    assert_eq!(facts["modality"], "ct");
    assert_eq!(facts["modality_guessed"], true);
    assert_eq!(facts["value_range"], serde_json::json!([-1000.0, 699.0]));
    assert!(facts["warnings"].is_array());
    assert_eq!(facts["series"], serde_json::json!([]));
    assert!(assert_success(&bench.run("info SCAN")).contains("20 x 18 x 12"));
}

#[test]
fn convert_keeps_voxels_and_grid() {
    let bench = Bench::new();
    assert_success(&bench.run("convert SCAN -o OUT"));
    let before = json(&bench.run("info SCAN --json"));
    let after = program(
        bench.folder.path(),
        &["info".into(), bench.path("out.nii.gz"), "--json".into()],
    );
    let after = json(&after);
    for key in ["dims", "affine", "dtype", "value_range"] {
        assert_eq!(before[key], after[key], "{key}");
    }
}

#[test]
fn screenshot_draws_a_picture_of_the_size_asked_for() {
    let bench = Bench::new();
    assert_success(&bench.run("screenshot SCAN -o PNG --at 3,4,5 --size 300x200"));
    let picture = image::open(bench.path("out.png")).expect("a PNG");
    assert_eq!((picture.width(), picture.height()), (300, 200));
    fs::remove_file(bench.path("out.png")).expect("the picture was there");
    let output = bench.run("screenshot SCAN -o PNG --at 30,4,5");
    assert_refused(&output, "outside the scan");
    let output = bench.run("screenshot SCAN -o out.jpg");
    assert_refused(&output, ".png");
    assert!(bench.has_no_output());
}

/// Files that are no scans, and what the refusal says.
fn bad_files(bench: &Bench) -> Vec<(PathBuf, &'static str)> {
    let good = fs::read(bench.path("scan.nii")).expect("the small scan");
    let packed = fs::read(bench.path("scan.nii.gz")).expect("the small scan");
    let changed = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let huge_dims = changed(40, &[3, 0, 0xff, 0x7f, 0xff, 0x7f, 0xff, 0x7f]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&huge_dims).expect("memory");
    let gzipped_huge = gzip.finish().expect("memory");
    fs::create_dir(bench.path("empty")).expect("a folder");
    vec![
        (bench.write("cut.nii.gz", &packed[..packed.len() / 2]), ""),
        (bench.write("cut.nii", &good[..good.len() - 100]), ""),
        (bench.write("short.nii", &good[..200]), ""),
        (bench.write("magic.nii", &changed(344, b"xyz\0")), ""),
        (bench.write("huge.nii", &huge_dims), ""),
        (bench.write("huge.nii.gz", &gzipped_huge), ""),
        (bench.write("zero.nii", &changed(42, &[0, 0])), ""),
        (bench.write("type.nii", &changed(70, &[77, 0])), ""),
        (bench.write("notes.txt", b"Patient feels well.\n"), ""),
        (bench.write("notes.nii.gz", b"Patient feels well.\n"), ""),
        (bench.write("nothing.nii", b""), ""),
        (bench.path("empty"), ""),
        (bench.path("missing.nii"), ""),
    ]
}

#[test]
fn bad_files_are_refused_by_every_command() {
    let bench = Bench::new();
    for (file, reason) in bad_files(&bench) {
        let shown = file.display().to_string();
        for line in [
            "info FILE --json",
            "convert FILE -o OUT",
            "segment FILE -o OUT --auto",
            "segment FILE -o OUT --click 1,2,3 --json",
            "evaluate --pred FILE --truth FILE",
            "screenshot FILE -o PNG",
        ] {
            let output = bench.run(&line.replace("FILE", &shown));
            assert_refused(&output, reason);
            assert!(text(&output.stderr).contains(&shown), "{line} {shown}");
            assert!(bench.has_no_output(), "{line} {shown}");
        }
    }
}

#[test]
fn prompts_outside_the_scan_are_refused() {
    let bench = Bench::new();
    for prompt in [
        "--click 20,3,4",
        "--click -1,3,4",
        "--click=-12.5,300,4 --world",
        "--click -12.5,300,4,neg --world",
        "--click 3,3,3 --click 3,3,12,neg",
        "--box 30,30,30,40,40,40",
        "--box -9,0,0,-1,5,5",
        "--box -900,0,0,-500,5,5 --world",
    ] {
        let output = bench.run(&format!("segment SCAN -o OUT {prompt}"));
        assert_refused(&output, " scan of 20x18x12 voxels");
    }
    assert!(bench.has_no_output());
}

#[test]
fn outputs_that_cannot_be_written_are_refused_first() {
    let bench = Bench::new();
    let closed = bench.path("closed");
    fs::create_dir(&closed).expect("a folder");
    let mut rights = fs::metadata(&closed).expect("the folder").permissions();
    rights.set_readonly(true);
    fs::set_permissions(&closed, rights).expect("our own folder");
    for (target, reason) in [
        ("nowhere/out.nii.gz", "does not exist"),
        ("closed/out.nii.gz", "read-only"),
        ("out.png", ".nii"),
        ("out", ".nii"),
        ("scan.nii/out.nii.gz", ""),
    ] {
        for command in ["convert SCAN -o", "segment SCAN --click 1,2,3 -o"] {
            assert_refused(&bench.run(&format!("{command} {target}")), reason);
        }
    }
    let picture = bench.run("screenshot SCAN -o nowhere/out.png");
    assert_refused(&picture, "does not exist");
    assert!(bench.has_no_output());
    assert_eq!(fs::read_dir(&closed).expect("the folder").count(), 0);
}

#[test]
fn label_maps_on_another_grid_are_refused() {
    let bench = Bench::new();
    let shifted = Grid::new(
        small_grid().dims,
        Affine::from_spacing([1.5, 1.5, 3.0], [-14.0, 3.5, 100.0]),
    );
    let smaller = Grid::new([20, 18, 11], small_grid().affine);
    let table = LabelTable::default();
    for (grid, reason) in [(shifted, "elsewhere"), (smaller, "20x18x11")] {
        let path = bench.path("labels.nii.gz");
        save_labels(&path, &LabelMap::empty(grid), &table).expect("a label map");
        save_labels(
            &bench.path("truth.nii.gz"),
            &LabelMap::empty(small_grid()),
            &table,
        )
        .expect("a label map");
        for line in [
            "segment SCAN -o OUT --click 1,2,3 --prior labels.nii.gz",
            "screenshot SCAN -o PNG --labels labels.nii.gz",
            "evaluate --pred labels.nii.gz --truth truth.nii.gz",
        ] {
            let output = bench.run(line);
            assert_refused(&output, "is on another grid");
            assert_refused(&output, reason);
        }
    }
    assert!(bench.has_no_output());
}

#[test]
fn models_that_are_not_installed_are_refused() {
    let bench = Bench::new();
    let output = bench.run("segment SCAN -o OUT --click 1,2,3 --model nothing");
    assert_refused(&output, "no model 'nothing' is installed");
    assert_refused(&bench.run("models verify nothing"), "no model 'nothing'");
    assert!(json(&bench.run("models list --json")).is_array());
    assert!(bench.has_no_output());
}

#[test]
fn dicom_that_is_no_single_scan_is_refused() {
    let bench = Bench::new();
    let mut folders = Vec::new();
    for (folder, reason) in [
        ("data/dicom/prostatex_0001_multiseries", "--series"),
        (
            "data/dicom/dicom2nifti/failing_sliceincrement_001",
            "missing",
        ),
        ("data/dicom/dicom2nifti/failing_notavolume_001", ""),
    ] {
        let Some(path) = shared(folder) else { return };
        folders.push((path, reason));
    }
    // A DICOM file without pixels: its preamble, magic and nothing more.
    let mut header = vec![0u8; 128];
    header.extend_from_slice(b"DICM");
    folders.push((bench.write("header.dcm", &header), ""));
    let rtstruct = shared("data/labelled/ibsi_lung_nsclc/dicom_rtstruct");
    folders.extend(rtstruct.map(|path| (path, "")));
    for (path, reason) in folders {
        let path = path.display().to_string();
        for line in ["convert FILE -o OUT", "segment FILE -o OUT --click 1,1,1"] {
            assert_refused(&bench.run(&line.replace("FILE", &path)), reason);
        }
    }
    assert!(bench.has_no_output());
}

#[test]
fn several_series_are_listed_by_info_and_chosen_by_uid() {
    let bench = Bench::new();
    for name in [
        "data/dicom/prostatex_0001_multiseries",
        "data/dicom/dicom2nifti/failing_sliceorientation_001",
    ] {
        if let Some(folder) = shared(name) {
            each_series_can_be_chosen(&bench, &folder);
        }
    }
}

fn each_series_can_be_chosen(bench: &Bench, folder: &Path) {
    let info = program(
        bench.folder.path(),
        &["info".into(), folder.into(), "--json".into()],
    );
    let facts = json(&info);
    let series = facts["series"].as_array().expect("the series");
    assert!(series.len() > 1);
    for key in [
        "dims",
        "frames",
        "spacing_mm",
        "affine",
        "dtype",
        "modality",
        "value_range",
    ] {
        assert_eq!(facts[key], Value::Null, "{key}");
    }
    for one in series {
        let uid = one["uid"].as_str().expect("a UID");
        let chosen = program(
            bench.folder.path(),
            &[
                "info".into(),
                folder.into(),
                "--series".into(),
                uid.into(),
                "--json".into(),
            ],
        );
        assert_eq!(json(&chosen)["dims"], one["dims"], "{uid}");
    }
    let folder = folder.display();
    let output = bench.run(&format!("convert {folder} --series 1.2.3 -o OUT"));
    assert_refused(&output, "no series 1.2.3");
}

#[test]
fn prompted_results_are_masks_on_the_scans_grid() {
    let bench = Bench::new();
    for prompts in [
        "--click 10,9,6",
        "--box -12,5,101,8,22,125 --click -2,12,115 --world",
    ] {
        let line = format!("segment SCAN -o OUT {prompts} --modality ct --device cpu --json");
        let report = json(&bench.run(&line));
        assert_eq!(report["labels"][0]["value"], 1);
        assert!(report["seconds"].as_f64().is_some_and(|s| s > 0.0));
        assert!(
            report["device"]
                .as_str()
                .is_some_and(|d| d.starts_with("cpu"))
        );
        assert!(report["warnings"].is_array());
        let ctx = JobContext::silent();
        let (mask, ..) = open_labels(&bench.path("out.nii.gz"), &ctx).expect("a mask");
        assert_eq!(mask.grid, small_grid());
        assert!(mask.voxels.iter().all(|&v| v <= 1));
        let voxels = mask.foreground().count() as u64;
        assert_eq!(report["labels"][0]["voxels"], voxels);
    }
}

#[test]
fn whatever_is_not_zero_in_a_prior_belongs_to_the_target() {
    let bench = Bench::new();
    let grid = small_grid();
    let is_inside = |n: usize| {
        let [i, j, k] = grid.voxel_at(n).0;
        (6..14).contains(&i) && (5..13).contains(&j) && (3..9).contains(&k)
    };
    let mut answers = Vec::new();
    for inside in [1.0f32, -1.0, 0.5] {
        let voxels = (0..grid.len()).map(|n| if is_inside(n) { inside } else { 0.0 });
        let prior = ImageVolume::new(
            grid,
            VoxelData::F32(voxels.collect()),
            Rescale::IDENTITY,
            Modality::Mr,
        );
        save_image(&bench.path("prior.nii"), &prior).expect("a prior");
        let line = "segment SCAN -o OUT --prior prior.nii --click 10,9,6 --device cpu";
        assert_success(&bench.run(line));
        answers.push(fs::read(bench.path("out.nii.gz")).expect("a mask"));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[test]
fn the_name_of_the_model_in_the_box_is_taken() {
    let bench = Bench::new();
    let output = bench.run("models import SCAN --system sam --as prosector1");
    assert_refused(&output, "the model in the box");
}

#[test]
fn a_scan_without_structures_gives_an_empty_map_and_says_so() {
    let bench = Bench::new();
    let output = bench.run("segment SCAN -o OUT --auto --modality pet --device cpu --json");
    let report = json(&output);
    assert_eq!(report["labels"], serde_json::json!([]));
    assert!(text(&output.stderr).contains("the label map is empty"));
    assert!(bench.path("out.nii.gz").exists());
    let output = bench.run("segment SCAN -o OUT --auto --structures tail --device cpu");
    assert_refused(&output, "tail");
}

#[test]
fn the_demo_does_the_main_job_on_the_phantom() {
    let bench = Bench::new();
    let told = assert_success(&bench.run("demo --headless --device cpu -o shown"));
    for word in ["mandible", "one click", "a box", "screenshot.png"] {
        assert!(told.contains(word), "{told}");
    }
    for name in ["phantom", "truth", "automatic", "click", "box"] {
        let path = bench.path(&format!("shown/{name}.nii.gz"));
        assert!(path.exists(), "{}", path.display());
    }
    assert!(image::open(bench.path("shown/screenshot.png")).is_ok());
    assert_refused(&bench.run("demo --headless -o scan.nii"), "cannot be");
}
