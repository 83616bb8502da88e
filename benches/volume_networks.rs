//! Time of the volume networks' parts at their published sizes, random weights: `cargo bench --bench
//! volume_networks -- [PART..]`.

#![allow(
    clippy::print_stdout,
    reason = "a benchmark reports on standard output"
)]

use std::time::Instant;

use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Distribution, Tensor, module};
use prosector::models::autoprosam::{GeneratorConfig, PromptGenerator};
use prosector::models::checkpoint::{Loader, Scope, WeightMap};
use prosector::models::ops;
use prosector::models::swinunetr::{SwinUnetr, SwinUnetrConfig};
use prosector::models::threedsam::{DecoderConfig, EncoderConfig, ImageEncoder, MaskDecoder};
use prosector::models::trace::Trace;

type Part = (&'static str, fn(&Device));

const PARTS: [Part; 6] = [
    ("conv-32", |d| convolution(d, 256, 128, 32)),
    ("conv-64", |d| convolution(d, 513, 128, 64)),
    ("generator", generator),
    ("decoder", decoder),
    ("encoder-third", encoder),
    ("swinunetr-48", |d| swinunetr(d, 48)),
];

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    let device = Device::flex();
    for (name, run) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            println!("{name}:");
            run(&device);
        }
    }
}

fn timed<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = run();
    println!("  {what}: {:.2} s", start.elapsed().as_secs_f64());
    result
}

fn fresh<T>(device: &Device, load: impl FnOnce(&Scope<'_>) -> T) -> T {
    let loader = Loader::new(WeightMap::default(), device).with_fresh(0, |_| true);
    load(&loader.root())
}

fn noise<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Default, device)
}

fn convolution(device: &Device, from: usize, to: usize, side: usize) {
    let x = noise([1, from, side, side, side], device);
    let weight = noise([to, from, 3, 3, 3], device);
    let options = || ConvOptions::new([1; 3], [1; 3], [1; 3], 1);
    timed("Burn, channels first", || {
        module::conv3d(x.clone(), weight.clone(), None, options())
    });
    let last = timed("to channels last", || {
        x.clone().permute([0, 2, 3, 4, 1]) * 1.0
    });
    let kernel = weight.permute([2, 3, 4, 1, 0]).reshape([27, from, to]);
    timed("ours, channels last", || ops::conv3d(last, kernel));
}

fn generator(device: &Device) {
    let config = GeneratorConfig {
        in_ch: 256,
        base_ch: 16,
        num_classes: 256,
        scale: vec![[2; 3]; 4],
    };
    let net = fresh(device, |scope| PromptGenerator::load(scope, &config));
    let map = noise([1, 32, 32, 32, 256], device);
    timed("forward", || net.forward(map, &Trace::off()));
}

fn decoder(device: &Device) {
    let config = DecoderConfig {
        mla_channels: 256,
        mlahead_channels: 128,
        num_classes: 16,
    };
    let net = fresh(device, |scope| MaskDecoder::load(scope, &config));
    let maps = (0..4)
        .map(|_| noise([1, 32, 32, 32, 256], device))
        .collect();
    let image = noise([1, 64, 64, 64, 1], device);
    timed("forward", || net.forward(maps, image, 128, &Trace::off()));
}

fn encoder(device: &Device) {
    let config = EncoderConfig {
        depth: 4,
        ..EncoderConfig::vit_b()
    };
    let net = fresh(device, |scope| ImageEncoder::load(scope, &config));
    let crop = noise([1, 1, 128, 128, 128], device);
    timed("4 of 12 blocks, 4 necks", || {
        net.forward(crop, &Trace::off())
    });
}

fn swinunetr(device: &Device, size: usize) {
    let config = SwinUnetrConfig::of_size(size, 16);
    let net = fresh(device, |scope| SwinUnetr::load(scope, &config));
    let crop = noise([1, 1, 96, 96, 96], device);
    timed("forward", || net.forward(crop, &Trace::off()));
}
