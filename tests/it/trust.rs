//! What a model says of its own answers: the Dice to expect, the like that it has seen, and where it is unsure.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use prosector::geometry::Affine;
use prosector::io::{OpenOptions, open_scan, save_image, save_labels};
use prosector::models::trust::{
    DiceCurve, Evidence, Example, Examples, Familiarity, Foretold, JudgedAnswer, Traits, Trust,
    log_odds, mean_absolute_error, share_of,
};
use prosector::models::{Certainty, ModelCard};
use prosector::util::JobContext;
use prosector::volume::phantom::phantom;
use prosector::volume::{Grid, ImageVolume, LabelTable, Modality, Rescale, VoxelData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(13)
}

/// An answer of a made-up model, whose Dice follows from what is measured, with a little chance.
fn made_up_answer(rng: &mut ChaCha8Rng, patient: usize) -> JudgedAnswer {
    let expected: f64 = rng.random_range(0.3..0.99);
    let contrast: f64 = rng.random_range(0.0..3.0);
    let mut traits = Traits::default();
    traits.add("expected_dice", log_odds(expected));
    traits.add("contrast", contrast);
    let chance = rng.random_range(-0.02..0.02);
    JudgedAnswer {
        dice: (true_dice(expected, contrast) + chance).clamp(0.0, 1.0),
        traits,
        patient: format!("patient {patient}"),
        domain: format!("hospital {}", patient % 3),
    }
}

fn true_dice(expected: f64, contrast: f64) -> f64 {
    share_of(0.5 * log_odds(expected) + 0.8 * contrast - 1.6)
}

#[test]
fn a_curve_learns_what_makes_answers_good() {
    let mut rng = rng();
    let answers: Vec<JudgedAnswer> = (0..400).map(|n| made_up_answer(&mut rng, n / 10)).collect();
    let curve = DiceCurve::fit(&answers.iter().collect::<Vec<_>>()).expect("answers");
    for (expected, contrast) in [(0.9, 0.2), (0.9, 2.8), (0.5, 1.5), (0.97, 1.0)] {
        let mut traits = Traits::default();
        traits.add("expected_dice", log_odds(expected));
        traits.add("contrast", contrast);
        let error = curve.expected(&traits) - true_dice(expected, contrast);
        assert!(error.abs() < 0.02, "{expected} {contrast}: {error}");
    }
    let foretold = Foretold::by_others(&answers, |a| &a.patient);
    assert_eq!(foretold.len(), answers.len());
    let learnt = mean_absolute_error(&foretold, |f| f.learnt).expect("answers");
    let before = mean_absolute_error(&foretold, |f| f.before).expect("answers");
    assert!(learnt < 0.02 && before > 0.1, "{learnt} {before}");
}

#[test]
fn a_measure_that_an_answer_lacks_counts_as_average() {
    let mut rng = rng();
    let answers: Vec<JudgedAnswer> = (0..200).map(|n| made_up_answer(&mut rng, n)).collect();
    let curve = DiceCurve::fit(&answers.iter().collect::<Vec<_>>()).expect("answers");
    let mean = |name: &str| {
        answers
            .iter()
            .filter_map(|a| a.traits.get(name))
            .sum::<f64>()
            / answers.len() as f64
    };
    let mut some = Traits::default();
    some.add("contrast", f64::NAN);
    some.add("expected_dice", 1.0);
    let mut all = some.clone();
    all.add("contrast", mean("contrast"));
    assert!((curve.expected(&some) - curve.expected(&all)).abs() < 1e-3);
    assert_eq!(DiceCurve::fit(&[]), None);
}

/// A look around `middle`.
fn look(rng: &mut ChaCha8Rng, middle: f32) -> Vec<f32> {
    (0..40)
        .map(|c| middle * c as f32 + rng.random_range(-1.0..1.0))
        .collect()
}

#[test]
fn what_is_unlike_the_known_is_strange() {
    let mut rng = rng();
    let mut looks = |count: usize, middle: f32| -> Vec<Vec<f32>> {
        (0..count).map(|_| look(&mut rng, middle)).collect()
    };
    let (known, alike, strange) = (looks(200, 0.1), looks(100, 0.1), looks(20, 0.3));
    let familiarity = Familiarity::learn(&known, &alike, 1.15).expect("looks");
    let strangers = |looks: &[Vec<f32>]| looks.iter().filter(|l| familiarity.is_strange(l)).count();
    assert!(strangers(&alike) <= 1, "{}", strangers(&alike));
    assert_eq!(strangers(&strange), strange.len());
    assert!(
        !familiarity.is_strange(&[0.0; 7]),
        "a look of another network cannot be judged"
    );
    assert!(Familiarity::learn(&known, &[], 1.15).is_none());
}

fn examples() -> Examples {
    let mut rng = rng();
    let mut some = |count: usize| -> Vec<Example> {
        (0..count)
            .map(|n| {
                let answer = made_up_answer(&mut rng, n / 5);
                Example {
                    evidence: Evidence {
                        traits: answer.traits,
                        look: look(&mut rng, 0.1),
                    },
                    dice: answer.dice,
                    patient: answer.patient,
                    domain: answer.domain,
                }
            })
            .collect()
    };
    Examples {
        known_targets: some(60),
        new_targets: some(60),
        ..Examples::default()
    }
}

fn card(sha256: &str) -> ModelCard {
    toml::from_str(&format!(
        "id = 'toy'\ntitle = 'Toy'\nsystem = 'prosector1'\ndescription = 'Nothing.'\n\
         weights = 'toy.bpk'\nsha256 = '{sha256}'\nautomatic = false\nclicks = true\nboxes = true\n",
    ))
    .expect("a card")
}

#[test]
fn what_was_learnt_holds_for_its_weights_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let card_path = folder.path().join("toy.toml");
    assert_eq!(
        Trust::beside(&card_path, &card("a1")).expect("no file"),
        None
    );

    let trust = Trust::learn("a1", &examples()).expect("examples");
    let path = Trust::path_beside(&card_path, &card("a1"));
    assert_eq!(path, folder.path().join("toy.trust.toml"));
    trust.save(&path).expect("a file");
    assert_eq!(
        Trust::beside(&card_path, &card("a1")).expect("a file"),
        Some(trust)
    );
    assert_eq!(
        Trust::beside(&card_path, &card("b2")).expect("a file"),
        None
    );

    std::fs::write(&path, "sha256 = 'a1'\n").expect("a file");
    let refusal = Trust::beside(&card_path, &card("a1")).expect_err("a damaged file");
    assert!(
        refusal.to_string().contains("calibrate the model again"),
        "{refusal}"
    );
}

#[test]
fn uncertainty_is_highest_where_in_and_out_are_equally_likely() {
    let region = Grid::new([4, 4, 4], Affine::from_spacing([2.0; 3], [10.0, 0.0, 0.0]));
    let logits: Vec<f32> = (0..64)
        .map(|v| if v % 4 < 2 { 20.0 } else { -20.0 })
        .collect();
    let certainty = Certainty::of_logits(region, &logits);
    let scan = Grid::new([30, 12, 9], Affine::from_spacing([1.0; 3], [0.0; 3]));
    let part = certainty.on(&scan).expect("the region lies in the scan");
    let whole = part.on_whole(&scan);
    assert_eq!(whole.len(), scan.len());
    // The border runs half-way between the second and the third of the region's voxels, at 13 mm.
    assert_eq!(whole[scan.offset(13, 3, 3)], 100);
    assert_eq!(whole[scan.offset(10, 3, 3)], 0);
    assert_eq!(whole[scan.offset(16, 3, 3)], 0);
    assert_eq!(whole[scan.offset(2, 3, 3)], 0, "not looked at");
    let unsure: Vec<usize> = part.offsets_above(90, &scan).collect();
    let expected: Vec<usize> = (0..whole.len()).filter(|&v| whole[v] >= 90).collect();
    assert!(!unsure.is_empty());
    assert_eq!(unsure, expected);
    let elsewhere = Grid::new([5; 3], Affine::from_spacing([1.0; 3], [500.0; 3]));
    assert!(certainty.on(&elsewhere).is_none());
}

/// A folder with the phantom, its lesion's truth, and the model in the box as files.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        };
        let made = phantom();
        save_image(&bench.path("ct.nii.gz"), &made.image).expect("the phantom");
        let mut truth = made.labels.clone();
        let lesion = |v: &u16| if *v == made.lesion { 1 } else { 0 };
        truth.voxels = truth.voxels.iter().map(lesion).collect();
        save_labels(&bench.path("truth.nii.gz"), &truth, &LabelTable::default())
            .expect("its truth");
        let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights");
        for name in ["prosector1.toml", "prosector1.bpk"] {
            std::fs::copy(weights.join(name), bench.path(name)).expect("the model in the box");
        }
        let case = |id: &str| {
            format!(
                "[[case]]\nid = '{id}'\nimage = 'ct.nii.gz'\ntruth = 'truth.nii.gz'\nmodality = 'ct'\n\
                 domain = '{id}'\nlabels = {{ 1 = 'lesion' }}\n"
            )
        };
        let cases = [case("one"), case("other")].concat();
        std::fs::write(bench.path("cases.toml"), cases).expect("a file of cases");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, line: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_prosector"))
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .output()
            .expect("the program starts")
    }

    fn succeed(&self, line: &str) -> String {
        let output = self.run(line);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {stderr}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Segments the phantom's lesion by its box; what `--json` says.
    fn segment(&self, model: &str) -> Value {
        let b = phantom().lesion_box();
        let corners: Vec<String> = b.min.iter().chain(&b.max).map(i64::to_string).collect();
        let line = format!(
            "segment ct.nii.gz -o out.nii.gz --uncertainty unsure.nii.gz --modality ct --device cpu --json \
             --model {model} --box {}",
            corners.join(",")
        );
        serde_json::from_str(&self.succeed(&line)).expect("JSON")
    }
}

fn warnings(report: &Value) -> String {
    report["warnings"].to_string()
}

#[test]
fn a_model_is_calibrated_on_cases_and_says_what_it_has_not_seen() {
    let bench = Bench::new();
    let before = bench.segment("prosector1.toml");
    assert!(!warnings(&before).contains("unlike anything"), "{before}");

    let line =
        "models calibrate prosector1.toml --cases cases.toml --known cases.toml --device cpu";
    let said = bench.succeed(line);
    assert!(said.starts_with("14 prompted answers"), "{said}");
    let after = bench.segment("prosector1.toml");
    assert!(!warnings(&after).contains("unlike anything"), "{after}");
    assert_ne!(after["predicted_dice"], before["predicted_dice"]);

    // The same file for a model that has seen nothing of the kind.
    let path = bench.path("prosector1.trust.toml");
    let text = std::fs::read_to_string(&path).expect("what was learnt");
    let mut table: toml::Table = toml::from_str(&text).expect("TOML");
    table["targets"]["limit"] = toml::Value::Float(0.0);
    std::fs::write(&path, table.to_string()).expect("a file");
    let strange = bench.segment("prosector1.toml");
    assert!(warnings(&strange).contains("unlike anything"), "{strange}");
}

#[test]
fn the_uncertainty_lies_on_the_scan_s_grid() {
    let bench = Bench::new();
    bench.segment("prosector1");
    let open = |name: &str| {
        let options = OpenOptions {
            modality: Some(Modality::Mr),
            ..OpenOptions::default()
        };
        let scan = open_scan(&bench.path(name), &options, &JobContext::silent());
        scan.expect("a volume").image
    };
    let (unsure, mask) = (open("unsure.nii.gz"), open("out.nii.gz"));
    assert_eq!(unsure.dtype(), "uint8");
    assert!(unsure.grid().is_same(phantom().image.grid(), 1e-3));
    let percent = |offset: usize| unsure.voxels().stored(offset);
    let all = 0..unsure.grid().len();
    assert!(all.clone().all(|v| percent(v) <= 100.0));
    let mean = |wanted: &dyn Fn(usize) -> bool| {
        let some: Vec<f64> = all.clone().filter(|&v| wanted(v)).map(percent).collect();
        some.iter().sum::<f64>() / some.len() as f64
    };
    let is_inside = |v: usize| mask.voxels().stored(v) != 0.0;
    let [ni, ..] = mask.grid().dims;
    let is_border = |v: usize| v > 0 && is_inside(v) != is_inside(v - 1) && !v.is_multiple_of(ni);
    assert!(
        mean(&is_border) > 20.0 + mean(&|_| true),
        "the border is where doubt is"
    );
    assert_eq!(percent(0), 0.0, "far from the lesion nothing was looked at");
}

#[test]
fn uncertainty_is_refused_before_work_and_where_a_model_has_none() {
    let bench = Bench::new();
    let line =
        "segment ct.nii.gz -o out.nii.gz --auto --modality ct --uncertainty missing/unsure.nii.gz";
    let output = bench.run(line);
    assert_eq!(output.status.code(), Some(1));
    assert!(!bench.path("out.nii.gz").exists());
}

#[test]
fn nothing_is_found_in_noise() {
    let bench = Bench::new();
    let grid = Grid::new(
        [96, 80, 72],
        Affine::from_spacing([3.0, 3.0, 3.0], [-100.0; 3]),
    );
    let mut rng = rng();
    let voxels = (0..grid.len())
        .map(|_| rng.random_range(-150..250))
        .collect();
    let noise = ImageVolume::new(
        grid,
        VoxelData::I16(voxels),
        Rescale::IDENTITY,
        Modality::Ct,
    );
    save_image(&bench.path("noise.nii.gz"), &noise).expect("noise");
    let line = "segment noise.nii.gz -o out.nii.gz --auto --modality ct --device cpu --json";
    let report: Value = serde_json::from_str(&bench.succeed(line)).expect("JSON");
    assert_eq!(report["labels"], serde_json::json!([]), "{report}");
    assert!(
        warnings(&report).contains("no structure that the model knows was found"),
        "{report}"
    );
}
