//! Taking a reading over into the own labels, as steps that can be undone.

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::session::document::Edit;
use crate::session::effect::Effects;
use crate::session::{Case, Tools};
use crate::volume::Grid;
use crate::volume::morphology::Crop;

use super::{ComparedReading, TakenPart};

/// What is to be written: of each label its voxels.
struct Taken {
    labels: Vec<(String, [u8; 3], Crop)>,
}

impl Case {
    pub(super) fn take(
        &mut self,
        reading: usize,
        part: &TakenPart,
        tools: Tools,
        out: &mut Effects,
    ) {
        let (cross_hair, grid) = (self.cross_hair, *self.grid());
        let Some(comparison) = &mut self.comparison else {
            return;
        };
        let region = match part {
            TakenPart::Here => Some(comparison.region_at(cross_hair)),
            TakenPart::Label(_) => None,
        };
        if region.as_ref().is_some_and(Vec::is_empty) {
            out.info("the readings agree here: go to a disagreement first");
            return;
        }
        let Some(reading) = comparison.readings.get(reading) else {
            return;
        };
        let region = region.map(|runs| crop_of(&runs, &grid));
        let taken = match (part, &region) {
            (TakenPart::Label(name), _) => Taken::label(reading, name),
            (TakenPart::Here, Some(region)) => Taken::within(reading, region, &grid),
            (TakenPart::Here, None) => return,
        };
        let step = format!("take {}", reading.name);
        let Some(mut edit) = Edit::begin(self, tools, out) else {
            return;
        };
        edit.allow_from_all();
        if let Some(region) = &region {
            clear(&mut edit, region);
        }
        for (name, color, crop) in taken.labels {
            let value = match edit.table().by_name(&name).map(|label| label.value) {
                Some(value) => value,
                None => match edit.add_label(None, &name) {
                    Ok(value) => {
                        if let Some(label) = edit.table_mut().get_mut(value) {
                            label.color = color;
                        }
                        value
                    }
                    Err(error) => return edit.refuse(error.to_string()),
                },
            };
            match part {
                TakenPart::Here => edit.add(value, &crop),
                TakenPart::Label(_) => edit.replace(value, &crop),
            }
        }
        edit.say_what_is_left();
        edit.commit(step);
    }
}

impl Taken {
    /// A label everywhere; where the reading does not have it, nothing of it.
    fn label(reading: &ComparedReading, name: &str) -> Self {
        let label = reading.table.by_name(name);
        let color = label.map_or([200; 3], |label| label.color);
        let crop = label.and_then(|label| {
            let map = reading.layers.get(label.layer)?;
            Crop::of_label(map, label.value)
        });
        let first = VoxelBox::from_corners(VoxelIndex([0; 3]), VoxelIndex([0; 3]));
        let crop = crop.unwrap_or_else(|| Crop::empty(first));
        Self {
            labels: vec![(name.to_owned(), color, crop)],
        }
    }

    /// All labels in a region.
    fn within(reading: &ComparedReading, region: &Crop, grid: &Grid) -> Self {
        let labels = reading.table.labels().iter().filter_map(|label| {
            let map = reading.layers.get(label.layer)?;
            let mut crop = Crop::of_label_in(map, label.value, region.bounds);
            crop.keep_offsets(grid.dims, |offset| region.holds(grid.voxel_at(offset)));
            (crop.count() > 0).then(|| (label.name.clone(), label.color, crop))
        });
        Self {
            labels: labels.collect(),
        }
    }
}

/// Takes all labels from the voxels of a region, as far as locks allow.
fn clear(edit: &mut Edit<'_>, region: &Crop) {
    let grid = *edit.grid();
    let layers: Vec<_> = edit.table().layers().iter().map(|layer| layer.id).collect();
    for layer in layers {
        edit.write(layer, region.bounds, |offset, old| {
            match region.holds(grid.voxel_at(offset)) {
                true => 0,
                false => old,
            }
        });
    }
}

/// The voxels of runs of array offsets.
fn crop_of(runs: &[std::ops::Range<usize>], grid: &Grid) -> Crop {
    let boxes = runs
        .iter()
        .map(|run| VoxelBox::from_corners(grid.voxel_at(run.start), grid.voxel_at(run.end - 1)));
    let first = VoxelBox::from_corners(VoxelIndex([0; 3]), VoxelIndex([0; 3]));
    let mut crop = Crop::empty(boxes.reduce(VoxelBox::union).unwrap_or(first));
    crop.voxels.fill(1);
    let is_inside = |offset: usize| {
        let after = runs.partition_point(|run| run.end <= offset);
        runs.get(after).is_some_and(|run| run.contains(&offset))
    };
    crop.keep_offsets(grid.dims, is_inside);
    crop
}
