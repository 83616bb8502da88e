//! A lesson: its cases and what is asked of it there, how it goes on and what came of it back.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::train::teach::{Distillation, TeachCase, TeachRequest};
use crate::volume::{ImageVolume, LabelMap};

use super::super::failure::{Broken, MISSING_PART};
use super::{packed, runs, unpacked};

/// Most bytes of what a lesson tells, unpacked: the shapes of all cases, as text.
const MOST_TOLD: usize = 1 << 28;

/// What a case is beside scan and labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct CaseForm {
    values: Vec<u16>,
    /// Cases of one patient have one number; no name goes over.
    patient: Option<usize>,
    is_labelled: bool,
}

impl CaseForm {
    /// The form of one of the cases, and its labels.
    pub(in super::super) fn of(cases: &[TeachCase], n: usize) -> (Self, Vec<u8>) {
        let case = &cases[n];
        let is_same = |other: &TeachCase| other.patient == case.patient;
        let form = Self {
            values: case.values.clone(),
            patient: case
                .patient
                .as_ref()
                .and_then(|_| cases.iter().position(is_same)),
            is_labelled: case.is_labelled,
        };
        (form, runs::coded(&case.truth.voxels))
    }

    /// The case with its scan and the part that has its labels.
    ///
    /// # Errors
    /// Damaged runs.
    pub(in super::super) fn case(
        self,
        image: Arc<ImageVolume>,
        part: Option<&Vec<u8>>,
    ) -> Result<TeachCase, Broken> {
        let part = part.ok_or(MISSING_PART)?;
        let grid = *image.grid();
        let voxels = runs::decoded(part, grid.len())?;
        Ok(TeachCase {
            image,
            truth: LabelMap { grid, voxels },
            values: self.values,
            patient: self.patient.map(|number| number.to_string()),
            is_labelled: self.is_labelled,
        })
    }
}

/// What is asked of a lesson, beside its cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in super::super) struct LessonForm {
    /// How many there are.
    pub(in super::super) cases: usize,
    /// The model to teach, and its weights' SHA-256 where the adapter is to be used.
    pub(in super::super) base: String,
    pub(in super::super) base_sha256: String,
    /// What the adapter is called; no folder.
    pub(in super::super) name: String,
    pub(in super::super) structure: Option<String>,
    pub(in super::super) distillation: Option<Distillation>,
    pub(in super::super) method: Option<String>,
    pub(in super::super) steps: Option<usize>,
    pub(in super::super) folds: Option<usize>,
    pub(in super::super) unproven: bool,
    pub(in super::super) date: String,
}

impl LessonForm {
    /// What is asked, of a base that is the same on both machines.
    pub(in super::super) fn of(request: &TeachRequest, base: (String, String)) -> Self {
        let name = request.out.file_name().unwrap_or_default();
        let (base, base_sha256) = base;
        Self {
            cases: request.cases.len(),
            base,
            base_sha256,
            name: name.to_string_lossy().into_owned(),
            structure: request.structure.clone(),
            distillation: request.distillation.clone(),
            method: request.method.clone(),
            steps: request.steps,
            folds: request.folds,
            unproven: request.unproven,
            date: request.date.clone(),
        }
    }
}

/// What a lesson tells, as a part. As TOML, which keeps every number to its last bit, and what is none.
pub(in super::super) fn told(what: &impl Serialize) -> Vec<u8> {
    let text = toml::to_string(what).expect("what a lesson tells are plain values");
    packed(text.as_bytes())
}

/// What a lesson told.
///
/// # Errors
/// A part that is missing, damaged, or something else.
pub(in super::super) fn heard<T: DeserializeOwned>(part: Option<&Vec<u8>>) -> Result<T, Broken> {
    let part = part.ok_or(MISSING_PART)?;
    let text = String::from_utf8(unpacked(part, MOST_TOLD)?).ok();
    let heard = text.and_then(|text| toml::from_str(&text).ok());
    heard.ok_or(Broken::Nonsense("news of a lesson that are none"))
}
