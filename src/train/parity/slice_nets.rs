//! What recordings of DeSAM and AutoSAM have in common: how they state sizes, and how checkpoint files and the
//! recordings of their forward passes find each other.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::models::checkpoint::{TensorFile, WeightMap};
use crate::models::sam::{DecoderConfig, EncoderConfig, PromptConfig, TransformerConfig};

use super::{Check, Fixture, ParityError};

/// `config` of a recording.
#[derive(Deserialize)]
pub(super) struct Sizes {
    pub img_size: usize,
    patch_size: usize,
    pub embed_dim: usize,
    depth: usize,
    num_heads: usize,
    mlp_ratio: f64,
    window_size: usize,
    pub global_attn_indexes: Vec<usize>,
    pub prompt_embed_dim: usize,
    #[serde(default)]
    mask_in_chans: usize,
    dec_depth: usize,
    dec_heads: usize,
    dec_mlp_dim: usize,
    pub iou_head_depth: usize,
    pub iou_head_hidden_dim: usize,
    pub num_multimask_outputs: usize,
}

impl Sizes {
    pub fn of(fixture: &Fixture) -> Result<Self, ParityError> {
        fixture.setting("")
    }

    pub fn encoder(&self) -> EncoderConfig {
        EncoderConfig {
            image_side: self.img_size,
            patch: self.patch_size,
            channels: 3,
            width: self.embed_dim,
            depth: self.depth,
            heads: self.num_heads,
            mlp_width: (self.embed_dim as f64 * self.mlp_ratio) as usize,
            neck_width: self.prompt_embed_dim,
            window: self.window_size,
            global_blocks: self.global_attn_indexes.clone(),
            qkv_bias: true,
            relative_positions: true,
            norm_eps: 1e-6,
        }
    }

    pub fn transformer(&self) -> TransformerConfig {
        TransformerConfig {
            width: self.prompt_embed_dim,
            depth: self.dec_depth,
            heads: self.dec_heads,
            mlp_width: self.dec_mlp_dim,
            cross_divisor: 2,
        }
    }

    /// Channels after each doubling of the resolution.
    pub fn upscaling(&self) -> Vec<usize> {
        vec![self.prompt_embed_dim / 4, self.prompt_embed_dim / 8]
    }

    pub fn prompt(&self) -> PromptConfig {
        PromptConfig {
            width: self.prompt_embed_dim,
            mask_channels: self.mask_in_chans,
        }
    }

    pub fn decoder(&self) -> DecoderConfig {
        DecoderConfig {
            transformer: self.transformer(),
            masks: self.num_multimask_outputs + 1,
            upscaling: self.upscaling(),
            iou_depth: self.iou_head_depth,
            iou_width: self.iou_head_hidden_dim,
        }
    }
}

/// The checkpoint file of a recorded forward pass: the one that its header names, else one of the same network in its
/// folder.
pub(super) fn checkpoint_of(fixture: &Fixture) -> Result<PathBuf, ParityError> {
    if let Some(path) = named_checkpoint(fixture).filter(|path| path.exists()) {
        return Ok(path);
    }
    let network = network_of(fixture.path());
    let is_of_network = |path: &PathBuf| {
        let name = super::file_name(path);
        name.starts_with(&network) && !name.ends_with(".safetensors")
    };
    let mut beside = beside(fixture.path())?.into_iter();
    beside.find(is_of_network).ok_or_else(|| {
        ParityError::NotUnderstood("the checkpoint file that it is of is not beside it".to_owned())
    })
}

fn named_checkpoint(fixture: &Fixture) -> Option<PathBuf> {
    let text = fixture.note("fixture")?;
    let mut words = text.split([' ', ',', '(', ')']);
    let name = words.find(|word| word.ends_with(".pth") || word.ends_with(".pth.tar"))?;
    Some(fixture.beside(name))
}

/// `autosam_vit_` of `autosam_vit_ckpt_forward.safetensors` and `autosam_vit_checkpoint_b4.pth.tar`; `desam_` of
/// DeSAM's.
fn network_of(path: &Path) -> String {
    let name = super::file_name(path);
    let parts = if name.starts_with("autosam") { 2 } else { 1 };
    let words: Vec<&str> = name.split('_').take(parts).collect();
    format!("{}_", words.join("_"))
}

fn beside(path: &Path) -> Result<Vec<PathBuf>, ParityError> {
    super::recordings(path.parent().unwrap_or(Path::new(".")))
}

/// The recording of a forward pass with a checkpoint file: the one in its folder that names it, else one of the same
/// network.
pub(super) fn forward_of(checkpoint: &Path) -> Result<Fixture, ParityError> {
    let name = super::file_name(checkpoint).replace("_cudatag", "");
    let network = network_of(checkpoint);
    let mut likely = None;
    for path in beside(checkpoint)? {
        let file = super::file_name(&path);
        if !file.contains("ckpt_forward") || !file.starts_with(&network) {
            continue;
        }
        let fixture = Fixture::open(&path)?;
        if named_checkpoint(&fixture).is_some_and(|named| super::file_name(&named) == name) {
            return Ok(fixture);
        }
        likely.get_or_insert(fixture);
    }
    likely.ok_or_else(|| {
        ParityError::NotUnderstood(format!(
            "there is no {network}ckpt_forward*.safetensors beside it"
        ))
    })
}

/// Opens a checkpoint file and compares sums of its tensors with the authors' list of them, where it is there.
pub(super) fn opened(check: &mut Check, path: &Path) -> Result<Arc<TensorFile>, ParityError> {
    let file = Arc::new(TensorFile::open(path)?);
    let stem = super::file_name(path);
    let stem = stem.split('.').next().unwrap_or_default();
    let list = path.with_file_name(format!("{}.manifest.json", stem.replace("_cudatag", "")));
    let Ok(text) = std::fs::read_to_string(list) else {
        return Ok(file);
    };
    let list: Value = serde_json::from_str(&text)
        .map_err(|e| ParityError::NotUnderstood(format!("its manifest cannot be read: {e}")))?;
    let entries = ["keys", "state_dict"]
        .iter()
        .find_map(|k| list[*k].as_object());
    let weights = WeightMap::of_file(&file, "");
    let (mut worst, mut missing) = (0.0_f64, 0.0);
    for (name, expected) in entries.into_iter().flatten() {
        let nested = format!("state_dict.{name}");
        let name = if weights.contains(&nested) {
            &nested
        } else {
            name
        };
        let Ok(tensor) = weights.read(name) else {
            missing += 1.0;
            continue;
        };
        let size: f64 = tensor.data.iter().map(|v| f64::from(v.abs())).sum();
        let expected = expected["abs_sum"].as_f64().unwrap_or(f64::NAN);
        let off = (size - expected).abs() / expected.max(1.0);
        worst = if off.is_nan() {
            f64::INFINITY
        } else {
            worst.max(off)
        };
    }
    check.number("manifest: tensors that are missing", 0.0, missing, 0.0);
    check.number("manifest: sums of absolute values", 0.0, worst, 1e-5);
    Ok(file)
}
