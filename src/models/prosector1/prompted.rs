//! From clicks and a box to a mask on the scan: which region to look at, and how to read the answer.

use glam::DVec3;

use crate::geometry::{VoxelBox, VoxelPoint, WorldPoint};
use crate::models::{Estimate, ModelError, PromptedResult, ScanKey};
use crate::prompt::{Polarity, PromptSet};
use crate::util::JobContext;
use crate::volume::components::{Connectivity, connected_components};
use crate::volume::{Grid, ImageVolume, Mask, resample};

use super::config::PROMPT_CHANNELS;
use super::model::Prosector1;
use super::prompt_channels::{self, RegionPrompts};
use super::region::{SIDE, Span};
use super::region_cache::EncodedRegion;

/// Side of the first region around lone clicks.
const FIRST_EXTENT_MM: f64 = 110.0;
/// Smallest side of a region.
const LEAST_EXTENT_MM: f64 = 12.0;
/// Length of a region relative to what it is about.
const CONTEXT: f64 = 1.6;
/// Most regions looked at for lone clicks: wider ones while the target leaves the region, then closer ones.
const MOST_LOOKS: usize = 4;
/// Share of a region's border voxels that a target may hold before a wider region is looked at.
const TOUCHING: f64 = 0.03;
/// Logit given to voxels outside the region.
const FAR_OUTSIDE: f32 = -20.0;

/// Segments what the prompts point at; see [`crate::models::Segmenter::segment_prompted`].
pub(super) fn segment(
    model: &mut Prosector1,
    image: &ImageVolume,
    scan: ScanKey,
    prompts: &PromptSet,
    prior: Option<&Mask>,
    ctx: &JobContext,
) -> Result<PromptedResult, ModelError> {
    let prompts = prompts.on_grid(image.grid())?;
    let mut job = Job {
        model,
        image,
        scan,
        prompts: &prompts,
        prior: prior.filter(|p| p.bounds().is_some()),
    };
    ctx.step(0.05, "looking at the region")?;
    let answer = match job.known_span() {
        Some(span) => job.look_at(&span)?,
        None => job.explore(ctx)?,
    };
    ctx.step(0.9, "writing the mask")?;
    Ok(job.finish(&answer))
}

/// One request.
struct Job<'a> {
    model: &'a mut Prosector1,
    image: &'a ImageVolume,
    scan: ScanKey,
    prompts: &'a PromptSet,
    prior: Option<&'a Mask>,
}

/// Logits of the target on a region's grid.
struct Answer {
    grid: Grid,
    logits: Vec<f32>,
}

impl Job<'_> {
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
        let positive = |c: &&crate::prompt::Click| c.polarity == Polarity::Positive;
        let grid = self.image.grid();
        self.prompts
            .clicks
            .iter()
            .filter(positive)
            .map(|c| grid.world_from_voxel(c.voxel.center()))
    }

    /// Answers from a region around a span; after the first click usually from one that is encoded already.
    fn look_at(&mut self, span: &Span) -> Result<Answer, ModelError> {
        let wanted = span.region(CONTEXT, LEAST_EXTENT_MM);
        let is_refinement = self.prompts.target_box.is_none();
        let cached = self.model.cached(self.scan, |grid| {
            *grid == wanted || (is_refinement && span.fits(grid))
        });
        let region = match cached {
            Some(region) => region,
            None => self.model.encoded(self.image, self.scan, &wanted),
        };
        let previous = self.prior.map(|p| resample::resample_mask(p, &region.grid));
        self.answer(&region, previous)
    }

    /// Finds the size of what lone clicks point at: wider while the target leaves the region, then closer.
    fn explore(&mut self, ctx: &JobContext) -> Result<Answer, ModelError> {
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
        let mut grid = clicked.region(CONTEXT, FIRST_EXTENT_MM);
        let mut previous: Option<Answer> = None;
        for look in 0..MOST_LOOKS {
            ctx.step(0.1 + 0.2 * look as f32, "looking at the region")?;
            let region = self.model.encoded(self.image, self.scan, &grid);
            let so_far = previous.as_ref().map(|a| {
                let logits = resample::resample_field(&a.logits, &a.grid, &grid, FAR_OUTSIDE);
                logits.into_iter().map(sigmoid).collect()
            });
            let answer = self.answer(&region, so_far)?;
            let Some(part) = self.clicked_part(&answer) else {
                return Ok(answer);
            };
            let span = self.with_clicks(Span::of_voxels(&grid, part.bounds));
            let next = if part.border_share > TOUCHING {
                span.region(2.0 * CONTEXT, LEAST_EXTENT_MM)
            } else {
                span.region(CONTEXT, LEAST_EXTENT_MM)
            };
            let longest = |g: &Grid| g.spacing_mm().into_iter().fold(0.0, f64::max);
            let change = longest(&next) / longest(&grid);
            if (0.75..1.25).contains(&change) {
                return Ok(answer);
            }
            previous = (part.border_share <= TOUCHING).then_some(Answer {
                grid: answer.grid,
                logits: answer.logits.clone(),
            });
            if look + 1 == MOST_LOOKS {
                return Ok(answer);
            }
            grid = next;
        }
        unreachable!("the last look returns")
    }

    fn answer(
        &self,
        region: &EncodedRegion,
        previous: Option<Vec<f32>>,
    ) -> Result<Answer, ModelError> {
        let prompts = self.in_region(&region.grid, previous);
        let channels = prompt_channels::draw(&prompts, &region.intensity, &region.inside);
        let channels = self.model.tensor(channels, PROMPT_CHANNELS);
        let logits = self.model.net.prompted(&region.embedding, channels);
        Ok(Answer {
            grid: region.grid,
            logits: Prosector1::values(logits)?,
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
        }
    }

    /// The connected part of an answer that holds a positive click, if any does.
    fn clicked_part(&self, answer: &Answer) -> Option<Part> {
        let mask: Vec<u8> = answer.logits.iter().map(|&l| u8::from(l > 0.0)).collect();
        let (parts, _) = connected_components(&mask, answer.grid.dims, Connectivity::TwentySix);
        let part = self.positive_points().find_map(|p| {
            let voxel = answer.grid.voxel_from_world(p).nearest();
            let part = parts[answer.grid.offset_of(voxel)?];
            (part > 0).then_some(part)
        })?;
        let mask = Mask {
            grid: answer.grid,
            voxels: parts.iter().map(|&p| u8::from(p == part)).collect(),
        };
        Some(Part {
            bounds: mask.bounds()?,
            border_share: border_share(&mask),
        })
    }

    /// The answer on the scan's grid, cleaned, and never against a click.
    fn finish(&self, answer: &Answer) -> PromptedResult {
        let grid = *self.image.grid();
        let mut mask = Mask::empty(grid);
        if let Some(part) = self.covered(&answer.grid) {
            let local = grid.sub_grid(part);
            let logits =
                resample::resample_field(&answer.logits, &answer.grid, &local, FAR_OUTSIDE);
            let found = Mask {
                grid: local,
                voxels: logits.iter().map(|&l| u8::from(l > 0.0)).collect(),
            };
            self.copy_wanted(&found, part, &mut mask);
        }
        for click in &self.prompts.clicks {
            if let Some(offset) = grid.offset_of(click.voxel) {
                mask.voxels[offset] = u8::from(click.polarity == Polarity::Positive);
            }
        }
        let count = mask.count();
        let warnings = if count <= self.prompts.clicks.len() {
            vec![
                "nothing was found there: click inside the target again, or draw a box around it"
                    .to_owned(),
            ]
        } else {
            Vec::new()
        };
        PromptedResult {
            mask,
            estimate: Some(Estimate::Dice(expected_dice(&answer.logits))),
            warnings,
        }
    }

    /// The scan's voxels that a region covers, and no more than a little beyond the box if there is one.
    fn covered(&self, region: &Grid) -> Option<VoxelBox> {
        let grid = self.image.grid();
        let map = grid.affine.inverse() * region.affine.matrix();
        let (mut low, mut high) = (DVec3::INFINITY, DVec3::NEG_INFINITY);
        for VoxelPoint(corner) in region.corners() {
            let p = map.transform_point3(corner);
            (low, high) = (low.min(p), high.max(p));
        }
        let region = VoxelBox {
            min: low.floor().to_array().map(|v| v as i64),
            max: high.ceil().to_array().map(|v| v as i64),
        };
        let limit = match self.prompts.target_box {
            Some(b) if self.prior.is_none() => {
                let size = b.size();
                let slack: [i64; 3] = std::array::from_fn(|d| size[d] as i64 / 20);
                let reach = VoxelBox {
                    min: std::array::from_fn(|d| b.min[d] - slack[d]),
                    max: std::array::from_fn(|d| b.max[d] + slack[d]),
                };
                let clicks = self.prompts.clicks.iter().map(|c| VoxelBox {
                    min: c.voxel.0,
                    max: c.voxel.0,
                });
                clicks.fold(reach, VoxelBox::union)
            }
            _ => region,
        };
        region.intersection(limit)?.clipped(grid.dims)
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
            .clicks
            .iter()
            .filter(|c| c.polarity == Polarity::Positive)
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

/// A connected part of an answer.
struct Part {
    bounds: VoxelBox,
    /// Share of the region's border voxels that it holds.
    border_share: f64,
}

fn border_share(mask: &Mask) -> f64 {
    let last = SIDE as i64 - 1;
    let is_border = |v: usize| mask.grid.voxel_at(v).0.iter().any(|&x| x == 0 || x == last);
    let (held, all) = (0..mask.voxels.len())
        .filter(|&v| is_border(v))
        .fold((0usize, 0usize), |(held, all), v| {
            (held + usize::from(mask.voxels[v] != 0), all + 1)
        });
    held as f64 / all.max(1) as f64
}

fn sigmoid(logit: f32) -> f32 {
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
