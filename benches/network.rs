//! Time of the network's parts on the CPU: encode once, decode per click, one training step.

use burn::tensor::{Device, Distribution, Tensor};
use prosector::models::prosector1::{IMAGE_CHANNELS, NetConfig, PROMPT_CHANNELS, ProsectorNet};

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
