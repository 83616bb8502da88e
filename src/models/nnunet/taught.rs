//! An nnU-Net as a base to teach upon: one network, of which one structure is kept.
//!
//! A structure that the base knows goes on from there: all its outputs stay, and what they say of the others is not asked.
//! For a new one the last layer begins with zeros, for it and for all else.

use crate::models::checkpoint::{CheckpointError, HostTensor, WeightMap};
use crate::models::taught::classes::wanted;
use crate::models::taught::{Taught, TaughtStructure, Teachable};
use crate::models::{ModelCard, ModelError, StoredModel, slices};
use crate::volume::{ImageVolume, Mask};

use super::arrays::labels::Heads;
use super::network::TITLE;
use super::pipeline::{NetworkInput, Prepared, ReaderScan, StoredScan};
use super::settings::{Part, Settings, TaskSettings};
use super::stage::{Outputs, Stage};
use super::totalseg::Working;

pub(super) const TEACHABLE: Teachable = Teachable { check, start, half };

/// What is taught of a model.
pub(crate) struct Narrowed {
    /// Of one network that finds one structure.
    pub settings: Settings,
    /// What the names of the network's tensors begin with.
    pub prefix: String,
    /// The output that stands for the structure; the others stand for all else.
    pub output: usize,
}

impl Narrowed {
    /// The network, and how scans are prepared for it.
    pub fn stage(&self) -> &Stage {
        &self.settings.parts[0].stages[0]
    }
}

fn check(card: &ModelCard, structure: Option<&str>) -> Result<(), String> {
    let settings: Settings = card.settings(TITLE).map_err(|e| e.to_string())?;
    only_network(&settings)?;
    match structure {
        Some(_) => Ok(()),
        None => {
            Err("takes no prompts: name the structure that it is to find (--structure)".to_owned())
        }
    }
}

/// The network of a model that has no more than one, however many folds of it there are.
///
/// # Errors
/// What it has besides, in words that go on from its name.
fn only_network(settings: &Settings) -> Result<(&Part, &Stage), String> {
    const ONE: &str = "an nnU-Net of one stage, that takes one image, can be taught";
    let [part] = &settings.parts[..] else {
        let parts = settings.parts.len();
        return Err(format!(
            "is {parts} networks for parts of its structures: {ONE}"
        ));
    };
    let [stage] = &part.stages[..] else {
        let stages = part.stages.len();
        return Err(format!("is a cascade of {stages} networks: {ONE}"));
    };
    let looks_first = |task: &TaskSettings| task.crop.is_some() || task.refine.is_some();
    if settings.task.as_ref().is_some_and(looks_first) {
        return Err(format!("takes what other networks find too: {ONE}"));
    }
    if stage.channels.len() != 1 {
        let images = stage.channels.len();
        return Err(format!("takes {images} images of a patient: {ONE}"));
    }
    match stage.outputs.heads() {
        Heads::Classes(_) => Ok((part, stage)),
        Heads::Regions(_) => Err(
            "finds regions that overlap: one whose structures exclude each other can be taught"
                .to_owned(),
        ),
    }
}

/// What is taught of a base, where the structure is to have a value.
///
/// # Errors
/// A base that cannot be taught.
pub(crate) fn narrowed(
    base: &ModelCard,
    structure: &TaughtStructure,
    value: u16,
) -> Result<Narrowed, ModelError> {
    let settings: Settings = base.settings(TITLE)?;
    let misfit = |reason| ModelError::Unsupported(format!("'{}' {reason}", base.id));
    let (part, stage) = only_network(&settings).map_err(misfit)?;
    let label = structure
        .known_to_base
        .then(|| label_of(base, part, &structure.name));
    let (label, mut stage) = (label.flatten(), stage.clone());
    stage.folds.truncate(1);
    let part = match label {
        Some(label) => Part {
            values: part_values(part, label, value),
            kept_largest: part
                .kept_largest
                .iter()
                .filter(|g| **g == [label])
                .cloned()
                .collect(),
            stages: vec![stage],
        },
        None => {
            stage.outputs = Outputs::new(&Heads::Classes(2), vec![1]);
            stage.architecture.heads = 2;
            Part {
                values: vec![value],
                kept_largest: Vec::new(),
                stages: vec![stage],
            }
        }
    };
    let task = settings.task.map(|task| TaskSettings {
        name: task.name,
        spacing_mm: task.spacing_mm,
        crop: None,
        subset_crop: None,
        rules: Vec::new(),
        refine: None,
    });
    Ok(Narrowed {
        settings: Settings {
            parts: vec![part],
            task,
        },
        prefix: Settings::prefix(0, 0, 0),
        output: label.map_or(1, usize::from),
    })
}

/// Spacing along right, anterior, superior at which a network looks at scans of such a spacing, as near as its reader's axes
/// come; their own, where the settings tell none.
pub(crate) fn spacing_of(base: &ModelCard, own_mm: [f64; 3]) -> [f64; 3] {
    let settings: Result<Settings, _> = base.settings(TITLE);
    let settings = settings.as_ref().ok();
    let Some((_, stage)) = settings.and_then(|settings| only_network(settings).ok()) else {
        return own_mm;
    };
    // The reader's axes: slice, row, column.
    let [right, anterior, superior] = own_mm;
    let mut read_mm = [superior, anterior, right];
    let shown_mm = stage.target_spacing_mm(stage.transpose.map(|axis| read_mm[axis]));
    for (axis, mm) in stage.transpose.into_iter().zip(shown_mm) {
        read_mm[axis] = mm;
    }
    let [superior, anterior, right] = read_mm;
    [right, anterior, superior]
}

/// The label that a structure of the card has within a part.
fn label_of(card: &ModelCard, part: &Part, name: &str) -> Option<u16> {
    let value = card.structures.iter().find(|s| s.name == name)?.value;
    let place = part.values.iter().position(|&v| v == value)?;
    u16::try_from(place + 1).ok()
}

/// The value of each label of a part where one of them alone is kept.
fn part_values(part: &Part, label: u16, value: u16) -> Vec<u16> {
    let labels = (1..).take(part.values.len());
    labels.map(|l| if l == label { value } else { 0 }).collect()
}

fn half(card: &ModelCard, taught: &Taught, base: &ModelCard) -> Result<ModelCard, ModelError> {
    let half = taught.half(card);
    let structure = wanted(taught.structure.as_ref(), base)?;
    let value = half.structures.first().map_or(1, |s| s.value);
    let settings = narrowed(base, structure, value)?.settings;
    let config = toml::Table::try_from(&settings);
    Ok(ModelCard {
        config: config.map_err(|e| CheckpointError::misfit(TITLE, e.to_string()))?,
        ..half
    })
}

/// The first fold's weights as layers use them, their outputs last.
fn start(base: &StoredModel, structure: Option<&TaughtStructure>) -> Result<WeightMap, ModelError> {
    let structure = wanted(structure, &base.card)?;
    let narrowed = narrowed(&base.card, structure, 1)?;
    let architecture = &narrowed.stage().architecture;
    let head = format!(
        "{}decoder.seg_layers.{}",
        narrowed.prefix,
        architecture.stages() - 2
    );
    let mut start = WeightMap::default();
    for name in base.weights.names() {
        if name.starts_with(&narrowed.prefix) {
            start.insert(name, outputs_last(name, base.weights.read(name)?));
        }
    }
    if !structure.known_to_base {
        let (from, heads) = (architecture.features[0], architecture.heads);
        let zeros = |shape: &[usize]| HostTensor::new(shape, vec![0.0; shape.iter().product()]);
        start.insert(format!("{head}.weight"), zeros(&[1, from, heads]));
        start.insert(format!("{head}.bias"), zeros(&[heads]));
    }
    Ok(start)
}

/// A kernel `[out, in, ..]`, of a step up `[in, out, ..]`, as `[taps, in, out]`; any other tensor as it is.
fn outputs_last(name: &str, tensor: HostTensor) -> HostTensor {
    let [first, second, sides @ ..] = &tensor.shape[..] else {
        return tensor;
    };
    let taps: usize = sides.iter().product();
    let steps_up = name.contains(".transpconvs.");
    let [from, to] = if steps_up {
        [*first, *second]
    } else {
        [*second, *first]
    };
    let mut data = Vec::with_capacity(tensor.data.len());
    for tap in 0..taps {
        for input in 0..from {
            let place = |output: usize| match steps_up {
                true => (input * to + output) * taps + tap,
                false => (output * from + input) * taps + tap,
            };
            data.extend((0..to).map(|output| tensor.data[place(output)]));
        }
    }
    HostTensor::new([taps, from, to], data)
}

/// A scan as the network is shown it, and for each of some masks on its grid whether a voxel there belongs to it.
///
/// # Errors
/// A scan that the network does not take.
pub(crate) fn shown(
    narrowed: &Narrowed,
    image: &ImageVolume,
    masks: &[Mask],
) -> Result<(NetworkInput, Vec<Vec<u8>>), ModelError> {
    let stage = narrowed.stage();
    let values = |mask: &Mask| mask.voxels.iter().map(|&m| f32::from(m)).collect();
    let mut images = vec![slices::values(image)];
    images.extend(masks.iter().map(values));
    let mut scan = StoredScan::new(images, image.grid());
    if let Some(task) = &narrowed.settings.task {
        scan = Working::of(scan, task.working_mm()).scan;
    }
    let (mut read, _) = ReaderScan::of(&scan, stage.reader);
    let drawn = read.images.split_off(1);
    let prepared = Prepared::of(stage, read, None)?;
    let labels = |mask: Vec<f32>| {
        let mask = mask.into_iter().map(|m| u16::from(m >= 0.5)).collect();
        let labels = prepared.shown(stage, mask);
        labels.into_iter().map(|l| u8::from(l == 1)).collect()
    };
    let labels = drawn.into_iter().map(labels).collect();
    Ok((prepared.input, labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_keep_their_values_with_outputs_last() {
        // [out 2, in 3, 1, 2]: 100 out + 10 in + tap.
        let value = |o: usize, i: usize, t: usize| (100 * o + 10 * i + t) as f32;
        let mut data = Vec::new();
        for o in 0..2 {
            for i in 0..3 {
                data.extend([value(o, i, 0), value(o, i, 1)]);
            }
        }
        let found = outputs_last("conv.weight", HostTensor::new([2, 3, 1, 2], data.clone()));
        assert_eq!(found.shape, [2, 3, 2]);
        assert_eq!(found.data[..4], [0.0, 100.0, 10.0, 110.0]);
        assert_eq!(found.data[6..8], [1.0, 101.0]);
        // The same tensor as a step up goes from 2 to 3.
        let found = outputs_last(
            "decoder.transpconvs.0.weight",
            HostTensor::new([2, 3, 1, 2], data),
        );
        assert_eq!(found.shape, [2, 2, 3]);
        assert_eq!(found.data[..6], [0.0, 10.0, 20.0, 100.0, 110.0, 120.0]);
        let bias = outputs_last("bias", HostTensor::new([2], vec![1.0, 2.0]));
        assert_eq!(bias.shape, [2]);
    }
}
