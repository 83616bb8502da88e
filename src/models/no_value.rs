//! Voxels without a value count as background, whatever a model makes of them.

use crate::prompt::PromptSet;
use crate::volume::{ImageVolume, LabelMap, Mask, VoxelData};

use super::ModelError;

/// Refuses positive clicks on voxels that are no finite number.
///
/// # Errors
/// Such a click.
pub(super) fn check_clicks(image: &ImageVolume, prompts: &PromptSet) -> Result<(), ModelError> {
    for click in prompts.positive() {
        let offset = image.grid().offset_of(click.voxel);
        if offset.is_some_and(|o| !image.voxels().stored(o).is_finite()) {
            let [i, j, k] = click.voxel.0;
            return Err(ModelError::Unsupported(format!(
                "the click at {i},{j},{k} is on a voxel that is no finite number (NaN or infinite); they count as background: click inside the target"
            )));
        }
    }
    Ok(())
}

/// Takes voxels that are no finite number out of a mask on the scan's grid.
pub(super) fn clear_mask(image: &ImageVolume, mask: &mut Mask) {
    clear(image, &mut mask.voxels);
}

/// The same for labels.
pub(super) fn clear_labels(image: &ImageVolume, labels: &mut LabelMap) {
    clear(image, &mut labels.voxels);
}

fn clear<T: Default>(image: &ImageVolume, voxels: &mut [T]) {
    match image.voxels() {
        VoxelData::F32(values) => clear_where(values, |v| !v.is_finite(), voxels),
        VoxelData::F64(values) => clear_where(values, |v| !v.is_finite(), voxels),
        // Whole numbers are always finite.
        _ => {}
    }
}

fn clear_where<V: Copy, T: Default>(values: &[V], is_none: impl Fn(V) -> bool, voxels: &mut [T]) {
    for (voxel, &value) in voxels.iter_mut().zip(values) {
        if is_none(value) {
            *voxel = T::default();
        }
    }
}
