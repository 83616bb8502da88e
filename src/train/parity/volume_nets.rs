//! Recordings of the volume networks' image encoder, prompt stages and decoders.

use burn::tensor::{Device, Tensor};

use crate::models::autoprosam::{
    AutoProSamConfig, AutoProSamNet, GeneratorConfig, PromptGenerator,
};
use crate::models::checkpoint::{Loader, WeightMap};
use crate::models::swinunetr::{SwinUnetr, SwinUnetrConfig};
use crate::models::threedsam::{
    DecoderConfig, EncoderConfig, ImageEncoder, MaskDecoder, NetConfig, PromptConfig,
    PromptEncoder, ThreedsamConfig, ThreedsamNet, Wiring, canonical, inflated,
};
use crate::models::trace::Recorder;

use super::recorded::{compare, compare_outputs};
use super::{Check, Fixture, Kind, Limit, ParityError};

/// Largest deviation of a module by itself.
const MODULE: f64 = 2e-5;
/// Of a whole network.
const WHOLE: f64 = 1e-4;
/// Where instance normalisation sees few voxels.
const FEW_VOXELS: f64 = 2e-4;

pub(super) const KINDS: &[Kind] = &[
    ("3dsam_image_encoder", image_encoder),
    ("autoprosam_image_encoder", image_encoder),
    ("3dsam_prompt_encoder", prompt_encoder),
    ("3dsam_mask_decoder", mask_decoder),
    ("autoprosam_mask_decoder", mask_decoder),
    ("autoprosam_apg", prompt_generator),
    ("3dsam_e2e_click", threedsam),
    ("3dsam_auto_e2e", threedsam),
    ("3dsam_real_geometry", threedsam),
    ("autoprosam_e2e", autoprosam),
    ("autoprosam_real_geometry", autoprosam),
    ("3dsam_sam_inflation", sam_inflation),
    ("swinunetr", swinunetr),
];

fn image_encoder(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config: EncoderConfig = f.setting("/kwargs")?;
    let loader = Loader::new(f.weights("w/"), device);
    let net = ImageEncoder::load(&loader.root(), &config);
    loader.finish("the image encoder", |_| false)?;
    let recorder = Recorder::default();
    let maps = net.forward_slices(f.tensor("in/slices", device)?, &recorder.trace());
    let names = ["out/feature0", "out/feature1", "out/feature2", "out/final"];
    for (name, map) in names.into_iter().zip(maps) {
        check.tensor(f, name, channels_first(map), MODULE)?;
    }
    compare(f, check, recorder, MODULE)?;
    let mask = net.shift_mask();
    for name in f.names("w/").filter(|name| name.ends_with("attn_mask")) {
        let shape = f.host(name)?.shape;
        check.values(f, name, &shape, &mask, Limit::MaxAbs(0.0))?;
    }
    Ok(())
}

fn prompt_encoder(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config: PromptConfig = f.setting("/transformer")?;
    let [crop, ..]: [usize; 3] = f.setting("/img_size")?;
    let loader = Loader::new(f.weights("w/"), device);
    let net = PromptEncoder::load(&loader.root(), &config);
    loader.finish("the prompt encoder", |_| false)?;
    let feature = channels_last(f.tensor("in/feature", device)?);
    let recorder = Recorder::default();
    for name in f.names("in/points.") {
        let set = name.trim_start_matches("in/points.");
        let points = points(f, name)?;
        let found = net.forward(feature.clone(), &points, crop, &recorder.trace().child(set));
        check.tensor(
            f,
            &format!("out/feature.{set}"),
            channels_first(found),
            MODULE,
        )?;
    }
    compare(f, check, recorder, MODULE)
}

/// Our maps have their channels last, the authors' first.
fn channels_first(x: Tensor<5>) -> Tensor<5> {
    x.permute([0, 4, 1, 2, 3])
}

fn channels_last(x: Tensor<5>) -> Tensor<5> {
    x.permute([0, 2, 3, 4, 1])
}

/// Clicks in rows of (d, w, h).
pub(super) fn points(f: &Fixture, name: &str) -> Result<Vec<[f32; 3]>, ParityError> {
    let host = f.host(name)?;
    Ok(host.data.as_chunks::<3>().0.to_vec())
}

fn mask_decoder(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config: DecoderConfig = f.setting("/kwargs")?;
    let loader = Loader::new(f.weights("w/"), device);
    let net = MaskDecoder::load(&loader.root(), &config);
    loader.finish("the mask decoder", |_| false)?;
    let maps = (0..4)
        .map(|i| Ok(channels_last(f.tensor(&format!("in/feature{i}"), device)?)))
        .collect::<Result<Vec<Tensor<5>>, ParityError>>()?;
    let image = channels_last(f.tensor("in/img_resize", device)?);
    let factor: usize = f.setting("/scale_factor2")?;
    let side = image.dims()[1] * factor;
    let recorder = Recorder::default();
    let logits = net.forward(maps, image, side, &recorder.trace());
    let dhw = logits.clone().permute([0, 1, 4, 2, 3]);
    check.tensor(f, "out/logits_hwd", logits, MODULE)?;
    check.tensor(f, "out/logits_dhw", dhw, MODULE)?;
    compare(f, check, recorder, MODULE)
}

fn prompt_generator(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config: GeneratorConfig = f.setting("/kwargs")?;
    let loader = Loader::new(f.weights("w/"), device);
    let net = PromptGenerator::load(&loader.root(), &config);
    loader.finish("the prompt generator", |_| false)?;
    let recorder = Recorder::default();
    let found = net.forward(
        channels_last(f.tensor("in/feature", device)?),
        &recorder.trace(),
    );
    check.tensor(f, "out/feature", channels_first(found), FEW_VOXELS)?;
    compare(f, check, recorder, FEW_VOXELS)
}

/// Configuration of encoder and decoder from a header.
pub(super) fn net_config(f: &Fixture, wiring: Wiring) -> Result<NetConfig, ParityError> {
    Ok(NetConfig {
        encoder: f.setting("/encoder")?,
        decoder: f.setting("/decoder")?,
        wiring,
        crop: f.setting("/crop")?,
    })
}

/// Configuration of a 3DSAM-adapter from a header.
pub(super) fn threedsam_config(f: &Fixture) -> Result<ThreedsamConfig, ParityError> {
    Ok(ThreedsamConfig {
        net: net_config(f, Wiring::PromptOnDeepest)?,
        prompt: f.setting("/prompt").ok(),
    })
}

/// Configuration of an AutoProSAM from a header.
pub(super) fn autoprosam_config(f: &Fixture) -> Result<AutoProSamConfig, ParityError> {
    Ok(AutoProSamConfig {
        net: net_config(f, Wiring::PromptOnShallowest)?,
        apg: f.setting("/apg")?,
    })
}

/// The crop that was run: stored, or stored with every voxel standing for several.
fn crop(f: &Fixture, device: &Device) -> Result<Tensor<5>, ParityError> {
    if f.contains("in/img") {
        return f.tensor("in/img", device);
    }
    let small: Tensor<5> = f.tensor("in/img_lowres32", device)?;
    let side: usize = f.setting("/crop")?;
    let times = side / small.dims()[2];
    Ok((2..5).fold(small, |x, axis| {
        let length = x.dims()[axis] as i64;
        let places = (0..length * times as i64).map(|at| at / times as i64);
        let places: Vec<i64> = places.collect();
        let index = Tensor::from_data(places.as_slice(), device);
        x.select(axis, index)
    }))
}

fn threedsam(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config = threedsam_config(f)?;
    let net = ThreedsamNet::from_weights(canonical(f.weights("w/")), &config, device)?;
    let clicks = if config.prompt.is_some() {
        points(f, "in/points")?
    } else {
        Vec::new()
    };
    let recorder = Recorder::default();
    let features = net.encode(crop(f, device)?, &recorder.trace());
    for (index, map) in features.maps.iter().enumerate() {
        let trace = recorder.trace();
        let map = channels_first(map.clone());
        trace.keep(&format!("feature{index}"), &map);
        trace.keep(&format!("encoder_feature{index}"), &map);
    }
    if let Some(last) = features.maps.last() {
        let last = channels_first(last.clone());
        recorder.trace().keep("encoder_final", &last);
    }
    let logits = net.decode(&features, &clicks, &recorder.trace());
    finish(f, check, logits, (recorder, WHOLE))
}

fn autoprosam(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config = autoprosam_config(f)?;
    let net = AutoProSamNet::from_weights(canonical(f.weights("w/")), &config, device)?;
    let recorder = Recorder::default();
    let logits = net.forward(crop(f, device)?, &recorder.trace());
    // The heads take the deepest map first.
    recorder.again("decoder_input0", "encoder_final");
    finish(f, check, logits, (recorder, FEW_VOXELS))
}

/// Compares logits in the forms in which they are recorded, and the activations, which may be off by `inside`.
fn finish(
    f: &Fixture,
    check: &mut Check,
    logits: Tensor<5>,
    (recorder, inside): (Recorder, f64),
) -> Result<(), ParityError> {
    recorder.again("cls_lowres", "cls_lowres_hwd");
    compare_outputs(f, check, logits, WHOLE)?;
    compare(f, check, recorder, inside)
}

fn swinunetr(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let mut config: SwinUnetrConfig = f.setting("/kwargs")?;
    config.window_size = f.setting("/window_size").unwrap_or(config.window_size);
    let net = SwinUnetr::from_weights(f.weights("w/"), &config, device)?;
    let recorder = Recorder::default();
    let logits = net.forward(f.tensor("in/img", device)?, &recorder.trace());
    compare_outputs(f, check, logits, FEW_VOXELS)?;
    compare(f, check, recorder, FEW_VOXELS)
}

fn sam_inflation(f: &Fixture, device: &Device, check: &mut Check) -> Result<(), ParityError> {
    let config = threedsam_config(f)?;
    let encoder = inflated(&f.weights("w/sam/"))?;
    for name in f.names("out/") {
        let found = encoder.read(name.trim_start_matches("out/"))?;
        check.values(f, name, &found.shape, &found.data, Limit::MaxAbs(1e-7))?;
    }
    let start = WeightMap::default();
    let weights = start.with(encoder);
    let loader = Loader::new(weights, device).with_fresh(0, |_| true);
    let net = ImageEncoder::load(&loader.root(), &config.net.encoder);
    let entries = loader.finish("the image encoder", |_| false)?;
    let loaded = entries.iter().filter(|entry| entry.loaded).count();
    let recorded = f.names("out/").count();
    check.number(
        "tensors that come from SAM",
        recorded as f64,
        loaded as f64,
        0.0,
    );
    check.if_recorded(f, "mid/default_depth_embed", net.depth_embed(), 0.0)
}
