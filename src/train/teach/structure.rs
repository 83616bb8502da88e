//! The structure that is taught: in which scans, and how closely it is looked for.

use crate::geometry::Orientation;
use crate::models::prosector1::region::Span;
use crate::models::{ModelCard, Structure, TaughtStructure};
use crate::volume::{ImageVolume, Modality};

use super::super::TrainError;
use super::students::Student;
use super::teacher::Learned;

/// What the cases show of a structure.
pub(super) struct Shown {
    /// In which kind of scan.
    pub modality: Modality,
    /// Whether the base finds it there too.
    pub known_to_base: bool,
    /// Its median lengths, in mm along right, anterior, superior.
    pub size_mm: [f64; 3],
    /// The scans' median spacing, likewise.
    pub voxel_mm: [f64; 3],
}

/// The structure of a name as the cases show it.
///
/// # Errors
/// No case that shows it, scans of several modalities.
pub(super) fn of_cases(
    name: &str,
    cases: &[Learned<'_>],
    (base, student): (&ModelCard, &Student),
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
    let shown = Shown {
        modality,
        known_to_base,
        size_mm: median(&sizes),
        voxel_mm: median(&cases.iter().map(voxel_mm).collect::<Vec<_>>()),
    };
    Ok(TaughtStructure {
        name: name.to_owned(),
        modality,
        spacing_mm: (student.spacing_mm)(base, &shown),
        known_to_base,
        begins_as_target: student.takes_prompts && !known_to_base,
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
