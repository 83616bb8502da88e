//! From a scan to masks, slice by slice.

use burn::tensor::{Tensor, TensorData};

use crate::models::loaded::Query;
use crate::models::ops::{Beyond, Spline, resize_slice};
use crate::models::sam::Prompts;
use crate::models::slices::host;
use crate::models::trace::Trace;
use crate::models::{AutoResult, Estimate, ModelError, PromptedResult, Structure};
use crate::prompt::PromptSet;
use crate::util::JobContext;
use crate::volume::{LabelMap, Mask};

use super::model::DeSamModel;
use super::settings::AutomaticMode;
use super::{Decoded, PreparedImage, UpAndDown, select};

/// The mask of a slice at the network's resolution.
struct SliceMask {
    pixels: Vec<bool>,
    /// The network's belief, where it was asked for points.
    iou: Option<f32>,
}

/// Predicted IoUs of one structure's slices.
#[derive(Default)]
struct Beliefs(Vec<f32>);

impl Beliefs {
    fn mean(&self) -> Option<f32> {
        let count = self.0.len();
        (count > 0).then(|| self.0.iter().sum::<f32>() / count as f32)
    }

    /// One sentence for the user.
    fn sentence(&self, name: &str) -> Option<String> {
        let least = self.0.iter().copied().fold(f32::INFINITY, f32::min);
        let mean = self.mean()?;
        Some(format!(
            "predicted IoU of {name}: {mean:.2} on average over {} slices, {least:.2} at least",
            self.0.len()
        ))
    }
}

/// Finds the structures; see [`crate::models::Segmenter::segment_auto`].
pub(super) fn automatic(
    model: &DeSamModel,
    query: Query<'_>,
    structures: &[(usize, &Structure)],
) -> Result<AutoResult, ModelError> {
    let Query {
        image, scan, ctx, ..
    } = query;
    let mut labels = LabelMap::empty(*image.grid());
    let [ni, nj, nk] = image.grid().dims;
    let plane = ni * nj;
    ctx.step(0.0, "preparing the scan")?;
    let grey = model.grey(image, scan);
    let mut beliefs: Vec<Beliefs> = structures.iter().map(|_| Beliefs::default()).collect();
    for k in 0..nk {
        let slice = &grey[k * plane..][..plane];
        ctx.step(k as f32 / nk as f32, &format!("slice {} of {nk}", k + 1))?;
        if slice.iter().all(|v| *v == slice[0]) {
            continue;
        }
        let prepared = model.prepared(slice, [nj, ni], scan, k);
        let mut best = vec![f32::NEG_INFINITY; plane];
        for ((organ, structure), beliefs) in structures.iter().zip(&mut beliefs) {
            let Some(mask) = model.find(*organ, &prepared[*organ], ctx)? else {
                continue;
            };
            beliefs.0.extend(mask.iou);
            let rank = mask.iou.unwrap_or(0.0);
            let pixels = model.at_source(&mask.pixels, [nj, ni]);
            let target = &mut labels.voxels[k * plane..][..plane];
            for (pixel, inside) in pixels.into_iter().enumerate() {
                // Where structures overlap, the one that the network believes in more is taken.
                if inside && rank > best[pixel] {
                    best[pixel] = rank;
                    target[pixel] = structure.value;
                }
            }
        }
    }
    let mut result = AutoResult::of_labels(labels, structures);
    let found = structures.iter().zip(&beliefs);
    let found: Vec<_> = found
        .filter(|((_, s), _)| result.table.get(s.value).is_some())
        .collect();
    let sentences = found.iter().filter_map(|((_, s), b)| b.sentence(&s.name));
    result.warnings.extend(sentences);
    let means: Vec<f32> = found.iter().filter_map(|(_, b)| b.mean()).collect();
    result.estimate = Estimate::mean_iou(&means);
    Ok(result)
}

/// Segments what a box is drawn around; see [`crate::models::Segmenter::segment_prompted`].
pub(super) fn prompted(
    model: &DeSamModel,
    query: Query<'_>,
    prompts: &PromptSet,
) -> Result<PromptedResult, ModelError> {
    let Query {
        card,
        image,
        scan,
        ctx,
        ..
    } = query;
    let target = prompts
        .target_box
        .ok_or(crate::prompt::PromptError::Empty)?;
    // Clipped to the scan, so that no corner is negative.
    let corners = [target.min, target.max].map(|corner| corner.map(|v| v as usize));
    let [ni, nj, _] = image.grid().dims;
    let plane = ni * nj;
    ctx.step(0.0, "preparing the scan")?;
    let grey = model.grey(image, scan);
    let organs = model.organs.len();
    let mut masks: Vec<Mask> = (0..organs).map(|_| Mask::empty(*image.grid())).collect();
    let (first, last) = (corners[0][2], corners[1][2]);
    let count = last + 1 - first;
    for k in first..=last {
        let done = (k - first) as f32 / count as f32;
        ctx.step(done, &format!("slice {} of {count}", k + 1 - first))?;
        let slice = &grey[k * plane..][..plane];
        let prepared = model.prepared(slice, [nj, ni], scan, k);
        let around = model.corners(corners, [ni, nj]);
        for (organ, mask) in masks.iter_mut().enumerate() {
            let boxes = Tensor::<1>::from_data(around, &model.device).reshape([1, 4]);
            let prompt = Prompts {
                boxes: Some(boxes),
                ..Prompts::default()
            };
            let found = model.decode(organ, &prepared[organ], prompt)?;
            let Some(pixels) = model.choose(&found.0, &[1.0]) else {
                continue;
            };
            let pixels = model.at_source(&pixels.pixels, [nj, ni]);
            let slice = &mut mask.voxels[k * plane..][..plane];
            for (voxel, inside) in slice.iter_mut().zip(pixels) {
                *voxel = u8::from(inside);
            }
        }
    }
    let chosen = most_inside(&masks, corners);
    let mut result = PromptedResult::of_mask(masks.swap_remove(chosen));
    if organs > 1
        && let Some(structure) = card.structures.get(chosen)
    {
        let said = format!("the box was taken for {}", structure.name);
        result.warnings.push(said);
    }
    Ok(result)
}

/// The mask that agrees best with a box: Dice of the two.
fn most_inside(masks: &[Mask], [low, high]: [[usize; 3]; 2]) -> usize {
    let volume: usize = (0..3).map(|d| high[d] + 1 - low[d]).product();
    let score = |mask: &Mask| {
        let [ni, nj, _] = mask.grid.dims;
        let rows = (low[2]..=high[2]).flat_map(|k| (low[1]..=high[1]).map(move |j| (j, k)));
        let inside: usize = rows
            .map(|(j, k)| {
                let start = (k * nj + j) * ni;
                let row = &mask.voxels[start + low[0]..=start + high[0]];
                row.iter().filter(|v| **v > 0).count()
            })
            .sum();
        2.0 * inside as f64 / (volume + mask.count()).max(1) as f64
    };
    let scores: Vec<f64> = masks.iter().map(score).collect();
    (0..scores.len()).fold(0, |best, n| if scores[n] > scores[best] { n } else { best })
}

impl DeSamModel {
    /// The structure's mask on a prepared slice, if the network believes in any.
    fn find(
        &self,
        organ: usize,
        slice: &PreparedImage,
        ctx: &JobContext,
    ) -> Result<Option<SliceMask>, ModelError> {
        if self.settings.mode == AutomaticMode::WholeBox {
            let prompt = self.organs[organ].whole_box(1, &self.device);
            let (logits, _) = self.decode(organ, slice, prompt)?;
            let found = self.choose(&logits, &[1.0]);
            return Ok(found.map(|mask| SliceMask { iou: None, ..mask }));
        }
        let network = &self.settings.network;
        let n = self.settings.grid_points;
        let step = network.encoder.image_side as f64 / n as f64;
        let place = |k: usize| ((k as f64 + 0.5) * step) as f32;
        let points: Vec<[f32; 2]> = (0..n * n).map(|p| [place(p % n), place(p / n)]).collect();
        let (mut logits, mut ious) = (Vec::new(), Vec::new());
        for points in points.chunks(self.settings.points_at_once.max(1)) {
            ctx.check()?;
            let rows = points.len();
            let places = TensorData::new(points.as_flattened().to_vec(), [rows, 1, 2]);
            let places = Tensor::<3>::from_data(places, &self.device);
            let inside = Tensor::<2>::ones([rows, 1], &self.device);
            let prompt = Prompts {
                points: Some((places, inside)),
                ..Prompts::default()
            };
            let (maps, beliefs) = self.decode(organ, slice, prompt)?;
            logits.extend(maps);
            ious.extend(beliefs);
        }
        Ok(self.choose(&logits, &ious))
    }

    /// Logits and predicted IoUs in main memory.
    fn decode(
        &self,
        organ: usize,
        slice: &PreparedImage,
        prompt: Prompts,
    ) -> Result<(Vec<f32>, Vec<f32>), ModelError> {
        let Decoded { logits, iou } = self.organs[organ].decode(slice, prompt, &Trace::off());
        Ok((host(logits)?, host(iou)?))
    }

    /// The mask that the authors' selection puts first, its border cleared.
    fn choose(&self, logits: &[f32], ious: &[f32]) -> Option<SliceMask> {
        let network = &self.settings.network;
        let side = network.mask_side();
        let maps = UpAndDown::new(side, network.encoder.image_side).apply(logits);
        let mut records = select(&maps, ious, side, &self.settings.selection);
        if records.is_empty() {
            return None;
        }
        let first = records.swap_remove(0);
        let (border, mut pixels) = (self.settings.cleared_border, first.mask);
        for (pixel, inside) in pixels.iter_mut().enumerate() {
            let place = [pixel % side, pixel / side];
            let kept = place.iter().all(|&p| p >= border && p + border < side);
            *inside = *inside && kept;
        }
        Some(SliceMask {
            pixels,
            iou: Some(first.predicted_iou),
        })
    }

    /// A mask on the scan's own pixels `[rows, columns]`.
    fn at_source(&self, mask: &[bool], to: [usize; 2]) -> Vec<bool> {
        let side = self.settings.network.mask_side();
        let values: Vec<f64> = mask.iter().map(|&m| f64::from(u8::from(m))).collect();
        let linear = Spline::Linear;
        let resized = resize_slice(&values, [side; 2], to, linear, Beyond::Edge, false);
        resized.into_iter().map(|v| v >= 0.5).collect()
    }

    /// A box of voxels, corners included, in pixels of the encoder's image.
    fn corners(&self, [low, high]: [[usize; 3]; 2], across: [usize; 2]) -> [f32; 4] {
        let side = self.settings.network.encoder.image_side as f32;
        let place = |voxel: usize, axis: usize| voxel as f32 * side / across[axis] as f32;
        [
            place(low[0], 0),
            place(low[1], 1),
            place(high[0] + 1, 0),
            place(high[1] + 1, 1),
        ]
    }
}
