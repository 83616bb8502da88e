//! Our CPU kernels against Burn's own operations: values and gradients.

use burn::tensor::activation::leaky_relu;
use burn::tensor::module::{conv_transpose3d, conv3d as burn_conv3d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Distribution, Tensor, Tolerance, s};
use prosector::models::ops::{
    Activation, ScoreTerms, add, add_act, add_row, attend, attend_with, conv3d, convolve3d,
    depth_to_space, depthwise3d, gelu, instance_norm_last, join_windows, mean_pool3d_last,
    norm_act, partition_windows, space_to_depth, step_up,
};

fn close<const D: usize>(ours: Tensor<D>, expected: Tensor<D>, what: &str) {
    let scale = expected.clone().abs().max().into_scalar::<f32>().max(1e-3);
    let worst = (ours - expected).abs().max().into_scalar::<f32>();
    assert!(
        worst <= 2e-5 * scale,
        "{what}: off by {worst} at scale {scale}"
    );
}

fn noise<const D: usize>(dims: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::random(dims, Distribution::Normal(0.0, 1.0), device)
}

fn random<const D: usize>(dims: [usize; D], device: &Device) -> Tensor<D> {
    noise(dims, device).require_grad()
}

fn reference_conv(x: Tensor<5>, weight: Tensor<3>) -> Tensor<5> {
    let [_, ci, co] = weight.dims();
    let kernel = weight.reshape([3, 3, 3, ci, co]).permute([4, 3, 0, 1, 2]);
    let options = ConvOptions::new([1; 3], [1; 3], [1; 3], 1);
    burn_conv3d(x.permute([0, 4, 1, 2, 3]), kernel, None, options).permute([0, 2, 3, 4, 1])
}

#[test]
fn convolution_and_its_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    for (b, dims, ci, co) in [
        (1, [5, 6, 13], 8, 32),
        (2, [3, 3, 3], 16, 48),
        (1, [4, 9, 11], 5, 7),
        (1, [8, 8, 8], 24, 64),
        (2, [3, 4, 9], 3, 8),
        (1, [4, 3, 10], 40, 16),
    ] {
        let [d, h, w] = dims;
        let x = random([b, d, h, w, ci], &device);
        let weight = random([27, ci, co], &device);
        let upstream = random([b, d, h, w, co], &device);
        let ours = conv3d(x.clone(), weight.clone());
        let theirs = reference_conv(x.clone(), weight.clone());
        close(ours.clone().inner(), theirs.clone().inner(), "output");
        let ours = (ours * upstream.clone()).sum().backward();
        let theirs = (theirs * upstream).sum().backward();
        let gradient = |t: &Tensor<5>, g| t.grad(g).expect("tracked");
        close(gradient(&x, &ours), gradient(&x, &theirs), "input gradient");
        let gradient = |g| weight.grad(g).expect("tracked");
        close(gradient(&ours), gradient(&theirs), "weight gradient");
    }
}

/// What networks that are taught learn through: gradients of maps beside each other, of strides and of steps up.
#[test]
fn gradients_of_convolutions_beside_and_of_steps_equal_burns() {
    let device = Device::flex().autodiff();
    let (first, second) = (
        random([1, 4, 6, 5, 3], &device),
        random([1, 4, 6, 5, 2], &device),
    );
    let weight = random([27, 5, 7], &device);
    let upstream = noise([1, 4, 6, 5, 7], &device);
    let maps = vec![first.clone(), second.clone()];
    let ours = convolve3d(maps.clone(), weight.clone(), ([3; 3], [1; 3]));
    let theirs = reference_conv(Tensor::cat(maps.clone(), 4), weight.clone());
    let ours = (ours * upstream.clone()).sum().backward();
    let theirs = (theirs * upstream).sum().backward();
    for map in &maps {
        let [ours, theirs] = [&ours, &theirs].map(|g| map.grad(g).expect("tracked"));
        close(ours, theirs, "gradient of a map");
    }
    let [ours, theirs] = [&ours, &theirs].map(|g| weight.grad(g).expect("tracked"));
    close(ours, theirs, "weight gradient");

    // A stride leaves out voxels of the result.
    let strided = convolve3d(maps, weight.clone(), ([3; 3], [2, 2, 1]))
        .sum()
        .backward();
    let whole = reference_conv(Tensor::cat(vec![first.clone(), second], 4), weight.clone());
    let kept = whole
        .slice([s![..], s![0..4;2], s![0..6;2]])
        .sum()
        .backward();
    let [ours, theirs] = [&strided, &kept].map(|g| weight.grad(g).expect("tracked"));
    close(ours, theirs, "weight gradient with a stride");

    let (blocks, bias) = (random([8, 3, 4], &device), random([4], &device));
    let stepped = step_up(first.clone(), blocks.clone(), bias, [2; 3]);
    let gradients = stepped.sum().backward();
    // Of a sum, each weight's gradient is the sum of what it is multiplied with.
    let sums = first
        .inner()
        .reshape([4 * 6 * 5, 3])
        .sum_dim(0)
        .reshape([1, 3, 1]);
    let expected: Tensor<3> = sums.expand([8, 3, 4]);
    close(
        blocks.grad(&gradients).expect("tracked"),
        expected,
        "gradient of a step",
    );
}

/// Kernels of any odd sides and any stride, few voxels and many, whole multiples of the tiles and not, and maps beside each
/// other.
#[test]
fn convolutions_of_other_kernels_and_strides_equal_burns() {
    let device = Device::flex();
    for (batch, dims, parts, to, kernel, stride) in [
        (1, [8, 8, 8], &[32][..], 32, [3; 3], [1; 3]),
        (2, [9, 7, 70], &[16, 24][..], 40, [3; 3], [1; 3]),
        (1, [1, 16, 33], &[48][..], 16, [3; 3], [1; 3]),
        (1, [5, 40, 6], &[33][..], 19, [3; 3], [1; 3]),
        (1, [2, 3, 4], &[20, 20][..], 20, [3; 3], [1; 3]),
        (1, [8, 9, 10], &[5][..], 12, [3; 3], [2; 3]),
        (2, [4, 11, 9], &[16][..], 33, [1, 3, 3], [1, 2, 2]),
        (1, [6, 6, 6], &[3, 4][..], 8, [3, 1, 5], [2, 1, 1]),
    ] {
        let [d, h, w] = dims;
        let maps: Vec<Tensor<5>> = parts
            .iter()
            .map(|&channels| noise([batch, d, h, w, channels], &device))
            .collect();
        let from = parts.iter().sum();
        let taps = kernel.iter().product();
        let weight = noise([taps, from, to], &device);
        let ours = convolve3d(maps.clone(), weight.clone(), (kernel, stride));
        let [kd, kh, kw] = kernel;
        let weight = weight.reshape([kd, kh, kw, from, to]);
        let options = ConvOptions::new(stride, kernel.map(|side| side / 2), [1; 3], 1);
        let x = Tensor::cat(maps, 4).permute([0, 4, 1, 2, 3]);
        let theirs = burn_conv3d(x, weight.permute([4, 3, 0, 1, 2]), None, options);
        let what = format!("{dims:?} {parts:?} {to} {kernel:?} {stride:?}");
        close(ours, theirs.permute([0, 2, 3, 4, 1]), &what);
    }
}

#[test]
fn steps_up_equal_burns_transposed_convolution() {
    let device = Device::flex();
    for (batch, [d, h, w], from, to, block) in [
        (1, [3, 4, 21], 24, 40, [2; 3]),
        (2, [2, 3, 5], 7, 5, [1, 2, 2]),
        (1, [4, 1, 9], 16, 16, [2, 1, 3]),
    ] {
        let x = noise([batch, d, h, w, from], &device);
        let weight = noise([block.iter().product(), from, to], &device);
        let bias = noise([to], &device);
        let ours = step_up(x.clone(), weight.clone(), bias.clone(), block);
        let [kd, kh, kw] = block;
        let kernel = weight
            .reshape([kd, kh, kw, from, to])
            .permute([3, 4, 0, 1, 2]);
        let options = ConvTransposeOptions::new(block, [0; 3], [0; 3], [1; 3], 1);
        let first = x.permute([0, 4, 1, 2, 3]);
        let theirs = conv_transpose3d(first, kernel, Some(bias), options);
        close(ours, theirs.permute([0, 2, 3, 4, 1]), "step up");
    }
}

/// More values than a thread adds at a time; maps that somebody else holds stay as they are.
#[test]
fn sums_on_all_threads_equal_burns() {
    let device = Device::flex();
    let dims = [3, 150, 170];
    let (x, y) = (noise(dims, &device), noise(dims, &device));
    let expected = x.clone() + y.clone();
    close(add(x.clone(), y.clone()), expected.clone(), "both held");
    close(
        add(x.clone() * 1.0, y.clone()),
        expected.clone(),
        "one held",
    );
    close(
        add(x.clone(), y.clone() * 1.0),
        expected.clone(),
        "the other",
    );
    let activated = add_act(x.clone(), y, Activation::LeakyRelu);
    close(activated, leaky_relu(expected, 0.01), "with activation");
    let rows: Tensor<2> = x.reshape([450, 170]);
    let row = noise([170], &device);
    let expected = rows.clone() + row.clone().reshape([1, 170]);
    close(add_row(rows, row), expected, "row");
}

#[test]
fn means_of_blocks_equal_their_definition() {
    let device = Device::flex();
    for (dims, block) in [([2, 4, 6, 8, 5], [2; 3]), ([1, 3, 4, 6, 16], [1, 2, 3])] {
        let x = noise(dims, &device);
        let [b, d, h, w, c] = dims;
        let ours = mean_pool3d_last(x.clone(), block);
        let first: Tensor<5> = x.reshape([b * d / block[0], block[0], h, w, c]).mean_dim(1);
        let lines = first.reshape([b * d / block[0] * h / block[1], block[1], w, c, 1]);
        let second: Tensor<5> = lines.mean_dim(1);
        let count = second.dims()[0] * w / block[2];
        let third: Tensor<5> = second.reshape([count, block[2], c, 1, 1]).mean_dim(1);
        close(ours.clone(), third.reshape(ours.dims()), "means");
    }
}

/// Sides that divide the map and sides that do not; the gradient goes through Burn's operations.
#[test]
fn windows_hold_their_part_of_the_map_and_give_it_back() {
    let device = Device::flex();
    for (batch, [height, width], side) in [(2, [6, 9], 3), (1, [5, 7], 4), (2, [2, 3], 4)] {
        let x = noise([batch, height, width, 3], &device);
        let ours = partition_windows(x.clone(), side);
        let tracked = x.clone().autodiff().require_grad();
        let theirs = partition_windows(tracked.clone(), side);
        close(ours.clone(), theirs.clone().inner(), "windows");
        close(join_windows(ours, [height, width]), x.clone(), "joined");
        let joined = join_windows(theirs, [height, width]);
        close(joined.clone().inner(), x, "joined by Burn");
        let gradients = joined.sum().backward();
        let slope = tracked.grad(&gradients).expect("tracked");
        close(slope.clone(), slope.ones_like(), "slope");
    }
}

#[test]
fn depthwise_convolution_and_its_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    for (b, [d, h, w], c) in [(1, [5, 6, 7], 12), (2, [3, 4, 3], 5), (1, [1, 2, 1], 3)] {
        let x = random([b, d, h, w, c], &device);
        let weight = random([27, c], &device);
        let upstream = random([b, d, h, w, c], &device);
        let ours = depthwise3d(x.clone(), weight.clone());
        let kernel = weight.clone().transpose().reshape([c, 1, 3, 3, 3]);
        let options = ConvOptions::new([1; 3], [1; 3], [1; 3], c);
        let first = x.clone().permute([0, 4, 1, 2, 3]);
        let theirs = burn_conv3d(first, kernel, None, options).permute([0, 2, 3, 4, 1]);
        close(ours.clone().inner(), theirs.clone().inner(), "output");
        let ours = (ours * upstream.clone()).sum().backward();
        let theirs = (theirs * upstream).sum().backward();
        let gradient = |g| x.grad(g).expect("tracked");
        close(gradient(&ours), gradient(&theirs), "input gradient");
        let gradient = |g| weight.grad(g).expect("tracked");
        close(gradient(&ours), gradient(&theirs), "weight gradient");
    }
}

#[test]
fn gelu_and_its_gradient_equal_burns() {
    let device = Device::flex().autodiff();
    let places: Vec<f32> = (-800..=800).map(|v| v as f32 / 100.0).collect();
    let x = Tensor::<1>::from_data(places.as_slice(), &device).require_grad();
    let (ours, theirs) = (gelu(x.clone()), burn::tensor::activation::gelu(x.clone()));
    close(ours.clone().inner(), theirs.clone().inner(), "output");
    let ours = x.grad(&ours.sum().backward()).expect("tracked");
    let theirs = x.grad(&theirs.sum().backward()).expect("tracked");
    close(ours, theirs, "gradient");
}

fn reference_norm(x: Tensor<5>, gamma: Tensor<1>, beta: Tensor<1>, groups: usize) -> Tensor<5> {
    let [b, d, h, w, c] = x.dims();
    let grouped = x.reshape([b, d * h * w, groups, c / groups]);
    let mean = |t: Tensor<4>| t.mean_dim(1).mean_dim(3);
    let centred = grouped.clone() - mean(grouped);
    let variance = mean(centred.clone().powi_scalar(2));
    let normal = (centred / (variance + 1e-5).sqrt()).reshape([b, d, h, w, c]);
    normal * gamma.reshape([1, 1, 1, 1, c]) + beta.reshape([1, 1, 1, 1, c])
}

fn activated(x: Tensor<5>, activation: Activation) -> Tensor<5> {
    match activation {
        Activation::Identity => x,
        Activation::Relu => burn::tensor::activation::relu(x),
        Activation::LeakyRelu => leaky_relu(x, 0.01),
    }
}

#[test]
fn normalisation_and_its_gradients_equal_burns() {
    let device = Device::flex().autodiff();
    let cases = [
        (1, 32, 4, Activation::LeakyRelu),
        (2, 24, 3, Activation::Relu),
        (1, 8, 1, Activation::Identity),
        (2, 16, 1, Activation::LeakyRelu),
    ];
    for (b, c, groups, activation) in cases {
        let x = random([b, 5, 7, 6, c], &device);
        let gamma = random([c], &device);
        let beta = random([c], &device);
        let upstream = random([b, 5, 7, 6, c], &device);
        let ours = norm_act(x.clone(), gamma.clone(), beta.clone(), groups, activation);
        let theirs = reference_norm(x.clone(), gamma.clone(), beta.clone(), groups);
        let theirs = activated(theirs, activation);
        close(ours.clone().inner(), theirs.clone().inner(), "output");
        let ours = (ours * upstream.clone()).sum().backward();
        let theirs = (theirs * upstream).sum().backward();
        let grad = |t: &Tensor<5>, g| t.grad(g).expect("tracked");
        close(grad(&x, &ours), grad(&x, &theirs), "input gradient");
        let grad = |t: &Tensor<1>, g| t.grad(g).expect("tracked");
        close(grad(&gamma, &ours), grad(&gamma, &theirs), "gamma gradient");
        close(grad(&beta, &ours), grad(&beta, &theirs), "beta gradient");
    }
}

/// Noise of a given shape and places, regions and pairs that fit it.
fn score_terms(batch: usize, grid: &[usize], regions: usize, device: &Device) -> ScoreTerms {
    let tokens: usize = grid.iter().product();
    let channels = (0..batch * tokens).flat_map(|token| {
        (0..regions).map(move |region| f32::from(u8::from(token / 3 % regions == region)))
    });
    let channels: Vec<f32> = channels.collect();
    ScoreTerms {
        places: Some((
            noise([batch, 2, tokens, grid.iter().sum()], device),
            grid.to_vec(),
        )),
        regions: (regions > 1).then(|| {
            let channels = Tensor::<1>::from_data(channels.as_slice(), device);
            channels.reshape([batch, tokens, regions])
        }),
        pairs: Some(noise([1, 2, tokens, tokens], device)),
    }
}

/// Where gradients are wanted, attention is made of Burn's operations; without, it is our kernel.
#[test]
fn attention_equals_its_definition() {
    let cpu = Device::flex();
    for (batch, grid, regions) in [(2, vec![3, 5], 1), (3, vec![2, 3, 4], 3), (1, vec![17], 2)] {
        let tokens: usize = grid.iter().product();
        let [query, key] = [0, 1].map(|_| noise([batch, tokens, 2, 20], &cpu).swap_dims(1, 2));
        let value = noise([batch, 2, tokens, 37], &cpu);
        let terms = score_terms(batch, &grid, regions, &cpu);
        let of = |t: &Tensor<4>| t.clone().autodiff();
        let definition = attend_with(
            of(&query),
            of(&key),
            of(&value),
            0.3,
            ScoreTerms {
                places: terms.places.clone().map(|(t, grid)| (t.autodiff(), grid)),
                regions: terms.regions.clone().map(Tensor::autodiff),
                pairs: terms.pairs.clone().map(Tensor::autodiff),
            },
        );
        let found = attend_with(query, key, value, 0.3, terms);
        close(found, definition.inner(), "attention");
    }
}

/// More keys than are taken together, and more queries than fit one tile.
#[test]
fn attention_over_many_keys_equals_burns() {
    let device = Device::flex();
    for (queries, keys) in [(70, 300), (3, 9000)] {
        let query: Tensor<4> = noise([1, 3, queries, 32], &device);
        let key: Tensor<4> = noise([1, 3, keys, 32], &device);
        let value: Tensor<4> = noise([1, 3, keys, 32], &device);
        let scores = query.clone().matmul(key.clone().swap_dims(2, 3)) * 0.2;
        let expected = burn::tensor::activation::softmax(scores, 3).matmul(value.clone());
        close(attend(query, key, value, 0.2), expected, "attention");
    }
}

/// The spread of many voxels comes out to single precision; one chain of single-precision sums would be off by 1e-5.
#[test]
fn normalisation_of_many_voxels_loses_no_digits() {
    let device = Device::flex();
    let voxels = 1usize << 17;
    let values: Vec<f32> = (0..voxels)
        .map(|i| (i as f32 * 0.618_034).fract() + 3.0)
        .collect();
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / voxels as f64;
    let spread = |v: &f32| (f64::from(*v) - mean).powi(2);
    let std = (values.iter().map(spread).sum::<f64>() / voxels as f64 + 1e-5).sqrt();
    let x: Tensor<5> =
        Tensor::<1>::from_data(values.as_slice(), &device).reshape([1, 128, 32, 32, 1]);
    let found = instance_norm_last(x, Activation::Identity).into_data();
    let found = found.try_to_vec::<f32>().expect("single precision");
    let worst = values
        .iter()
        .zip(&found)
        .map(|(v, found)| ((f64::from(*v) - mean) / std - f64::from(*found)).abs())
        .fold(0.0, f64::max);
    assert!(worst < 1e-6, "off by {worst}");
}

#[test]
fn shuffling_is_undone_and_keeps_neighbours_together() {
    let device = Device::flex();
    let x = Tensor::<5>::random([1, 4, 6, 2, 3], Distribution::Default, &device);
    let deep = space_to_depth(x.clone());
    assert_eq!(deep.dims(), [1, 2, 3, 1, 24]);
    let voxel = x.clone().slice([0..1, 1..2, 2..3, 1..2, 0..3]).reshape([3]);
    // z odd, y even, x odd: the sixth of the eight neighbours.
    let channels = deep
        .clone()
        .slice([0..1, 0..1, 1..2, 0..1, 15..18])
        .reshape([3]);
    voxel
        .into_data()
        .assert_approx_eq::<f32>(&channels.into_data(), Tolerance::default());
    let back = depth_to_space(deep);
    back.into_data()
        .assert_approx_eq::<f32>(&x.into_data(), Tolerance::default());
}

/// Any adapter that computes, a software one too; the tests' machine has one.
fn gpu() -> Option<Device> {
    let device = Device::wgpu_options().init().ok();
    let is_ci = std::env::var_os("CI").is_some_and(|v| v == "true");
    assert!(device.is_some() || !is_ci, "no wgpu adapter");
    device
}

#[test]
fn the_definitions_for_the_gpu_equal_the_kernels_for_the_cpu() {
    let Some(gpu) = gpu() else {
        eprintln!("skipped: no wgpu adapter");
        return;
    };
    let cpu = Device::flex();
    let back = |t: Tensor<5>| t.to_device(&cpu);
    let x: Tensor<5> = Tensor::random([1, 4, 6, 5, 16], Distribution::Normal(0.0, 1.0), &cpu);
    let weight: Tensor<3> = Tensor::random([27, 16, 24], Distribution::Normal(0.0, 1.0), &cpu);
    let on_gpu = conv3d(x.clone().to_device(&gpu), weight.clone().to_device(&gpu));
    close(
        back(on_gpu),
        conv3d(x.clone(), weight.clone()),
        "convolution",
    );
    let beside = |device: &Device| {
        let x = x.clone().to_device(device);
        let maps = vec![x.clone(), x.clone()];
        let twice = Tensor::cat(vec![weight.clone(), weight.clone()], 1).to_device(device);
        let strided = convolve3d(maps, twice, ([3; 3], [1, 2, 2]));
        let blocks = weight.clone().narrow(0, 0, 8).to_device(device);
        let bias = Tensor::ones([24], device);
        [strided, step_up(x, blocks, bias, [2; 3])]
    };
    for (on_gpu, on_cpu) in beside(&gpu).into_iter().zip(beside(&cpu)) {
        close(
            back(on_gpu),
            on_cpu,
            "maps beside each other, and a step up",
        );
    }
    let slopes = |device: &Device| {
        let x = x.clone().to_device(device).autodiff().require_grad();
        let weight = weight.clone().to_device(device).autodiff().require_grad();
        let y = conv3d(x.clone(), weight.clone());
        let gradients = (y.clone() * y).sum().backward();
        let of_x = x.grad(&gradients).expect("tracked");
        let of_weight = weight.grad(&gradients).expect("tracked");
        (of_x.to_device(&cpu), of_weight.to_device(&cpu))
    };
    let (on_gpu, on_cpu) = (slopes(&gpu), slopes(&cpu));
    close(on_gpu.0, on_cpu.0, "slope of the convolution by its input");
    close(on_gpu.1, on_cpu.1, "slope of the convolution by its weight");
    let slope = |x: Tensor<5>| {
        let x = x.autodiff().require_grad();
        let gradients = (gelu(x.clone()) * x.clone()).sum().backward();
        x.grad(&gradients).expect("tracked")
    };
    let on_gpu = slope(x.clone().to_device(&gpu));
    close(back(on_gpu), slope(x.clone()), "slope of the GELU");
    let gamma: Tensor<1> = Tensor::random([16], Distribution::Normal(0.0, 1.0), &cpu);
    let beta: Tensor<1> = Tensor::random([16], Distribution::Normal(0.0, 1.0), &cpu);
    let on_gpu = norm_act(
        x.clone().to_device(&gpu),
        gamma.clone().to_device(&gpu),
        beta.clone().to_device(&gpu),
        2,
        Activation::LeakyRelu,
    );
    let on_cpu = norm_act(x, gamma, beta, 2, Activation::LeakyRelu);
    close(back(on_gpu), on_cpu, "normalisation");
}
