//! Structure templates: named sets of labels without voxels, one file each in `assets/templates/`.

use serde::Deserialize;

use crate::io::LabelEntry;

/// A named set of labels.
#[derive(Debug)]
pub struct Template {
    /// What adding them is called.
    pub title: &'static str,
    text: &'static str,
}

macro_rules! templates {
    ($($title:literal: $file:literal;)+) => {
        /// All templates, in the order of menus.
        pub const TEMPLATES: &[Template] = &[$(Template {
            title: $title,
            text: include_str!(concat!("../../assets/templates/", $file)),
        }),+];
    };
}

templates! {
    "Labels of the head and neck (TG-263)": "head_and_neck.toml";
    "Labels of the abdomen (TG-263)": "abdomen.toml";
    "Labels of a brain tumour (BraTS)": "brain_tumour.toml";
    "Labels of TotalSegmentator": "totalsegmentator.toml";
}

#[derive(Deserialize)]
struct File {
    label: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    value: Option<u16>,
    name: String,
    color: Option<[u8; 3]>,
}

impl Template {
    /// Its labels, in their order.
    ///
    /// # Errors
    /// The file in the program is damaged.
    pub fn labels(&self) -> Result<Vec<LabelEntry>, toml::de::Error> {
        let file: File = toml::from_str(self.text)?;
        let labels = file.label.into_iter();
        Ok(labels
            .map(|entry| LabelEntry {
                value: entry.value,
                name: entry.name,
                color: entry.color,
                visible: true,
            })
            .collect())
    }
}
