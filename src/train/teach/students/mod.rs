//! The systems whose models learn from a few cases, and what each supplies for it. How they are opened again stands with the
//! systems themselves (`models/taught/teachable.rs`).

mod autoprosam;
mod autosam;
mod course;
mod desam;
mod encoded;
mod masam;
mod nnunet;
mod prosector1;
mod slices;
mod threedsam;
mod volumes;

use std::path::Path;

use burn::tensor::Device;

use crate::models::checkpoint::WeightMap;
use crate::models::taught::{Teachable, teachable};
use crate::models::{ComputeDevice, ModelCard, StoredModel, TaughtStructure};
use crate::train::TrainError;
use crate::train::config::Schedule;
use crate::train::driver::Learnt;
use crate::util::JobContext;

use super::increments::{Increments, Plan};
use super::methods::{Method, Role};
use super::structure::Shown;
use super::teacher::Learned;

/// A system whose models learn.
pub(super) struct Student {
    /// As on cards.
    pub system: &'static str,
    /// Samples of a step.
    pub batch: usize,
    /// Whether its models answer prompts too: then a new structure begins as a prompted target does, and what is found may
    /// become the box of a prompt.
    pub takes_prompts: bool,
    /// Whether clicks can tell its models what is missing alone, and not what is too much.
    pub only_adds: bool,
    /// Spacing at which a structure is looked for, in mm along right, anterior, superior.
    pub spacing_mm: fn(base: &ModelCard, structure: &Shown) -> [f64; 3],
    /// What a weight among all is for, by its name; `None` where what is taught does not use it. `finds`: a structure is
    /// taught.
    pub role: fn(name: &str, all: &WeightMap, finds: bool) -> Option<Role>,
    /// Highest learning rates where they are not the methods' own.
    pub rates: &'static [(&'static Method, f64)],
    /// The method for so many cases, of a structure (`finds`) or of answers to prompts, unless one is asked for.
    pub method: fn(cases: usize, finds: bool) -> &'static Method,
    /// Makes ready what learns.
    pub pupil: for<'a> fn(Setup<'a>) -> Result<Box<dyn Pupil + 'a>, TrainError>,
}

const STUDENTS: [&Student; 7] = [
    &prosector1::STUDENT,
    &masam::STUDENT,
    &threedsam::STUDENT,
    &autoprosam::STUDENT,
    &autosam::STUDENT,
    &desam::STUDENT,
    &nnunet::STUDENT,
];

impl Student {
    /// Highest learning rate of a method.
    pub fn rate(&self, method: &Method) -> f64 {
        let own = self.rates.iter().find(|(of, _)| of.name == method.name);
        own.map_or(method.rate, |(_, rate)| *rate)
    }
}

/// What a run of learning is given.
pub(super) struct Setup<'a> {
    pub base: &'a ModelCard,
    /// The base's weights, narrowed to the structure where one is taught.
    pub start: &'a WeightMap,
    /// What is found without a prompt; `None` where answers to prompts are taught.
    pub structure: Option<&'a TaughtStructure>,
    pub cases: &'a [Learned<'a>],
    pub plan: &'a Plan,
    pub schedule: &'a Schedule,
    /// Folder for what a frozen encoder makes of the cases: computed once for all runs of a lesson.
    pub kept: &'a Path,
    pub compute: &'a ComputeDevice,
    /// One that tracks gradients.
    pub device: &'a Device,
    pub ctx: &'a JobContext,
}

/// A base that learns from some cases.
pub(super) trait Pupil {
    /// What the samples of a step, counted from 0, teach: they depend on the schedule's seed and the step alone.
    ///
    /// # Errors
    /// A job asked to stop.
    fn learn(&self, increments: &Increments, step: usize) -> Result<Learnt, TrainError>;
}

/// The student that a model is, and what opening it again takes.
///
/// # Errors
/// A model that cannot learn, or not what is asked of it.
pub(super) fn student_of(
    base: &StoredModel,
    structure: Option<&str>,
) -> Result<(&'static Student, &'static Teachable), TrainError> {
    let opened = teachable(&base.card)?;
    let refuse = |reason: String| TrainError::Teach(format!("'{}' {reason}", base.card.id));
    (opened.check)(&base.card, structure).map_err(refuse)?;
    let mut students = STUDENTS.into_iter();
    let student = students.find(|student| student.system == base.card.system);
    let student = student.ok_or_else(|| refuse("cannot be taught".to_owned()))?;
    Ok((student, opened))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::systems;

    #[test]
    fn what_can_be_opened_as_taught_can_be_taught() {
        let opened = systems().iter().filter(|s| s.teachable.is_some());
        let opened: Vec<&str> = opened.map(|s| s.name).collect();
        assert_eq!(opened, STUDENTS.map(|student| student.system));
    }
}
