//! Recordings of SAM.

use burn::tensor::{Device, Tensor};
use serde::Deserialize;
use serde_json::Value;

use crate::models::checkpoint::Loader;
use crate::models::ops::{join_windows, partition_windows};
use crate::models::sam::relative_positions::{position_table, query_codes};
use crate::models::sam::{
    ImageEncoder, MaskDecoder, NoAdaptation, PromptEmbedding, PromptEncoder, PromptFrame, Prompts,
};
use crate::models::trace::Recorder;

use super::sam_sizes::Sizes;
use super::{Check, Fixture, Kind, ParityError};

pub(super) const KINDS: &[Kind] = &[
    ("sam_encoder", encoder),
    ("sam_relpos_window", relative_positions),
    ("sam_prompt_encoder", prompt_encoder),
    ("sam_mask_decoder", mask_decoder),
];

const MODULE: f64 = 2e-5;
const END_TO_END: f64 = 1e-4;

/// Compares each recorded activation that the recorder has under its name in our networks.
pub(super) fn activations(
    fixture: &Fixture,
    check: &mut Check,
    recorder: Recorder,
    canonical: impl Fn(&str) -> String,
) -> Result<(), ParityError> {
    let kept = recorder.into_kept();
    for name in fixture.names("mid/") {
        let ours = canonical(name.strip_prefix("mid/").unwrap_or(name));
        if let Some((shape, values)) = kept.get(&ours) {
            let values = super::check::read(values.clone())?;
            let limit = super::Limit::MaxAbs(END_TO_END);
            check.values(fixture, name, shape, &values, limit)?;
        }
    }
    Ok(())
}

fn encoder(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config = Sizes::of(fixture)?.encoder();
    let loader = Loader::new(fixture.weights("w/"), device);
    let network = ImageEncoder::load(&loader.root(), &config);
    loader.finish("SAM's image encoder", |_| false)?;
    let recorder = Recorder::default();
    let images = fixture.tensor("in/image", device)?;
    let encoded = network.forward_with(images, &[], &NoAdaptation, &recorder.trace());
    activations(fixture, check, recorder, |name| {
        name.replace("after_attn_residual", "after_attention")
    })?;
    check.tensor(
        fixture,
        "out/image_embeddings",
        encoded.embedding,
        END_TO_END,
    )
}

#[derive(Deserialize)]
struct TableCase {
    q: usize,
    k: usize,
}

#[derive(Deserialize)]
struct MapCase {
    #[serde(rename = "H")]
    height: usize,
    #[serde(rename = "W")]
    width: usize,
}

fn relative_positions(
    fixture: &Fixture,
    device: &Device,
    check: &mut Check,
) -> Result<(), ParityError> {
    let cases: Vec<TableCase> = fixture.note_json("cases")?;
    for (n, case) in cases.iter().enumerate() {
        let table = fixture.tensor(&format!("in/get_rel_pos.{n}.rel_pos"), device)?;
        let vectors = position_table(table, case.q, case.k);
        check.tensor(fixture, &format!("out/get_rel_pos.{n}"), vectors, MODULE)?;
    }
    for name in ["add_rel", "add_rel_rect"] {
        score_terms(fixture, device, check, name)?;
    }
    windows(fixture, device, check)?;
    let config = Sizes::of(fixture)?.encoder();
    let loader = Loader::new(fixture.weights("w/"), device);
    let network = ImageEncoder::load(&loader.root(), &config);
    loader.finish("SAM's image encoder", |_| false)?;
    let embedding = network.forward(fixture.tensor("in/enc.image", device)?);
    check.tensor(fixture, "out/enc.image_embeddings", embedding, END_TO_END)
}

/// The recorded scores and what the relative positions add to them.
fn score_terms(
    fixture: &Fixture,
    device: &Device,
    check: &mut Check,
    name: &str,
) -> Result<(), ParityError> {
    let MapCase { height, width } = fixture.note_json(name)?;
    let input = |part: &str| format!("in/{name}.{part}");
    let scores: Tensor<3> = fixture.tensor(&input("attn"), device)?;
    let query: Tensor<3> = fixture.tensor(&input("q"), device)?;
    let rows = position_table(fixture.tensor(&input("rel_pos_h"), device)?, height, height);
    let columns = position_table(fixture.tensor(&input("rel_pos_w"), device)?, width, width);
    let codes = query_codes(query.unsqueeze_dim(1), rows, columns);
    let [batch, _, queries, _] = codes.dims();
    let by_row = codes.clone().narrow(3, 0, height);
    let by_row: Tensor<4> = by_row.reshape([batch, queries, height, 1]);
    let by_column: Tensor<4> = codes
        .narrow(3, height, width)
        .reshape([batch, queries, 1, width]);
    let terms: Tensor<3> = (by_row + by_column).reshape([batch, queries, height * width]);
    check.tensor(fixture, &format!("out/{name}"), scores + terms, MODULE)
}

fn windows(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let side: usize = fixture.note_json("window_size")?;
    let map: Tensor<4> = fixture.tensor("in/window.x", device)?;
    let [_, height, width, _] = map.dims();
    let windows = partition_windows(map, side);
    check.tensor(fixture, "out/window.windows", windows.clone(), 0.0)?;
    let padded = [height, width].map(|length| length.next_multiple_of(side) as f32);
    check.values(
        fixture,
        "out/window.hw",
        &[2],
        &padded,
        super::Limit::MaxAbs(0.0),
    )?;
    let joined = join_windows(windows, [height, width]);
    check.tensor(fixture, "out/window.roundtrip", joined, 0.0)
}

#[derive(Deserialize)]
struct FrameNote {
    image_embedding_size: [usize; 2],
    input_image_size: [usize; 2],
}

fn prompt_encoder(
    fixture: &Fixture,
    device: &Device,
    check: &mut Check,
) -> Result<(), ParityError> {
    let config = Sizes::of(fixture)?.sam().prompt;
    let cases: serde_json::Map<String, Value> = fixture.note_json("cases")?;
    for (set, note) in cases.iter().filter(|(name, _)| !name.contains('.')) {
        let note: FrameNote = serde_json::from_value(note.clone())
            .map_err(|e| ParityError::NotUnderstood(format!("its case {set}: {e}")))?;
        let frame = PromptFrame {
            image: note.input_image_size,
            grid: note.image_embedding_size,
        };
        let loader = Loader::new(fixture.weights(&format!("w/{set}.")), device);
        let network = PromptEncoder::load(&loader.root(), &config);
        loader.finish("SAM's prompt encoder", |_| false)?;
        let dense = network.dense_positions(frame.grid);
        check.tensor(fixture, &format!("out/{set}.dense_pe"), dense, MODULE)?;
        for case in cases
            .keys()
            .filter(|name| name.starts_with(&format!("{set}.")))
        {
            let recorder = Recorder::default();
            let prompts = recorded_prompts(fixture, device, &format!("in/{case}."))?;
            let encoded = network.forward(prompts, frame, &recorder.trace().child(case));
            activations(fixture, check, recorder, str::to_owned)?;
            if let Some(sparse) = encoded.sparse {
                check.tensor(fixture, &format!("out/{case}.sparse"), sparse, MODULE)?;
            }
            check.tensor(fixture, &format!("out/{case}.dense"), encoded.dense, MODULE)?;
        }
    }
    Ok(())
}

fn recorded_prompts(
    fixture: &Fixture,
    device: &Device,
    prefix: &str,
) -> Result<Prompts, ParityError> {
    let name = |part: &str| format!("{prefix}{part}");
    let has = |part: &str| fixture.contains(&name(part));
    let mut prompts = Prompts::default();
    if has("coords") {
        let places = fixture.tensor(&name("coords"), device)?;
        prompts.points = Some((places, fixture.tensor(&name("labels"), device)?));
    }
    if has("boxes") {
        prompts.boxes = Some(fixture.tensor(&name("boxes"), device)?);
    }
    if has("masks") {
        prompts.masks = Some(fixture.tensor(&name("masks"), device)?);
    }
    Ok(prompts)
}

fn mask_decoder(fixture: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config = Sizes::of(fixture)?.sam().decoder;
    let loader = Loader::new(fixture.weights("w/"), device);
    let network = MaskDecoder::load(&loader.root(), &config);
    loader.finish("SAM's mask decoder", |_| false)?;
    let image: Tensor<4> = fixture.tensor("in/image_embeddings", device)?;
    let positions: Tensor<4> = fixture.tensor("in/image_pe", device)?;
    let dense: Tensor<4> = fixture.tensor("in/dense", device)?;
    let prompted = PromptEmbedding {
        sparse: Some(fixture.tensor("in/sparse", device)?),
        dense: dense.clone(),
    };
    let unprompted = PromptEmbedding {
        sparse: None,
        dense: dense.narrow(0, 0, 1),
    };
    let recorder = Recorder::default();
    let all = network.forward(
        image.clone(),
        positions.clone(),
        prompted,
        &recorder.trace(),
    );
    activations(fixture, check, recorder, str::to_owned)?;
    let trace = crate::models::trace::Trace::off();
    let none = network.forward(image, positions, unprompted, &trace);
    for (name, decoded, multimask) in [
        ("multi", all.clone(), true),
        ("single", all, false),
        ("noprompt", none, true),
    ] {
        let chosen = decoded.select(multimask);
        check.tensor(
            fixture,
            &format!("out/{name}.masks"),
            chosen.logits,
            END_TO_END,
        )?;
        check.tensor(fixture, &format!("out/{name}.iou"), chosen.iou, MODULE)?;
    }
    Ok(())
}
