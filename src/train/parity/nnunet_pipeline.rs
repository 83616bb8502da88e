//! Recordings of nnU-Net's predictor, from image files and a trained model's folder to labels.

use std::path::PathBuf;
use std::sync::Arc;

use burn::tensor::Device;
use half::f16;
use serde::Deserialize;
use serde_json::Value;

use crate::io::{OpenOptions, open_scan};
use crate::models::checkpoint::HostTensor;
use crate::models::nnunet::arrays::resampling::resampled_logits;
use crate::models::nnunet::folder::{TrainedModel, Wanted};
use crate::models::nnunet::network::UNet;
use crate::models::nnunet::pipeline::{
    Blending, Logits, Networks, Prepared, Progress, ReaderScan, StoredScan, label_sink, labels_of,
};
use crate::models::{FoldChoice, ModelError, TrainingState};
use crate::util::JobContext;
use crate::volume::{Grid, Modality};

use super::{Check, Fixture, Kind, Limit, ParityError};

pub(super) const KINDS: &[Kind] = &[("nnunet_pipeline", pipeline)];

/// Largest deviation of what the network is shown; sums of z-scores differ in their order.
const PREPARED: f64 = 2e-5;
/// Of a window's logits.
const WINDOW: f64 = 1e-4;
/// Of logits that were summed in half precision: two of its units.
const LOGITS: f64 = 1e-2;
/// Voxels whose label may differ where two logits tie.
const TIES: usize = 2;

/// How the official predictor was called.
#[derive(Deserialize)]
struct Call {
    model: PathBuf,
    images: Vec<PathBuf>,
    previous_stage: Option<PathBuf>,
    expected: PathBuf,
    folds: Vec<Value>,
    checkpoint: String,
    tile_step_size: f64,
    use_gaussian: bool,
    use_mirroring: bool,
    mirror_axes: Option<Vec<usize>>,
    properties: Properties,
}

/// What the predictor notes of an image, along the network's axes.
#[derive(Deserialize)]
struct Properties {
    shape_before_cropping: [usize; 3],
    bbox_used_for_cropping: [[usize; 2]; 3],
    shape_after_cropping_and_before_resampling: [usize; 3],
}

impl Call {
    fn folds(&self) -> Result<FoldChoice, ParityError> {
        if self.folds == ["all"] {
            return Ok(FoldChoice::All);
        }
        let numbers = self
            .folds
            .iter()
            .map(|fold| fold.as_u64().map(|n| n as usize));
        let numbers: Option<Vec<usize>> = numbers.collect();
        let unknown = || ParityError::NotUnderstood("its folds are not numbers".to_owned());
        numbers.map(FoldChoice::Numbered).ok_or_else(unknown)
    }

    fn state(&self) -> Result<TrainingState, ParityError> {
        match self.checkpoint.as_str() {
            "checkpoint_final.pth" => Ok(TrainingState::Final),
            "checkpoint_best.pth" => Ok(TrainingState::Best),
            other => Err(ParityError::NotUnderstood(format!(
                "its checkpoint is called {other}"
            ))),
        }
    }
}

/// An image file: its voxels as they are stored, and its grid.
pub(super) fn stored(path: &std::path::Path) -> Result<(Vec<f32>, Grid), ParityError> {
    let options = OpenOptions {
        // Keeps the reader from guessing what kind of scan the values could be of.
        modality: Some(Modality::Mr),
        ..OpenOptions::default()
    };
    let scan = open_scan(path, &options, &JobContext::silent())
        .map_err(|e| ParityError::NotUnderstood(e.to_string()))?;
    let image = scan.image;
    Ok((image.map_values(|v| v as f32), *image.grid()))
}

fn pipeline(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let call: Call = f.setting("")?;
    let beside = |path: &PathBuf| f.path().with_file_name("").join(path);
    let (folds, state) = (call.folds()?, call.state()?);
    let wanted = Wanted {
        folds: &folds,
        state,
    };
    let model = TrainedModel::open(&beside(&call.model), wanted)?;
    let stage = &model.stage;
    if let Some(axes) = &call.mirror_axes {
        let numbers = |axes: &[usize]| axes.iter().map(|&a| a as f32).collect::<Vec<f32>>();
        let expected = HostTensor::new([axes.len()], numbers(axes));
        let found = numbers(&stage.mirror_axes);
        let limit = Limit::MaxAbs(0.0);
        check.host("axes to mirror", &expected, &[found.len()], &found, limit);
    }
    let mut images = Vec::new();
    let mut grid = None;
    for path in &call.images {
        let (values, of_image) = stored(&beside(path))?;
        images.push(values);
        grid.get_or_insert(of_image);
    }
    let no_image = || ParityError::NotUnderstood("it has no image".to_owned());
    let grid = grid.ok_or_else(no_image)?;
    let as_stored = StoredScan::new(images, &grid);
    let dims = as_stored.dims;
    let (scan, axes) = ReaderScan::of(&as_stored, stage.reader);
    let previous = match &call.previous_stage {
        Some(path) => {
            let labels = stored(&beside(path))?
                .0
                .into_iter()
                .map(|v| v as u16)
                .collect();
            Some(axes.apply(labels, dims))
        }
        None => None,
    };
    let read_dims = scan.dims;
    let prepared = Prepared::of(stage, scan, previous)?;
    compare_box(&call.properties, &prepared, check);
    let fold = |fold: usize| -> Result<Arc<UNet>, ModelError> {
        let weights = model.weights[fold].clone();
        let net = UNet::from_weights(weights, &stage.architecture, device)?;
        Ok(Arc::new(net))
    };
    let networks = Networks {
        stage,
        device,
        fold: &fold,
    };
    compare_prepared(f, &networks, &prepared, check)?;
    let blending = Blending {
        step: call.tile_step_size,
        gaussian: call.use_gaussian,
        mirrored: call.use_mirroring,
    };
    let ctx = JobContext::silent();
    let progress = Progress::whole(&ctx);
    let mut logits = Logits::new(stage.architecture.heads, prepared.input.dims);
    let mut labels = label_sink(stage, &prepared);
    networks.blended(&prepared.input, blending, progress, &mut |block| {
        logits.take(&block);
        labels.take(block);
        Ok(())
    })?;
    let [d, h, w] = logits.dims;
    let values: Vec<f32> = logits.values.iter().map(|v| v.to_f32()).collect();
    let shape = [logits.heads, d, h, w];
    check.values(f, "out/logits", &shape, &values, Limit::MaxAbs(LOGITS))?;
    if f.contains("mid/resampled_logits") {
        let heads = logits.values.chunks(d * h * w);
        let back = prepared.change.inverse();
        let resample = |head: &[f16]| resampled_logits(head, &back, stage.resample_logits);
        let values: Vec<f32> = heads.flat_map(resample).collect();
        let [d, h, w] = prepared.change.from;
        let shape = [logits.heads, d, h, w];
        let limit = Limit::MaxAbs(LOGITS);
        check.values(f, "mid/resampled_logits", &shape, &values, limit)?;
    }
    let labels = labels_of(&prepared, labels, progress)?;
    let allowed = TIES as f64 / labels.len().max(1) as f64;
    let values = |labels: &[u16]| labels.iter().map(|&l| f32::from(l)).collect::<Vec<f32>>();
    let expected = f.host("out/segmentation")?;
    check.share_equal("out/segmentation", &expected, &values(&labels), allowed);
    let in_file = axes.inverse().apply(labels, read_dims);
    let expected = HostTensor::new(dims, stored(&beside(&call.expected))?.0);
    check.share_equal("the official result", &expected, &values(&in_file), allowed);
    Ok(())
}

fn compare_box(expected: &Properties, prepared: &Prepared, check: &mut Check) {
    let found = [0, 1, 2].map(|d| {
        let along = &prepared.crop.bounds[d];
        [prepared.whole[d], along.start, along.end, along.len()]
    });
    let wanted = [0, 1, 2].map(|d| {
        let [from, to] = expected.bbox_used_for_cropping[d];
        let length = expected.shape_after_cropping_and_before_resampling[d];
        [expected.shape_before_cropping[d], from, to, length]
    });
    let numbers = |all: [[usize; 4]; 3]| all.concat().iter().map(|&n| n as f32).collect();
    let wanted = HostTensor::new([3, 4], numbers(wanted));
    let found: Vec<f32> = numbers(found);
    check.host(
        "box of the crop",
        &wanted,
        &[3, 4],
        &found,
        Limit::MaxAbs(0.0),
    );
}

fn compare_prepared(
    f: &Fixture,
    networks: &Networks<'_>,
    prepared: &Prepared,
    check: &mut Check,
) -> Result<(), ParityError> {
    if !f.contains("mid/preprocessed") {
        return Ok(());
    }
    let input = &prepared.input;
    let [d, h, w] = input.dims;
    let shape = [input.channels, d, h, w];
    let limit = Limit::MaxAbs(PREPARED);
    check.values(f, "mid/preprocessed", &shape, &input.values, limit)?;
    let labels = prepared.labels(networks.stage);
    let labels: Vec<f32> = labels.into_iter().map(f32::from).collect();
    check.values(f, "mid/seg", &[1, d, h, w], &labels, Limit::MaxAbs(0.0))?;
    let window = networks.first_window(input);
    let expected = f.host("mid/window0.in")?;
    // Of a network that sees slices the recording lacks the axis on which nothing happens.
    check.host(
        "mid/window0.in",
        &expected,
        &expected.shape,
        &window.values,
        limit,
    );
    let expected = f.host("mid/window0.logits")?;
    let net = (networks.fold)(0)?;
    let found = networks.of_window(&net, window, false)?;
    // Recordings have one head after the other.
    let heads = networks.stage.architecture.heads;
    let of_head = |head: usize| found.iter().skip(head).step_by(heads).copied();
    let found: Vec<f32> = (0..heads).flat_map(of_head).collect();
    let limit = Limit::MaxAbs(WINDOW);
    check.host(
        "mid/window0.logits",
        &expected,
        &expected.shape,
        &found,
        limit,
    );
    Ok(())
}
