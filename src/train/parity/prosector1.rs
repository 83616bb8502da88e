//! Recordings of the model in the box by its twin in PyTorch (`benches/peers/prosector1.py record`), with a file of weights
//! beside each.

use burn::tensor::Device;

use crate::models::prosector1::prompt_channels::{self, RegionPrompts};
use crate::models::prosector1::weights::load_net;
use crate::models::prosector1::{NetConfig, PROMPT_CHANNELS};
use crate::prompt::Polarity;

use super::{Check, Fixture, Kind, Limit, ParityError};

/// Largest deviation of features and logits, and of a drawn prompt.
const WHOLE: f64 = 1e-4;

pub(super) const KINDS: &[Kind] = &[("prosector1", net)];

fn net(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    // The whole of the header's configuration.
    let config: NetConfig = f.setting("")?;
    let weights = f.beside(&format!("{}.bpk", f.stem()));
    let net = load_net(&weights, &config, device)?;
    let embedding = net.encode(f.tensor("in/image", device)?);
    check.tensor(f, "out/fine", embedding.fine.clone(), WHOLE)?;
    for (k, level) in embedding.levels.iter().enumerate() {
        check.tensor(f, &format!("out/level{k}"), level.clone(), WHOLE)?;
    }
    let prompted = net.prompted(&embedding, f.tensor("in/prompts", device)?);
    check.tensor(f, "out/prompted", prompted, WHOLE)?;
    let first = net.first_answer(&embedding);
    check.tensor(f, "out/first_answer", first.clone(), WHOLE)?;
    let refined = net.refined(&embedding, first, f.tensor("in/trust", device)?);
    check.tensor(f, "out/refined", refined, WHOLE)?;
    if f.contains("draw/intensity") {
        drawn(f, check)?;
    }
    Ok(())
}

/// Prompts of each kind, drawn on the recorded region.
fn drawn(f: &Fixture, check: &mut Check) -> Result<(), ParityError> {
    let values = |name: &str| Ok::<_, ParityError>(f.host(name)?.data);
    let (intensity, inside) = (values("draw/intensity")?, values("draw/inside")?);
    let clicks = || -> Result<_, ParityError> {
        let rows = values("draw/clicks")?;
        let (rows, _) = rows.as_chunks::<4>();
        let click = |&[i, j, k, sign]: &[f32; 4]| {
            let polarity = if sign > 0.0 {
                Polarity::Positive
            } else {
                Polarity::Negative
            };
            ([i, j, k], polarity)
        };
        Ok(rows.iter().map(click).collect::<Vec<_>>())
    };
    let face = |faces: &[f32], first: usize| std::array::from_fn(|d| faces[first + d]);
    let faces = values("draw/box")?;
    if faces.len() != 6 {
        let reason = "draw/box has not six faces".to_owned();
        return Err(ParityError::NotUnderstood(reason));
    }
    let kinds = [
        (
            "out/draw.box",
            RegionPrompts {
                target_box: Some([face(&faces, 0), face(&faces, 3)]),
                ..RegionPrompts::default()
            },
        ),
        (
            "out/draw.clicks",
            RegionPrompts {
                clicks: clicks()?,
                ..RegionPrompts::default()
            },
        ),
        (
            "out/draw.mask",
            RegionPrompts {
                clicks: clicks()?,
                previous: Some(values("draw/previous")?),
                ..RegionPrompts::default()
            },
        ),
    ];
    for (name, prompts) in kinds {
        let channels = prompt_channels::draw(&prompts, &intensity, &inside);
        let shape = f.host(name)?.shape;
        debug_assert_eq!(shape.last(), Some(&PROMPT_CHANNELS));
        check.values(f, name, &shape, &channels, Limit::MaxAbs(WHOLE))?;
    }
    Ok(())
}
