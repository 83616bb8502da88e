//! The published networks and the model in the box at their full sizes with random weights, on the CPU or a GPU: one
//! case, first and best wall time, best processor time and peak memory as a line of JSON. The first run makes and
//! chooses a GPU's kernels. `benches/peers/published.py` runs every published case beside PyTorch.
//!
//! Usage: `published CASE [REPEATS] [cpu|gpu]`

#![allow(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

use std::time::Instant;

use burn::module::Module as _;
use burn::tensor::wgpu::WgpuBackend;
use burn::tensor::{Device, DeviceKind, Distribution, Tensor};
use prosector::models::autoprosam::{AutoProSamConfig, AutoProSamNet, GeneratorConfig};
use prosector::models::checkpoint::{Loader, WeightMap};
use prosector::models::desam::{Pimm, PimmConfig};
use prosector::models::masam::{AdapterPlaces, MaSam, MasamConfig, Mode};
use prosector::models::ops;
use prosector::models::prosector1::{self, IMAGE_CHANNELS, PROMPT_CHANNELS, ProsectorNet};
use prosector::models::sam::{
    DecoderConfig, EncoderConfig, ImageEncoder, PromptConfig, SamConfig, TransformerConfig,
};
use prosector::models::threedsam::{self, NetConfig, Wiring};
use prosector::models::trace::Trace;

fn main() {
    // Cargo adds `--bench` of its own.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with("--"))
        .collect();
    let Some(case) = words.first() else {
        println!("name a case; benches/peers/published.py runs them all");
        return;
    };
    let repeats = words.get(1).and_then(|n| n.parse().ok()).unwrap_or(2);
    let device = device(words.get(2).map_or("cpu", String::as_str));
    let run = network(case, &device);
    let (mut first, mut seconds, mut cpu_seconds) = (None, f64::INFINITY, f64::INFINITY);
    for _ in 0..repeats {
        let (started, cpu) = (Instant::now(), cpu_time());
        run();
        device.sync().expect("the device computes");
        let elapsed = started.elapsed().as_secs_f64();
        seconds = seconds.min(elapsed);
        cpu_seconds = cpu_seconds.min(cpu_time() - cpu);
        first.get_or_insert(elapsed);
    }
    let (first, peak) = (first.unwrap_or_default(), peak_mb());
    println!(
        "{{\"case\": \"{case}\", \"first_seconds\": {first}, \"seconds\": {seconds}, \"cpu_seconds\": {cpu_seconds}, \"peak_mb\": {peak}}}"
    );
}

/// The CPU, or the first GPU that is one, or else whatever draws.
fn device(choice: &str) -> Device {
    let open = || Device::wgpu_options().graphics_api(WgpuBackend::Vulkan);
    match choice {
        "cpu" => Device::flex(),
        "gpu" => [DeviceKind::DiscreteGpu(0), DeviceKind::VirtualGpu(0)]
            .into_iter()
            .find_map(|kind| open().device_kind(kind).init().ok())
            .unwrap_or_else(|| open().init().expect("there is a Vulkan adapter")),
        other => panic!("no device {other}: cpu or gpu"),
    }
}

/// What a case computes, its network and inputs made.
fn network(case: &str, device: &Device) -> Box<dyn Fn()> {
    if let Some(part) = case.strip_prefix("prosector1_") {
        return in_the_box(part, device);
    }
    match case.strip_prefix("conv_") {
        Some(shape) => convolution(shape, device),
        None => published(case, device),
    }
}

/// A convolution of 3×3×3 by `IN_OUT_SIDE_STRIDE`.
fn convolution(shape: &str, device: &Device) -> Box<dyn Fn()> {
    let numbers: Vec<usize> = shape.split('_').filter_map(|n| n.parse().ok()).collect();
    let [from, to, side, stride] = numbers[..] else {
        panic!("no shape {shape}: channels in and out, side, stride");
    };
    let random = |shape: [usize; 5]| Tensor::<5>::random(shape, Distribution::Default, device);
    let x = random([1, side, side, side, from]);
    let weight = random([1, 1, 27, from, to]).reshape([27, from, to]);
    let kernel = ([3; 3], [stride; 3]);
    Box::new(move || drop(ops::convolve3d(vec![x.clone()], weight.clone(), kernel)))
}

/// The model in the box on random regions: `encode`, `click`, `automatic`, or `train_N`, a step of N samples with two
/// answers learnt from.
fn in_the_box(part: &str, device: &Device) -> Box<dyn Fn()> {
    let batch = part
        .strip_prefix("train_")
        .map(|n| n.parse().expect("a number of samples"));
    let device = if batch.is_some() {
        device.clone().autodiff()
    } else {
        device.clone()
    };
    let net = ProsectorNet::new(&prosector1::NetConfig::new(9), &device);
    let region = |channels| {
        let shape = [batch.unwrap_or(1), 48, 48, 48, channels];
        Tensor::<5>::random(shape, Distribution::Default, &device)
    };
    let (image, prompts) = (region(IMAGE_CHANNELS), region(PROMPT_CHANNELS));
    if batch.is_some() {
        return Box::new(move || {
            let embedding = net.encode(image.clone());
            let answer = || net.prompted(&embedding, prompts.clone());
            (answer().powi_scalar(2).mean() + answer().powi_scalar(2).mean()).backward();
        });
    }
    let net = net.no_grad();
    let embedding = net.encode(image.clone());
    match part {
        "encode" => Box::new(move || read(net.encode(image.clone()).fine)),
        "click" => Box::new(move || read(net.prompted(&embedding, prompts.clone()))),
        "automatic" => Box::new(move || read(net.automatic(&net.encode(image.clone()), true))),
        other => panic!("no case prosector1_{other}"),
    }
}

/// The forward pass of a published network.
fn published(case: &str, device: &Device) -> Box<dyn Fn()> {
    let loader = Loader::new(WeightMap::default(), device).with_fresh(1, |_| true);
    let scope = loader.root();
    let noise4 = |dims: [usize; 4]| Tensor::<4>::random(dims, Distribution::Default, device);
    match case {
        "sam_vit_b_512" | "sam_vit_b_1024" => {
            let side = if case == "sam_vit_b_512" { 512 } else { 1024 };
            let encoder = ImageEncoder::load(&scope, &vit_b(side)).no_grad();
            let image = noise4([1, 3, side, side]);
            Box::new(move || read(encoder.forward(image.clone())))
        }
        "masam_vit_b" => {
            let net = MaSam::load(&scope, &masam()).no_grad();
            let volume = noise4([5, 3, 512, 512]).reshape([1, 5, 3, 512, 512]);
            Box::new(move || read(net.forward(volume.clone(), None, Mode::Inference)))
        }
        "autoprosam_128" => {
            let net = AutoProSamNet::load(&scope, &autoprosam()).no_grad();
            let crop = noise4([1, 128, 128, 128]).unsqueeze_dim(0);
            Box::new(move || read(net.forward(crop.clone(), &Trace::off())))
        }
        "desam_decoder" => {
            let config = PimmConfig {
                encoder_width: 1280,
                width: 256,
                stages: 3,
            };
            let pimm = Pimm::load(&scope, &config).no_grad();
            let features = [0, 1, 2].map(|_| noise4([1, 1280, 64, 64]));
            let mask = noise4([1, 256, 64, 64]);
            let trace = Trace::default();
            // As for further prompts on an image: what does not depend on the prompt is there already.
            let context = pimm.image_context(&features, &trace);
            Box::new(move || read(pimm.forward(mask.clone(), &context, &Trace::default())))
        }
        other => panic!("no case {other}"),
    }
}

fn read<const D: usize>(result: Tensor<D>) {
    let values = result
        .try_into_vec_as::<f32>()
        .expect("the device computes");
    assert!(
        values.iter().all(|v| v.is_finite()),
        "random weights give numbers"
    );
}

fn vit_b(image_side: usize) -> EncoderConfig {
    EncoderConfig {
        image_side,
        patch: 16,
        channels: 3,
        width: 768,
        depth: 12,
        heads: 12,
        mlp_width: 3072,
        neck_width: 256,
        window: 14,
        global_blocks: vec![2, 5, 8, 11],
        qkv_bias: true,
        relative_positions: true,
        norm_eps: 1e-6,
    }
}

fn masam() -> MasamConfig {
    MasamConfig {
        sam: SamConfig {
            encoder: vit_b(512),
            prompt: PromptConfig {
                width: 256,
                mask_channels: 16,
            },
            decoder: DecoderConfig {
                transformer: TransformerConfig {
                    width: 256,
                    depth: 2,
                    heads: 8,
                    mlp_width: 2048,
                    cross_divisor: 2,
                },
                masks: 13,
                upscaling: vec![64, 32, 16, 8],
                iou_depth: 3,
                iou_width: 256,
            },
            pixel_mean: [0.0; 3],
            pixel_std: [1.0; 3],
        },
        rank: 32,
        scale: 1.0,
        adapter_width: 384,
        adapters: AdapterPlaces::BOTH,
        slices: 5,
    }
}

fn autoprosam() -> AutoProSamConfig {
    AutoProSamConfig {
        net: NetConfig {
            encoder: threedsam::EncoderConfig::vit_b(),
            decoder: threedsam::DecoderConfig {
                mla_channels: 256,
                mlahead_channels: 128,
                num_classes: 16,
            },
            wiring: Wiring::PromptOnShallowest,
            crop: 128,
        },
        apg: GeneratorConfig {
            in_ch: 256,
            base_ch: 16,
            num_classes: 256,
            scale: GeneratorConfig::scales(32),
        },
    }
}

/// Processor time of all threads so far; 0 where the system does not say.
fn cpu_time() -> f64 {
    /// Linux reports in these, whatever its clock.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field is the program's name, which may hold spaces.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |field: usize| fields.split_whitespace().nth(field)?.parse::<f64>().ok();
    let (user, system) = (ticks(11).unwrap_or(0.0), ticks(12).unwrap_or(0.0));
    (user + system) / TICKS_PER_SECOND
}

/// Highest memory use of this process so far; 0 where the system does not say.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}
