//! The automatic path: which structures, where they are, and what is too small to be one.

use std::sync::Arc;

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::models::loaded::Query;
use crate::models::segmenter::Nothing;
use crate::models::trust::{AutoInsight, Evidence, FoundStructure, anatomy};
use crate::models::{AutoResult, Estimate, ModelError, Structure};
use crate::volume::components::{Connectivity, connected_components};
use crate::volume::morphology::{self, Crop};
use crate::volume::{Grid, ImageVolume, LabelMap, LabelTable, resample};

use super::canvas::{Canvas, Output};
use super::model::Prosector1;
use super::prompted::expected_dice;
use super::region::{SIDE, Span, anatomical_axes, on_voxels_of, region_grid};
use super::{look, measures, search};

/// A part of a structure smaller than this share of its largest part is taken for noise.
const LEAST_PART: f64 = 0.6;
/// A structure smaller than this is taken for not there, in ml.
pub(super) const LEAST_VOLUME_ML: f64 = 0.3;

/// A structure of which less Dice than this is expected is taken for not there.
const LEAST_EXPECTED_DICE: f32 = 0.2;

/// Finds the structures; see [`crate::models::Segmenter::segment_auto`].
pub(super) fn segment(
    model: &Prosector1,
    query: Query<'_>,
    wanted: &[(usize, &Structure)],
) -> Result<AutoResult, ModelError> {
    let Query {
        card, image, ctx, ..
    } = query;
    let Some(spacing_mm) = card.automatic_spacing_mm(image.modality()) else {
        return Ok(AutoResult::none_known(image.grid(), false));
    };
    let is_wanted = |o: &Output<'_>| wanted.iter().any(|&(channel, _)| channel == o.channel);
    // All are looked for, as the one tells of the other.
    let structures = outputs(query)?;
    let Some(canvas) = search::search(model, query, spacing_mm, &structures)? else {
        return Ok(AutoResult::nothing(image.grid(), Nothing::NoneFound));
    };
    ctx.step(0.9, "writing the labels")?;
    let Some((part, mut labels, mut table)) = labels(image, &canvas, &structures) else {
        return Ok(AutoResult::nothing(image.grid(), Nothing::NoneFound));
    };
    for Output { structure, .. } in structures.iter().filter(|o| !is_wanted(o)) {
        remove(structure.value, &mut labels, &mut table);
    }
    let logits = structures.iter().zip(&canvas.logits);
    let found = found_structures(model, query, (&labels, &table), logits)?;
    let doubted = remove_doubted(model, &found, &mut labels, &mut table);
    let kept: Vec<f32> = found
        .iter()
        .filter(|f| table.by_name(&f.name).is_some())
        .map(|f| f.expected_dice)
        .collect();
    let mean = kept.iter().sum::<f32>() / kept.len() as f32;
    Ok(AutoResult {
        labels: LabelMap {
            grid: *image.grid(),
            voxels: on_whole(image.grid(), part, &labels.voxels),
        },
        table,
        estimate: (!kept.is_empty()).then_some(Estimate::Dice(mean)),
        insight: Some(Arc::new(AutoInsight {
            certainty: canvas.certainty(|n| is_wanted(&structures[n])),
            structures: found,
        })),
        nothing: kept.is_empty().then_some(Nothing::NoneFound),
        warnings: warnings(kept.is_empty(), &doubted),
    })
}

/// All structures that are known in scans of this kind.
///
/// # Errors
/// A card that names none of them.
pub(super) fn outputs<'a>(query: Query<'a>) -> Result<Vec<Output<'a>>, ModelError> {
    let all = query.card.structures_in(query.image.modality(), None)?;
    let output = |(channel, structure)| Output { structure, channel };
    Ok(all.into_iter().map(output).collect())
}

/// The structures on the part of the scan that a canvas covers, without what is too small or misplaced, and the table of
/// those that remain; `None` where scan and canvas do not meet.
pub(super) fn labels(
    image: &ImageVolume,
    canvas: &Canvas,
    structures: &[Output<'_>],
) -> Option<(VoxelBox, LabelMap, LabelTable)> {
    let values: Vec<u16> = structures.iter().map(|o| o.structure.value).collect();
    let (part, mut labels) = canvas.read(image.grid(), &values)?;
    let table = clean(image, &mut labels, VoxelIndex(part.min), structures);
    Some((part, labels, table))
}

/// The values of a part of a scan on all of it, zero around it.
pub(super) fn on_whole<T: Copy + Default>(scan: &Grid, part: VoxelBox, values: &[T]) -> Vec<T> {
    let mut whole = vec![T::default(); scan.len()];
    let rows = morphology::rows(scan.dims, part);
    for (row, values) in rows.zip(values.chunks_exact(part.size()[0])) {
        whole[row].copy_from_slice(values);
    }
    whole
}

/// Takes those structures out again that cannot be what they were taken for; gives their names.
fn remove_doubted(
    model: &Prosector1,
    found: &[FoundStructure],
    labels: &mut LabelMap,
    table: &mut LabelTable,
) -> Vec<String> {
    let names: Vec<String> = found
        .iter()
        .filter(|f| is_doubted(model, f))
        .map(|f| f.name.clone())
        .collect();
    for name in &names {
        if let Some(value) = table.by_name(name).map(|l| l.value) {
            remove(value, labels, table);
        }
    }
    names
}

/// Whether something found cannot be what it was taken for.
pub(super) fn is_doubted(model: &Prosector1, found: &FoundStructure) -> bool {
    let trust = model.trust.as_ref();
    found.expected_dice < LEAST_EXPECTED_DICE || trust.is_some_and(|t| !t.believes(found))
}

fn remove(value: u16, labels: &mut LabelMap, table: &mut LabelTable) {
    table.remove(value);
    let own = labels.voxels.iter_mut().filter(|v| **v == value);
    own.for_each(|v| *v = 0);
}

/// That nothing was found is said once, whatever was doubted.
fn warnings(is_nothing_left: bool, doubted: &[String]) -> Vec<String> {
    match (is_nothing_left, doubted.is_empty()) {
        (true, _) | (false, true) => Vec::new(),
        (false, false) => vec![format!(
            "left out as unlikely, or unlike any that the model was trained on: {}",
            doubted.join(", ")
        )],
    }
}

/// What each structure of `labels` can be judged by: the encoder looks once more at a region around it.
pub(super) fn found_structures<'a>(
    model: &Prosector1,
    query: Query<'_>,
    (labels, table): (&LabelMap, &LabelTable),
    logits: impl Iterator<Item = (&'a Output<'a>, &'a Vec<f32>)>,
) -> Result<Vec<FoundStructure>, ModelError> {
    let Query {
        card, image, ctx, ..
    } = query;
    let Some(spacing_mm) = card.automatic_spacing_mm(image.modality()) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (Output { structure, .. }, logits) in logits {
        let mask = labels.mask_of(structure.value);
        let (Some(_), Some(bounds)) = (table.get(structure.value), mask.bounds()) else {
            continue;
        };
        ctx.step(0.95, "judging what was found")?;
        let span = Span::of_voxels(&labels.grid, bounds);
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

/// Removes specks, what is too small to be there, and what cannot be the structure that it is taken for, of a part of the
/// scan that begins at its voxel `first`; returns the table of the structures that remain.
fn clean(
    image: &ImageVolume,
    labels: &mut LabelMap,
    first: VoxelIndex,
    structures: &[Output<'_>],
) -> LabelTable {
    let modality = image.modality();
    for Output { structure, .. } in structures {
        // What lies on either side is judged side by side first, lest a large error hides it.
        let is_paired = anatomy::is_of_paired_organ(modality, &structure.name);
        keep_large(
            labels,
            structure.value,
            if is_paired { 0.0 } else { LEAST_PART },
        );
    }
    let sought: Vec<&Structure> = structures.iter().map(|o| o.structure).collect();
    anatomy::remove_misplaced(image, labels, first, &sought);
    let mut table = LabelTable::default();
    for Structure { value, name, .. } in sought {
        if keep_large(labels, *value, LEAST_PART) {
            table.add(*value, name);
        }
    }
    table
}

/// Removes specks of a structure that was found before; whether any of it remains.
pub(super) fn remove_specks(labels: &mut LabelMap, value: u16) -> bool {
    keep_large(labels, value, LEAST_PART)
}

/// Removes parts of a label below this share of its largest one, or too small to be anything; whether any remains.
fn keep_large(labels: &mut LabelMap, value: u16, least_part: f64) -> bool {
    let voxel_ml = labels.grid.affine.voxel_volume_mm3() / 1000.0;
    let Some(crop) = Crop::of_label(labels, value) else {
        return false;
    };
    let (parts, sizes) = connected_components(&crop.voxels, crop.dims(), Connectivity::TwentySix);
    let largest = sizes.iter().copied().max().unwrap_or(0);
    let least = (largest as f64 * least_part).max(LEAST_VOLUME_ML / voxel_ml);
    let is_kept = |part: u32| sizes[part as usize - 1] as f64 >= least;
    let rows = morphology::rows(labels.grid.dims, crop.bounds);
    for (row, parts) in rows.zip(parts.chunks_exact(crop.dims()[0])) {
        for (label, &part) in labels.voxels[row].iter_mut().zip(parts) {
            if part > 0 && !is_kept(part) {
                *label = 0;
            }
        }
    }
    sizes.iter().any(|&size| size as f64 >= least)
}
