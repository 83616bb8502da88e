//! What a segmentation or structure set says in its header: which series it is of, and what it marks.

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};

use super::attributes::Attributes;
use super::header::Instance;
use super::series::Group;
use crate::io::LabelSource;

/// What is known of a label object before it is read.
#[derive(Debug)]
pub(super) struct LabelObject {
    kind: &'static str,
    /// SeriesInstanceUIDs that it refers to.
    series: Vec<String>,
    /// Frames of reference that it lies in.
    spaces: Vec<String>,
    /// The names of its segments or structures.
    names: Vec<String>,
}

impl LabelObject {
    /// `None` for an object of another class.
    pub fn read(root: Attributes) -> Option<Box<Self>> {
        let object = match root.text(tags::SOP_CLASS_UID)?.as_str() {
            uids::SEGMENTATION_STORAGE | uids::LABEL_MAP_SEGMENTATION_STORAGE => Self {
                kind: "SEG",
                series: texts(
                    root,
                    &[tags::REFERENCED_SERIES_SEQUENCE],
                    tags::SERIES_INSTANCE_UID,
                ),
                spaces: root.texts(tags::FRAME_OF_REFERENCE_UID),
                names: names(root, tags::SEGMENT_SEQUENCE, tags::SEGMENT_LABEL),
            },
            uids::RT_STRUCTURE_SET_STORAGE => {
                let space = tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE;
                let to_series = [
                    space,
                    tags::RT_REFERENCED_STUDY_SEQUENCE,
                    tags::RT_REFERENCED_SERIES_SEQUENCE,
                ];
                Self {
                    kind: "RTSTRUCT",
                    series: texts(root, &to_series, tags::SERIES_INSTANCE_UID),
                    spaces: texts(root, &[space], tags::FRAME_OF_REFERENCE_UID),
                    names: names(root, tags::STRUCTURE_SET_ROI_SEQUENCE, tags::ROI_NAME),
                }
            }
            _ => return None,
        };
        Some(Box::new(object))
    }

    /// Whether it refers to a series, by its SeriesInstanceUID.
    pub fn refers_to(&self, series: &str) -> bool {
        self.series.iter().any(|uid| uid == series)
    }

    /// Whether it is of a series: it refers to that, or to none that is here and lies in its frame of reference.
    fn is_of(&self, group: &Group, all: &[Group]) -> bool {
        let refers = |group: &Group| self.refers_to(&group.planes[0].instance.series);
        let space = &group.planes[0].instance.frame_of_reference;
        let shares_space = !space.is_empty() && self.spaces.contains(space);
        refers(group) || (shares_space && !all.iter().any(refers))
    }
}

/// The label objects of a series, in the order of their files.
pub(super) fn of_group(instances: &[Instance], group: &Group, all: &[Group]) -> Vec<LabelSource> {
    let found = instances.iter().filter_map(|instance| {
        let object = instance.labels.as_deref()?;
        object.is_of(group, all).then(|| LabelSource {
            path: instance.path.clone(),
            object: Some(instance.sop_instance.clone()),
            kind: object.kind,
            names: object.names.clone(),
        })
    });
    found.collect()
}

fn names(root: Attributes, items: Tag, name: Tag) -> Vec<String> {
    let items = root.items(items).iter();
    let named = items.filter_map(|item| Attributes(item).decoded_text_of(name, root));
    named.collect()
}

/// The texts of an attribute in the items of nested sequences.
fn texts(root: Attributes, path: &[Tag], tag: Tag) -> Vec<String> {
    match path.split_first() {
        None => root.text(tag).into_iter().collect(),
        Some((&first, rest)) => {
            let items = root.items(first).iter();
            items
                .flat_map(|item| texts(Attributes(item), rest, tag))
                .collect()
        }
    }
}
