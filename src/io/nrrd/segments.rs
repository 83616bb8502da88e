//! The names, colours and layers of 3D Slicer's segmentations.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::io::block::Block;
use crate::io::whole::label_map;
use crate::io::{IoError, LabelTarget, Labels, Warning};
use crate::util::JobContext;
use crate::volume::morphology::label_bounds;
use crate::volume::{Label, LabelLayers, LabelMap, LabelTable, Layer, LayerId, Rescale};

use super::read;

/// A segment as the header describes it.
struct Segment {
    name: String,
    color: Option<[u8; 3]>,
    value: u16,
    layer: usize,
    opacity_percent: u8,
    group: String,
    locked: bool,
}

/// Opens label layers with the names that they carry. Layers whose segments do not overlap are one: versions of Slicer
/// wrote each segment as a layer of its own. Files that name their layers are ours, and keep them. More layers than there
/// may be become one, later segments over earlier ones, and that is said.
pub(super) fn open_labels(
    path: &Path,
    _: Option<&LabelTarget>,
    ctx: &JobContext,
) -> Result<Labels, IoError> {
    let (header, block) = read::read(path, ctx)?;
    let segments = segments(&header.keys);
    let are_ours = header.keys.contains_key(&layer_key(0));
    if segments.is_empty() && !are_ours {
        return block.into_labels(path, LabelTable::default());
    }
    let read = layered(path, block, &header.keys, &segments)?;
    let are_too_many = read.layers.maps().len() > LabelLayers::MOST;
    if are_ours && !are_too_many {
        return Ok(read);
    }
    let (flat, voxels) = read.layers.flattened();
    if voxels > 0 && !are_too_many {
        return Ok(read);
    }
    let Labels {
        layers,
        table,
        mut warnings,
        ..
    } = read;
    drop(layers);
    if voxels > 0 {
        warnings.push(Warning::SegmentsOverlap { voxels });
    }
    let flat = Arc::unwrap_or_clone(flat);
    Ok(Labels::plain(flat.into(), table.flattened(), warnings))
}

/// The key of a layer's name; Slicer leaves out what it does not know.
fn layer_key(layer: usize) -> String {
    format!("Prosector_Layer{layer}_Name")
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
            let tag = |name| tag_of(get(n, "Tags")?, name);
            let percent = tag(OPACITY).and_then(|text| text.parse().ok());
            Segment {
                opacity_percent: percent.map_or(Label::OPAQUE, Label::clamped_percent),
                group: tag(GROUP).unwrap_or_default(),
                locked: tag(LOCKED).is_some_and(|text| text == "1"),
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

/// The tags that hold a label's opacity, group and lock; 3D Slicer keeps tags that it does not know.
const OPACITY: &str = "Prosector.OpacityPercent";
const GROUP: &str = "Prosector.Group";
const LOCKED: &str = "Prosector.Locked";

/// The value of a tag in a list of them, `name:value|name:value`.
fn tag_of(tags: &str, name: &str) -> Option<String> {
    let values = tags.split('|').filter_map(|tag| tag.split_once(':'));
    let mut values = values.filter(|(known, _)| known.trim() == name);
    values.next().map(|(_, value)| value.trim().to_owned())
}

/// The tags of a label; nothing for one that is as labels are at first.
fn tags_of(label: &Label) -> String {
    let mut tags = Vec::new();
    if label.opacity_percent != Label::OPAQUE {
        tags.push(format!("{OPACITY}:{}", label.opacity_percent));
    }
    if !label.group.is_empty() {
        tags.push(format!(
            "{GROUP}:{}",
            escaped(&label.group).replace('|', "/")
        ));
    }
    if label.locked {
        tags.push(format!("{LOCKED}:1"));
    }
    tags.join("|")
}

fn color_of(text: &str) -> Option<[u8; 3]> {
    let parts: Option<Vec<f64>> = text.split_whitespace().map(|t| t.parse().ok()).collect();
    let &[r, g, b] = parts?.as_slice() else {
        return None;
    };
    Some([r, g, b].map(|c| (c * 255.0).round().clamp(0.0, 255.0) as u8))
}

/// The layers as they are stored; segments keep their values where those are distinct.
fn layered(
    path: &Path,
    block: Block,
    keys: &BTreeMap<String, String>,
    segments: &[Segment],
) -> Result<Labels, IoError> {
    let Block {
        grid,
        voxels,
        frames,
        warnings,
    } = block;
    // Frames lie one after another: a map of them all, cut up below.
    let mut whole_grid = grid;
    whole_grid.dims[2] *= frames;
    let stored = label_map(path, whole_grid, voxels, Rescale::IDENTITY)?.voxels;
    let mut table = table_of_layers(frames, keys);
    let mut value_of = BTreeMap::new();
    for segment in segments {
        let is_free = segment.value != 0 && table.get(segment.value).is_none();
        let value = is_free.then_some(segment.value).or(table.next_free_value());
        let value = value.ok_or_else(|| too_many(path))?;
        let name = match segment.name.is_empty() {
            true => format!("label_{value}"),
            false => segment.name.clone(),
        };
        table.add_in(layer_id(segment.layer), value, &name);
        if let Some(label) = table.get_mut(value) {
            label.color = segment.color.unwrap_or(label.color);
            label.opacity_percent = segment.opacity_percent;
            label.group.clone_from(&segment.group);
            label.locked = segment.locked;
        }
        value_of.insert((segment.layer, segment.value), value);
    }
    let mut maps = Vec::with_capacity(frames);
    for (layer, stored) in stored.chunks_exact(grid.len()).enumerate() {
        let mut labels = LabelMap {
            grid,
            voxels: stored.to_vec(),
        };
        let mut new_value: Vec<u16> = (0..=u16::MAX).collect();
        for (stored, _) in labels.counts() {
            let value = match value_of.get(&(layer, stored)) {
                Some(&value) => value,
                None => nameless(path, &mut table, layer, stored)?,
            };
            new_value[usize::from(stored)] = value;
        }
        for voxel in &mut labels.voxels {
            *voxel = new_value[usize::from(*voxel)];
        }
        maps.push((layer_id(layer), labels));
    }
    let layers = LabelLayers::of_maps(maps);
    let layers = layers.ok_or_else(|| IoError::not_labels(path, "it has no voxels"))?;
    Ok(Labels::plain(layers, table, warnings))
}

/// A label for a value of a layer that no segment names.
fn nameless(
    path: &Path,
    table: &mut LabelTable,
    layer: usize,
    stored: u16,
) -> Result<u16, IoError> {
    let own = table.get(stored).is_none().then_some(stored);
    let value = own.or(table.next_free_value());
    let value = value.ok_or_else(|| too_many(path))?;
    table.add_in(layer_id(layer), value, &format!("label_{value}"));
    Ok(value)
}

fn too_many(path: &Path) -> IoError {
    IoError::not_labels(path, "it has more than 65535 segments")
}

fn layer_id(layer: usize) -> LayerId {
    LayerId(u16::try_from(layer).unwrap_or(u16::MAX))
}

/// No labels yet, and as many layers, by the names that the file gives them.
fn table_of_layers(count: usize, keys: &BTreeMap<String, String>) -> LabelTable {
    let layers = (0..count).map(|n| Layer {
        id: layer_id(n),
        name: keys
            .get(&layer_key(n))
            .cloned()
            .unwrap_or_else(|| format!("layer_{}", n + 1)),
        visible: true,
    });
    LabelTable::of_layers(layers.collect()).unwrap_or_default()
}

/// The lines that name labels and layers; `maps` are those of the table's layers.
pub(super) fn lines_of(maps: &[&LabelMap], table: &LabelTable) -> String {
    let mut lines = String::new();
    for (n, label) in table.labels().iter().enumerate() {
        let mut layers = table.layers().iter();
        let layer = layers.position(|l| l.id == label.layer).unwrap_or(0);
        let [r, g, b] = label.color.map(|c| f64::from(c) / 255.0);
        let bounds = maps
            .get(layer)
            .and_then(|map| label_bounds(map, label.value));
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
        let name = escaped(&label.name);
        let mut line =
            |key: &str, value: &str| lines.push_str(&format!("Segment{n}_{key}:={value}\n"));
        line("Color", &format!("{r} {g} {b}"));
        line("ColorAutoGenerated", "0");
        line("Extent", &extent.join(" "));
        line("ID", &format!("Segment_{}", label.value));
        line("LabelValue", &label.value.to_string());
        line("Layer", &layer.to_string());
        line("Name", &name);
        line("NameAutoGenerated", "0");
        line("Tags", &tags_of(label));
    }
    for (n, layer) in table
        .layers()
        .iter()
        .enumerate()
        .filter(|_| !table.is_plain())
    {
        lines.push_str(&format!("{}:={}\n", layer_key(n), escaped(&layer.name)));
    }
    if !table.labels().is_empty() {
        lines.push_str("Segmentation_ContainedRepresentationNames:=Binary labelmap|\n");
        lines.push_str("Segmentation_MasterRepresentation:=Binary labelmap\n");
        lines.push_str("Segmentation_ReferenceImageExtentOffset:=0 0 0\n");
    }
    lines
}

/// A value on one line.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n")
}
