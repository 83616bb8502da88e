//! Training samples as a stream of bytes, for a trainer in another language: per step a little-endian `u64`, the length of
//! what follows, and a safetensors blob with the step's batch.
//!
//! | tensor | shape | what |
//! |---|---|---|
//! | `prompted.image` | f16 `[P, d, h, w, IMAGE_CHANNELS]` | what the network sees |
//! | `prompted.truth` | f16 `[P, d, h, w]` | how much of each voxel the target covers |
//! | `prompted.clicks` | f32 `[P, C, 4]` | i, j, k in region voxels and the sign; 0 as sign fills up |
//! | `prompted.box` | f32 `[P, 6]` | lower faces, then upper ones, in region voxels; NaN without a box |
//! | `prompted.previous` | f16 `[P, d, h, w]` | mask so far |
//! | `prompted.has_previous` | u8 `[P]` | whether there is one |
//! | `prompted.rounds` | u8 `[P]` | how many answers the user asks for |
//! | `prompted.weight` | f32 `[P]` | how much the sample counts |
//! | `automatic.image` | f16 `[A, d, h, w, IMAGE_CHANNELS]` | what the network sees |
//! | `automatic.truth` | f16 `[A, d, h, w, structures]` | how much of each voxel a structure covers |
//! | `automatic.known` | u8 `[A, structures]` | whether that is known |
//! | `automatic.trust` | f32 `[A]` | trust in the first answer; NaN where structures are not refined |
//!
//! Tensors of a kind of which the batch has no sample are left out.

use std::io::Write;
use std::ops::Range;
use std::time::Instant;

use half::f16;
use rayon::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use crate::models::prosector1::IMAGE_CHANNELS;
use crate::models::prosector1::region::SIDE;
use crate::prompt::Polarity;
use crate::util::{JobContext, peak_memory_note};

use super::TrainError;
use super::batch::{self, Batch};
use super::cases::Cases;
use super::config::TrainConfig;
use super::field::VOXELS;

/// Steps drawn side by side.
const AT_ONCE: usize = 16;

/// Writes the samples of `steps` to `out`.
pub(super) fn write(
    config: &TrainConfig,
    cases: &Cases,
    steps: Range<usize>,
    out: &mut dyn Write,
    ctx: &JobContext,
) -> Result<(), TrainError> {
    let since = Instant::now();
    // Not collected: a trainer that stops by the clock asks for more steps than memory could number.
    for first in steps.clone().step_by(AT_ONCE) {
        let drawn = first - steps.start;
        let some = first..steps.end.min(first + AT_ONCE);
        let rate = (drawn * config.schedule.batch) as f64 / since.elapsed().as_secs_f64();
        let stage = format!("{rate:.0} samples a second{}", peak_memory_note());
        ctx.step(drawn as f32 / steps.len() as f32, &stage)?;
        let blobs: Vec<Vec<u8>> = some
            .into_par_iter()
            .map(|step| blob(&batch::draw(config, cases, step)?))
            .collect::<Result<_, _>>()?;
        for blob in blobs {
            out.write_all(&(blob.len() as u64).to_le_bytes())
                .and_then(|()| out.write_all(&blob))
                .map_err(|e| TrainError::Stream(e.to_string()))?;
        }
    }
    out.flush().map_err(|e| TrainError::Stream(e.to_string()))
}

/// A named tensor and its bytes.
struct Packed {
    name: &'static str,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Packed {
    fn half(name: &'static str, shape: Vec<usize>, values: impl Iterator<Item = f32>) -> Self {
        let bytes = values.flat_map(|v| f16::from_f32(v).to_le_bytes());
        Self {
            name,
            dtype: Dtype::F16,
            shape,
            bytes: bytes.collect(),
        }
    }

    fn single(name: &'static str, shape: Vec<usize>, values: impl Iterator<Item = f32>) -> Self {
        Self {
            name,
            dtype: Dtype::F32,
            shape,
            bytes: values.flat_map(f32::to_le_bytes).collect(),
        }
    }

    fn byte(name: &'static str, shape: Vec<usize>, values: impl Iterator<Item = u8>) -> Self {
        Self {
            name,
            dtype: Dtype::U8,
            shape,
            bytes: values.collect(),
        }
    }
}

fn blob(batch: &Batch) -> Result<Vec<u8>, TrainError> {
    let packed = prompted(batch).into_iter().chain(automatic(batch));
    let packed: Vec<Packed> = packed.filter(|p| p.shape[0] > 0).collect();
    let failed = |e: safetensors::SafeTensorError| TrainError::Stream(e.to_string());
    let views = packed
        .iter()
        .map(|p| {
            let view = TensorView::new(p.dtype, p.shape.clone(), &p.bytes).map_err(failed)?;
            Ok((p.name, view))
        })
        .collect::<Result<Vec<_>, TrainError>>()?;
    safetensors::serialize(views, None).map_err(failed)
}

fn prompted(batch: &Batch) -> [Packed; 8] {
    let samples = &batch.prompted;
    let count = samples.len();
    let region = [SIDE; 3];
    let shape = |more: &[usize]| [&[count], &region[..], more].concat();
    let most = samples.iter().map(|s| s.prompts.clicks.len()).max();
    let most = most.unwrap_or(0).max(1);
    let clicks = samples.iter().flat_map(|s| {
        let rows = s.prompts.clicks.iter().map(|(p, polarity)| {
            let sign = match polarity {
                Polarity::Positive => 1.0,
                Polarity::Negative => -1.0,
            };
            [p[0], p[1], p[2], sign]
        });
        let padding = std::iter::repeat([0.0; 4]);
        rows.chain(padding).take(most).flatten().collect::<Vec<_>>()
    });
    let boxes = samples.iter().flat_map(|s| {
        let [low, high] = s.prompts.target_box.unwrap_or([[f32::NAN; 3]; 2]);
        [low, high].concat()
    });
    let previous = samples.iter().flat_map(|s| {
        let known = s.prompts.previous.clone();
        known.unwrap_or_else(|| vec![0.0; VOXELS])
    });
    let has_previous = samples.iter().map(|s| s.prompts.previous.is_some());
    let images = samples
        .iter()
        .flat_map(|s| s.image.channels.iter().copied());
    let truths = samples.iter().flat_map(|s| s.truth.iter().copied());
    let rounds = samples.iter().map(|s| s.rounds as u8);
    let weights = samples.iter().map(|s| s.weight);
    [
        Packed::half("prompted.image", shape(&[IMAGE_CHANNELS]), images),
        Packed::half("prompted.truth", shape(&[]), truths),
        Packed::single("prompted.clicks", vec![count, most, 4], clicks),
        Packed::single("prompted.box", vec![count, 6], boxes),
        Packed::half("prompted.previous", shape(&[]), previous),
        Packed::byte(
            "prompted.has_previous",
            vec![count],
            has_previous.map(u8::from),
        ),
        Packed::byte("prompted.rounds", vec![count], rounds),
        Packed::single("prompted.weight", vec![count], weights),
    ]
}

fn automatic(batch: &Batch) -> [Packed; 4] {
    let samples = || batch.automatic.iter().map(|(_, sample)| sample);
    let count = batch.automatic.len();
    let structures = samples().next().map_or(0, |s| s.known.len());
    let shape = |channels: usize| vec![count, SIDE, SIDE, SIDE, channels];
    let images = samples().flat_map(|s| s.image.channels.iter().copied());
    let truths = samples().flat_map(|s| s.truth.iter().copied());
    let known = samples().flat_map(|s| s.known.iter().map(|&k| u8::from(k)));
    let trust = samples().map(|s| s.trust.unwrap_or(f32::NAN));
    [
        Packed::half("automatic.image", shape(IMAGE_CHANNELS), images),
        Packed::half("automatic.truth", shape(structures), truths),
        Packed::byte("automatic.known", vec![count, structures], known),
        Packed::single("automatic.trust", vec![count], trust),
    ]
}
