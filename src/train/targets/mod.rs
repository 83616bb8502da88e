//! What prompted samples show: a target in a region. Labelled structures first, then what never runs out: objects that
//! nobody labelled, scans made up from label maps, lesions painted into scans, and composed shapes.

mod forms;
mod labelled;
mod lesions;
mod merging;
mod place;
mod repainted;
mod shapes;
mod supervoxels;

use rand_chacha::ChaCha8Rng;

use crate::volume::Modality;

use super::cases::Cases;
use super::user::FirstMove;

pub(super) use labelled::scene as of_dataset;

/// A region and its target, a value per voxel each.
pub(super) struct Scene {
    /// The scan in its own unit.
    pub values: Vec<f32>,
    /// 1 inside the scan.
    pub inside: Vec<f32>,
    /// How much of each voxel the target covers.
    pub truth: Vec<f32>,
    /// The kind of scan that the values pass for.
    pub modality: Modality,
    /// How much the sample counts: less where the target is only a likely one.
    pub weight: f32,
}

/// Makes targets of one kind.
struct Maker {
    /// Its name in a recipe's `[mix.made]`.
    name: &'static str,
    /// A target for this start; `None` when the random choices led nowhere.
    scene: fn(&mut ChaCha8Rng, &Cases, &FirstMove) -> Option<Scene>,
}

/// Everything that makes targets; the last makes what a recipe's shares leave.
const MAKERS: [Maker; 4] = [
    supervoxels::MAKER,
    repainted::MAKER,
    lesions::MAKER,
    shapes::MAKER,
];

/// Whether a recipe may name it in `[mix.made]`.
pub(super) fn is_maker(name: &str) -> bool {
    MAKERS.iter().any(|maker| maker.name == name)
}

/// The names that a recipe may use in `[mix.made]`.
pub(super) fn maker_names() -> Vec<&'static str> {
    MAKERS.iter().map(|maker| maker.name).collect()
}

/// A made-up target; by the last maker without a name that one has.
pub(super) fn made(
    rng: &mut ChaCha8Rng,
    name: Option<&str>,
    cases: &Cases,
    first: &FirstMove,
) -> Option<Scene> {
    let named = MAKERS.iter().find(|maker| Some(maker.name) == name);
    let maker = named.unwrap_or(&MAKERS[MAKERS.len() - 1]);
    (maker.scene)(rng, cases, first)
}
