//! Recordings of nnU-Net's networks and residual blocks.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor};
use serde::Deserialize;
use serde_json::Value;

use crate::models::checkpoint::{CheckpointError, HostTensor, Loader};
use crate::models::nnunet::network::{
    Architecture, BlockShape, NormKind, ResidualBlock, UNet, UnitStyle,
};
use crate::models::trace::{Recorder, Trace};

use super::check::read;
use super::recorded::compare;
use super::{Check, Fixture, Kind, Limit, ParityError};

/// Largest deviation of a block by itself.
const BLOCK: f64 = 2e-5;
/// Of a whole network.
const WHOLE: f64 = 1e-4;

pub(super) const KINDS: &[Kind] = &[
    ("nnunet_plain2d", network),
    ("nnunet_plain3d", network),
    ("nnunet_resenc2d", network),
    ("nnunet_resenc3d", network),
    ("nnunet_blocks", blocks),
];

fn network(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let value: Value = f.setting("/architecture")?;
    let (inputs, heads) = (f.setting("/input_channels")?, f.setting("/num_classes")?);
    let architecture = Architecture::of_plans(&value, inputs, heads)
        .map_err(|problem| CheckpointError::misfit("nnU-Net", problem))?;
    let net = UNet::from_weights(f.weights("w/"), &architecture, device)?;
    let x: Tensor<5> = if architecture.flat {
        f.tensor::<4>("in/x", device)?.unsqueeze_dim(2)
    } else {
        f.tensor("in/x", device)?
    };
    // As it is used: nothing is kept, and no bias is added that a normalisation takes out again.
    let logits = read(net.forward(x.clone(), &Trace::off()))?;
    let shape = f.host("out/logits")?.shape;
    check.values(f, "out/logits", &shape, &logits, Limit::MaxAbs(WHOLE))?;
    let recorder = Recorder::default();
    net.forward(x.clone(), &recorder.trace());
    compare(f, check, recorder, WHOLE)?;
    other_heads(f, check, |recorder| {
        net.forward(x.clone(), &recorder.trace())
    })
}

/// The heads that are used in training only.
fn other_heads(
    f: &Fixture,
    check: &mut Check,
    run: impl FnOnce(&Recorder) -> Tensor<5>,
) -> Result<(), ParityError> {
    const HEADS: &str = "out/deep_supervision.";
    let recorder = Recorder::default();
    run(&recorder);
    let kept = recorder.into_kept();
    for name in f.names(HEADS) {
        if let Some((shape, values)) = kept.get(&name["out/".len()..]) {
            let values = read(values.clone())?;
            check.values(f, name, shape, &values, Limit::MaxAbs(WHOLE))?;
        }
    }
    Ok(())
}

/// A recorded block.
#[derive(Deserialize)]
struct Case {
    cin: usize,
    cout: usize,
    stride: [usize; 3],
    kernel: [usize; 3],
    mid: Option<usize>,
    /// Cannot be reached from plans, and is not built.
    #[serde(default)]
    se: bool,
    /// The authors' block refuses an input of this shape.
    in_shape: Option<[usize; 5]>,
}

fn blocks(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let cases: BTreeMap<String, Case> = f.setting("/cases")?;
    let style = UnitStyle {
        bias: true,
        norm: NormKind::Instance,
        affine: true,
        relu: false,
        activation_first: false,
    };
    for (name, case) in cases.iter().filter(|(_, case)| !case.se) {
        let shape = BlockShape {
            from: case.cin,
            to: case.cout,
            kernel: case.kernel,
            stride: case.stride,
            bottleneck: case.mid,
            flat: false,
        };
        if let Some([_, _, sides @ ..]) = case.in_shape {
            let refused = HostTensor::new([], vec![1.0]);
            let found = [f32::from(u8::from(!shape.takes(sides)))];
            check.host(
                &format!("{name} is refused"),
                &refused,
                &[],
                &found,
                Limit::MaxAbs(0.0),
            );
            continue;
        }
        let loader = Loader::new(f.weights(&format!("w/{name}.")), device);
        let block = ResidualBlock::load(&loader.root(), shape, style);
        loader.finish("a residual block", |_| false)?;
        let y = block.forward_first(f.tensor(&format!("in/{name}"), device)?);
        check.tensor(f, &format!("out/{name}"), y, BLOCK)?;
    }
    Ok(())
}
