//! What a network is made of, read from plans of any version.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::models::ops::Activation;

/// What the stages of the encoder are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderKind {
    /// Convolutions: `PlainConvUNet`.
    Plain,
    /// A stem and residual blocks: `ResidualEncoderUNet`.
    Residual,
}

/// What normalises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormKind {
    /// Each channel of each item by itself.
    Instance,
    /// By averages that training kept.
    Batch,
}

/// What follows the convolutions of all units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitStyle {
    /// Whether convolutions have a bias.
    pub bias: bool,
    /// What normalises.
    pub norm: NormKind,
    /// Whether the normalisation has a learned scale and shift.
    pub affine: bool,
    /// ReLU; else LeakyReLU with slope 0.01.
    pub relu: bool,
    /// The activation comes before the normalisation.
    pub activation_first: bool,
}

impl UnitStyle {
    /// The activation.
    pub fn activation(self) -> Activation {
        if self.relu {
            Activation::Relu
        } else {
            Activation::LeakyRelu
        }
    }
}

/// Sizes and layers of a network. Axes are the network's; a 2D network has a first axis on which nothing happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// Kind of encoder.
    pub encoder: EncoderKind,
    /// Whether the network sees slices.
    pub flat: bool,
    /// Input channels.
    pub inputs: usize,
    /// Output channels.
    pub heads: usize,
    /// Channels of each stage.
    pub features: Vec<usize>,
    /// Kernel of each stage.
    pub kernels: Vec<[usize; 3]>,
    /// Stride at the start of each stage; the first has none.
    pub strides: Vec<[usize; 3]>,
    /// Convolutions, or blocks, of each stage.
    pub depths: Vec<usize>,
    /// Convolutions of each stage of the decoder, from the deepest on.
    pub decoder_depths: Vec<usize>,
    /// Channels of the stem; those of the first stage where it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stem: Option<usize>,
    /// Channels inside the bottleneck blocks of each stage; empty for blocks without a bottleneck.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bottlenecks: Vec<usize>,
    /// What follows convolutions.
    pub style: UnitStyle,
}

/// Arguments of a network class that mean something here.
const KNOWN: [&str; 20] = [
    "n_stages",
    "features_per_stage",
    "conv_op",
    "kernel_sizes",
    "strides",
    "n_conv_per_stage",
    "n_blocks_per_stage",
    "n_conv_per_stage_decoder",
    "conv_bias",
    "norm_op",
    "norm_op_kwargs",
    "dropout_op",
    "dropout_op_kwargs",
    "nonlin",
    "nonlin_kwargs",
    "nonlin_first",
    "deep_supervision",
    "block",
    "bottleneck_channels",
    "stem_channels",
];

/// The eps of every published network's normalisation.
const EPS: f64 = 1e-5;
/// More stages than any input could be halved for.
const MOST_STAGES: usize = 16;
/// What is wrong where some lists are longer than others.
const UNEVEN: &str = "the plans do not describe the same stages everywhere";
/// The slope of every published network's LeakyReLU.
const SLOPE: f64 = 0.01;

impl Architecture {
    /// Reads `architecture` of plans since nnU-Net 2.5.
    ///
    /// # Errors
    /// What it names that this program cannot build, in words.
    pub fn of_plans(value: &Value, inputs: usize, heads: usize) -> Result<Self, String> {
        let class = text(value.get("network_class_name"), "network_class_name")?;
        let args = value.get("arch_kwargs").and_then(Value::as_object);
        let args = args.ok_or("the plans' architecture has no arch_kwargs")?;
        let encoder = encoder_of(class)?;
        if let Some(name) = args.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(format!(
                "the plans' network option '{name}' is not supported"
            ));
        }
        let flat = match last(text(args.get("conv_op"), "conv_op")?) {
            "Conv2d" => true,
            "Conv3d" => false,
            other => return Err(format!("the plans' convolution '{other}' is not supported")),
        };
        let stages = count(args.get("n_stages"), "n_stages")?;
        if stages > MOST_STAGES {
            return Err(UNEVEN.to_owned());
        }
        let depths = match encoder {
            EncoderKind::Plain => "n_conv_per_stage",
            EncoderKind::Residual => "n_blocks_per_stage",
        };
        let per_stage = |name: &str, stages| numbers(args.get(name), stages, name);
        let bottleneck = args.get("block").and_then(Value::as_str).map(last);
        let bottlenecks = match bottleneck {
            None | Some("BasicBlockD") => Vec::new(),
            Some("BottleneckD") => per_stage("bottleneck_channels", stages)?,
            Some(other) => return Err(format!("the plans' block '{other}' is not supported")),
        };
        let architecture = Self {
            encoder,
            flat,
            inputs,
            heads,
            features: per_stage("features_per_stage", stages)?,
            kernels: extents(args.get("kernel_sizes"), stages, flat, "kernel_sizes")?,
            strides: extents(args.get("strides"), stages, flat, "strides")?,
            depths: per_stage(depths, stages)?,
            decoder_depths: per_stage("n_conv_per_stage_decoder", stages.saturating_sub(1))?,
            stem: args
                .get("stem_channels")
                .and_then(Value::as_u64)
                .map(|n| n as usize),
            bottlenecks,
            style: style_of(args)?,
        };
        if architecture.stages() != stages {
            return Err(UNEVEN.to_owned());
        }
        architecture.checked()
    }

    /// Reads a configuration of the plans of nnU-Net 2.0 to 2.4.
    ///
    /// # Errors
    /// What it lacks, or names that this program cannot build, in words.
    pub fn of_old_plans(
        plan: &Map<String, Value>,
        inputs: usize,
        heads: usize,
    ) -> Result<Self, String> {
        let encoder = encoder_of(text(plan.get("UNet_class_name"), "UNet_class_name")?)?;
        let flat = plan
            .get("patch_size")
            .and_then(Value::as_array)
            .map(Vec::len)
            == Some(2);
        let depths = plan.get("n_conv_per_stage_encoder");
        let stages = depths.and_then(Value::as_array).map(Vec::len);
        let stages = stages.ok_or("the plans lack n_conv_per_stage_encoder")?;
        let base = count(plan.get("UNet_base_num_features"), "UNet_base_num_features")?;
        let most = count(plan.get("unet_max_num_features"), "unet_max_num_features")?;
        let decoder = "n_conv_per_stage_decoder";
        let width = |stage: usize| base.saturating_mul(1 << stage.min(32)).min(most);
        let architecture = Self {
            encoder,
            flat,
            inputs,
            heads,
            features: (0..stages).map(width).collect(),
            kernels: extents(
                plan.get("conv_kernel_sizes"),
                stages,
                flat,
                "conv_kernel_sizes",
            )?,
            strides: extents(
                plan.get("pool_op_kernel_sizes"),
                stages,
                flat,
                "pool_op_kernel_sizes",
            )?,
            depths: numbers(depths, stages, "n_conv_per_stage_encoder")?,
            decoder_depths: numbers(plan.get(decoder), stages.saturating_sub(1), decoder)?,
            stem: None,
            bottlenecks: Vec::new(),
            style: UnitStyle {
                bias: true,
                norm: NormKind::Instance,
                affine: true,
                relu: false,
                activation_first: false,
            },
        };
        architecture.checked()
    }

    /// Number of stages.
    pub fn stages(&self) -> usize {
        self.features.len()
    }

    /// Channels of the stem.
    pub fn stem_width(&self) -> usize {
        self.stem.unwrap_or(self.features[0])
    }

    /// What each side of the input must be a multiple of.
    pub fn multiple(&self) -> [usize; 3] {
        std::array::from_fn(|d| self.strides.iter().map(|s| s[d]).product())
    }

    /// Whether an input of these sides comes out with as many voxels as went in.
    pub fn takes(&self, sides: [usize; 3]) -> bool {
        let multiple = self.multiple();
        (0..3).all(|d| sides[d] > 0 && sides[d].is_multiple_of(multiple[d]))
    }

    /// Sizes that cards or plans may state and no network has.
    ///
    /// # Errors
    /// The first of them, in words.
    pub fn check(&self) -> Result<(), String> {
        const MOST: usize = 4096;
        let stages = self.stages();
        let lengths = [self.kernels.len(), self.strides.len(), self.depths.len()];
        if !(2..=MOST_STAGES).contains(&stages)
            || lengths != [stages; 3]
            || self.decoder_depths.len() + 1 != stages
        {
            return Err(UNEVEN.to_owned());
        }
        let widths = self
            .features
            .iter()
            .chain(&self.bottlenecks)
            .chain(&self.stem);
        let depths = self.depths.iter().chain(&self.decoder_depths);
        let counts = widths.chain(depths).chain([&self.inputs, &self.heads]);
        if counts.into_iter().any(|&n| n == 0 || n > MOST) {
            return Err(format!(
                "the plans have a count that is not between 1 and {MOST}"
            ));
        }
        if self
            .kernels
            .iter()
            .flatten()
            .any(|k| k.is_multiple_of(2) || *k > 31)
        {
            return Err("the plans have a kernel of even length, or a very long one".to_owned());
        }
        if self.strides.iter().flatten().any(|&s| s == 0 || s > 16) {
            return Err("the plans have a stride that is not between 1 and 16".to_owned());
        }
        if self.style.activation_first && self.encoder == EncoderKind::Residual {
            return Err(
                "the plans' nonlin_first is not supported in a residual network".to_owned(),
            );
        }
        if self.strides[0] != [1; 3] {
            return Err("the plans' first stage has a stride, which is not supported".to_owned());
        }
        Ok(())
    }

    fn checked(self) -> Result<Self, String> {
        self.check()?;
        Ok(self)
    }
}

fn encoder_of(class: &str) -> Result<EncoderKind, String> {
    match last(class) {
        "PlainConvUNet" => Ok(EncoderKind::Plain),
        "ResidualEncoderUNet" => Ok(EncoderKind::Residual),
        other => Err(format!(
            "the plans' network '{other}' is not supported: PlainConvUNet and ResidualEncoderUNet are"
        )),
    }
}

fn style_of(args: &Map<String, Value>) -> Result<UnitStyle, String> {
    let option = |of: &str, name: &str| args.get(of).and_then(|v| v.get(name)).cloned();
    let norm = match args.get("norm_op").and_then(Value::as_str).map(last) {
        Some("InstanceNorm2d" | "InstanceNorm3d") => NormKind::Instance,
        Some("BatchNorm2d" | "BatchNorm3d") => NormKind::Batch,
        other => {
            let other = other.unwrap_or("none");
            return Err(format!(
                "the plans' normalisation '{other}' is not supported"
            ));
        }
    };
    let eps = option("norm_op_kwargs", "eps").and_then(|v| v.as_f64());
    if eps.is_some_and(|eps| eps != EPS) {
        return Err("the plans' normalisation has another eps than 1e-5".to_owned());
    }
    let relu = match args.get("nonlin").and_then(Value::as_str).map(last) {
        Some("LeakyReLU") => false,
        Some("ReLU") => true,
        other => {
            let other = other.unwrap_or("none");
            return Err(format!("the plans' activation '{other}' is not supported"));
        }
    };
    let slope = option("nonlin_kwargs", "negative_slope").and_then(|v| v.as_f64());
    if slope.is_some_and(|slope| slope != SLOPE) {
        return Err("the plans' LeakyReLU has another slope than 0.01".to_owned());
    }
    let flag = |name: &str| args.get(name).and_then(Value::as_bool);
    // PyTorch's own defaults: instance normalisation learns nothing unless asked, batch normalisation does.
    let affine = option("norm_op_kwargs", "affine").and_then(|v| v.as_bool());
    Ok(UnitStyle {
        bias: flag("conv_bias").unwrap_or(false),
        norm,
        affine: affine.unwrap_or(norm == NormKind::Batch),
        relu,
        activation_first: flag("nonlin_first").unwrap_or(false),
    })
}

/// The last component of a dotted name: modules have moved between versions.
fn last(dotted: &str) -> &str {
    dotted.rsplit('.').next().unwrap_or(dotted)
}

fn text<'a>(value: Option<&'a Value>, name: &str) -> Result<&'a str, String> {
    let text = value.and_then(Value::as_str);
    text.ok_or_else(|| format!("the plans lack {name}"))
}

fn count(value: Option<&Value>, name: &str) -> Result<usize, String> {
    let count = value.and_then(Value::as_u64);
    count
        .map(|n| n as usize)
        .ok_or_else(|| format!("the plans lack a usable {name}"))
}

/// A number for each stage; a single one counts for all.
fn numbers(value: Option<&Value>, stages: usize, name: &str) -> Result<Vec<usize>, String> {
    match value {
        Some(Value::Array(all)) => all.iter().map(|v| count(Some(v), name)).collect(),
        other => Ok(vec![count(other, name)?; stages]),
    }
}

/// A length along each axis for each stage; a single one counts for all axes, or all stages.
fn extents(
    value: Option<&Value>,
    stages: usize,
    flat: bool,
    name: &str,
) -> Result<Vec<[usize; 3]>, String> {
    let refuse = || format!("the plans lack a usable {name}");
    let of_stage = |value: &Value| match value {
        Value::Array(axes) => {
            let axes: Vec<usize> = axes
                .iter()
                .map(|v| count(Some(v), name))
                .collect::<Result<_, _>>()?;
            match (flat, &axes[..]) {
                (true, [h, w]) => Ok([1, *h, *w]),
                (false, [d, h, w]) => Ok([*d, *h, *w]),
                _ => Err(refuse()),
            }
        }
        single => {
            let n = count(Some(single), name)?;
            Ok([if flat { 1 } else { n }, n, n])
        }
    };
    match value {
        Some(Value::Array(all)) => all.iter().map(of_stage).collect(),
        Some(single) => Ok(vec![of_stage(single)?; stages]),
        None => Err(refuse()),
    }
}
