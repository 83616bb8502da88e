//! A loaded model behind the common interface.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Device;

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::loaded::{Pipeline, Query};
use crate::models::{AutoResult, ModelError, StoredModel, Structure, slices};
use crate::volume::LabelMap;

use super::arrays::totalseg::crop_box;
use super::network::{TITLE, UNet};
use super::pipeline::{Blending, Networks, Progress, ReaderScan, StoredScan, put_back, run_stage};
use super::settings::{CropSettings, Part, Settings, TaskSettings};
use super::totalseg::Working;

/// Place of a network among those of a model: part, stage, fold.
type Place = (usize, usize, usize);

/// Share of a run that goes to finding where to crop.
const LOOKING: f32 = 0.2;

/// The networks of a model, of which one is held at a time, and everything around them.
pub struct NnunetModel {
    settings: Settings,
    weights: WeightMap,
    device: Device,
    latest: Mutex<Option<(Place, Arc<UNet>)>>,
}

impl NnunetModel {
    /// A model of these tensors, whose names begin as [`Settings::prefix`] says.
    ///
    /// # Errors
    /// Settings that no model has; tensors that do not fit its networks.
    pub fn new(
        settings: Settings,
        weights: WeightMap,
        device: &Device,
    ) -> Result<Self, ModelError> {
        settings
            .check()
            .map_err(|problem| CheckpointError::misfit(TITLE, problem))?;
        let model = Self {
            settings,
            weights,
            device: device.clone(),
            latest: Mutex::new(None),
        };
        // Each is opened once, so that nothing is found out in the middle of a run.
        for (number, part) in model.settings.all_parts().enumerate() {
            for (at, stage) in part.stages.iter().enumerate() {
                for fold in 0..stage.folds.len() {
                    model.network((number, at, fold))?;
                }
            }
        }
        Ok(model)
    }

    fn network(&self, place: Place) -> Result<Arc<UNet>, ModelError> {
        let held = || self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, net)) = &*held()
            && *of == place
        {
            return Ok(Arc::clone(net));
        }
        // What is held goes before the next comes.
        *held() = None;
        let (number, at, fold) = place;
        let weights = self.weights.under(&Settings::prefix(number, at, fold));
        let stage = self.settings.all_parts().nth(number);
        let stage = stage.and_then(|part| part.stages.get(at));
        let stage =
            stage.ok_or_else(|| CheckpointError::misfit(TITLE, "it has no such network"))?;
        let net = UNet::from_weights(weights, &stage.architecture, &self.device)?;
        let net = Arc::new(net);
        *held() = Some((place, Arc::clone(&net)));
        Ok(net)
    }

    /// Labels of a part, on the scan as it is stored.
    ///
    /// # Errors
    /// Images that are missing, a device that fails, a job that was stopped.
    pub fn part_labels(
        &self,
        number: usize,
        part: &Part,
        scan: &StoredScan,
        progress: Progress<'_>,
    ) -> Result<Vec<u16>, ModelError> {
        let stages = part.stages.len();
        // Labels of the stage before, on the scan as it is stored.
        let mut found: Option<Vec<u16>> = None;
        for (at, stage) in part.stages.iter().enumerate() {
            let (read, axes) = ReaderScan::of(scan, stage.reader);
            let networks = Networks {
                stage,
                device: &self.device,
                fold: &|fold| self.network((number, at, fold)),
            };
            let blending = Blending {
                step: stage.step,
                gaussian: true,
                mirrored: true,
            };
            let previous = found.take().map(|labels| axes.apply(labels, scan.dims));
            let share = progress.part(at, stages);
            let labels = run_stage(&networks, &read, previous.as_deref(), blending, share)?;
            found = Some(axes.inverse().apply(labels, read.dims));
        }
        Ok(found.unwrap_or_default())
    }

    /// Values of the card on a stored scan: those of the parts that have any of the values that are wanted, later parts
    /// over earlier ones.
    fn merged(
        &self,
        scan: &StoredScan,
        is_wanted: &dyn Fn(u16) -> bool,
        progress: Progress<'_>,
    ) -> Result<Vec<u16>, ModelError> {
        let runs = |part: &Part| part.values.iter().any(|&value| is_wanted(value));
        let parts = self.settings.parts.iter().enumerate();
        let parts: Vec<(usize, &Part)> = parts.filter(|(_, part)| runs(part)).collect();
        let mut merged = vec![0; scan.dims.iter().product()];
        for (at, &(number, part)) in parts.iter().enumerate() {
            let share = progress.part(at, parts.len());
            let found = self.part_labels(number, part, scan, share)?;
            for (label, found) in merged.iter_mut().zip(found) {
                let value = part.value_of(found);
                if value != 0 {
                    *label = value;
                }
            }
        }
        Ok(merged)
    }

    /// The same as TotalSegmentator goes about it; `None` where what the scan is cropped around is not there.
    fn of_task(
        &self,
        task: &TaskSettings,
        scan: &StoredScan,
        is_wanted: &dyn Fn(u16) -> bool,
        progress: Progress<'_>,
    ) -> Result<Option<Vec<u16>>, ModelError> {
        let whole = [0, 1, 2].map(|d| 0..scan.dims[d]);
        let (bounds, progress) = match &task.crop {
            None => (Some(whole), progress),
            Some(crop) => {
                let mask = self.crop_mask(crop, scan, progress.between(0.0, LOOKING))?;
                // The margin goes along column, row, slice; arrays have the axes the other way round.
                let [i, j, k] = crop.margin_mm;
                let spacing_mm = scan.spacing_mm.map(|mm| mm as f32);
                let is_there = mask.contains(&1);
                let bounds = crop_box(&mask, scan.dims, [k, j, i], spacing_mm);
                (is_there.then_some(bounds), progress.between(LOOKING, 1.0))
            }
        };
        let look = |bounds| self.look_inside(&bounds, task, scan, is_wanted, progress);
        bounds.map(look).transpose()
    }

    /// Values of the card on a stored scan, of which only a box is looked at.
    ///
    /// # Errors
    /// As [`Self::part_labels`].
    pub fn look_inside(
        &self,
        bounds: &[Range<usize>; 3],
        task: &TaskSettings,
        scan: &StoredScan,
        is_wanted: &dyn Fn(u16) -> bool,
        progress: Progress<'_>,
    ) -> Result<Vec<u16>, ModelError> {
        let working = Working::of(&scan.cropped(bounds), task.working_mm());
        let labels = self.merged(&working.scan, is_wanted, progress)?;
        Ok(put_back(&working.back(&labels), scan.dims, bounds))
    }

    /// 1 where what the scan is cropped around may be.
    fn crop_mask(
        &self,
        crop: &CropSettings,
        scan: &StoredScan,
        progress: Progress<'_>,
    ) -> Result<Vec<u8>, ModelError> {
        let spacing_mm = <[f64; 3]>::try_from(&crop.spacing_mm[..]).ok();
        let working = Working::of(scan, spacing_mm);
        let number = self.settings.parts.len();
        let labels = self.part_labels(number, &crop.part, &working.scan, progress)?;
        let counts = |label: u16| crop.values.contains(&crop.part.value_of(label));
        let labels = working.back(&labels).into_iter();
        Ok(labels.map(|label| u8::from(counts(label))).collect())
    }
}

impl Pipeline for NnunetModel {
    fn load(stored: &StoredModel, device: &Device) -> Result<Self, ModelError> {
        Self::new(stored.card.settings(TITLE)?, stored.weights.clone(), device)
    }

    fn automatic(
        &self,
        query: Query<'_>,
        structures: &[(usize, &Structure)],
    ) -> Result<AutoResult, ModelError> {
        let progress = Progress::whole(query.ctx);
        progress.step(0.0, "reading the scan")?;
        let grid = query.image.grid();
        let mut images = vec![slices::values(query.image)];
        images.extend(query.others.iter().map(|image| slices::values(image)));
        let scan = StoredScan::new(images, grid);
        let is_wanted = |value: u16| structures.iter().any(|(_, s)| s.value == value);
        let found = match &self.settings.task {
            None => Some(self.merged(&scan, &is_wanted, progress)?),
            Some(task) => self.of_task(task, &scan, &is_wanted, progress)?,
        };
        let Some(mut voxels) = found else {
            return Ok(AutoResult::nothing(grid, NOTHING_AROUND));
        };
        // What else was found has its place too until all is merged, as the authors have it.
        let unwanted = voxels.iter_mut().filter(|label| !is_wanted(**label));
        unwanted.for_each(|label| *label = 0);
        let labels = LabelMap {
            grid: *grid,
            voxels,
        };
        Ok(AutoResult::of_labels(labels, structures))
    }
}

/// What to say where a rough look found nothing.
const NOTHING_AROUND: &str =
    "the organs around what the model looks for were not found, so nothing was looked at closely";
