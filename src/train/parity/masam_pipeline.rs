//! Recordings of MA-SAM's data: windows, intensities, zooming, averaging over windows.

use burn::tensor::{Device, Tensor, TensorData, activation};

use crate::models::checkpoint::HostTensor;
use crate::models::masam::intensity::{quantile, scale_window};
use crate::models::masam::windows::{SliceStack, WindowAverage, most_probable};
use crate::models::masam::{Intensity, MaSam, Mode};
use crate::models::ops::{SplineOrder, spline_zoom};
use crate::train::slices::masam::merge_adrenals;

use super::check::read;
use super::masam::{config_of, load};
use super::{Check, Fixture, Kind, Limit, ParityError};

pub(super) const KINDS: &[Kind] = &[("masam_pipeline", pipeline)];

const EXACT: Limit = Limit::MaxAbs(0.0);
const CLOSE: Limit = Limit::MaxAbs(2e-5);
/// Pixels that may get another class: near ties.
const ALLOWED_TIES: f64 = 2e-3;

fn pipeline(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    organs(fixture, check)?;
    prostate(fixture, check)?;
    zooms(fixture, check)?;
    volume(fixture, device, check)
}

/// A row-major array `[x, y, z]` with `i` fastest.
fn i_fastest(array: &HostTensor) -> (Vec<f32>, [usize; 3]) {
    let dims = [array.shape[0], array.shape[1], array.shape[2]];
    let [nx, ny, nz] = dims;
    let mut values = Vec::with_capacity(array.data.len());
    for k in 0..nz {
        for j in 0..ny {
            values.extend((0..nx).map(|i| array.data[(i * ny + j) * nz + k]));
        }
    }
    (values, dims)
}

/// `[slices, places]` as the recordings' `[places, slices]`.
pub(super) fn slices_last(window: &[f32], slices: usize) -> Vec<f32> {
    let places = window.len() / slices;
    (0..window.len())
        .map(|n| window[n % slices * places + n / slices])
        .collect()
}

/// All windows of a volume as the recordings hold them: `[windows, rows, columns, slices]`.
fn all_windows(stack: &SliceStack, slices: usize, change: impl Fn(&mut [f32])) -> HostTensor {
    let [count, rows, columns] = stack.shape;
    let mut values = Vec::new();
    for centre in 0..count {
        let mut window = stack.window(centre, slices);
        change(&mut window);
        values.extend(slices_last(&window, slices));
    }
    HostTensor::new([count, rows, columns, slices], values)
}

fn compare(
    fixture: &Fixture,
    check: &mut Check,
    name: &str,
    found: &HostTensor,
    limit: Limit,
) -> Result<(), ParityError> {
    check.values(fixture, name, &found.shape, &found.data, limit)
}

fn organs(fixture: &Fixture, check: &mut Check) -> Result<(), ParityError> {
    let slices = config_of(fixture)?.slices;
    let (mut values, dims) = i_fastest(&fixture.host("in/btcv.volume_xyz")?);
    let (labels, _) = i_fastest(&fixture.host("in/btcv.label_xyz")?);
    let raw = SliceStack::from_volume(&values, dims);
    let windows = all_windows(&raw, slices, |_| ());
    compare(fixture, check, "out/btcv.windows", &windows, EXACT)?;
    let labels = SliceStack::from_volume(&labels, dims);
    let windows = all_windows(&labels, slices, |_| ());
    compare(fixture, check, "out/btcv.label_windows", &windows, EXACT)?;
    Intensity::ORGANS.apply(&mut values);
    let normalised = all_windows(
        &SliceStack::from_volume(&values, dims),
        slices,
        scale_window,
    );
    compare(fixture, check, "out/btcv.normalised", &normalised, CLOSE)?;
    let merged = all_windows(&labels, slices, |labels| {
        for label in labels {
            *label = f32::from(merge_adrenals(*label as u8));
        }
    });
    let last = merged.data.len() / dims[2] * (dims[2] - 1);
    let shape = &merged.shape[1..];
    check.values(
        fixture,
        "out/btcv.last_label_remapped",
        shape,
        &merged.data[last..],
        EXACT,
    )
}

fn prostate(fixture: &Fixture, check: &mut Check) -> Result<(), ParityError> {
    let slices = config_of(fixture)?.slices;
    let (mut values, dims) = i_fastest(&fixture.host("in/mri.volume_xyz")?);
    let (labels, _) = i_fastest(&fixture.host("in/mri.label_xyz")?);
    let high = [quantile(&values, 0.99)];
    check.values(
        fixture,
        "out/mri.quantile99",
        &[1],
        &high,
        Limit::MaxAbs(1e-3),
    )?;
    Intensity::Percentile.apply(&mut values);
    let expected = fixture.host("out/mri.windows")?;
    let size = [expected.shape[1], expected.shape[2]];
    for (name, values, order) in [
        ("out/mri.windows", values, SplineOrder::Cubic),
        ("out/mri.label_windows", labels, SplineOrder::Nearest),
    ] {
        let stack = SliceStack::from_volume(&values, dims).resized(size, order);
        let windows = all_windows(&stack, slices, |_| ());
        compare(fixture, check, name, &windows, CLOSE)?;
    }
    Ok(())
}

fn zooms(fixture: &Fixture, check: &mut Check) -> Result<(), ParityError> {
    let input = fixture.host("in/zoom")?;
    for name in fixture.names("out/zoom.") {
        let order = if name.ends_with("order0") {
            SplineOrder::Nearest
        } else {
            SplineOrder::Cubic
        };
        let shape = fixture.host(name)?.shape;
        let zoomed = spline_zoom(&input.data, &input.shape, &shape, order);
        check.values(fixture, name, &shape, &zoomed, CLOSE)?;
    }
    Ok(())
}

/// `test_single_volume`: probabilities of all windows, averaged.
fn volume(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config = config_of(fixture)?;
    let (network, _) = load(fixture.weights("w/"), &config, device)?;
    let windows = fixture.host("in/slide.windows")?;
    let [count, rows, columns, slices] = [0, 1, 2, 3].map(|axis| windows.shape[axis]);
    let places = rows * columns;
    let classes = config.sam.decoder.masks;
    let mut average = WindowAverage::new(count, slices, [classes, places]);
    for (centre, window) in windows.data.chunks_exact(places * slices).enumerate() {
        let found = probabilities(&network, window, [slices, rows, columns], device)?;
        average.add(centre, &found);
    }
    let counts: Vec<f32> = average.counts().iter().map(|&n| n as f32 + 1.0).collect();
    check.values(
        fixture,
        "out/slide.avg_cnt",
        &[counts.len()],
        &counts,
        EXACT,
    )?;
    let mut row = Vec::new();
    for (padded, count) in counts.iter().enumerate() {
        let sums = average.sums(padded);
        for column in 0..columns {
            let place = rows / 2 * columns + column;
            row.extend((0..classes).map(|class| sums[class * places + place] / count));
        }
    }
    let shape = [counts.len(), columns, classes];
    let limit = Limit::MaxAbs(1e-4);
    check.values(fixture, "out/slide.probability_row", &shape, &row, limit)?;
    decision(fixture, check, average, [count, rows, columns])
}

fn probabilities(
    network: &MaSam,
    window: &[f32],
    [slices, rows, columns]: [usize; 3],
    device: &Device,
) -> Result<Vec<f32>, ParityError> {
    let grey = TensorData::new(window.to_vec(), [1, rows, columns, slices, 1]);
    let grey = Tensor::<5>::from_data(grey, device).permute([0, 3, 4, 1, 2]);
    let logits = network.forward(grey.repeat_dim(2, 3), None, Mode::Inference);
    read(activation::softmax(logits, 1))
}

fn decision(
    fixture: &Fixture,
    check: &mut Check,
    mut average: WindowAverage,
    shape: [usize; 3],
) -> Result<(), ParityError> {
    let [count, rows, columns] = shape;
    let decided: Vec<u16> = (0..count)
        .flat_map(|slice| most_probable(&average.take(slice), rows * columns))
        .collect();
    let as_values =
        |classes: &[u16]| -> Vec<f32> { classes.iter().map(|&class| f32::from(class)).collect() };
    let expected = fixture.host("out/slide.prediction")?;
    let name = "out/slide.prediction";
    check.share_equal(name, &expected, &as_values(&decided), ALLOWED_TIES);
    let volume = SliceStack::into_volume(&decided, shape);
    let mut nifti = Vec::with_capacity(volume.len());
    for i in 0..columns {
        for j in 0..rows {
            nifti.extend((0..count).map(|k| volume[i + columns * (j + rows * k)]));
        }
    }
    let name = "out/slide.nifti_prediction";
    check.share_equal(name, &fixture.host(name)?, &as_values(&nifti), ALLOWED_TIES);
    let truth = fixture.host("in/slide.label")?.data;
    let expected = fixture.host("out/slide.dice")?;
    let dice: Vec<f32> = (1..=expected.data.len())
        .map(|class| class_dice(&decided, &truth, class as u16))
        .collect();
    check.values(
        fixture,
        "out/slide.dice",
        &[dice.len()],
        &dice,
        Limit::MaxAbs(2e-3),
    )
}

/// 1 where neither has the class.
fn class_dice(found: &[u16], truth: &[f32], class: u16) -> f32 {
    let (mut both, mut sum) = (0_usize, 0_usize);
    for (&found, &truth) in found.iter().zip(truth) {
        let (found, truth) = (found == class, truth == f32::from(class));
        both += usize::from(found && truth);
        sum += usize::from(found) + usize::from(truth);
    }
    if sum == 0 {
        1.0
    } else {
        2.0 * both as f32 / sum as f32
    }
}
