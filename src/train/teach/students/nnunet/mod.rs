//! nnU-Nets: one network learns from windows of the user's scans, which are prepared as for its answers.

mod scan;
mod variation;

use std::collections::HashMap;

use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use crate::models::checkpoint::WeightMap;
use crate::models::nnunet::network::UNet;
use crate::models::nnunet::stage::Stage;
use crate::models::nnunet::{Narrowed, narrowed, spacing_of};
use crate::models::trace::Trace;
use crate::models::{ComputeDevice, ModelError};
use crate::train::TrainError;

use super::super::methods::{LORA, Role};
use super::course::{Attending, Course};
use super::{Pupil, Setup, Student};
use scan::{Scan, Window};

pub(super) const STUDENT: Student = Student {
    system: "nnunet",
    batch: 2,
    takes_prompts: false,
    only_adds: false,
    spacing_mm: |base, shown| spacing_of(base, shown.voxel_mm),
    role,
    rates: &[],
    method: |_cases, _finds| &LORA,
    pupil,
};

/// Voxels of a sample on a processor, at most: more take too long. A GPU is shown whole windows.
const MOST_VOXELS: usize = 1 << 18;
/// Slices of a sample of a network that sees slices, at most.
const MOST_SLICES: usize = 8;

/// The part of a network that may stay frozen ends with the last stage of its decoder.
fn role(name: &str, all: &WeightMap, _finds: bool) -> Option<Role> {
    const HEAD: &str = ".decoder.seg_layers.";
    let head = all.names().find_map(|name| name.split_once(HEAD));
    let last = head.and_then(|(_, rest)| rest.split('.').next())?;
    let is_measured = ["running_mean", "running_var", "num_batches_tracked"]
        .iter()
        .any(|kind| name.ends_with(kind));
    (!is_measured).then(|| Role {
        normalises: name.ends_with(".norm.weight") || name.ends_with(".norm.bias"),
        answers: name.contains(HEAD),
        surrounds: name.contains(&format!(".decoder.stages.{last}.")),
    })
}

fn pupil(setup: Setup<'_>) -> Result<Box<dyn Pupil + '_>, TrainError> {
    let structure = setup.structure.ok_or(TrainError::NothingToLearn)?;
    let narrowed = narrowed(setup.base, structure, 1)?;
    let mut scans = Vec::new();
    for learned in setup.cases {
        setup.ctx.check()?;
        scans.push(Scan::of(&narrowed, learned)?);
    }
    if scans.is_empty() {
        return Err(TrainError::NothingToLearn);
    }
    let course = NetCourse {
        weights: setup.start.under(&narrowed.prefix),
        sides: sides(narrowed.stage(), setup.compute),
        narrowed,
        scans,
        device: setup.device,
    };
    Ok(Box::new(Attending { course, setup }))
}

/// Sides of a sample: those of a window, on a processor shorter ones that the network takes too.
fn sides(stage: &Stage, compute: &ComputeDevice) -> [usize; 3] {
    let mut sides = stage.window();
    let multiple = stage.architecture.multiple();
    let size = |sides: [usize; 3]| sides.iter().product::<usize>();
    while compute.kind == "cpu" && size(sides) > MOST_VOXELS {
        // Below two voxels at its deepest there would be nothing to normalise.
        let longer = (0..3).filter(|&d| sides[d] > 2 * multiple[d]);
        let Some(longest) = longer.max_by_key(|&d| sides[d]) else {
            break;
        };
        sides[longest] -= multiple[longest];
    }
    if stage.architecture.flat {
        sides[0] = (MOST_VOXELS / size(sides)).clamp(1, MOST_SLICES);
    }
    sides
}

struct NetCourse<'a> {
    narrowed: Narrowed,
    /// Under the network's own names.
    weights: WeightMap,
    sides: [usize; 3],
    scans: Vec<Scan>,
    device: &'a Device,
}

impl Course for NetCourse<'_> {
    type Sample = Window;

    /// A varied window. Every other one shows the structure, where any scan does: nnU-Net's batches of two have one such.
    fn sample(&self, at: usize, rng: &mut ChaCha8Rng) -> Window {
        let showing: Vec<&Scan> = self.scans.iter().filter(|s| s.shows_target()).collect();
        let scan = match at % 2 == 1 && !showing.is_empty() {
            true => showing[rng.random_range(0..showing.len())],
            false => &self.scans[rng.random_range(0..self.scans.len())],
        };
        let stage = self.narrowed.stage();
        let flat = 3 - stage.patch.len();
        let extent = variation::extent(self.sides, flat, rng);
        let start = scan.start(extent, at % 2 == 1, rng);
        let mirrored: Vec<usize> = stage.mirror_axes.iter().map(|axis| axis + flat).collect();
        let window = scan.window(start, extent).resized(self.sides);
        variation::varied(window, &mirrored, rng)
    }

    fn loss(
        &self,
        window: &Window,
        increments: HashMap<String, Tensor<2>>,
    ) -> Result<Tensor<1>, TrainError> {
        let architecture = &self.narrowed.stage().architecture;
        let own = increments.into_iter().filter_map(|(name, increment)| {
            let name = name.strip_prefix(&self.narrowed.prefix)?;
            Some((name.to_owned(), increment))
        });
        let weights = self.weights.clone();
        let net = UNet::with_increments(weights, architecture, self.device, own.collect());
        let net = net.map_err(ModelError::from)?;
        let [d, h, w] = window.image.dims;
        let (batch, depth) = if architecture.flat { (d, 1) } else { (1, d) };
        let image = TensorData::new(window.image.values.clone(), [batch, depth, h, w, 1]);
        let image = Tensor::<5>::from_data(image, self.device);
        let logits = net.forward_last(image, &Trace::off());
        Ok(window.wanted.loss(logits, self.narrowed.output))
    }
}
