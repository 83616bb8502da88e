//! The automatic path: which structures, where they are, and what is too small to be one.

use crate::models::{AutoResult, Estimate, ModelError, Structure};
use crate::util::JobContext;
use crate::volume::components::{Connectivity, connected_components};
use crate::volume::{ImageVolume, LabelMap, LabelTable, Modality};

use super::canvas::{Canvas, Output};
use super::model::Prosector1;
use super::prompted::expected_dice;

/// A part of a structure smaller than this share of its largest part is taken for noise.
const LEAST_PART: f64 = 0.6;
/// A structure smaller than this is taken for not there, in ml.
const LEAST_VOLUME_ML: f64 = 0.3;

/// Finds the structures; see [`crate::models::Segmenter::segment_auto`].
pub(super) fn segment(
    model: &Prosector1,
    image: &ImageVolume,
    wanted: Option<&[String]>,
    ctx: &JobContext,
) -> Result<AutoResult, ModelError> {
    use crate::models::Segmenter as _;
    let card = model.card();
    let structures = choose(&card.structures, wanted, image.modality())?;
    let Some(spacing_mm) = card.automatic_spacing_mm(image.modality()) else {
        return Ok(nothing(
            image,
            "the model knows no structure in this kind of scan",
        ));
    };
    if structures.is_empty() {
        return Ok(nothing(
            image,
            "the model knows no such structure in this kind of scan",
        ));
    }
    let canvas = Canvas::plan(image, spacing_mm);
    let logits = canvas.fill(model, image, &structures, ctx)?;
    ctx.step(0.9, "writing the labels")?;
    let values: Vec<u16> = structures.iter().map(|o| o.structure.value).collect();
    let mut labels = canvas.read(image.grid(), &logits, &values);
    let table = clean(&mut labels, &structures);
    if table.labels().is_empty() {
        return Ok(nothing(
            image,
            "no structure that the model knows was found",
        ));
    }
    let found: Vec<f32> = structures
        .iter()
        .zip(&logits)
        .filter(|(o, _)| table.get(o.structure.value).is_some())
        .map(|(_, l)| expected_dice(l))
        .collect();
    Ok(AutoResult {
        labels,
        table,
        estimate: Some(Estimate::Dice(
            found.iter().sum::<f32>() / found.len().max(1) as f32,
        )),
        warnings: Vec::new(),
    })
}

/// The structures to look for.
fn choose<'a>(
    structures: &'a [Structure],
    wanted: Option<&[String]>,
    modality: Modality,
) -> Result<Vec<Output<'a>>, ModelError> {
    let known: Vec<&str> = structures.iter().map(|s| s.name.as_str()).collect();
    if let Some(unknown) = wanted.and_then(|w| w.iter().find(|n| !known.contains(&n.as_str()))) {
        return Err(ModelError::UnknownStructure(
            unknown.clone(),
            known.join(", "),
        ));
    }
    Ok(structures
        .iter()
        .enumerate()
        .filter(|(_, s)| s.is_known_in(modality))
        .filter(|(_, s)| wanted.is_none_or(|w| w.contains(&s.name)))
        .map(|(channel, structure)| Output { structure, channel })
        .collect())
}

fn nothing(image: &ImageVolume, why: &str) -> AutoResult {
    AutoResult {
        labels: LabelMap::empty(*image.grid()),
        table: LabelTable::default(),
        estimate: None,
        warnings: vec![why.to_owned()],
    }
}

/// Removes specks and structures too small to be there; returns the table of those that remain.
fn clean(labels: &mut LabelMap, structures: &[Output<'_>]) -> LabelTable {
    let voxel_ml = labels.grid.affine.voxel_volume_mm3() / 1000.0;
    let mut table = LabelTable::default();
    for Output { structure, .. } in structures {
        let mask = labels.mask_of(structure.value);
        let (parts, sizes) =
            connected_components(&mask.voxels, labels.grid.dims, Connectivity::TwentySix);
        let largest = sizes.iter().copied().max().unwrap_or(0);
        let least = (largest as f64 * LEAST_PART).max(LEAST_VOLUME_ML / voxel_ml);
        let mut kept = false;
        for (label, &part) in labels.voxels.iter_mut().zip(&parts) {
            if part > 0 {
                if (sizes[part as usize - 1] as f64) < least {
                    *label = 0;
                } else {
                    kept = true;
                }
            }
        }
        if kept {
            table.add(structure.value, &structure.name);
        }
    }
    table
}
