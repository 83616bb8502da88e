//! The automatic path outside the field of its model: scans too large, of no patient, or of other parts of the body.

use std::path::Path;
use std::process::{Command, Output};

use prosector::geometry::{Affine, VoxelIndex};
use prosector::io::save_image;
use prosector::models::trust::anatomy::{may_be_there, remove_misplaced};
use prosector::models::{DeviceChoice, ModelCard, PromptedResult, ScanKey, Structure, open_model};
use prosector::prompt::{Asked, Click, Polarity, PromptSet, TargetSize, correcting_click};
use prosector::util::JobContext;
use prosector::volume::metrics::Overlap;
use prosector::volume::phantom::phantom;
use prosector::volume::{Grid, ImageVolume, LabelMap, Mask, Modality, Rescale, VoxelData};
use serde_json::Value;

fn card() -> ModelCard {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/prosector1.toml");
    toml::from_str(&std::fs::read_to_string(path).expect("the card")).expect("a card")
}

fn structures_in(card: &ModelCard, modality: Modality) -> Vec<&Structure> {
    let known = card.structures.iter();
    known.filter(|s| s.is_known_in(modality)).collect()
}

/// Names of the structures that remain of labels on the whole of a scan.
fn remaining(image: &ImageVolume, labels: &LabelMap) -> Vec<String> {
    let card = card();
    let sought = structures_in(&card, image.modality());
    let mut labels = labels.clone();
    remove_misplaced(image, &mut labels, VoxelIndex([0; 3]), &sought);
    let counts = labels.counts();
    let kept = sought
        .iter()
        .filter(|s| counts.iter().any(|c| c.0 == s.value));
    kept.map(|s| s.name.clone()).collect()
}

/// The organs of the phantom's truth.
fn organs() -> (ImageVolume, LabelMap) {
    let made = phantom();
    let mut labels = made.labels;
    let is_organ = |v: u16| (1..=7).contains(&v);
    labels
        .voxels
        .iter_mut()
        .filter(|v| !is_organ(**v))
        .for_each(|v| *v = 0);
    (made.image, labels)
}

#[test]
fn organs_in_their_places_are_believed() {
    let (image, labels) = organs();
    let there: Vec<String> = structures_in(&card(), Modality::Ct)
        .iter()
        .filter(|s| labels.counts().iter().any(|c| c.0 == s.value))
        .map(|s| s.name.clone())
        .collect();
    assert!(there.len() >= 5, "{there:?}");
    assert_eq!(remaining(&image, &labels), there);
}

#[test]
fn organs_in_each_other_s_places_are_not() {
    let (image, mut labels) = organs();
    // Each in the place of another: right and left changed, brainstem and larynx changed.
    let moved = |v: u16| match v {
        1 => 6,
        6 => 1,
        3 => 4,
        4 => 3,
        other => other,
    };
    labels.voxels.iter_mut().for_each(|v| *v = moved(*v));
    let kept = remaining(&image, &labels);
    for name in ["brainstem", "larynx", "right_parotid", "left_parotid"] {
        assert!(!kept.iter().any(|k| k == name), "{name} in {kept:?}");
    }
}

#[test]
fn two_organs_are_no_evidence_of_a_head() {
    let (image, mut two) = organs();
    two.voxels
        .iter_mut()
        .filter(|v| ![1, 2].contains(*v))
        .for_each(|v| *v = 0);
    assert!(remaining(&image, &two).is_empty());
    let card = card();
    let sought: Vec<&str> = structures_in(&card, Modality::Ct)
        .iter()
        .map(|s| s.name.as_str())
        .collect();
    assert!(!may_be_there(
        Modality::Ct,
        &sought,
        &["brainstem", "spinal_cord"]
    ));
    assert!(may_be_there(
        Modality::Ct,
        &sought,
        &["brainstem", "spinal_cord", "larynx"]
    ));
    assert!(
        may_be_there(Modality::Ct, &["spinal_cord"], &["spinal_cord"]),
        "alone on its card"
    );
    assert!(
        may_be_there(Modality::Ct, &sought, &["liver"]),
        "of no known region"
    );
}

/// A T1 scan of two ellipsoids end to end, darker than what is around them, of this size, and their labels.
fn hippocampus(scale: f64, contrast: f64) -> (ImageVolume, LabelMap) {
    let grid = Grid::new([48, 64, 48], Affine::from_spacing([1.0; 3], [0.0; 3]));
    let part = |offset: usize| -> u16 {
        let at = grid.voxel_at(offset).0.map(|v| v as f64);
        let is_in = |centre: [f64; 3], half: [f64; 3]| {
            let squares = (0..3).map(|d| ((at[d] - centre[d]) / (half[d] * scale)).powi(2));
            squares.sum::<f64>() <= 1.0
        };
        // Anterior and a little lower; then posterior.
        match () {
            () if is_in([24.0, 24.0 + 10.0 * scale, 22.0], [9.0, 7.5, 5.5]) => 8,
            () if is_in(
                [24.0, 24.0 - 8.0 * scale, 22.0 + 6.0 * scale],
                [7.0, 12.0, 6.0],
            ) =>
            {
                9
            }
            () => 0,
        }
    };
    let labels: Vec<u16> = (0..grid.len()).map(part).collect();
    let value = |(offset, &label): (usize, &u16)| {
        let texture = 30.0 * ((offset * 7919 % 100) as f64 / 50.0 - 1.0);
        let tissue = if label == 0 {
            100.0 + 2.0 * texture
        } else {
            100.0 + contrast + 0.8 * texture
        };
        tissue as i16
    };
    let voxels = VoxelData::I16(labels.iter().enumerate().map(value).collect());
    let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Mr);
    let labels = LabelMap {
        grid,
        voxels: labels,
    };
    (image, labels)
}

#[test]
fn a_hippocampus_is_believed_by_its_parts_its_size_and_its_darkness() {
    let both = ["anterior_hippocampus", "posterior_hippocampus"];
    let (image, labels) = hippocampus(1.0, -20.0);
    assert_eq!(remaining(&image, &labels), both);
    for (scale, contrast) in [(1.6, -20.0), (0.5, -20.0), (1.0, 60.0), (1.0, -120.0)] {
        let (image, labels) = hippocampus(scale, contrast);
        assert!(remaining(&image, &labels).is_empty(), "{scale} {contrast}");
    }
    let (image, mut alone) = hippocampus(1.0, -20.0);
    alone
        .voxels
        .iter_mut()
        .filter(|v| **v == 9)
        .for_each(|v| *v = 0);
    assert!(remaining(&image, &alone).is_empty(), "one part alone");
    let (image, mut turned) = hippocampus(1.0, -20.0);
    turned
        .voxels
        .iter_mut()
        .filter(|v| **v > 0)
        .for_each(|v| *v = 17 - *v);
    assert!(remaining(&image, &turned).is_empty(), "back to front");
}

/// Runs `segment --auto` on a scan; its output, and whether a file was written.
fn auto(image: &ImageVolume) -> (Output, bool) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (scan, out) = (
        folder.path().join("scan.nii.gz"),
        folder.path().join("out.nii.gz"),
    );
    save_image(&scan, image).expect("a scan");
    let output = Command::new(env!("CARGO_BIN_EXE_prosector"))
        .args([
            "segment",
            "--auto",
            "--device",
            "cpu",
            "--json",
            "--modality",
        ])
        .arg(image.modality().name())
        .arg(&scan)
        .arg("-o")
        .arg(&out)
        .output()
        .expect("the program starts");
    (output, out.exists())
}

fn scan(dims: [usize; 3], spacing_mm: [f64; 3], modality: Modality) -> ImageVolume {
    let grid = Grid::new(dims, Affine::from_spacing(spacing_mm, [0.0; 3]));
    let voxels = VoxelData::I16((0..grid.len()).map(|v| (v * 7919 % 400) as i16).collect());
    ImageVolume::new(grid, voxels, Rescale::IDENTITY, modality)
}

#[test]
fn a_scan_larger_than_any_patient_is_refused_by_its_spacing() {
    // Micrometres that are taken for millimetres: 6 x 6 x 16 m.
    for modality in [Modality::Mr, Modality::Ct] {
        let (output, written) = auto(&scan([64, 64, 32], [97.6, 97.6, 500.0], modality));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{text}");
        assert!(text.contains("spacing of 97.6 x 97.6 x 500 mm"), "{text}");
        assert!(text.contains("micrometres") && !written, "{text}");
    }
}

#[test]
fn a_whole_body_at_a_fine_spacing_is_refused_before_it_is_searched() {
    let whole_body = scan([150, 84, 630], [3.0, 3.0, 3.0], Modality::Mr);
    let (output, written) = auto(&whole_body);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("450 x 252 x 1890 mm") && text.contains("crop it"),
        "{text}"
    );
    assert!(!written);
}

#[test]
fn that_nothing_is_found_is_said_once() {
    let (output, written) = auto(&scan([64, 60, 40], [4.0, 4.0, 3.0], Modality::Ct));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["labels"], serde_json::json!([]), "{report}");
    let warnings = report["warnings"].to_string();
    assert_eq!(warnings.matches("found").count(), 1, "{warnings}");
    assert!(written, "an empty map");
}

#[test]
fn a_box_alone_around_a_known_organ_gives_what_is_found_without_a_prompt() {
    let made = phantom();
    let model = open_model(None, DeviceChoice::Cpu).expect("the model in the box");
    let asked = |value: u16, clicks: Vec<Click>| {
        let target_box = made.labels.mask_of(value).bounds();
        let prompts = PromptSet {
            clicks,
            target_box,
            ..PromptSet::default()
        };
        let silent = JobContext::silent();
        let answer = model.segment_prompted(&made.image, ScanKey(1), &prompts, None, &silent);
        answer.expect("an answer")
    };
    let is_taken_for = |answer: &PromptedResult, name: &str| {
        let said = format!("taken for the {name}");
        answer.warnings.iter().any(|w| w.contains(&said))
    };
    let card = card();
    let known = structures_in(&card, Modality::Ct);
    let mandible = known.iter().find(|s| s.name == "mandible");
    let value = mandible.expect("a mandible is known").value;
    let all = model.segment_auto(&made.image, ScanKey(1), None, &JobContext::silent());
    let by_itself = all.expect("organs").labels.mask_of(value);
    let boxed = asked(value, Vec::new());
    assert!(is_taken_for(&boxed, "mandible"), "{:?}", boxed.warnings);
    let same = Overlap::between(&boxed.mask.voxels, &by_itself.voxels).dice();
    // The windows lie otherwise, so that it is not the same to the voxel.
    assert!(same > 0.8, "{same}");
    let within = made.labels.mask_of(value).voxels;
    let at = (0..within.len())
        .find(|&v| within[v] != 0)
        .expect("a voxel");
    let click = Click {
        voxel: made.image.grid().voxel_at(at),
        polarity: Polarity::Positive,
    };
    let pointed_at = asked(value, vec![click]);
    assert!(
        !is_taken_for(&pointed_at, "mandible"),
        "a click says what is meant"
    );
    let lesion = asked(made.lesion, Vec::new());
    assert!(!lesion.warnings.iter().any(|w| w.contains("taken for")));
}

#[test]
fn a_lone_click_into_a_known_organ_gives_it_and_later_clicks_change_what_is_near_them() {
    let made = phantom();
    let model = open_model(None, DeviceChoice::Cpu).expect("the model in the box");
    let asked = |clicks: &[Click], prior: Option<&Mask>, size: TargetSize| {
        let prompts = PromptSet {
            clicks: clicks.to_vec(),
            ..PromptSet::default()
        };
        let asked = Asked {
            size,
            ..Asked::of(&prompts, prior)
        };
        let silent = JobContext::silent();
        let answer = model.segment_asked(&made.image, ScanKey(1), &asked, &silent);
        answer.expect("an answer")
    };
    let is_taken =
        |answer: &PromptedResult| answer.warnings.iter().any(|w| w.contains("taken for"));
    let click = |voxel, polarity| Click { voxel, polarity };
    let card = card();
    let known = structures_in(&card, Modality::Ct);
    let mandible = known.iter().find(|s| s.name == "mandible");
    let truth = made.labels.mask_of(mandible.expect("it is known").value);
    let middle = correcting_click(&Mask::empty(truth.grid), &truth).expect("its middle");
    let by_click = asked(&[middle], None, TargetSize::Any);
    assert!(is_taken(&by_click), "{:?}", by_click.warnings);
    assert_eq!(by_click.structure.as_deref(), Some("mandible"));
    let whole = Overlap::between(&by_click.mask.voxels, &truth.voxels).dice();
    assert!(whole > 0.6, "{whole}");
    assert!(
        !is_taken(&asked(&[middle], None, TargetSize::Small)),
        "something small"
    );
    let lesion = [click(made.lesion_click(), Polarity::Positive)];
    let found = asked(&lesion, None, TargetSize::Any);
    assert!(!is_taken(&found) && found.structure.is_none());

    let grid = truth.grid;
    let bounds = by_click.mask.bounds().expect("an organ");
    let left = |v: usize| grid.voxel_at(v).0[0];
    let is_last = |&v: &usize| by_click.mask.voxels[v] != 0 && left(v) == bounds.max[0];
    let last = (0..grid.len()).find(is_last).expect("a voxel at the end");
    let mistaken = click(grid.voxel_at(last), Polarity::Negative);
    let later = asked(&[middle, mistaken], Some(&by_click.mask), TargetSize::Any);
    assert_eq!(later.mask.voxels[last], 0, "as the click says");
    assert_eq!(later.structure.as_deref(), Some("mandible"), "still");
    let changed = (0..grid.len()).filter(|&v| later.mask.voxels[v] != by_click.mask.voxels[v]);
    let furthest = changed.map(|v| bounds.max[0] - left(v)).max();
    let length = bounds.size()[0] as i64;
    assert!(
        furthest.is_some_and(|f| f < length / 3),
        "{furthest:?} of {length}"
    );
}
