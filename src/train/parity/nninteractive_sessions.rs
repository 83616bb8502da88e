//! Recordings of whole sessions of nnInteractive.

use burn::tensor::Device;
use serde::Deserialize;

use crate::models::checkpoint::HostTensor;
use crate::models::nninteractive::folder::Folder;
use crate::models::nninteractive::network::Network;
use crate::models::nninteractive::session::{Looks, Session, normalise};
use crate::models::nninteractive::view::View;
use crate::models::nnunet::folder::Wanted;
use crate::models::{FoldChoice, TrainingState};

use super::nninteractive::Step;
use super::nnunet_arrays::{EXACT, three};
use super::{Check, Fixture, Kind, ParityError};

pub(super) const KINDS: &[Kind] = &[("nninteractive_session", session)];

/// Voxels of a mask that may differ after a step: those whose two logits are as good as equal.
const DIFFERING_SHARE: f64 = 1e-4;
const DIFFERING_LEAST: f64 = 3.0;

/// What a step looked at.
#[derive(Deserialize)]
struct Seen {
    passes: Vec<Pass>,
    refinement: Vec<Refinement>,
    #[serde(default)]
    run: bool,
}

#[derive(Deserialize)]
struct Pass {
    zoom: f64,
    #[serde(rename = "box")]
    corners: [[f32; 2]; 3],
}

#[derive(Deserialize)]
struct Refinement {
    boxes: Vec<[[f32; 2]; 3]>,
}

/// After each step the mask becomes the recorded one, for a network that is shown its own mask again makes much of a
/// single voxel.
fn session(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let model: String = f.setting("/model")?;
    let wanted = Wanted {
        folds: &FoldChoice::Auto,
        state: TrainingState::Final,
    };
    let Folder {
        capabilities,
        network,
    } = Folder::open(&f.beside(&model), wanted)?;
    let patch = network.patch;
    let network = Network::from_weights(network.weights, &network.architecture, patch, device)?;
    let mut image = f.host("in/image")?;
    let dims = three(&image.shape)?;
    normalise(&mut image.data, dims).map_err(ParityError::NotUnderstood)?;
    let mut session = Session::new(&image.data, dims, patch, &capabilities);
    session.auto_zoom = f.setting("/autozoom")?;
    let seen: Vec<Seen> = f.setting("/steps")?;
    let mut before = session.clone();
    for (n, step) in f.setting::<Vec<Step>>("/steps")?.iter().enumerate() {
        let looks = if step.kind == "undo" {
            session = before.clone();
            Looks::default()
        } else {
            before = session.clone();
            one_step(f, n, step, seen[n].run, &mut session, &network)?
        };
        check_looks(check, n, &seen[n], &looks);
        check_mask(f, check, n, dims, &mut session)?;
    }
    Ok(())
}

fn one_step(
    f: &Fixture,
    n: usize,
    step: &Step,
    run: bool,
    session: &mut Session<'_>,
    network: &Network,
) -> Result<Looks, ParityError> {
    let (gaze, all_of_mask) = match step.kind.as_str() {
        "reset" => {
            session.reset();
            (None, false)
        }
        "initial" => {
            session.reset();
            let mask = f.host(&format!("in/{n}.mask"))?;
            session.set_mask(mask.data.iter().map(|&m| u8::from(m != 0.0)).collect());
            (session.gaze_at_mask().filter(|_| run), true)
        }
        _ => {
            let added = session.add(&step.shape(f, n)?, step.positive);
            (added.map_err(ParityError::NotUnderstood)?, false)
        }
    };
    let predicted =
        gaze.map(|gaze| session.predict(gaze, all_of_mask, |input| network.mask(input)));
    Ok(predicted.transpose()?.unwrap_or_default())
}

fn check_looks(check: &mut Check, n: usize, seen: &Seen, looks: &Looks) {
    let passes = seen
        .passes
        .iter()
        .map(|pass| (pass.zoom as f32, pass.corners));
    let found = looks
        .passes
        .iter()
        .map(|view| (view.zoom as f32, corners(view)));
    compare_views(check, &format!("passes of step {n}"), passes, found);
    let boxes = seen
        .refinement
        .iter()
        .flat_map(|refinement| &refinement.boxes);
    let boxes = boxes.map(|corners| (1.0, *corners));
    let found = looks.close.iter().map(|view| (1.0, corners(view)));
    compare_views(check, &format!("refined boxes of step {n}"), boxes, found);
}

fn corners(view: &View) -> [[f32; 2]; 3] {
    view.corners().map(|along| along.map(|at| at as f32))
}

/// Zoom and corners of each.
fn compare_views(
    check: &mut Check,
    name: &str,
    expected: impl Iterator<Item = (f32, [[f32; 2]; 3])>,
    found: impl Iterator<Item = (f32, [[f32; 2]; 3])>,
) {
    let numbers = |(zoom, corners): (f32, [[f32; 2]; 3])| {
        let corners: Vec<f32> = corners.as_flattened().to_vec();
        std::iter::once(zoom).chain(corners)
    };
    let expected: Vec<f32> = expected.flat_map(numbers).collect();
    let found: Vec<f32> = found.flat_map(numbers).collect();
    let expected = HostTensor::new([expected.len()], expected);
    check.host(name, &expected, &[found.len()], &found, EXACT);
}

fn check_mask(
    f: &Fixture,
    check: &mut Check,
    n: usize,
    dims: [usize; 3],
    session: &mut Session<'_>,
) -> Result<(), ParityError> {
    let name = format!("out/{n}.result");
    let expected = f.host(&name)?;
    let found: Vec<f32> = session.mask().iter().map(|&m| f32::from(m)).collect();
    let voxels = dims.iter().product::<usize>() as f64;
    let allowed = (DIFFERING_LEAST / voxels).max(DIFFERING_SHARE);
    check.share_equal(&name, &expected, &found, allowed);
    // The network's mask so far, where it is another one.
    let own = format!("out/{n}.previous_channel");
    let mask = if f.contains(&own) {
        f.host(&own)?
    } else {
        expected
    };
    session.set_mask(mask.data.iter().map(|&m| u8::from(m != 0.0)).collect());
    Ok(())
}
