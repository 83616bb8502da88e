//! Earlier targets of the same kind in a scan, by which the next one is found.

use std::sync::Arc;

use crate::util::short_debug;
use crate::volume::LabelMap;
use crate::volume::morphology::Crop;

/// Labels that are each a whole target of the same kind as the one that is pointed at.
#[derive(Clone)]
pub struct Alike {
    labels: Arc<LabelMap>,
    values: Vec<u16>,
}

short_debug! {
    Alike: |alike| format_args!("{} labels alike on {:?}", alike.values.len(), alike.labels.grid.dims);
}

impl Alike {
    /// The labels of these values on the scan's grid, the latest last; `None` where there are no values.
    pub fn new(labels: Arc<LabelMap>, values: Vec<u16>) -> Option<Self> {
        (!values.is_empty()).then_some(Self { labels, values })
    }

    /// Their values, the latest last.
    pub fn values(&self) -> &[u16] {
        &self.values
    }

    /// The labels without all others, on the scan's grid.
    pub fn alone(&self) -> LabelMap {
        let mut alone = self.labels.as_ref().clone();
        for voxel in &mut alone.voxels {
            if *voxel != 0 && !self.values.contains(voxel) {
                *voxel = 0;
            }
        }
        alone
    }

    /// The latest `most` of them; those without a voxel are left out.
    pub fn latest(&self, most: usize) -> Vec<Crop> {
        let latest = &self.values[self.values.len().saturating_sub(most)..];
        let crops = latest.iter().map(|&v| Crop::of_label(&self.labels, v));
        crops.flatten().collect()
    }
}

/// What a numbered thing is: "lesion" of "lesion_2", "vertebrae" of "vertebrae_L3". `None` of names without a number, and
/// of labels that are called just that.
pub fn kind_of_numbered(name: &str) -> Option<&str> {
    let (kind, number) = name.rsplit_once([' ', '_', '-'])?;
    let is_number = number.chars().any(|c| c.is_ascii_digit());
    (is_number && !kind.is_empty() && !kind.eq_ignore_ascii_case("label")).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_names_tell_a_kind() {
        let kinds = [
            ("lesion_2", Some("lesion")),
            ("vertebrae_L3", Some("vertebrae")),
            ("left rib 12", Some("left rib")),
            ("liver", None),
            ("left_lung", None),
            ("label_4", None),
            ("_4", None),
        ];
        for (name, kind) in kinds {
            assert_eq!(kind_of_numbered(name), kind, "{name}");
        }
    }
}
