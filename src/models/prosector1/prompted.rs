//! From clicks and a box to a mask on the scan: which region to look at, and how to read the answer.

use std::sync::Arc;

use glam::DVec3;

use crate::geometry::{VoxelBox, VoxelPoint, WorldPoint};
use crate::models::loaded::Query;
use crate::models::slices::host;
use crate::models::trust::{Evidence, Insight};
use crate::models::{Certainty, Estimate, ModelError, PromptedResult};
use crate::prompt::{OtherLabels, PromptSet, REFINED_SLACK, TargetSize};
use crate::util::JobContext;
use crate::volume::components::{Connectivity, connected_components};
use crate::volume::{Grid, ImageVolume, Mask, morphology, resample};

use super::box_reach::{self, Reach};
use super::config::PROMPT_CHANNELS;
use super::drawn;
use super::encoded_region::{EncodedRegion, Regions};
use super::examples::Examples;
use super::extents::Extents;
use super::known_structure;
use super::look;
use super::measures::{AnswerSeen, border_share};
use super::model::Prosector1;
use super::near_clicks;
use super::prompt_channels::{self, RegionPrompts};
use super::region::Span;

/// Length of a region relative to what it is about.
const CONTEXT: f64 = 1.6;
/// Most regions looked at for lone clicks: wider ones while the target leaves the region, then closer ones.
const MOST_LOOKS: usize = 4;
/// Most times that a region is widened on a click after the first.
const MOST_WIDENINGS: usize = 2;
/// Length of a widened region relative to the part of the target that was seen.
const WIDENING: f64 = 2.0;
/// Share of a region's border voxels that a target may hold before a wider region is looked at.
const TOUCHING: f64 = 0.03;
/// What to tell where nothing was found.
const NOTHING_FOUND: &str =
    "nothing was found there: click inside the target again, or draw a box around it";
/// What to tell where a box had to be filled without the network's help.
const ELLIPSOID_DRAWN: &str = "nothing stands out in the box: an ellipsoid that fills it is proposed, to be corrected by clicks";
/// What to tell of a target unlike any that the model has learnt from.
const STRANGE_TARGET: &str = "this looks unlike anything that the model was trained on: check the result, and expect to correct it";
/// Logit given to voxels outside the region.
const FAR_OUTSIDE: f32 = -20.0;

/// Share of a box's side that an answer may reach beyond it on either side: boxes are drawn a little tight.
pub(super) const SLACK: f64 = 0.05;
/// Share of a box's reach beyond which a target so far that fills it says nothing of where in it the target is.
const FILLED: f64 = 0.9;

/// Segments what the prompts point at; see [`crate::models::Segmenter::segment_prompted`].
pub(super) fn segment(
    model: &Prosector1,
    query: Query<'_>,
    prompts: &PromptSet,
    prior: Option<&Mask>,
) -> Result<PromptedResult, ModelError> {
    let Query {
        image, scan, ctx, ..
    } = query;
    if let Some(known) = known_structure::boxed(model, query, prompts, prior)? {
        return Ok(known);
    }
    let grid = image.grid();
    let in_reach = prior.and_then(|p| prior_in_reach(p, prompts));
    let prior = if prompts.target_box.is_some() {
        in_reach.as_ref()
    } else {
        prior
    };
    let so_far = prior.and_then(Mask::bounds);
    let prior = prior.filter(|_| so_far.is_some());
    let regions = Regions {
        model,
        image,
        scan,
        is_preview: query.is_preview,
    };
    let extents_mm = Extents::of(grid);
    let examples = match query.alike {
        Some(alike) => Examples::of(&regions, alike, extents_mm.least)?,
        None => None,
    };
    let search = TargetSearch {
        examples,
        regions,
        image,
        given: prompts,
        prompts: &drawn::as_clicks(prompts, grid, so_far),
        prior,
        beside: query.beside,
        extents_mm,
        first_mm: match query.size {
            TargetSize::Small => extents_mm.close,
            TargetSize::Any => extents_mm.first,
            TargetSize::Large => extents_mm.wide,
        },
    };
    ctx.step(0.05, "looking at the region")?;
    let answer = match search.known_span() {
        Some(span) => search.look_at(&span)?,
        None => search.explore(ctx)?,
    };
    ctx.step(0.9, "writing the mask")?;
    let result = search.finish(&answer)?;
    let Some(prior) = search.prior else {
        let known = known_structure::clicked(model, query, prompts, &result.mask)?;
        return Ok(known.unwrap_or(result));
    };
    if !near_clicks::say_otherwise(&search.prompts.clicks, prior) {
        return Ok(result);
    }
    let known = known_structure::known(model, query, prior)?;
    Ok(match known {
        Some(known) => known.of_mask(search.corrected(&result.mask, prior)),
        None => result,
    })
}

/// The search for one target.
struct TargetSearch<'a> {
    regions: Regions<'a>,
    image: &'a ImageVolume,
    /// The prompts as the user gave them.
    given: &'a PromptSet,
    /// The same with clicks and a box instead of drawings.
    prompts: &'a PromptSet,
    prior: Option<&'a Mask>,
    /// What the target is not.
    beside: Option<&'a OtherLabels>,
    /// What earlier targets tell of it.
    examples: Option<Examples>,
    extents_mm: Extents,
    /// Side of the first region around lone clicks.
    first_mm: f64,
}

/// Logits of the target on a region's grid, and what they were made from.
struct Answer {
    region: EncodedRegion,
    prompts: RegionPrompts,
    logits: Vec<f32>,
    /// How it reaches across the box, if there is one.
    reach: Reach,
}

impl TargetSearch<'_> {
    /// What the prompts say about where the target reaches: box, mask so far and clicks. `None` when there are
    /// only clicks, which say nothing of size.
    fn known_span(&self) -> Option<Span> {
        let grid = self.image.grid();
        let mask = self.prior.and_then(Mask::bounds);
        let known = match (self.prompts.target_box, mask) {
            (Some(a), Some(b)) => a.union(b),
            (a, b) => a.or(b)?,
        };
        Some(self.with_clicks(Span::of_voxels(grid, known)))
    }

    /// A span that also holds the positive clicks.
    fn with_clicks(&self, span: Span) -> Span {
        self.positive_points().fold(span, Span::with_point)
    }

    fn positive_points(&self) -> impl Iterator<Item = WorldPoint> + '_ {
        let grid = self.image.grid();
        self.prompts
            .positive()
            .map(|c| grid.world_from_voxel(c.voxel.center()))
    }

    /// Answers from a region around a span; after the first prompt usually from one that is encoded already.
    fn look_at(&self, span: &Span) -> Result<Answer, ModelError> {
        let wanted = span.region(CONTEXT, self.extents_mm.least);
        let is_first = self.prior.is_none();
        let cached = self
            .regions
            .find(|grid| *grid == wanted || (!is_first && span.fits(grid)));
        let region = match cached {
            Some(region) => region,
            None => self.regions.encoded(&wanted),
        };
        let previous = self.prior.map(|p| resample::resample_mask(p, &region.grid));
        let mut answer = self.answer(region, previous)?;
        if !is_first && self.given.target_box.is_none() {
            return self.widened(answer);
        }
        if let Some(target_box) = answer.prompts.target_box.filter(|_| is_first) {
            answer.reach = box_reach::extend(&mut answer.logits, target_box);
        }
        Ok(answer)
    }

    /// Looks at a wider region where what was clicked reaches the border of the one seen: it goes on there.
    fn widened(&self, mut answer: Answer) -> Result<Answer, ModelError> {
        for _ in 0..MOST_WIDENINGS {
            let touching = self.clicked_part(&answer);
            let Some(part) = touching.filter(|part| part.border_share > TOUCHING) else {
                break;
            };
            let seen = answer.region.grid;
            let span = self.with_clicks(Span::of_voxels(&seen, part.bounds));
            let wider = span.region(WIDENING, self.extents_mm.least);
            let so_far = self.likely(&answer.logits, &seen, &wider);
            let region = self.regions.encoded(&wider);
            answer = self.answer(region, Some(so_far))?;
        }
        Ok(answer)
    }

    /// Finds the size of what lone clicks point at: wider while the target leaves the region, then closer.
    fn explore(&self, ctx: &JobContext) -> Result<Answer, ModelError> {
        let clicked = self
            .positive_points()
            .fold(None, |span: Option<Span>, p| {
                let point = Span::of_point(self.image.grid(), p);
                Some(span.map_or(point, |s| s.with_point(p)))
            })
            .ok_or_else(|| {
                ModelError::Unsupported(
                    "there is only a negative click: click on the target first".to_owned(),
                )
            })?;
        let mut grid = match &self.examples {
            Some(examples) => clicked.region_of(examples.extent_mm, self.extents_mm.least),
            None => clicked.region(CONTEXT, self.first_mm),
        };
        let mut previous: Option<(Grid, Vec<f32>)> = None;
        for look in 0..MOST_LOOKS {
            ctx.step(0.1 + 0.2 * look as f32, "looking at the region")?;
            let region = self.regions.encoded(&grid);
            let so_far = previous
                .as_ref()
                .map(|(from, logits)| self.likely(logits, from, &grid));
            let answer = self.answer(region, so_far)?;
            let Some(part) = self.clicked_part(&answer) else {
                return Ok(answer);
            };
            let span = self.with_clicks(Span::of_voxels(&grid, part.bounds));
            let next = if part.border_share > TOUCHING {
                span.region(2.0 * CONTEXT, self.extents_mm.least)
            } else {
                span.region(CONTEXT, self.extents_mm.least)
            };
            let longest = |g: &Grid| g.spacing_mm().into_iter().fold(0.0, f64::max);
            let change = longest(&next) / longest(&grid);
            if (0.75..1.25).contains(&change) {
                return Ok(answer);
            }
            previous = (part.border_share <= TOUCHING).then(|| (grid, answer.logits.clone()));
            if look + 1 == MOST_LOOKS {
                return Ok(answer);
            }
            grid = next;
        }
        unreachable!("the last look returns")
    }

    fn answer(
        &self,
        region: EncodedRegion,
        previous: Option<Vec<f32>>,
    ) -> Result<Answer, ModelError> {
        let mut prompts = self.in_region(&region.grid, previous);
        if let Some(examples) = &self.examples {
            prompts.likeness = examples.likelihood(&region)?;
        }
        let channels = prompt_channels::draw(&prompts, &region.intensity, &region.inside);
        let model = self.regions.model;
        let channels = model.tensor(channels, PROMPT_CHANNELS);
        let logits = model.net.prompted(&region.embedding, channels);
        Ok(Answer {
            region,
            prompts,
            logits: host(logits)?,
            reach: Reach::Found,
        })
    }

    /// The prompts in a region's voxel coordinates.
    fn in_region(&self, region: &Grid, previous: Option<Vec<f32>>) -> RegionPrompts {
        let grid = self.image.grid();
        let map = region.affine.inverse() * grid.affine.matrix();
        let place = |p: DVec3| map.transform_point3(p).as_vec3().to_array();
        let clicks = self
            .prompts
            .clicks
            .iter()
            .map(|c| (place(c.voxel.center().0), c.polarity))
            .collect();
        let target_box = self.prompts.target_box.map(|b| {
            let low = place(DVec3::from_array(b.min.map(|v| v as f64 - 0.5)));
            let high = place(DVec3::from_array(b.max.map(|v| v as f64 + 0.5)));
            [
                std::array::from_fn(|d| low[d].min(high[d])),
                std::array::from_fn(|d| low[d].max(high[d])),
            ]
        });
        RegionPrompts {
            clicks,
            target_box,
            previous,
            likeness: None,
        }
    }

    /// The connected part of an answer that holds a positive click, if any does.
    fn clicked_part(&self, answer: &Answer) -> Option<AnswerPart> {
        let grid = answer.region.grid;
        let logits = self.beside_others(&answer.logits, &grid);
        let mask: Vec<u8> = logits.iter().map(|&l| u8::from(l > 0.0)).collect();
        let (parts, _) = connected_components(&mask, grid.dims, Connectivity::TwentySix);
        let part = self.positive_points().find_map(|p| {
            let voxel = grid.voxel_from_world(p).nearest();
            let part = parts[grid.offset_of(voxel)?];
            (part > 0).then_some(part)
        })?;
        let mask = Mask {
            grid,
            voxels: parts.iter().map(|&p| u8::from(p == part)).collect(),
        };
        Some(AnswerPart {
            bounds: mask.bounds()?,
            border_share: border_share(&mask.voxels),
        })
    }

    /// The logits on a region's grid, far below zero where other labels are.
    fn beside_others(&self, logits: &[f32], region: &Grid) -> Vec<f32> {
        let mut logits = logits.to_vec();
        if let Some(others) = self.beside {
            let scan = self.image.grid();
            let scan_from_region = scan.affine.inverse() * region.affine.matrix();
            for (at, logit) in logits.iter_mut().enumerate() {
                let voxel = scan_from_region.transform_point3(region.voxel_at(at).center().0);
                let offset = scan.offset_of(VoxelPoint(voxel).nearest());
                if offset.is_some_and(|offset| others.has(offset)) {
                    *logit = FAR_OUTSIDE;
                }
            }
        }
        logits
    }

    /// Probabilities on one region's grid of logits on another's, zero where other labels are.
    fn likely(&self, logits: &[f32], from: &Grid, region: &Grid) -> Vec<f32> {
        let logits = resample::resample_field(logits, from, region, FAR_OUTSIDE);
        let logits = self.beside_others(&logits, region);
        logits.into_iter().map(sigmoid).collect()
    }

    /// The target so far, changed as the answer has it near those clicks that say otherwise.
    fn corrected(&self, answer: &Mask, prior: &Mask) -> Mask {
        let mut corrected = near_clicks::corrected(answer, prior, &self.prompts.clicks);
        drawn::heed(&mut corrected, self.given, self.prior);
        corrected
    }

    /// The answer on the scan's grid, cleaned, and never against a click.
    fn finish(&self, answer: &Answer) -> Result<PromptedResult, ModelError> {
        let grid = *self.image.grid();
        let region = &answer.region.grid;
        let mut mask = Mask::empty(grid);
        if let Some(part) = self.covered(region) {
            let local = grid.sub_grid(part);
            let logits = resample::resample_field(&answer.logits, region, &local, FAR_OUTSIDE);
            let mut found = Mask {
                grid: local,
                voxels: logits.iter().map(|&l| u8::from(l > 0.0)).collect(),
            };
            clear(&mut found, self.beside, &grid, part);
            self.copy_wanted(&found, part, &mut mask);
        }
        drawn::heed(&mut mask, self.given, self.prior);
        let count = mask.count();
        let insight = self.insight(answer)?;
        let trust = self.regions.model.trust.as_ref();
        let mut warnings = Vec::new();
        if count <= drawn::certain_count(self.given) {
            warnings.push(NOTHING_FOUND.to_owned());
        } else if answer.reach == Reach::Drawn {
            warnings.push(ELLIPSOID_DRAWN.to_owned());
        } else if trust.is_some_and(|t| t.is_strange(&insight.evidence)) {
            warnings.push(STRANGE_TARGET.to_owned());
        }
        let expected = trust.map(|t| t.expected_dice(&insight.evidence) as f32);
        Ok(PromptedResult {
            mask,
            estimate: Some(Estimate::Dice(
                expected.unwrap_or_else(|| expected_dice(&answer.logits)),
            )),
            insight: Some(Arc::new(insight)),
            structure: None,
            warnings,
        })
    }

    /// What there is to say of an answer beside its mask.
    fn insight(&self, answer: &Answer) -> Result<Insight, ModelError> {
        let region = &answer.region;
        let logits = self.written(answer);
        let seen = AnswerSeen {
            logits: &logits,
            prompts: &answer.prompts,
            intensity: &region.intensity,
            inside: &region.inside,
        };
        let share: Vec<f32> = logits.iter().map(|&l| sigmoid(l)).collect();
        Ok(Insight {
            certainty: Certainty::of_logits(region.grid, &logits),
            evidence: Evidence {
                traits: seen.traits(),
                look: look::at(&region.embedding, &share)?,
            },
        })
    }

    /// The logits of an answer, far below zero where [`Self::covered`] lets nothing be written.
    fn written(&self, answer: &Answer) -> Vec<f32> {
        let mut logits = self.beside_others(&answer.logits, &answer.region.grid);
        let Some(reach) = self.reach() else {
            return logits;
        };
        let inside = resample::inside_box(self.image.grid(), reach, &answer.region.grid);
        for (logit, inside) in logits.iter_mut().zip(inside) {
            if inside == 0.0 {
                *logit = FAR_OUTSIDE;
            }
        }
        logits
    }

    /// The scan's voxels that a region covers, and no more than a little beyond the box if there is one.
    fn covered(&self, region: &Grid) -> Option<VoxelBox> {
        let region = resample::covered(region, self.image.grid())?;
        self.reach()
            .map_or(Some(region), |reach| region.intersection(reach))
    }

    /// Where an answer may be, if there is a box.
    fn reach(&self) -> Option<VoxelBox> {
        let slack = if self.prior.is_some() {
            REFINED_SLACK
        } else {
            SLACK
        };
        self.given.reach(slack)
    }

    /// Copies the connected parts that belong to the target: those that hold a positive click or overlap the
    /// mask so far; else the largest.
    fn copy_wanted(&self, found: &Mask, at: VoxelBox, mask: &mut Mask) {
        let (parts, sizes) =
            connected_components(&found.voxels, found.grid.dims, Connectivity::TwentySix);
        let mut wanted = vec![false; sizes.len() + 1];
        let global = |offset: usize| {
            let local = found.grid.voxel_at(offset).0;
            let voxel = crate::geometry::VoxelIndex(std::array::from_fn(|d| at.min[d] + local[d]));
            mask.grid.offset_of(voxel)
        };
        let clicked: Vec<usize> = self
            .prompts
            .positive()
            .filter_map(|c| mask.grid.offset_of(c.voxel))
            .collect();
        let offsets: Vec<Option<usize>> = (0..parts.len())
            .map(|v| (parts[v] > 0).then(|| global(v)).flatten())
            .collect();
        for (v, offset) in offsets.iter().enumerate() {
            let Some(offset) = *offset else { continue };
            let in_prior = self.prior.is_some_and(|p| p.voxels[offset] != 0);
            if in_prior || clicked.contains(&offset) {
                wanted[parts[v] as usize] = true;
            }
        }
        if !wanted.contains(&true)
            && let Some(largest) = (0..sizes.len()).max_by_key(|&p| sizes[p])
        {
            wanted[largest + 1] = true;
        }
        for (v, offset) in offsets.iter().enumerate() {
            if let Some(offset) = *offset
                && wanted[parts[v] as usize]
            {
                mask.voxels[offset] = 1;
            }
        }
    }
}

/// What a target so far says where there is a box as well: its part in the box's reach. `None` where it goes on beyond
/// and fills that: a label that the box was drawn into.
fn prior_in_reach(prior: &Mask, prompts: &PromptSet) -> Option<Mask> {
    let reach = prompts.reach(REFINED_SLACK)?.clipped(prior.grid.dims)?;
    let within = within(prior, reach);
    let (held, all) = (within.count(), reach.size().iter().product::<usize>());
    let goes_on = held < prior.count();
    (!goes_on || held as f64 <= FILLED * all as f64).then_some(within)
}

/// Takes what other labels have out of the mask of a part of a scan.
pub(super) fn clear(mask: &mut Mask, others: Option<&OtherLabels>, scan: &Grid, part: VoxelBox) {
    let Some(others) = others else {
        return;
    };
    let offsets = morphology::rows(scan.dims, part).flatten();
    for (voxel, offset) in mask.voxels.iter_mut().zip(offsets) {
        *voxel &= u8::from(!others.has(offset));
    }
}

/// The part of a mask in a box.
pub(super) fn within(mask: &Mask, part: VoxelBox) -> Mask {
    let mut within = Mask::empty(mask.grid);
    if let Some(part) = part.clipped(mask.grid.dims) {
        for row in morphology::rows(mask.grid.dims, part) {
            within.voxels[row.clone()].copy_from_slice(&mask.voxels[row]);
        }
    }
    within
}

/// A connected part of an answer.
struct AnswerPart {
    bounds: VoxelBox,
    /// Share of the region's border voxels that it holds.
    border_share: f64,
}

pub(super) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// The Dice to expect if the probabilities mean what they say: `2 Σ p·m / (Σ p + Σ m)`.
pub(super) fn expected_dice(logits: &[f32]) -> f32 {
    let (mut both, mut probable, mut chosen) = (0.0f64, 0.0f64, 0.0f64);
    for &logit in logits {
        let p = f64::from(sigmoid(logit));
        probable += p;
        if logit > 0.0 {
            both += p;
            chosen += 1.0;
        }
    }
    if chosen == 0.0 {
        return 0.0;
    }
    (2.0 * both / (probable + chosen)) as f32
}
