//! The loaded model: network and scan behind the common interface.

use std::sync::Arc;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::geometry::VoxelBox;
use crate::models::checkpoint::CheckpointError;
use crate::models::loaded::{Pipeline, Query};
use crate::models::nnunet::network::Architecture;
use crate::models::nnunet::pipeline::Axes;
use crate::models::nnunet::stage::Reader;
use crate::models::recent::Recent;
use crate::models::{ModelError, PromptedResult, ScanKey, StoredModel, slices};
use crate::prompt::{Drawing, DrawingKind, Pointed, PromptSet};
use crate::util::JobContext;
use crate::volume::{ImageVolume, Mask};

use super::TITLE;
use super::capabilities::Capabilities;
use super::channels::{Gaze, Shape};
use super::network::Network;
use super::session::{Session, normalise};

/// What the card keeps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Sides of the network's patch.
    pub patch: [usize; 3],
    /// What it takes.
    pub capabilities: Capabilities,
    /// The network.
    pub architecture: Architecture,
}

impl Settings {
    /// What cards may state and no model has.
    ///
    /// # Errors
    /// The first of them, in words.
    fn check(&self) -> Result<(), String> {
        const MOST_VOXELS: usize = 1 << 27;
        self.capabilities.check()?;
        self.architecture.check()?;
        let sides = self.patch.iter();
        let voxels = sides.fold(1usize, |n, &side| n.saturating_mul(side));
        if voxels > MOST_VOXELS || !self.architecture.takes(self.patch) || self.architecture.flat {
            return Err(format!(
                "the network does not take patches of {:?}",
                self.patch
            ));
        }
        if self.architecture.inputs != self.capabilities.channels + 1
            || self.architecture.heads != 2
        {
            return Err(
                "the network does not have the inputs and outputs of its prompts".to_owned(),
            );
        }
        Ok(())
    }
}

/// nnInteractive, ready to segment.
pub struct NninteractiveModel {
    settings: Settings,
    network: Network,
    scan: Recent<ScanKey, Arc<PreparedScan>>,
    /// What was asked last of a scan: what is new is what the network looks at.
    asked: Recent<ScanKey, PromptSet>,
}

/// A scan as the network sees it: superior, anterior, right.
struct PreparedScan {
    image: Vec<f32>,
    dims: [usize; 3],
    /// Of the scan as it is stored: slice, row, column.
    stored: [usize; 3],
    spacing_mm: [f64; 3],
    axes: Axes,
}

impl PreparedScan {
    fn of(image: &ImageVolume) -> Result<Self, ModelError> {
        let grid = image.grid();
        let [ni, nj, nk] = grid.dims;
        let [si, sj, sk] = grid.spacing_mm();
        let stored = [nk, nj, ni];
        let axes = Axes::of_reader(Reader::ClosestRas, &grid.affine);
        let dims = axes.of(stored);
        let mut values = axes.apply(slices::values(image), stored);
        normalise(&mut values, dims).map_err(ModelError::Unsupported)?;
        Ok(Self {
            image: values,
            dims,
            stored,
            spacing_mm: axes.of([sk, sj, si]),
            axes,
        })
    }

    /// A drawing along the network's axes; to it, a diameter is a scribble.
    fn drawn(&self, drawing: &Drawing) -> Shape {
        let region = &drawing.region;
        let [ni, nj, nk] = region.dims();
        let mask = self.axes.apply(region.voxels.clone(), [nk, nj, ni]);
        let corners = self.corners(region.bounds);
        let bounds = corners.map(|[first, end]| first as usize..end as usize);
        match drawing.kind {
            DrawingKind::Scribble | DrawingKind::Diameter => Shape::Scribble(bounds, mask),
            DrawingKind::Lasso => Shape::Lasso(bounds, mask),
        }
    }

    /// First voxel and the one after the last of a box on the scan.
    fn corners(&self, target: VoxelBox) -> [[i64; 2]; 3] {
        let [i, j, k] = [0, 1, 2].map(|d| [target.min[d], target.max[d] + 1]);
        self.axes.of_ranges([k, j, i], self.stored)
    }
}

/// A box in the slice in its middle, across the axis along which voxels are longest, unless it lies in one slice anyway.
fn middle_slice(corners: [[i64; 2]; 3], spacing_mm: [f64; 3]) -> [[i64; 2]; 3] {
    let longest = spacing_mm.into_iter().fold(f64::MIN, f64::max);
    let across = spacing_mm.iter().position(|&mm| mm == longest).unwrap_or(0);
    let mut flat = corners;
    let middle = (corners[across][0] + corners[across][1] - 1).div_euclid(2);
    flat[across] = [middle, middle + 1];
    flat
}

/// What to say of a box that is shown as one in a slice.
const SHOWN_IN_A_SLICE: &str = "the model takes boxes in a slice: of this one it was shown the slice in the middle, and it may find the target to go on beyond it";

impl NninteractiveModel {
    fn prepared(&self, image: &ImageVolume, key: ScanKey) -> Result<Arc<PreparedScan>, ModelError> {
        if let Some(prepared) = self.scan.find(&key) {
            return Ok(prepared);
        }
        self.scan.clear();
        let prepared = Arc::new(PreparedScan::of(image)?);
        self.scan.insert(key, Arc::clone(&prepared));
        Ok(prepared)
    }

    /// The prompts in the order in which they were made, as far as that is known: the box before the others, unless it is
    /// all that is new.
    fn shapes(
        &self,
        scan: &PreparedScan,
        key: ScanKey,
        prompts: &PromptSet,
        warnings: &mut Vec<String>,
    ) -> Vec<(Shape, bool)> {
        let pointed = prompts.in_order().into_iter();
        let shape = |pointed| match pointed {
            Pointed::Click(click) => {
                let place = VoxelBox::from_corners(click.voxel, click.voxel);
                Shape::Point(scan.corners(place).map(|[first, _]| first))
            }
            Pointed::Drawing(drawing) => scan.drawn(drawing),
        };
        let mut shapes: Vec<(Shape, bool)> = pointed
            .map(|pointed| (shape(pointed), pointed.is_positive()))
            .collect();
        if let Some(target) = prompts.target_box {
            let mut corners = scan.corners(target);
            let shape = Shape::Box(corners);
            let kind = shape.kind(&self.settings.capabilities);
            let is_taken = self.settings.capabilities.pair(kind).is_some();
            if !is_taken {
                corners = middle_slice(corners, scan.spacing_mm);
                warnings.push(SHOWN_IN_A_SLICE.to_owned());
            }
            let before = self.asked.find(&key);
            let is_new = before.is_some_and(|before| {
                before.clicks == prompts.clicks
                    && before.drawings == prompts.drawings
                    && before.target_box != prompts.target_box
            });
            let at = if is_new { shapes.len() } else { 0 };
            shapes.insert(at, (Shape::Box(corners), true));
        }
        shapes
    }

    /// Looks where a prompt says, and where that leads.
    fn predict(
        &self,
        session: &mut Session<'_>,
        gaze: Gaze,
        progress: Progress<'_>,
    ) -> Result<(), ModelError> {
        let mut looks = 0;
        session.predict(gaze, false, |input| {
            progress.step(looks)?;
            looks += 1;
            self.network.mask(input)
        })?;
        Ok(())
    }
}

/// The part of a job that one prompt is.
#[derive(Clone, Copy)]
struct Progress<'a> {
    ctx: &'a JobContext,
    prompt: usize,
    prompts: usize,
}

impl Progress<'_> {
    /// How often the network looks is not known before: each time half of what is left has gone by.
    fn step(self, looks: i32) -> Result<(), ModelError> {
        let share = 1.0 - 0.5f32.powi(looks);
        let done = (self.prompt as f32 + share) / self.prompts.max(1) as f32;
        let stage = if looks == 0 {
            "looking at the target"
        } else {
            "looking further around it"
        };
        Ok(self.ctx.step(0.05 + 0.9 * done, stage)?)
    }
}

impl Pipeline for NninteractiveModel {
    fn load(stored: &StoredModel, device: &Device) -> Result<Self, ModelError> {
        let settings: Settings = stored.card.settings(TITLE)?;
        settings
            .check()
            .map_err(|problem| CheckpointError::misfit(TITLE, problem))?;
        let (weights, patch) = (stored.weights.clone(), settings.patch);
        Ok(Self {
            network: Network::from_weights(weights, &settings.architecture, patch, device)?,
            settings,
            scan: Recent::new(1),
            asked: Recent::new(1),
        })
    }

    /// With a target so far the network looks where the newest prompt is; without one, prompt after prompt, as if they
    /// came one at a time.
    fn prompted(
        &self,
        query: Query<'_>,
        prompts: &PromptSet,
        prior: Option<&Mask>,
    ) -> Result<PromptedResult, ModelError> {
        let Query {
            image, scan, ctx, ..
        } = query;
        ctx.step(0.0, "preparing the scan")?;
        let prepared = self.prepared(image, scan)?;
        let mut warnings = Vec::new();
        let shapes = self.shapes(&prepared, scan, prompts, &mut warnings);
        let settings = &self.settings;
        let (values, dims) = (&prepared.image, prepared.dims);
        let mut session = Session::new(values, dims, settings.patch, &settings.capabilities);
        let prior = prior.filter(|mask| mask.bounds().is_some());
        if let Some(mask) = prior {
            let voxels = mask.voxels.iter().map(|&v| u8::from(v != 0)).collect();
            session.set_mask(prepared.axes.apply(voxels, prepared.stored));
        }
        let count = shapes.len();
        for (at, (shape, positive)) in shapes.iter().enumerate() {
            let gaze = session
                .add(shape, *positive)
                .map_err(ModelError::Unsupported)?;
            let is_looked_at = prior.is_none() || at + 1 == count;
            if let Some(gaze) = gaze.filter(|_| is_looked_at) {
                let progress = Progress {
                    ctx,
                    prompt: if prior.is_none() { at } else { 0 },
                    prompts: if prior.is_none() { count } else { 1 },
                };
                self.predict(&mut session, gaze, progress)?;
            }
        }
        if !query.is_preview {
            self.asked.insert(scan, prompts.clone());
        }
        ctx.step(0.95, "writing the mask")?;
        let voxels = prepared.axes.inverse().apply(session.mask().to_vec(), dims);
        let mut result = PromptedResult::of_mask(Mask {
            grid: *image.grid(),
            voxels,
        });
        if result.mask.bounds().is_none() {
            warnings.push("the model found nothing at the prompts".to_owned());
        }
        result.warnings = warnings;
        Ok(result)
    }

    fn drop_caches(&self) {
        self.scan.clear();
        self.asked.clear();
    }
}
