//! `prosector teach --model` an imported nnU-Net: a structure that it does not know, one that it knows, what stays as it was,
//! and what cannot be taught. The models are recorded ones with random weights.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Output;

use prosector::geometry::Affine;
use prosector::io::{open_labels, save_image, save_labels};
use prosector::models::{ModelCard, Structure, Taught, TaughtStructure, Verdict};
use prosector::util::JobContext;
use prosector::volume::metrics::dice;
use prosector::volume::{Grid, ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData};
use serde_json::Value;

use crate::nnunet_folder::Place;
use crate::support::{assert_refused, program, said, started};
use crate::teaching::write_nothing;

const CT: &str = "models/Dataset901_Ct/nnUNetTrainer__nnUNetPlans__3d_fullres";
const TAUGHT: &str = "nodule.safetensors";

/// A place with a model `base`, and as many scans as asked for.
fn place(model: &str, scans: usize, modality: Modality) -> Option<Place> {
    let place = Place::new()?;
    let only_best = model.ends_with("Old");
    let options: &[&str] = if only_best {
        &["--checkpoint", "best"]
    } else {
        &[]
    };
    imported(&place, model, "base", options);
    for n in 0..scans {
        let (image, nodule) = scan(n, modality);
        let path = |name: &str| place.path().join(format!("{name}{n}.nii.gz"));
        save_image(&path("scan"), &image).unwrap();
        let mut table = LabelTable::default();
        table.add(1, "nodule");
        save_labels(&path("truth"), &nodule, &table).unwrap();
    }
    let case = |n: usize| {
        let modality = modality.name();
        format!(
            "[[case]]\nid = \"{n}\"\nimage = \"scan{n}.nii.gz\"\ntruth = \"truth{n}.nii.gz\"\n\
             modality = \"{modality}\"\nlabels = {{ 1 = \"nodule\" }}\n"
        )
    };
    let cases: String = (0..scans).map(case).collect();
    std::fs::write(place.path().join("cases.toml"), cases).unwrap();
    Some(place)
}

fn imported(place: &Place, model: &str, id: &str, options: &[&str]) {
    let named = [&["--as", id], options].concat();
    let output = place.import(&place.golden.join(model), &named);
    assert!(output.status.success(), "{}", said(&output));
}

/// Noise with a bright ball, the nodule, and a dark one, elsewhere in each of the first four.
pub fn scan(n: usize, modality: Modality) -> (ImageVolume, LabelMap) {
    let affine = Affine::from_spacing([1.1, 1.2, 2.0], [0.0; 3]);
    let grid = Grid::new([24, 22, 12], affine);
    let far = |is_far: bool| if is_far { 18.0 } else { 8.0 };
    let bright = [far(n % 2 == 1), far(n > 1), far(n % 2 == 1) - 1.0];
    let dark = bright.map(|mm| 25.0 - mm);
    let mut nodule = LabelMap::empty(grid);
    let mut noise = n as u32 + 1;
    let mut values = Vec::new();
    for v in 0..grid.len() {
        let at = grid.voxel_at(v).0;
        let spacing_mm = grid.spacing_mm();
        let is_in = |ball: [f64; 3]| {
            let squares = (0..3).map(|d| (at[d] as f64 * spacing_mm[d] - ball[d]).powi(2));
            squares.sum::<f64>() < 25.0
        };
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let tissue = match (is_in(bright), is_in(dark)) {
            (true, _) => 300,
            (_, true) => -200,
            _ => 60,
        };
        nodule.voxels[v] = u16::from(is_in(bright));
        values.push(tissue + (noise >> 27) as i16);
    }
    let voxels = VoxelData::I16(values);
    (
        ImageVolume::new(grid, voxels, Rescale::IDENTITY, modality),
        nodule,
    )
}

fn run(place: &Place, line: &str) -> Output {
    program(place.path(), &line.split_whitespace().collect::<Vec<_>>())
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", said(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn teach(place: &Place, more: &str) -> Output {
    let fixed = "teach --cases cases.toml --model base --device cpu -o nodule.safetensors";
    run(place, &format!("{fixed} {more}"))
}

/// What a model finds of some structures in a scan.
fn found_in(place: &Place, n: usize, model: &str, structures: &str) -> LabelMap {
    let line = format!(
        "segment scan{n}.nii.gz -o found.nii.gz --auto --device cpu --model {model} --structures {structures}"
    );
    let path = place.path().join("found.nii.gz");
    if path.exists() {
        std::fs::remove_file(&path).unwrap();
    }
    succeeded(&run(place, &line));
    open_labels(&path, &JobContext::silent()).unwrap().0
}

fn found(place: &Place, model: &str, structures: &str) -> LabelMap {
    found_in(place, 0, model, structures)
}

/// Dice of all that was found with the nodule of a scan.
pub fn agreement(found: &LabelMap, n: usize) -> f64 {
    let (_, truth) = scan(n, Modality::Ct);
    let inside = |labels: &LabelMap| -> Vec<u8> {
        labels.voxels.iter().map(|&v| u8::from(v != 0)).collect()
    };
    dice(&inside(found), &inside(&truth))
}

#[test]
fn an_nnunet_learns_a_new_structure_and_answers_for_the_others_as_before() {
    let Some(place) = place(CT, 4, Modality::Ct) else {
        return;
    };
    // So few channels take many steps.
    let more = "--structure nodule --method norm --steps 900 --folds 0 --unproven";
    succeeded(&teach(&place, more));
    let length = std::fs::metadata(place.path().join(TAUGHT)).unwrap().len();
    assert!(length < 200_000, "{length}");

    succeeded(&run(&place, &format!("models use {TAUGHT}")));
    let reached = agreement(&found(&place, "nodule", "nodule"), 0);
    assert!(reached > 0.6, "{reached}");
    let others = "liver,spleen,kidney";
    let of_base = found(&place, "base", others);
    assert!(of_base.voxels.iter().any(|&v| v != 0));
    assert!(of_base.voxels == found(&place, "nodule", others).voxels);

    // The same name, and one of the two folds only.
    std::fs::remove_dir_all(place.path().join("models")).unwrap();
    imported(&place, CT, "base", &["--folds", "0"]);
    assert_refused(
        &run(&place, &format!("models use {TAUGHT}")),
        "upon other weights of 'base'",
    );
}

#[test]
fn what_an_nnunet_knows_is_drawn_otherwise_after_a_lesson() {
    let Some(place) = place(CT, 4, Modality::Ct) else {
        return;
    };
    call_it_spleen(&place);
    let report = teach(
        &place,
        "--structure spleen --method norm --steps 300 --folds 2 --json",
    );
    let report: Value = serde_json::from_str(&succeeded(&report)).unwrap();
    assert_eq!(report["verdict"], "better", "{report}");
    let row = &report["measured"][0];
    let [before, after] = ["dice_before", "dice_after"].map(|key| row[key].as_f64().unwrap());
    assert!(after > 0.6 && after > before + 0.3, "{before} {after}");
}

/// What was drawn is a structure that the base knows.
fn call_it_spleen(place: &Place) {
    let cases = place.path().join("cases.toml");
    let text = std::fs::read_to_string(&cases).unwrap();
    std::fs::write(&cases, text.replace("\"nodule\"", "\"spleen\"")).unwrap();
}

/// Writes an adapter that finds a structure of the base and learnt nothing.
fn write_nothing_learnt(place: &Place, name: &str) {
    let text = std::fs::read_to_string(place.path().join("models/base/card.toml")).unwrap();
    let base: ModelCard = toml::from_str(&text).unwrap();
    assert!(base.structures.iter().any(|s: &Structure| s.name == name));
    let card = ModelCard {
        id: name.to_owned(),
        taught: Some(Taught {
            base: base.id.clone(),
            base_sha256: base.sha256.clone(),
            method: "norm".to_owned(),
            cases: 5,
            date: "2026-11-29".to_owned(),
            verdict: Verdict::Better,
            structure: Some(TaughtStructure {
                name: name.to_owned(),
                modality: Modality::Ct,
                spacing_mm: [1.0; 3],
                known_to_base: true,
                begins_as_target: false,
                prompts_itself: false,
            }),
            teacher: None,
            measured: Vec::new(),
        }),
        ..base
    };
    let bias = "0.0.0.decoder.seg_layers.1.bias:whole.0";
    write_nothing(&place.path().join(TAUGHT), &card, (bias, 4));
}

#[test]
fn a_known_structure_goes_on_exactly_from_where_the_base_is() {
    let Some(place) = place(CT, 2, Modality::Ct) else {
        return;
    };
    std::fs::remove_dir_all(place.path().join("models")).unwrap();
    imported(&place, CT, "base", &["--folds", "0"]);
    write_nothing_learnt(&place, "spleen");
    succeeded(&run(&place, &format!("models use {TAUGHT}")));
    for structures in ["spleen", "liver,kidney", "liver,spleen,kidney"] {
        let (base, taught) = (
            found(&place, "base", structures),
            found(&place, "spleen", structures),
        );
        assert!(base.voxels.iter().any(|&v| v != 0), "{structures}");
        assert!(base.voxels == taught.voxels, "{structures}");
    }
    // Before is what the base finds of it, not the mean shape.
    call_it_spleen(&place);
    let report = teach(
        &place,
        "--structure spleen --steps 1 --method norm --unproven --json",
    );
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    let before = report["measured"][0]["dice_before"].as_f64().unwrap();
    let of_base = [0, 1].map(|n| agreement(&found_in(&place, n, "base", "spleen"), n));
    assert!(
        (before - (of_base[0] + of_base[1]) / 2.0).abs() < 1e-6,
        "{before} {of_base:?}"
    );
}

#[test]
fn slices_and_turned_axes_are_taught_too_by_every_method() {
    let models = [
        ("models/Dataset903_Flat", "lora"),
        ("models/Dataset905_Old", "norm"),
        (CT, "adapter"),
        (CT, "head"),
    ];
    for (model, method) in models {
        let Some(place) = place(model, 2, Modality::Mr) else {
            return;
        };
        let more = format!("--structure nodule --steps 3 --unproven --json --method {method}");
        let output = teach(&place, &more);
        // Worse is never kept, and says so; anything else is a failure.
        let report: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
        assert_eq!(report["method"], method, "{}", said(&output));
        assert!(report["parameters"].as_u64().unwrap() > 20, "{report}");
    }
}

#[test]
fn a_lesson_of_an_nnunet_that_is_killed_goes_on_to_the_same_bytes() {
    let line = "teach --cases cases.toml --model base --device cpu -o nodule.safetensors --structure nodule --steps 20 --folds 2 --unproven";
    let (Some(whole), Some(killed)) = (place(CT, 2, Modality::Ct), place(CT, 2, Modality::Ct))
    else {
        return;
    };
    succeeded(&run(&whole, line));
    let mut child = started(killed.path(), &line.split(' ').collect::<Vec<_>>());
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let is_fold = |line: &String| line.starts_with("fold 1 of 2: Dice");
    assert!(lines.map_while(Result::ok).any(|line| is_fold(&line)));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!killed.path().join(TAUGHT).exists());
    succeeded(&run(&killed, &format!("{line} --resume")));
    let bytes = |place: &Place| std::fs::read(place.path().join(TAUGHT)).unwrap();
    assert!(bytes(&whole) == bytes(&killed), "the adapters differ");
}

#[test]
fn a_teacher_teaches_an_nnunet_on_scans_without_labels_too() {
    let Some(place) = place(CT, 2, Modality::Ct) else {
        return;
    };
    imported(&place, CT, "teacher", &[]);
    let cases = place.path().join("cases.toml");
    let text = std::fs::read_to_string(&cases).unwrap();
    std::fs::write(&cases, text.replace("truth = \"truth1.nii.gz\"\n", "")).unwrap();
    let of = |lambda: &str| {
        let more = format!(
            "--structure nodule --teacher teacher --teacher-structure liver --lambda {lambda} --steps 2 --unproven"
        );
        succeeded(&teach(&place, &more));
        let bytes = std::fs::read(place.path().join(TAUGHT)).unwrap();
        std::fs::remove_file(place.path().join(TAUGHT)).unwrap();
        let header = u64::from_le_bytes(bytes[..8].try_into().unwrap());
        bytes[8 + header as usize..].to_vec()
    };
    let (half, whole) = (of("0.5"), of("1"));
    assert!(half != whole, "lambda makes no difference");
}

fn refused(place: &Place, more: &str, reason: &str) {
    assert_refused(&teach(place, more), reason);
    assert!(!Path::new(&place.path().join(TAUGHT)).exists());
}

#[test]
fn what_cannot_be_taught_is_said_in_a_sentence() {
    let Some(ct) = place(CT, 1, Modality::Ct) else {
        return;
    };
    refused(&ct, "", "'base' takes no prompts: name the structure");
    for (model, reason) in [
        ("models/Dataset902_Mr", "takes 2 images of a patient"),
        (
            "models/Dataset904_Casc/nnUNetTrainerNoMirroring__nnUNetPlans__3d_cascade_fullres",
            "is a cascade of 2 networks",
        ),
    ] {
        let Some(place) = place(model, 1, Modality::Mr) else {
            return;
        };
        refused(&place, "--structure nodule", reason);
    }
    write_nothing_learnt(&ct, "spleen");
    succeeded(&run(&ct, &format!("models use {TAUGHT}")));
    std::fs::remove_file(ct.path().join(TAUGHT)).unwrap();
    let taught = "teach --cases cases.toml --model spleen --structure nodule -o nodule.safetensors";
    assert_refused(
        &run(&ct, taught),
        "was taught itself: teach its base 'base' again",
    );
}
