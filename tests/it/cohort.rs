//! A cohort in parts: processes that fill files together, killed and gone on with, and what they measured put together.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use prosector::io::{OpenOptions, open_scan, save_image};
use prosector::util::JobContext;
use prosector::volume::{ImageVolume, Rescale, VoxelData};
use serde_json::Value;

use crate::nnunet_folder::Place;
use crate::support::{assert_refused, program, said};

/// The smallest network there is: a tenth of a second a scan.
const MODEL: &str = "models/Dataset904_Casc/nnUNetTrainerNoMirroring__nnUNetPlans__3d_lowres";
const CASES: usize = 7;
const PATIENCE: Duration = Duration::from_secs(300);

/// A folder with the model, as many scans that differ, one truth, and the file of cases.
fn cohort() -> Option<Place> {
    let place = Place::new()?;
    let output = place.import(&place.golden.join(MODEL), &["--as", "small"]);
    assert!(output.status.success(), "{}", said(&output));
    let (at, cases) = (place.path(), place.golden.join("cases"));
    let options = OpenOptions::default();
    let scan = open_scan(
        &cases.join("casc_0000.nii.gz"),
        &options,
        &JobContext::silent(),
    );
    let image = scan.expect("a scan").image;
    fs::copy(cases.join("casc_fullres.nii.gz"), at.join("truth.nii.gz")).expect("a truth");
    let mut list = String::new();
    for n in 0..CASES {
        // Another scan, of which something else is found.
        let value = |offset: usize| (image.value(offset) + 40.0 * n as f64) as i16;
        let voxels = VoxelData::I16((0..image.grid().len()).map(value).collect());
        let moved = ImageVolume::new(*image.grid(), voxels, Rescale::IDENTITY, image.modality());
        save_image(&at.join(format!("{n}.nii.gz")), &moved).expect("a scan");
        list.push_str(&format!(
            "[[case]]\nid = 'p{n}'\nimage = '{n}.nii.gz'\ntruth = 'truth.nii.gz'\nmodality = 'ct'\n\
             domain = 'site-{}'\n",
            n % 2
        ));
    }
    fs::write(at.join("cases.toml"), list).expect("a file of cases");
    Some(place)
}

const EVALUATE: &str = "evaluate --cases cases.toml --protocol auto --model small --device cpu";

fn run(place: &Place, line: &str) -> Output {
    let words: Vec<&str> = line.split_whitespace().collect();
    program(place.path(), &words)
}

fn succeed(place: &Place, line: &str) -> String {
    let output = run(place, line);
    assert!(output.status.success(), "{line}: {}", said(&output));
    String::from_utf8(output.stdout).expect("text")
}

/// The script for SLURM as a node runs it: a part of three.
fn part(place: &Place, number: usize, words: &str) -> Child {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/cohort.slurm");
    Command::new("bash")
        .arg(script)
        .args(words.split_whitespace())
        .current_dir(place.path())
        .env("PROSECTOR", env!("CARGO_BIN_EXE_prosector"))
        .env("PROSECTOR_MODELS", place.path().join("models"))
        .env("XDG_RUNTIME_DIR", place.path())
        .env("SLURM_ARRAY_TASK_ID", number.to_string())
        .env("SLURM_ARRAY_TASK_COUNT", "3")
        .env("SLURM_CPUS_PER_TASK", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bash starts")
}

fn ended_well(child: Child) {
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", said(&output));
}

/// The finished cases in a part's file: number and seconds.
fn finished(file: &Path) -> Vec<(i64, f64)> {
    let Ok(text) = fs::read_to_string(file) else {
        return Vec::new();
    };
    let table: toml::Table = toml::from_str(&text).expect("whole at any time");
    let cases = table.get("case").and_then(toml::Value::as_array);
    let of = |case: &toml::Value| {
        let number = case["number"].as_integer().expect("a number");
        (number, case["seconds"].as_float().expect("seconds"))
    };
    cases
        .map(|cases| cases.iter().map(of).collect())
        .unwrap_or_default()
}

/// Starts a part and kills it when it has finished a case and not all of them.
fn killed(place: &Place, file: &Path, words: &str) -> Vec<(i64, f64)> {
    for _ in 0..5 {
        let mut child = part(place, 1, words);
        let start = Instant::now();
        while finished(file).is_empty() {
            assert!(start.elapsed() < PATIENCE, "nothing was finished");
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        let done = finished(file);
        if done.len() < CASES.div_ceil(3) {
            return done;
        }
        // It was quicker than we were.
        fs::remove_file(file).expect("it is there");
    }
    panic!("a part was never caught in the middle");
}

#[cfg(unix)]
#[test]
fn parts_that_were_killed_and_went_on_give_the_table_of_one_run() {
    let Some(place) = cohort() else { return };
    let words = "evaluate cases.toml parts --protocol auto --model small --device cpu";
    let files: Vec<PathBuf> = (1..=3)
        .map(|n| place.path().join(format!("parts/part-{n}.toml")))
        .collect();
    let others = [part(&place, 2, words), part(&place, 3, words)];
    let before = killed(&place, &files[0], words);
    others.into_iter().for_each(ended_well);
    let all = "evaluate --merge parts/part-1.toml parts/part-2.toml parts/part-3.toml";
    assert_refused(
        &run(&place, all),
        "its cases are not done yet; run part 1/3 again",
    );

    // What is finished is not done again: its scan may be away.
    let scan = place.path().join(format!("{}.nii.gz", before[0].0));
    let away = place.path().join("away");
    fs::rename(&scan, &away).expect("it is there");
    ended_well(part(&place, 1, words));
    fs::rename(&away, &scan).expect("it is there");
    let after = finished(&files[0]);
    assert_eq!(after.len(), 3, "{after:?}");
    assert_eq!(after[..before.len()], before, "as it was");

    let whole = succeed(&place, &format!("{EVALUATE} --by domain --json"));
    // In any order.
    let parts =
        "evaluate --merge parts/part-3.toml parts/part-1.toml parts/part-2.toml --by domain --json";
    assert_eq!(succeed(&place, parts), whole, "to the last digit");
    assert_eq!(succeed(&place, all), succeed(&place, EVALUATE));
    let report: Value = serde_json::from_str(&whole).expect("JSON");
    let rows = report["cases"].as_array().expect("rows");
    assert!(rows.len() >= CASES && report["groups"]["site-1"].is_object());
    let dice: std::collections::BTreeSet<String> =
        rows.iter().map(|r| r["dice"].to_string()).collect();
    assert!(dice.len() >= CASES, "the cases differ: {dice:?}");
}

#[test]
fn only_the_parts_of_one_run_are_put_together() {
    let Some(place) = cohort() else { return };
    for n in 1..=2 {
        succeed(&place, &format!("{EVALUATE} --shard {n}/2 -o {n}.toml"));
    }
    let refused = |line: &str, reason: &str| assert_refused(&run(&place, line), reason);
    refused("evaluate --merge 2.toml", "parts are missing: 1/2");
    refused(
        "evaluate --merge 1.toml 2.toml 1.toml",
        "1.toml: is part 1/2, which 1.toml is too",
    );
    succeed(
        &place,
        &format!("{EVALUATE} --tolerance-mm 3 --shard 2/2 -o other.toml"),
    );
    refused(
        "evaluate --merge 1.toml other.toml",
        "other.toml: is a part of another run",
    );
    succeed(&place, &format!("{EVALUATE} --shard 8/8 -o empty.toml"));
    refused(
        "evaluate --merge 1.toml empty.toml",
        "is one of 8 parts, not of 2",
    );
    refused(
        "evaluate --merge cases.toml",
        "is not what a part of a run wrote",
    );
    refused("evaluate --merge 1.toml away.toml", "away.toml");

    // A file that holds something else is kept.
    let kept = fs::read(place.path().join("1.toml")).expect("it is there");
    refused(
        &format!("{EVALUATE} --shard 2/2 -o 1.toml"),
        "holds results of part 1/2",
    );
    refused(
        &format!("{EVALUATE} --steps 3 --shard 1/2 -o 1.toml"),
        "holds results of another run",
    );
    refused(
        &format!("{EVALUATE} --shard 1/2 -o cases.toml"),
        "cases.toml",
    );
    assert_eq!(
        fs::read(place.path().join("1.toml")).expect("it is there"),
        kept
    );
    for shard in ["0/3", "4/3", "1", "1/0", "a/b"] {
        let output = run(&place, &format!("{EVALUATE} --shard {shard} -o x.toml"));
        assert_eq!(output.status.code(), Some(2), "{shard}");
    }
    assert_eq!(
        run(&place, &format!("{EVALUATE} --shard 1/3"))
            .status
            .code(),
        Some(2)
    );
}

#[cfg(unix)]
#[test]
fn a_folder_is_filled_by_parts_and_by_whoever_comes_after() {
    let Some(place) = cohort() else { return };
    // One that cannot be read is in nobody's way, and is told.
    let broken = place.path().join("4.nii.gz");
    let scan = fs::read(&broken).expect("a scan");
    fs::write(&broken, &scan[..scan.len() / 2]).expect("it can be written");
    let words = "segment cases.toml found --model small --device cpu";
    let parts: Vec<Output> = (1..=3)
        .map(|n| part(&place, n, words))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|child| child.wait_with_output().expect("it ends"))
        .collect();
    let told = said(&parts[1]);
    assert!(
        told.contains("1 of 2 cases could not be segmented, the first one, p4"),
        "{told}"
    );
    assert!(parts[0].status.success() && parts[2].status.success());

    let all = "segment cases.toml -o found --auto --model small --device cpu";
    assert_refused(&run(&place, all), "1 of 7 cases could not be segmented");
    fs::write(&broken, &scan).expect("it can be written");
    let report: Value =
        serde_json::from_str(&succeed(&place, &format!("{all} --json"))).expect("JSON");
    assert_eq!(
        (
            &report["segmented"],
            report["cases"].as_array().map(Vec::len)
        ),
        (&1.into(), Some(7))
    );
    assert!(
        report["cases"][4]["labels"][0]["voxels"]
            .as_u64()
            .is_some_and(|n| n > 0)
    );
    assert!(succeed(&place, all).contains("7 cases, 0 of them segmented now"));
    // As one command gives it.
    succeed(
        &place,
        "segment 5.nii.gz -o alone.nii.gz --auto --model small --modality ct --device cpu",
    );
    let bytes = |name: &str| fs::read(place.path().join(name)).expect("it is there");
    assert_eq!(bytes("found/p5.nii.gz"), bytes("alone.nii.gz"));

    let refused = |line: &str, reason: &str| assert_refused(&run(&place, line), reason);
    refused(
        "segment cases.toml -o found --auto --device cpu",
        "it holds results of another run",
    );
    refused(
        "segment cases.toml -o . --auto --model small --device cpu",
        "files that are not of this run",
    );
    let usage = |line: &str| assert_eq!(run(&place, line).status.code(), Some(2), "{line}");
    usage("segment cases.toml -o x --click 1,2,3");
    usage("segment 5.nii.gz -o x.nii.gz --auto --shard 1/2");
    usage("segment cases.toml -o x --auto --uncertainty u.nii.gz");
}
