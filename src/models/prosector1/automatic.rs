//! The automatic path: which structures, where they are, and what is too small to be one.

use std::sync::Arc;

use crate::models::trust::{AutoInsight, Evidence, FoundStructure};
use crate::models::{AutoResult, Estimate, ModelError, Segmenter as _, Structure};
use crate::util::JobContext;
use crate::volume::components::{Connectivity, connected_components};
use crate::volume::{ImageVolume, LabelMap, LabelTable, Modality, resample};

use super::canvas::{Canvas, Output};
use super::model::Prosector1;
use super::prompted::expected_dice;
use super::region::{SIDE, Span, anatomical_axes, on_voxels_of, region_grid};
use super::{look, measures};

/// A part of a structure smaller than this share of its largest part is taken for noise.
const LEAST_PART: f64 = 0.6;
/// A structure smaller than this is taken for not there, in ml.
const LEAST_VOLUME_ML: f64 = 0.3;

/// A structure of which less Dice than this is expected is taken for not there.
const LEAST_EXPECTED_DICE: f32 = 0.2;

/// What to tell where there is nothing to show.
const NOTHING_FOUND: &str = "no structure that the model knows was found";

/// Finds the structures; see [`crate::models::Segmenter::segment_auto`].
pub(super) fn segment(
    model: &Prosector1,
    image: &ImageVolume,
    wanted: Option<&[String]>,
    ctx: &JobContext,
) -> Result<AutoResult, ModelError> {
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
    let mut table = clean(&mut labels, &structures);
    let found = found_structures(
        model,
        image,
        &labels,
        &table,
        structures.iter().zip(&logits),
    )?;
    let doubted = remove_doubted(model, &found, &mut labels, &mut table);
    let kept: Vec<f32> = found
        .iter()
        .filter(|f| table.by_name(&f.name).is_some())
        .map(|f| f.expected_dice)
        .collect();
    let mean = kept.iter().sum::<f32>() / kept.len() as f32;
    Ok(AutoResult {
        labels,
        table,
        estimate: (!kept.is_empty()).then_some(Estimate::Dice(mean)),
        insight: Some(Arc::new(AutoInsight {
            certainty: canvas.certainty(&logits),
            structures: found,
        })),
        warnings: warnings(kept.is_empty(), &doubted),
    })
}

/// Takes those structures out again that cannot be what they were taken for; gives their names.
fn remove_doubted(
    model: &Prosector1,
    found: &[FoundStructure],
    labels: &mut LabelMap,
    table: &mut LabelTable,
) -> Vec<String> {
    let trust = model.trust.as_ref();
    let is_doubted = |f: &&FoundStructure| {
        f.expected_dice < LEAST_EXPECTED_DICE || trust.is_some_and(|t| !t.believes(f))
    };
    let names: Vec<String> = found
        .iter()
        .filter(is_doubted)
        .map(|f| f.name.clone())
        .collect();
    for name in &names {
        if let Some(value) = table.by_name(name).map(|l| l.value) {
            table.remove(value);
            labels
                .voxels
                .iter_mut()
                .filter(|v| **v == value)
                .for_each(|v| *v = 0);
        }
    }
    names
}

fn warnings(is_nothing_left: bool, doubted: &[String]) -> Vec<String> {
    let doubt = format!(
        "left out as unlikely, or unlike any that the model was trained on: {}",
        doubted.join(", ")
    );
    match (is_nothing_left, doubted.is_empty()) {
        (true, true) => vec![NOTHING_FOUND.to_owned()],
        (true, false) => vec![format!("{NOTHING_FOUND}; {doubt}")],
        (false, true) => Vec::new(),
        (false, false) => vec![doubt],
    }
}

/// What each structure of `labels` can be judged by: the encoder looks once more at a region around it.
fn found_structures<'a>(
    model: &Prosector1,
    image: &ImageVolume,
    labels: &LabelMap,
    table: &LabelTable,
    logits: impl Iterator<Item = (&'a Output<'a>, &'a Vec<f32>)>,
) -> Result<Vec<FoundStructure>, ModelError> {
    let Some(spacing_mm) = model.card().automatic_spacing_mm(image.modality()) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (Output { structure, .. }, logits) in logits {
        let mask = labels.mask_of(structure.value);
        let (Some(_), Some(bounds)) = (table.get(structure.value), mask.bounds()) else {
            continue;
        };
        let span = Span::of_voxels(image.grid(), bounds);
        let extent_mm = spacing_mm.map(|s| s * SIDE as f64);
        let axes = anatomical_axes(image.grid());
        let grid = on_voxels_of(image.grid(), region_grid(axes, span.centre(), extent_mm));
        let region = model.encode(image, &grid);
        let share = resample::resample_mask(&mask, &grid);
        let evidence = Evidence {
            traits: measures::of_logits(logits),
            look: look::at(&region.embedding, &share)?,
        };
        let learnt = model
            .trust
            .as_ref()
            .and_then(|t| t.expected_dice_of(&structure.name, &evidence));
        found.push(FoundStructure {
            name: structure.name.clone(),
            volume_ml: mask.volume_ml(),
            expected_dice: learnt.map_or_else(|| expected_dice(logits), |dice| dice as f32),
            evidence,
        });
    }
    Ok(found)
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
        insight: None,
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
