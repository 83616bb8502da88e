//! The model in the box: its recipe in memory and its own samples, of both paths.

mod lesson;

use burn::module::Module;

use crate::models::checkpoint::{Missing, WeightMap, fill};
use crate::models::prosector1::region::{SIDE, balanced};
use crate::models::prosector1::{NetConfig, ProsectorNet};
use crate::models::{ModelCard, ModelError};
use crate::train::TrainError;
use crate::train::batch;
use crate::train::cases::Cases;
use crate::train::config::TrainConfig;
use crate::train::driver::Learnt;
use crate::train::giving_way::meanwhile;
use crate::train::learn::learn;
use crate::train::prosector1::samples_at_once;

use super::super::increments::Increments;
use super::super::methods::{HEAD, LORA, Method, NORM, Role};
use super::super::structure::Shown;
use super::{Pupil, Setup, Student};
use lesson::Lesson;

pub(super) const STUDENT: Student = Student {
    system: "prosector1",
    batch: 4,
    takes_prompts: true,
    only_adds: false,
    spacing_mm,
    role,
    // Of four rates the best from one and from five cases, on eight training patients left out.
    rates: &[(&HEAD, 8.0e-3)],
    method,
    pupil,
};

/// Length of a region as a multiple of the structure's.
const CONTEXT: f64 = 2.0;
/// No structure is looked for more coarsely.
const COARSEST_MM: f64 = 6.0;

/// As closely as the base looks where it knows the structure, else so that a region holds it and what is around it.
fn spacing_mm(base: &ModelCard, shown: &Shown) -> [f64; 3] {
    match base.automatic_spacing_mm(shown.modality) {
        Some(spacing_mm) if shown.known_to_base => spacing_mm,
        _ => {
            let wanted = balanced(shown.size_mm).map(|mm| mm * CONTEXT / SIDE as f64);
            let finest = shown.voxel_mm;
            let within = |d: usize| wanted[d].clamp(finest[d].min(COARSEST_MM), COARSEST_MM);
            [0, 1, 2].map(|d| (within(d) * 100.0).round() / 100.0)
        }
    }
}

/// For a structure the head: on three patients left out it was the best of the ways tried from one, two and five cases, and
/// the fastest. For prompts the fewer cases, the fewer parameters of those that the rest of the model relies on.
fn method(cases: usize, finds: bool) -> &'static Method {
    match cases {
        _ if finds => &HEAD,
        ..=2 => &NORM,
        _ => &LORA,
    }
}

/// The path with prompts is used by all that is taught, the generator where a structure is.
fn role(name: &str, _all: &WeightMap, finds: bool) -> Option<Role> {
    let of = |parts: &[&str]| parts.iter().any(|part| name.starts_with(part));
    let is_used = of(&["encoder.", "decoder.", "prompt_encoder."]);
    (is_used || finds && of(&["generator."])).then(|| Role {
        normalises: name.ends_with(".gamma") || name.ends_with(".beta"),
        answers: of(&["decoder.head.", "decoder.refinement.head."]),
        surrounds: of(&[
            "decoder.norm.",
            "decoder.refinement.norm.",
            "generator.",
            "prompt_encoder.",
        ]),
    })
}

fn pupil(setup: Setup<'_>) -> Result<Box<dyn Pupil + '_>, TrainError> {
    let structures = setup.structure.map_or(setup.base.structures.len(), |_| 1);
    let net = ProsectorNet::new(&NetConfig::new(structures), setup.device);
    let net = fill(net, setup.start, Missing::Refused, "the model in the box");
    let lesson = Lesson {
        structure: setup.structure,
        schedule: setup.schedule,
    };
    let (config, cases) = lesson.prepared(setup.cases);
    Ok(Box::new(BoxPupil {
        base: net.map_err(ModelError::from)?.no_grad(),
        config,
        cases,
        at_once: samples_at_once(setup.compute),
        setup,
    }))
}

struct BoxPupil<'a> {
    /// From which nothing is learnt.
    base: ProsectorNet,
    config: TrainConfig,
    cases: Cases,
    at_once: usize,
    setup: Setup<'a>,
}

impl Pupil for BoxPupil<'_> {
    fn learn(&self, increments: &Increments, step: usize) -> Result<Learnt, TrainError> {
        let Setup { plan, ctx, .. } = self.setup;
        let batch = meanwhile(ctx, || batch::draw(&self.config, &self.cases, step))??;
        let own = |increments: &Increments| {
            let increments = increments.valid().train();
            let base = self.base.valid().train().no_grad();
            let net = plan.network(base, &increments);
            (increments, net)
        };
        let how = (step, self.at_once);
        let groups = learn(increments, own, &batch, &self.config, how, ctx)?;
        let parts = groups.into_iter().map(|group| group.learnt);
        Ok(Learnt::summed(parts, increments))
    }
}
