//! Recorded activations and outputs, whole or thinned out.

use burn::tensor::Tensor;

use crate::models::checkpoint::HostTensor;
use crate::models::trace::Recorder;

use super::check::read;
use super::{Check, Fixture, Limit, ParityError};

/// Compares every recorded tensor under `mid/` that was kept; `name_stride4` is every fourth voxel along each axis that
/// is thinner than ours.
pub(super) fn compare(
    f: &Fixture,
    check: &mut Check,
    recorder: Recorder,
    tolerance: f64,
) -> Result<(), ParityError> {
    let kept = recorder.into_kept();
    let names: Vec<String> = f.names("mid/").map(str::to_owned).collect();
    for name in names {
        let inner = &name["mid/".len()..];
        let (plain, stride) = stride_of(inner.trim_end_matches(CENTRE));
        let Some((shape, values)) = kept.get(plain) else {
            continue;
        };
        let expected = f.host(&name)?;
        let found = HostTensor::new(shape.clone(), read(values.clone())?);
        let found = match centre_of(f, inner, &expected) {
            Some(cube) => cube.cut(&found),
            None => thinned(&found, &expected.shape, stride),
        };
        let largest = expected.data.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let limit = Limit::MaxAbs(tolerance.max(RESOLUTION * f64::from(largest)));
        check.host(&name, &expected, &found.shape, &found.data, limit);
    }
    Ok(())
}

/// Activations inside a network may be in the hundreds. There, two programs that both compute in single precision agree
/// to this share of the largest one: sixteen units in the last place, which a dozen residual blocks add up.
const RESOLUTION: f64 = 2e-6;

/// Compares logits `[1, classes, d, h, w]` in each form recorded under `out/`: whole, thinned out, a cube, the class of
/// each voxel, the foreground's probability.
pub(super) fn compare_outputs(
    f: &Fixture,
    check: &mut Check,
    logits: Tensor<5>,
    tolerance: f64,
) -> Result<(), ParityError> {
    let shape = logits.dims();
    let host = HostTensor::new(shape.to_vec(), read(logits)?);
    let names: Vec<String> = f.names("out/").map(str::to_owned).collect();
    for name in names {
        let inner = &name["out/".len()..];
        let limit = Limit::MaxAbs(tolerance);
        let expected = f.host(&name)?;
        if inner == "argmax" {
            check.share_equal(&name, &expected, &classes(&host), 1e-4);
        } else if inner == "prob_fg" {
            check.values(f, &name, &expected.shape, &foreground(&host), limit)?;
        } else if let Some(cube) = Cube::of(inner) {
            let found = cube.cut(&host);
            check.host(&name, &expected, &found.shape, &found.data, limit);
        } else if let ("logits", stride) = stride_of(inner) {
            let found = thinned(&host, &expected.shape, stride);
            check.host(&name, &expected, &found.shape, &found.data, limit);
        }
    }
    Ok(())
}

const CENTRE: &str = ".center";

/// The cube of which `name.center` is a recording: the notes say where it starts, `[12:20]^3`.
fn centre_of(f: &Fixture, name: &str, expected: &HostTensor) -> Option<Cube> {
    let start = f.note("notes").and_then(|notes| {
        let (_, range) = notes[..notes.find("]^3")?].rsplit_once('[')?;
        range.split(':').next()?.trim().parse().ok()
    });
    name.ends_with(CENTRE).then(|| Cube {
        start: [start.unwrap_or(0); 3],
        size: expected.shape.last().copied().unwrap_or(0),
    })
}

/// `name_stride4` → (`name`, 4).
fn stride_of(name: &str) -> (&str, usize) {
    name.rsplit_once("_stride")
        .and_then(|(plain, stride)| Some((plain, stride.parse().ok()?)))
        .unwrap_or((name, 1))
}

/// Every `stride`th element along the axes in which `tensor` is longer than `shape`.
fn thinned(tensor: &HostTensor, shape: &[usize], stride: usize) -> HostTensor {
    let steps: Vec<usize> = tensor
        .shape
        .iter()
        .zip(shape)
        .map(|(have, want)| if have == want { 1 } else { stride })
        .collect();
    let small: Vec<usize> = tensor
        .shape
        .iter()
        .zip(&steps)
        .map(|(length, step)| length.div_ceil(*step))
        .collect();
    let count = small.iter().product();
    let data = (0..count).map(|place: usize| {
        let (mut rest, mut from, mut row) = (place, 0, 1);
        for axis in (0..small.len()).rev() {
            from += rest % small[axis] * steps[axis] * row;
            rest /= small[axis];
            row *= tensor.shape[axis];
        }
        tensor.data[from]
    });
    let data = data.collect();
    HostTensor::new(small, data)
}

/// `logits_cube_d60_h40_w70_size14`.
struct Cube {
    start: [usize; 3],
    size: usize,
}

impl Cube {
    fn of(name: &str) -> Option<Self> {
        let mut parts = name.strip_prefix("logits_cube_")?.split('_');
        let mut number = |letter: &str| parts.next()?.strip_prefix(letter)?.parse().ok();
        Some(Self {
            start: [number("d")?, number("h")?, number("w")?],
            size: number("size")?,
        })
    }

    fn cut(&self, x: &HostTensor) -> HostTensor {
        let [classes, d, h, w] = [x.shape[1], x.shape[2], x.shape[3], x.shape[4]];
        let [d0, h0, w0] = self.start;
        let mut data = Vec::with_capacity(classes * self.size.pow(3));
        for class in 0..classes {
            for i in d0..(d0 + self.size).min(d) {
                for j in h0..(h0 + self.size).min(h) {
                    let row = ((class * d + i) * h + j) * w;
                    data.extend_from_slice(&x.data[row + w0..row + (w0 + self.size).min(w)]);
                }
            }
        }
        let count = data.len();
        let shape = vec![1, classes, self.size, self.size, self.size];
        if shape.iter().product::<usize>() == count {
            HostTensor::new(shape, data)
        } else {
            HostTensor::new([count], data)
        }
    }
}

/// The class with the highest logit of each voxel.
pub(super) fn classes(logits: &HostTensor) -> Vec<f32> {
    let (count, voxels) = (logits.shape[1], logits.shape[2..].iter().product::<usize>());
    let best = (0..voxels).map(|voxel| {
        let value = |class: usize| logits.data[class * voxels + voxel];
        (1..count).fold(0, |best, class| {
            if value(class) > value(best) {
                class
            } else {
                best
            }
        })
    });
    best.map(|class| class as f32).collect()
}

/// Softmax probability of class 1 of each voxel.
pub(super) fn foreground(logits: &HostTensor) -> Vec<f32> {
    let (count, voxels) = (logits.shape[1], logits.shape[2..].iter().product::<usize>());
    let share = (0..voxels).map(|voxel| {
        let value = |class: usize| logits.data[class * voxels + voxel];
        let sum: f32 = (0..count)
            .map(|class| (value(class) - value(1)).exp())
            .sum();
        1.0 / sum
    });
    share.collect()
}
