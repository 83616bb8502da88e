//! Recordings of TotalSegmentator around nnU-Net.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::Deserialize;

use crate::models::checkpoint::HostTensor;
use crate::models::nnunet::arrays::totalseg::crop_box;
use crate::models::nnunet::model::NnunetModel;
use crate::models::nnunet::pipeline::{Axes, Progress, StoredScan};
use crate::models::nnunet::totalseg::Working;
use crate::models::nnunet::{Settings, TaskSettings, import};
use crate::models::{FoldChoice, FolderSource, ModelError, TrainingState};
use crate::util::JobContext;

use super::nnunet_pipeline::stored;
use super::{Check, Fixture, Kind, ParityError};

pub(super) const KINDS: &[Kind] = &[
    ("nnunet_totalseg_cropped", task),
    ("nnunet_totalseg_fast", task),
    ("nnunet_totalseg_subset", task),
    ("nnunet_totalseg_total", task),
];

/// Voxels whose label may differ where two logits tie.
const TIES: usize = 2;

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T: Copy> OneOrMore<T> {
    fn all(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::More(all) => all,
        }
    }
}

/// How `nnUNet_predict_image` was called.
#[derive(Deserialize)]
struct Call {
    image: PathBuf,
    expected: PathBuf,
    weights: PathBuf,
    task_id: OneOrMore<u32>,
    task_name: String,
    step_size: f64,
    resample: OneOrMore<f64>,
    roi_subset: Option<Vec<String>>,
    crop_addon: Option<[f64; 3]>,
}

impl Call {
    fn spacing_mm(&self) -> Vec<f64> {
        match self.resample.all() {
            [one] => vec![*one; 3],
            all => all.to_vec(),
        }
    }

    /// The folder of the task's only data set, or that of all of them with the task's name.
    fn source(&self, weights: &Path) -> Result<(PathBuf, Option<&str>), ParityError> {
        let [id] = self.task_id.all() else {
            return Ok((weights.to_owned(), Some(&self.task_name)));
        };
        let start = format!("Dataset{id:03}_");
        let entries = std::fs::read_dir(weights).into_iter().flatten();
        let mut folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let is_it = |path: &PathBuf| super::file_name(path).starts_with(&start);
        let none = || ParityError::NotUnderstood(format!("there is no {start} beside it"));
        Ok((folders.find(is_it).ok_or_else(none)?, None))
    }
}

fn task(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let call: Call = f.setting("")?;
    let beside = |path: &Path| f.path().with_file_name("").join(path);
    let (folder, preset) = call.source(&beside(&call.weights))?;
    let imported = import(&FolderSource {
        folder: &folder,
        folds: &FoldChoice::Auto,
        state: TrainingState::Final,
        preset,
    })?;
    let settings = imported.model.config.try_into();
    let mut settings: Settings = settings
        .map_err(|e: toml::de::Error| ParityError::NotUnderstood(e.message().to_owned()))?;
    for stage in settings.parts.iter_mut().flat_map(|part| &mut part.stages) {
        stage.step = call.step_size;
        stage.mirror_axes.clear();
    }
    let of_task = TaskSettings {
        name: call.task_name.clone(),
        spacing_mm: call.spacing_mm(),
        crop: None,
        subset_crop: None,
        rules: Vec::new(),
        refine: None,
    };
    let model = NnunetModel::new(settings.clone(), imported.model.weights, device)?;
    let (values, grid) = stored(&beside(&call.image))?;
    let scan = StoredScan::new(vec![values], &grid);
    let mut bounds = [0, 1, 2].map(|d| 0..scan.dims[d]);
    if let Some([i, j, k]) = call.crop_addon {
        let image = call
            .image
            .to_string_lossy()
            .replace(".nii", "_crop_mask.nii");
        let (mask, _) = stored(&beside(Path::new(&image)))?;
        let mask: Vec<u8> = mask.into_iter().map(|v| u8::from(v != 0.0)).collect();
        let spacing_mm = scan.spacing_mm.map(|mm| mm as f32);
        bounds = crop_box(&mask, scan.dims, [k, j, i], spacing_mm);
    }
    let working = Working::of(scan.cropped(&bounds), of_task.working_mm());
    // Recordings have column, row, slice.
    let turned = Axes::exchanged([2, 1, 0]);
    let input = turned.apply(working.scan.images[0].clone(), working.scan.dims);
    check.share_equal("mid/input", &f.host("mid/input")?, &input, 0.0);
    let ctx = JobContext::silent();
    let progress = Progress::whole(&ctx);
    let found_of_part = |number: usize| -> Result<Vec<f32>, ModelError> {
        let part = &settings.parts[number];
        let labels = model.part_labels(number, part, &working.scan, progress)?;
        let labels = turned.apply(labels, working.scan.dims).into_iter();
        Ok(labels.map(f32::from).collect())
    };
    for (number, id) in call.task_id.all().iter().enumerate() {
        let name = format!("mid/part.{id}");
        if f.contains(&name) {
            let found = found_of_part(number)?;
            let allowed = TIES as f64 / found.len().max(1) as f64;
            check.share_equal(&name, &f.host(&name)?, &found, allowed);
        }
    }
    let is_wanted = |value: u16| {
        let named = imported.structures.iter().find(|s| s.value == value);
        let chosen = call.roi_subset.as_ref();
        named.is_some_and(|s| chosen.is_none_or(|names| names.contains(&s.name)))
    };
    let labels = model.look_inside(&bounds, &of_task, &scan, &is_wanted, progress)?;
    let wanted = labels
        .into_iter()
        .map(|label| if is_wanted(label) { label } else { 0 });
    let labels: Vec<f32> = wanted.map(f32::from).collect();
    let allowed = TIES as f64 / labels.len().max(1) as f64;
    let official = HostTensor::new(scan.dims, stored(&beside(&call.expected))?.0);
    check.share_equal("the official result", &official, &labels, allowed);
    let labels = turned.apply(labels, scan.dims);
    check.share_equal(
        "out/segmentation",
        &f.host("out/segmentation")?,
        &labels,
        allowed,
    );
    Ok(())
}
