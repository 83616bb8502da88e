//! Time of the network's parts on the CPU: encode once, decode per click, one training step.

use burn::tensor::{Device, Distribution, Tensor};
use prosector::models::checkpoint::{Loader, WeightMap};
use prosector::models::desam::{DeSamDecoder, DeSamDecoderConfig, ImageFeatures, PimmConfig};
use prosector::models::prosector1::{IMAGE_CHANNELS, NetConfig, PROMPT_CHANNELS, ProsectorNet};
use prosector::models::sam::{DecoderConfig, PromptConfig, Prompts, TransformerConfig};
use prosector::models::trace::Trace;

fn main() {
    divan::main();
}

fn net(device: &Device) -> ProsectorNet {
    ProsectorNet::new(&NetConfig::new(9), device)
}

fn noise(side: usize, channels: usize, device: &Device) -> Tensor<5> {
    Tensor::random(
        [1, side, side, side, channels],
        Distribution::Default,
        device,
    )
}

#[divan::bench(args = [48, 64], sample_count = 10)]
fn encode(bencher: divan::Bencher<'_, '_>, side: usize) {
    let device = Device::flex();
    let (net, image) = (net(&device), noise(side, IMAGE_CHANNELS, &device));
    bencher.bench_local(|| net.encode(image.clone()));
}

#[divan::bench(args = [48, 64], sample_count = 10)]
fn decode_per_click(bencher: divan::Bencher<'_, '_>, side: usize) {
    let device = Device::flex();
    let net = net(&device);
    let embedding = net.encode(noise(side, IMAGE_CHANNELS, &device));
    let prompts = noise(side, PROMPT_CHANNELS, &device);
    bencher.bench_local(|| net.prompted(&embedding, prompts.clone()));
}

#[divan::bench(args = [48], sample_count = 5)]
fn train_encode_and_two_decodes(bencher: divan::Bencher<'_, '_>, side: usize) {
    let device = Device::flex().autodiff();
    let (net, image) = (net(&device), noise(side, IMAGE_CHANNELS, &device));
    let prompts = noise(side, PROMPT_CHANNELS, &device);
    bencher.bench_local(|| {
        let embedding = net.encode(image.clone());
        let first = net.prompted(&embedding, prompts.clone());
        let second = net.prompted(&embedding, prompts.clone());
        (first.powi_scalar(2).mean() + second.powi_scalar(2).mean()).backward()
    });
}

/// DeSAM's decoder at its published size, and features of an image of 1024.
fn desam(device: &Device) -> (DeSamDecoder, ImageFeatures) {
    let width = 256;
    let config = DeSamDecoderConfig {
        prompt: PromptConfig {
            width,
            mask_channels: 16,
        },
        prim: DecoderConfig {
            transformer: TransformerConfig {
                width,
                depth: 2,
                heads: 8,
                mlp_width: 2048,
                cross_divisor: 2,
            },
            masks: 4,
            upscaling: vec![64, 32],
            iou_depth: 3,
            iou_width: 256,
        },
        pimm: PimmConfig {
            encoder_width: 1280,
            width,
            stages: 3,
        },
        image_side: 1024,
        grid: 64,
    };
    let loader = Loader::new(WeightMap::default(), device).with_fresh(1, |_| true);
    let root = loader.root();
    let (prompts, decoder) = (root.child("prompt_encoder"), root.child("mask_decoder"));
    let net = DeSamDecoder::load(&prompts, &decoder, &config);
    let map = |channels| Tensor::random([1, channels, 64, 64], Distribution::Default, device);
    let features = ImageFeatures {
        features: (0..3).map(|_| map(1280)).collect(),
        embedding: map(width),
    };
    (net, features)
}

#[divan::bench(sample_count = 3)]
fn desam_prepare_image(bencher: divan::Bencher<'_, '_>) {
    let device = Device::flex();
    let (net, features) = desam(&device);
    bencher.bench_local(|| net.prepare(&features, &Trace::off()));
}

#[divan::bench(args = [1, 9], sample_count = 3)]
fn desam_decode_points(bencher: divan::Bencher<'_, '_>, points: usize) {
    let device = Device::flex();
    let (net, features) = desam(&device);
    let image = net.prepare(&features, &Trace::off());
    let prompts = Prompts {
        points: Some((
            Tensor::random([points, 1, 2], Distribution::Uniform(0.0, 1024.0), &device),
            Tensor::ones([points, 1], &device),
        )),
        ..Prompts::default()
    };
    bencher.bench_local(|| net.decode(&image, prompts.clone(), &Trace::off()));
}
