//! The names, colours and layers of 3D Slicer's segmentations.

use std::collections::BTreeMap;
use std::path::Path;

use crate::io::block::Block;
use crate::io::whole::{label_map, named};
use crate::io::{IoError, LabelTarget, Labels, Warning};
use crate::util::JobContext;
use crate::volume::morphology::label_bounds;
use crate::volume::{Label, LabelMap, LabelTable, LayerId, Rescale};

use super::read;

/// A segment as the header describes it.
struct Segment {
    name: String,
    color: Option<[u8; 3]>,
    value: u16,
    layer: usize,
}

/// Opens a label map with the names that it carries. Layers that overlap become one map, later segments over earlier ones,
/// and that is said.
pub(super) fn open_labels(
    path: &Path,
    _: Option<&LabelTarget>,
    ctx: &JobContext,
) -> Result<Labels, IoError> {
    let (header, block) = read::read(path, ctx)?;
    let segments = segments(&header.keys);
    if segments.is_empty() {
        return block.into_labels(path, LabelTable::default());
    }
    flattened(path, block, &segments)
}

/// The segments, counted until an id is missing.
fn segments(keys: &BTreeMap<String, String>) -> Vec<Segment> {
    let get = |n: usize, key: &str| keys.get(&format!("Segment{n}_{key}"));
    (0..)
        .take_while(|&n| get(n, "ID").is_some())
        .map(|n| {
            let number = |key| get(n, key).and_then(|text| text.trim().parse::<usize>().ok());
            let color = get(n, "Color").or_else(|| get(n, "DefaultColor"));
            let name = get(n, "Name").or_else(|| get(n, "ID"));
            Segment {
                name: name.cloned().unwrap_or_default(),
                color: color.and_then(|text| color_of(text)),
                value: number("LabelValue")
                    .and_then(|v| u16::try_from(v).ok())
                    .unwrap_or(1),
                layer: number("Layer").unwrap_or(n),
            }
        })
        .collect()
}

fn color_of(text: &str) -> Option<[u8; 3]> {
    let parts: Option<Vec<f64>> = text.split_whitespace().map(|t| t.parse().ok()).collect();
    let &[r, g, b] = parts?.as_slice() else {
        return None;
    };
    Some([r, g, b].map(|c| (c * 255.0).round().clamp(0.0, 255.0) as u8))
}

/// All layers as one map: segments keep their values where those are distinct.
fn flattened(path: &Path, block: Block, segments: &[Segment]) -> Result<Labels, IoError> {
    let Block {
        grid,
        voxels,
        frames,
        mut warnings,
    } = block;
    let len = grid.len();
    // Frames lie one after another: a map of them all, cut up below.
    let mut whole_grid = grid;
    whole_grid.dims[2] *= frames;
    let stored = label_map(path, whole_grid, voxels, Rescale::IDENTITY)?.voxels;
    let mut table = LabelTable::default();
    let mut labels = vec![0u16; len];
    let mut overlapping = 0usize;
    let mut value_of = BTreeMap::new();
    for segment in segments {
        let is_free = segment.value != 0 && table.get(segment.value).is_none();
        let value = if is_free {
            Some(segment.value)
        } else {
            table.next_free_value()
        };
        let value =
            value.ok_or_else(|| IoError::not_labels(path, "it has more than 65535 segments"))?;
        let color = segment
            .color
            .unwrap_or_else(|| LabelTable::palette_color(value));
        table.insert(Label {
            value,
            name: segment.name.clone(),
            color,
            visible: true,
            locked: false,
            layer: LayerId::default(),
        });
        value_of.insert((segment.layer, segment.value), value);
    }
    for (layer, stored) in stored.chunks_exact(len).enumerate() {
        for (label, &v) in labels.iter_mut().zip(stored).filter(|(_, v)| **v != 0) {
            overlapping += usize::from(*label != 0);
            *label = value_of.get(&(layer, v)).copied().unwrap_or(v);
        }
    }
    if overlapping > 0 {
        warnings.push(Warning::SegmentsOverlap {
            voxels: overlapping,
        });
    }
    let labels = LabelMap {
        grid,
        voxels: labels,
    };
    let table = named(table, &labels);
    Ok(Labels::plain(labels, table, warnings))
}

/// The lines that name the labels.
pub(super) fn lines_of(labels: &LabelMap, table: &LabelTable) -> String {
    let mut lines = String::new();
    for (n, label) in table.labels().iter().enumerate() {
        let [r, g, b] = label.color.map(|c| f64::from(c) / 255.0);
        let bounds = label_bounds(labels, label.value);
        let extent: Vec<String> = match bounds {
            Some(b) => (0..3)
                .flat_map(|d| [b.min[d], b.max[d]])
                .map(|v| v.to_string())
                .collect(),
            // As Slicer writes what is empty.
            None => ["0", "-1"]
                .repeat(3)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        };
        let name = label.name.replace('\\', "\\\\").replace('\n', "\\n");
        let mut line =
            |key: &str, value: &str| lines.push_str(&format!("Segment{n}_{key}:={value}\n"));
        line("Color", &format!("{r} {g} {b}"));
        line("ColorAutoGenerated", "0");
        line("Extent", &extent.join(" "));
        line("ID", &format!("Segment_{}", label.value));
        line("LabelValue", &label.value.to_string());
        line("Layer", "0");
        line("Name", &name);
        line("NameAutoGenerated", "0");
        line("Tags", "");
    }
    if !lines.is_empty() {
        lines.push_str("Segmentation_ContainedRepresentationNames:=Binary labelmap|\n");
        lines.push_str("Segmentation_MasterRepresentation:=Binary labelmap\n");
        lines.push_str("Segmentation_ReferenceImageExtentOffset:=0 0 0\n");
    }
    lines
}
