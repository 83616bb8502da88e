//! The weights in the box find what they found when they were chosen, on patients that they were not trained on; random
//! weights of the same shape do not.

use std::path::Path;
use std::sync::Arc;

use burn::module::Module as _;
use burn::tensor::Device;
use prosector::io::{OpenOptions, open_labels, open_scan};
use prosector::models::checkpoint::{TensorFile, WeightMap};
use prosector::models::prosector1::{NetConfig, ProsectorNet};
use prosector::models::{
    DeviceChoice, ModelCard, ScanKey, Segmenter, StoredModel, open_model, system_named,
};
use prosector::prompt::{Asked, PromptSet, correcting_click};
use prosector::util::JobContext;
use prosector::volume::metrics::dice;
use prosector::volume::{ImageVolume, LabelMap, Mask, Modality};
use sha2::{Digest as _, Sha256};

use crate::support::{assert_refused, program, said, shared};

/// A validation patient of `assets/splits.toml`: where the scan and the truth lie, and the least Dice. What the weights of
/// version 1 reach is behind each. A box that is filled with an ellipsoid stays below.
struct Patient {
    scan: &'static str,
    truth: &'static str,
    modality: Modality,
    /// Of the automatic path: mean over these values of the truth, which have these names on the card.
    auto: Option<(&'static [(u16, &'static str)], f64)>,
    /// Of the tight box of a value of the truth.
    boxed: Option<(u16, f64)>,
    /// Of a click in the middle of a value of the truth.
    clicked: Option<(u16, f64)>,
    /// Of that click for a label that has the structure's name.
    named: Option<(u16, &'static str, f64)>,
}

const HIPPOCAMPUS: &[(u16, &str)] = &[(1, "anterior_hippocampus"), (2, "posterior_hippocampus")];

const PATIENTS: [Patient; 4] = [
    Patient {
        scan: "head_neck/pt_109_ct.nii.gz",
        truth: "head_neck/pt_109_oar.nii.gz",
        modality: Modality::Ct,
        // 0.70.
        auto: Some((
            &[
                (1, "brainstem"),
                (2, "spinal_cord"),
                (3, "right_parotid"),
                (4, "left_parotid"),
                (5, "esophagus"),
                (6, "larynx"),
                (7, "mandible"),
            ],
            0.62,
        )),
        // The mandible, which is found without a prompt: 0.79, the ellipsoid 0.20.
        boxed: Some((7, 0.7)),
        // The mandible again: 0.76, 0.33 if it were not known.
        clicked: Some((7, 0.65)),
        // 0.62, and 0.35 without the name.
        named: Some((5, "esophagus", 0.5)),
    },
    Patient {
        scan: "hippocampus/images/hippocampus_195.nii.gz",
        truth: "hippocampus/labels/hippocampus_195.nii.gz",
        modality: Modality::Mr,
        // 0.90.
        auto: Some((HIPPOCAMPUS, 0.85)),
        // The posterior part, which is found without a prompt: 0.90, the ellipsoid 0.48.
        boxed: Some((2, 0.82)),
        // The anterior part, which is found without a prompt: 0.91.
        clicked: Some((1, 0.82)),
        named: None,
    },
    Patient {
        scan: "hippocampus/images/hippocampus_199.nii.gz",
        truth: "hippocampus/labels/hippocampus_199.nii.gz",
        modality: Modality::Mr,
        auto: Some((HIPPOCAMPUS, 0.8)),
        boxed: None,
        clicked: None,
        named: None,
    },
    Patient {
        scan: "sarcoma/STS_041/MR_T1_image.nii.gz",
        truth: "sarcoma/STS_041/MR_T1_mask.nii.gz",
        modality: Modality::Mr,
        auto: None,
        // The tumour: 0.82, the ellipsoid 0.66.
        boxed: Some((1, 0.75)),
        // 0.85.
        clicked: Some((1, 0.75)),
        named: None,
    },
];

/// What was measured, the Dice, and the least.
type Row = (String, f64, f64);

/// One patient before one model.
struct Session<'a> {
    model: &'a dyn Segmenter,
    key: ScanKey,
    image: ImageVolume,
    truth: LabelMap,
}

impl Session<'_> {
    fn automatic(&self, names: &[(u16, &str)]) -> f64 {
        let silent = JobContext::silent();
        let found = self
            .model
            .segment_auto(&self.image, self.key, None, &silent);
        let found = found.expect("a result");
        let of = |&(value, name): &(u16, &str)| {
            let own = found.table.by_name(name).map(|label| label.value);
            let mask = own.map(|own| found.labels.mask_of(own));
            mask.map_or(0.0, |mask| {
                dice(&mask.voxels, &self.truth.mask_of(value).voxels)
            })
        };
        names.iter().map(of).sum::<f64>() / names.len() as f64
    }

    fn prompted(&self, value: u16, prompts: impl FnOnce(&Mask) -> PromptSet) -> f64 {
        self.asked(value, Asked::of(&prompts(&self.truth.mask_of(value)), None))
    }

    fn named(&self, value: u16, name: &str) -> f64 {
        let prompts = middle(&self.truth.mask_of(value));
        let asked = Asked {
            called: Some(name.to_owned()),
            ..Asked::of(&prompts, None)
        };
        self.asked(value, asked)
    }

    fn asked(&self, value: u16, asked: Asked) -> f64 {
        let silent = JobContext::silent();
        let found = self
            .model
            .segment_asked(&self.image, self.key, &asked, &silent);
        let found = found.expect("a result").mask;
        dice(&found.voxels, &self.truth.mask_of(value).voxels)
    }
}

fn tight_box(truth: &Mask) -> PromptSet {
    PromptSet {
        target_box: truth.bounds(),
        ..PromptSet::default()
    }
}

fn middle(truth: &Mask) -> PromptSet {
    let nothing = Mask::empty(truth.grid);
    PromptSet {
        clicks: Vec::from_iter(correcting_click(&nothing, truth)),
        ..PromptSet::default()
    }
}

/// All that is measured of a model; `None` where the patients are not there.
fn measured(model: &dyn Segmenter) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    for (number, patient) in PATIENTS.iter().enumerate() {
        let file = |name: &str| shared(&format!("data/train/{name}"));
        let (scan, truth) = (file(patient.scan)?, file(patient.truth)?);
        let options = OpenOptions {
            modality: Some(patient.modality),
            ..OpenOptions::default()
        };
        let silent = JobContext::silent();
        let session = Session {
            model,
            key: ScanKey(number as u64),
            image: open_scan(&scan, &options, &silent).expect("a scan").image,
            truth: open_labels(&truth, &silent).expect("its truth").0,
        };
        let mut row = |what: &str, dice: f64, least: f64| {
            rows.push((format!("{} {what}", patient.scan), dice, least));
        };
        if let Some((names, least)) = patient.auto {
            row("automatic", session.automatic(names), least);
        }
        if let Some((value, least)) = patient.boxed {
            row("box", session.prompted(value, tight_box), least);
        }
        if let Some((value, least)) = patient.clicked {
            row("click", session.prompted(value, middle), least);
        }
        if let Some((value, name, least)) = patient.named {
            row("click for its name", session.named(value, name), least);
        }
    }
    Some(rows)
}

fn card_file() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/prosector1.toml")
}

fn card() -> ModelCard {
    let text = std::fs::read_to_string(card_file()).expect("the card");
    toml::from_str(&text).expect("a card")
}

#[test]
fn the_weights_in_the_box_find_what_they_should() {
    let model = open_model(None, DeviceChoice::Cpu).expect("the model in the box");
    let Some(rows) = measured(&*model) else {
        return;
    };
    assert_eq!(rows.len(), 10);
    let low: Vec<&Row> = rows
        .iter()
        .filter(|(_, dice, least)| dice < least)
        .collect();
    assert!(low.is_empty(), "{low:?}");
}

#[test]
fn random_weights_of_the_same_shape_do_not() {
    let card = card();
    let device = Device::flex();
    device.seed(1);
    let net = ProsectorNet::new(&NetConfig::new(card.structures.len()), &device);
    let weights = net.into_record().into_bytes().expect("weights");
    let file = TensorFile::of_burnpack("random.bpk".as_ref(), weights.to_vec());
    let weights = WeightMap::of_file(&Arc::new(file.expect("tensors")), "");
    let system = system_named(&card.system).expect("the system of the model in the box");
    let random = (system.open)(StoredModel::new(card, weights), DeviceChoice::Cpu);
    let Some(rows) = measured(&*random.expect("a model")) else {
        return;
    };
    let passed: Vec<&Row> = rows
        .iter()
        .filter(|(_, dice, least)| dice >= least)
        .collect();
    assert!(passed.is_empty(), "{passed:?}");
}

#[test]
fn the_model_in_the_box_is_verified_against_its_card() {
    let weights = std::fs::read(card_file().with_file_name("prosector1.bpk")).expect("weights");
    let digest = Sha256::digest(&weights);
    let sum: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(card().sha256, sum);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = program(folder.path(), &["models", "verify", "prosector1"]);
    assert!(output.status.success(), "{}", said(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        told,
        "prosector1: the weights are those of the model card\n"
    );

    let mut damaged = weights;
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    std::fs::write(folder.path().join("prosector1.bpk"), damaged).expect("a file");
    std::fs::copy(card_file(), folder.path().join("prosector1.toml")).expect("a copy");
    let output = program(folder.path(), &["models", "verify", "prosector1.toml"]);
    assert_refused(&output, "its checksum is");
}
