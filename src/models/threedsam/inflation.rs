//! From a plain SAM file to the start of a volume network.

use crate::models::checkpoint::{CheckpointError, HostTensor, WeightMap};

/// The encoder's tensors that come from SAM's image encoder (names without `image_encoder.`): all but its neck, and
/// the third relative position table as the mean of the other two. What SAM lacks, and must be initialised anew, is
/// left out.
///
/// # Errors
/// Tables that cannot be read, or that differ in shape.
pub fn inflated(sam: &WeightMap) -> Result<WeightMap, CheckpointError> {
    let mut encoder = sam
        .clone()
        .renamed(|name| (!name.starts_with("neck.")).then(|| name.to_owned()));
    let tables: Vec<String> = sam
        .names()
        .filter_map(|name| name.strip_suffix("rel_pos_h").map(str::to_owned))
        .collect();
    for place in tables {
        let h = sam.read(&format!("{place}rel_pos_h"))?;
        let w = sam.read(&format!("{place}rel_pos_w"))?;
        if h.shape != w.shape {
            return Err(CheckpointError::Misfit {
                network: "a volume encoder".to_owned(),
                problems: vec![format!(
                    "{place}rel_pos_w is {:?} instead of {:?}",
                    w.shape, h.shape
                )],
            });
        }
        let mean = h.data.iter().zip(&w.data).map(|(h, w)| 0.5 * (h + w));
        let table = HostTensor::new(h.shape.clone(), mean.collect());
        encoder.insert(format!("{place}rel_pos_d"), table);
    }
    Ok(encoder)
}
