//! A loaded model behind the common interface.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::Device;

use crate::models::checkpoint::{CheckpointError, WeightMap};
use crate::models::loaded::{Pipeline, Query};
use crate::models::{AutoResult, ModelError, Nothing, StoredModel, Structure, slices};
use crate::volume::LabelMap;

use super::arrays::postprocess::keep_largest_component;
use super::arrays::totalseg::{crop_box, grown};
use super::network::{TITLE, UNet};
use super::pipeline::{Blending, Networks, Progress, ReaderScan, StoredScan, put_back, run_stage};
use super::settings::{CropSettings, Part, RefineSettings, Settings, TaskSettings, working_mm};
use super::totalseg::{Rule, Working, WorkingLabels, grow_labels};

/// Place of a network among those of a model: part, stage, fold.
type Place = (usize, usize, usize);

/// Share of a run that goes to finding where to crop.
const LOOKING: f32 = 0.2;

/// The networks of a model, of which the folds of one stage are held at a time, and everything around them.
pub struct NnunetModel {
    settings: Settings,
    weights: WeightMap,
    device: Device,
    held: Mutex<Vec<(Place, Arc<UNet>)>>,
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
            held: Mutex::new(Vec::new()),
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
        let held = || self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, net)) = held().iter().find(|(of, _)| *of == place) {
            return Ok(Arc::clone(net));
        }
        let (number, at, fold) = place;
        // What is held of another stage goes before the next comes.
        held().retain(|((of_number, of_stage, _), _)| (*of_number, *of_stage) == (number, at));
        let weights = self.weights.under(&Settings::prefix(number, at, fold));
        let stage = self.settings.all_parts().nth(number);
        let stage = stage.and_then(|part| part.stages.get(at));
        let stage =
            stage.ok_or_else(|| CheckpointError::misfit(TITLE, "it has no such network"))?;
        let net = UNet::from_weights(weights, &stage.architecture, &self.device)?;
        let net = Arc::new(net);
        held().push((place, Arc::clone(&net)));
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
            let dims = read.dims;
            let labels = run_stage(&networks, read, previous, blending, share)?;
            found = Some(axes.inverse().apply(labels, dims));
        }
        let mut labels = found.unwrap_or_default();
        for members in &part.kept_largest {
            keep_largest_component(&mut labels, scan.dims, members);
        }
        Ok(labels)
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
        let number = self.settings.parts.len();
        let (around, closely) = match task.crop_for(&self.settings.parts, is_wanted) {
            None => (Some(Around::whole(scan)), progress),
            Some(crop) => {
                let (first, rest) = (
                    progress.between(0.0, LOOKING),
                    progress.between(LOOKING, 1.0),
                );
                (self.around(&crop, number, scan, first)?, rest)
            }
        };
        let Some(around) = around else {
            return Ok(None);
        };
        let (closely, last) = match &task.refine {
            None => (closely, None),
            Some(refine) => {
                let half = closely.between(0.0, 0.5);
                (half, Some((refine, closely.between(0.5, 1.0))))
            }
        };
        let mut labels = self.look_inside(&around.bounds, task, scan, is_wanted, closely)?;
        if let Some(within) = around.within {
            let pairs = labels.iter_mut().zip(within);
            pairs.for_each(|(label, within)| *label *= u16::from(within));
        }
        if let Some((refine, progress)) = last {
            self.refine(refine, &mut labels, scan, progress)?;
        }
        Ok(Some(labels))
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
        let labels_of = |scan: &StoredScan| self.merged(scan, is_wanted, progress);
        at_working_spacing(scan, bounds, task.working_mm(), &task.rules, &labels_of)
    }

    /// Where what a scan is cropped around is, with a margin; `None` where it is not there. `number` is the place of the
    /// part that looks for it among all parts.
    fn around(
        &self,
        crop: &CropSettings,
        number: usize,
        scan: &StoredScan,
        progress: Progress<'_>,
    ) -> Result<Option<Around>, ModelError> {
        let (inner, progress) = match &crop.crop {
            None => (Some(Around::whole(scan)), progress),
            Some(inner) => {
                let first = progress.between(0.0, LOOKING);
                let found = self.around(inner, number + 1, scan, first)?;
                (found, progress.between(LOOKING, 1.0))
            }
        };
        let Some(inner) = inner else {
            return Ok(None);
        };
        let labels_of = |scan: &StoredScan| -> Result<Vec<u16>, ModelError> {
            let labels = self.part_labels(number, &crop.part, scan, progress)?;
            let values = labels.into_iter().map(|label| crop.part.value_of(label));
            Ok(values.collect())
        };
        let spacing_mm = working_mm(&crop.spacing_mm);
        let found = at_working_spacing(scan, &inner.bounds, spacing_mm, &crop.rules, &labels_of)?;
        let mask = |values: &[u16]| -> Vec<u8> {
            let found = found.iter();
            found
                .map(|value| u8::from(values.contains(value)))
                .collect()
        };
        let sought = mask(&crop.values);
        if !sought.contains(&1) {
            return Ok(None);
        }
        // The margin goes along column, row, slice; arrays have the axes the other way round.
        let [i, j, k] = crop.margin_mm;
        let spacing_mm = scan.spacing_mm.map(|mm| mm as f32);
        let within = crop.keep_within.as_ref().map(|keep| {
            let steps = keep.reach_mm as f32 / (spacing_mm.iter().sum::<f32>() / 3.0);
            // More steps than this cross any scan.
            grown(&mask(&keep.values), scan.dims, steps as u8)
        });
        let bounds = crop_box(&sought, scan.dims, [k, j, i], spacing_mm);
        Ok(Some(Around { bounds, within }))
    }

    /// Has labels grow into the structure that another model finds, and end with it.
    fn refine(
        &self,
        by: &RefineSettings,
        labels: &mut [u16],
        scan: &StoredScan,
        progress: Progress<'_>,
    ) -> Result<(), ModelError> {
        let number = self.settings.all_parts().count() - 1;
        let labels_of = |scan: &StoredScan| self.part_labels(number, &by.part, scan, progress);
        let (whole, spacing_mm) = (Around::whole(scan).bounds, working_mm(&by.spacing_mm));
        let found = at_working_spacing(scan, &whole, spacing_mm, &[], &labels_of)?;
        grow_labels(labels, scan.dims, scan.spacing_mm, by.reach_mm);
        let pairs = labels.iter_mut().zip(found);
        pairs
            .filter(|(_, found)| by.part.value_of(*found) != by.value)
            .for_each(|(label, _)| *label = 0);
        Ok(())
    }
}

/// Where a task looks.
struct Around {
    /// The box, along the axes of the stored scan.
    bounds: [Range<usize>; 3],
    /// 0 for each voxel of the scan where nothing of the task may be.
    within: Option<Vec<u8>>,
}

impl Around {
    fn whole(scan: &StoredScan) -> Self {
        Self {
            bounds: [0, 1, 2].map(|d| 0..scan.dims[d]),
            within: None,
        }
    }
}

/// Labels of a stored scan, 0 outside a box, whose inside is brought to the spacing of a task and back.
fn at_working_spacing(
    scan: &StoredScan,
    bounds: &[Range<usize>; 3],
    spacing_mm: Option<[f64; 3]>,
    rules: &[Rule],
    labels_of: &dyn Fn(&StoredScan) -> Result<Vec<u16>, ModelError>,
) -> Result<Vec<u16>, ModelError> {
    let working = Working::of(scan.cropped(bounds), spacing_mm);
    let mut labels = labels_of(&working.scan)?;
    for rule in rules {
        rule.apply(&mut WorkingLabels {
            labels: &mut labels,
            dims: working.scan.dims,
            spacing_mm: working.scan.spacing_mm,
        });
    }
    Ok(put_back(&working.back(&labels), scan.dims, bounds))
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
            return Ok(AutoResult::nothing(grid, Nothing::NothingAround));
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
