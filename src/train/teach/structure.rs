//! The structure that is taught: in which scans, and how closely it is looked for.

use crate::geometry::Orientation;
use crate::models::prosector1::region::{SIDE, Span, balanced};
use crate::models::{ModelCard, Structure, TaughtStructure};
use crate::volume::{ImageVolume, Modality};

use super::super::TrainError;
use super::teacher::Learned;

/// Length of a region as a multiple of the structure's.
const CONTEXT: f64 = 2.0;
/// No structure is looked for more coarsely.
const COARSEST_MM: f64 = 6.0;

/// The structure of a name as the cases show it.
///
/// # Errors
/// No case that shows it, scans of several modalities.
pub(super) fn of_cases(
    name: &str,
    cases: &[Learned<'_>],
    base: &ModelCard,
) -> Result<TaughtStructure, TrainError> {
    let modality = modality(cases.iter().map(|c| c.case.image.as_ref()))?;
    let sizes: Vec<[f64; 3]> = cases.iter().filter_map(size_mm).collect();
    if sizes.is_empty() {
        return Err(TrainError::Teach(format!(
            "no case shows '{name}': name one of their labels, or give the label values in the file of cases"
        )));
    }
    let known = base.structures.iter();
    let known_to_base = known
        .clone()
        .any(|s| s.name == name && s.is_known_in(modality));
    let spacing_mm = match base.automatic_spacing_mm(modality) {
        Some(spacing_mm) if known_to_base => spacing_mm,
        _ => {
            let wanted = balanced(median(&sizes)).map(|mm| mm * CONTEXT / SIDE as f64);
            let finest = median(&cases.iter().map(voxel_mm).collect::<Vec<_>>());
            let within = |d: usize| wanted[d].clamp(finest[d].min(COARSEST_MM), COARSEST_MM);
            [0, 1, 2].map(|d| (within(d) * 100.0).round() / 100.0)
        }
    };
    Ok(TaughtStructure {
        name: name.to_owned(),
        modality,
        spacing_mm,
        known_to_base,
        begins_as_target: !known_to_base,
        // Only the cases that are left out can tell.
        prompts_itself: false,
    })
}

/// The kind of scan that it is taught in; there is at least one.
///
/// # Errors
/// Scans of several modalities.
pub(super) fn modality<'a>(
    scans: impl IntoIterator<Item = &'a ImageVolume>,
) -> Result<Modality, TrainError> {
    let mut all = scans.into_iter().map(ImageVolume::modality);
    let first = all.next().unwrap_or(Modality::Ct);
    match all.all(|other| other == first) {
        true => Ok(first),
        false => Err(TrainError::Teach(
            "the cases are of several modalities: teach a structure in one of them at a time"
                .to_owned(),
        )),
    }
}

/// Puts the structure on the card of the taught model, under its name or with a value of its own.
pub(super) fn add(taught: &TaughtStructure, card: &mut ModelCard) {
    card.automatic = true;
    let modality = taught.modality.name().to_owned();
    card.automatic_spacing_mm
        .entry(modality)
        .or_insert(taught.spacing_mm);
    if taught.known_to_base {
        return;
    }
    card.structures.retain(|s| s.name != taught.name);
    let highest = card.structures.iter().map(|s| s.value).max().unwrap_or(0);
    card.structures.push(Structure {
        value: highest + 1,
        name: taught.name.clone(),
        color: None,
        modality: Some(taught.modality),
    });
}

/// Lengths of what counts along the patient's axes.
fn size_mm(learned: &Learned<'_>) -> Option<[f64; 3]> {
    let bounds = learned.target().bounds()?;
    Some(Span::of_voxels(learned.case.image.grid(), bounds).size_mm())
}

/// Spacing along the patient's axes.
fn voxel_mm(learned: &Learned<'_>) -> [f64; 3] {
    let grid = learned.case.image.grid();
    let orientation = Orientation::of(&grid.affine);
    let spacing_mm = grid.spacing_mm();
    [0, 1, 2].map(|ras| spacing_mm[orientation.voxel_axis_of(ras)])
}

fn median(lengths: &[[f64; 3]]) -> [f64; 3] {
    [0, 1, 2].map(|d| {
        let mut along: Vec<f64> = lengths.iter().map(|l| l[d]).collect();
        along.sort_by(f64::total_cmp);
        along[along.len() / 2]
    })
}
