//! From clicks and a 3D box to a mask: each slice by itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};

use crate::models::loaded::Query;
use crate::models::slices::host;
use crate::models::{Estimate, ModelError, PromptedResult, ScanKey};
use crate::prompt::{Polarity, PromptSet};
use crate::util::JobContext;
use crate::volume::Mask;

use super::Prompts;
use super::model::SamModel;
use super::picture::Pixels;

/// What the network said of a slice.
#[derive(Clone)]
pub(super) struct SliceAnswer {
    /// 0 or 1 per pixel, row by row.
    mask: Arc<Vec<u8>>,
    /// The network's own mask, `[1, 1, 4 grid, 4 grid]`, which can be a prompt.
    logits: Tensor<4>,
    /// What it thinks of the mask.
    iou: f32,
}

/// The prompts of one slice, in its pixels.
#[derive(Debug, Clone, Default, PartialEq)]
struct SlicePrompts {
    places: Vec<f32>,
    labels: Vec<f32>,
    corners: Option<[f32; 4]>,
}

impl SlicePrompts {
    /// Whether they say where the target is, not only where it is not.
    fn point_at_it(&self) -> bool {
        self.corners.is_some() || self.labels.contains(&1.0)
    }

    /// Each click belongs to its slice, a box to every slice that it reaches.
    fn of(prompts: &PromptSet) -> BTreeMap<usize, Self> {
        let mut slices: BTreeMap<usize, Self> = BTreeMap::new();
        if let Some(target) = prompts.target_box {
            for k in target.min[2]..=target.max[2] {
                let ends = [target.min[0], target.min[1], target.max[0], target.max[1]];
                slices.entry(k as usize).or_default().corners = Some(ends.map(|v| v as f32));
            }
        }
        for click in &prompts.clicks {
            let [i, j, k] = click.voxel.0;
            let slice = slices.entry(k as usize).or_default();
            slice.places.extend([i as f32, j as f32]);
            let positive = click.polarity == Polarity::Positive;
            slice.labels.push(f32::from(u8::from(positive)));
        }
        slices
    }
}

/// Segments what the prompts point at; see [`crate::models::Segmenter::segment_prompted`].
pub(super) fn prompted(
    model: &SamModel,
    query: Query<'_>,
    prompts: &PromptSet,
    prior: Option<&Mask>,
) -> Result<PromptedResult, ModelError> {
    let Query {
        image, scan, ctx, ..
    } = query;
    ctx.step(0.0, "preparing the scan")?;
    let [ni, nj, _] = image.grid().dims;
    let slicewise = SliceBySlice {
        pixels: model.pixels(image, scan),
        model,
        scan,
        is_preview: query.is_preview,
        size: [nj, ni],
    };
    let slices = SlicePrompts::of(prompts);
    let mut result = prior.cloned().unwrap_or_else(|| Mask::empty(*image.grid()));
    let mut ious = Vec::new();
    for (done, (&k, prompts)) in slices.iter().enumerate() {
        let share = done as f32 / slices.len() as f32;
        ctx.step(share, &format!("slice {} of {}", done + 1, slices.len()))?;
        let plane = slicewise.plane(k);
        let so_far = &result.voxels[plane.clone()];
        let so_far = so_far.contains(&1).then(|| so_far.to_vec());
        if !prompts.point_at_it() && so_far.is_none() {
            continue;
        }
        let answer = slicewise.answer(k, prompts, so_far.as_deref())?;
        result.voxels[plane].copy_from_slice(&answer.mask);
        ious.push(answer.iou);
        if prompts.corners.is_none() {
            ious.extend(slicewise.carry_on(k, &answer, &slices, &mut result, ctx)?);
        }
    }
    if ious.is_empty() {
        return Err(ModelError::Unsupported(
            "there is only a negative click: click on the target first".to_owned(),
        ));
    }
    Ok(PromptedResult {
        estimate: Estimate::mean_iou(&ious),
        ..PromptedResult::of_mask(result)
    })
}

/// One request, slice by slice.
struct SliceBySlice<'a> {
    model: &'a SamModel,
    scan: ScanKey,
    /// Answers are not kept.
    is_preview: bool,
    pixels: Arc<Pixels>,
    /// Rows and columns of a slice.
    size: [usize; 2],
}

impl SliceBySlice<'_> {
    /// The voxels of a slice.
    fn plane(&self, k: usize) -> std::ops::Range<usize> {
        let voxels = self.size[0] * self.size[1];
        k * voxels..(k + 1) * voxels
    }

    /// The mask of a slice, refining the one so far.
    fn answer(
        &self,
        k: usize,
        prompts: &SlicePrompts,
        so_far: Option<&[u8]>,
    ) -> Result<SliceAnswer, ModelError> {
        let masks = so_far.map(|mask| self.mask_prompt(k, mask));
        let answer = self.decode(k, prompts, masks)?;
        if !self.is_preview {
            self.model.answers.insert((self.scan, k), answer.clone());
        }
        Ok(answer)
    }

    /// A mask as prompt: the network's own where it is the last answer.
    fn mask_prompt(&self, k: usize, mask: &[u8]) -> Tensor<4> {
        let last = self.model.answers.peek_where(|key| *key == (self.scan, k));
        match last.filter(|last| last.mask.as_slice() == mask) {
            Some(last) => last.logits,
            None => {
                let device = &self.model.device;
                self.model.settings.mask_prompt(mask, self.size, device)
            }
        }
    }

    fn decode(
        &self,
        k: usize,
        prompts: &SlicePrompts,
        masks: Option<Tensor<4>>,
    ) -> Result<SliceAnswer, ModelError> {
        let embedding = self.model.embedding(self.pixels.slice(k), self.scan, k);
        let (settings, device) = (&self.model.settings, &self.model.device);
        // A lone click may mean a part or the whole: the network gives three masks, the best is taken.
        let ambiguous = prompts.labels.len() == 1 && prompts.corners.is_none() && masks.is_none();
        let count = prompts.labels.len();
        let points = (count > 0).then(|| {
            let places = settings.places(&prompts.places, self.size);
            let places = TensorData::new(places, [1, count, 2]);
            let labels = TensorData::new(prompts.labels.clone(), [1, count]);
            (
                Tensor::from_data(places, device),
                Tensor::from_data(labels, device),
            )
        });
        let boxes = prompts.corners.map(|corners| {
            let corners = settings.places(&corners, self.size);
            Tensor::from_data(TensorData::new(corners, [1, 4]), device)
        });
        let prompts = Prompts {
            points,
            boxes,
            masks,
        };
        let frame = settings.network.frame();
        let decoded = self.model.network.decode(embedding, prompts, frame);
        let decoded = decoded.select(ambiguous);
        let ious = host(decoded.iou)?;
        let best = (0..ious.len()).fold(0, |best, n| if ious[n] > ious[best] { n } else { best });
        let logits = decoded.logits.narrow(1, best, 1);
        let margins = host(settings.margins(logits.clone(), self.size))?;
        Ok(SliceAnswer {
            mask: Arc::new(margins.iter().map(|&v| u8::from(v > 0.0)).collect()),
            logits,
            iou: ious[best],
        })
    }

    /// Carries a target to the slices above and below, prompted by the mask and the box around it, until the network
    /// does not believe in it any more or a slice has prompts of its own. Gives the predicted IoUs.
    fn carry_on(
        &self,
        from: usize,
        start: &SliceAnswer,
        prompted: &BTreeMap<usize, SlicePrompts>,
        result: &mut Mask,
        ctx: &JobContext,
    ) -> Result<Vec<f32>, ModelError> {
        let mut ious = Vec::new();
        let last = result.grid.dims[2] as i64 - 1;
        for step in [-1, 1] {
            let mut previous = start.clone();
            for away in 1..=self.model.settings.carry_slices as i64 {
                let k = from as i64 + step * away;
                // A slice belongs to the nearest one with prompts; half-way, to the lower.
                let is_another_s = prompted.keys().any(|&other| {
                    let distance = (other as i64 - k).abs();
                    distance < away || (distance == away && other < from)
                });
                if !(0..=last).contains(&k) || is_another_s {
                    break;
                }
                ctx.check()?;
                let Some(corners) = bounds(&previous.mask, self.size[1]) else {
                    break;
                };
                let prompts = SlicePrompts {
                    corners: Some(corners),
                    ..SlicePrompts::default()
                };
                let answer = self.decode(k as usize, &prompts, Some(previous.logits))?;
                let least = self.model.settings.carry_least_iou;
                if answer.iou < least || !answer.mask.contains(&1) {
                    break;
                }
                let plane = self.plane(k as usize);
                result.voxels[plane].copy_from_slice(&answer.mask);
                ious.push(answer.iou);
                previous = answer;
            }
        }
        Ok(ious)
    }
}

/// Corners x0, y0, x1, y1 of the box around a mask of rows of `columns` pixels.
fn bounds(mask: &[u8], columns: usize) -> Option<[f32; 4]> {
    let inside = mask.iter().enumerate().filter(|&(_, &v)| v != 0);
    inside.fold(None, |found: Option<[f32; 4]>, (place, _)| {
        let (x, y) = ((place % columns) as f32, (place / columns) as f32);
        let [x0, y0, x1, y1] = found.unwrap_or([x, y, x, y]);
        Some([x0.min(x), y0.min(y), x1.max(x), y1.max(y)])
    })
}
