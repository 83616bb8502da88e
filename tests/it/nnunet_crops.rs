//! Tasks of TotalSegmentator that look roughly first, or take what another model finds: the same as taking the steps one by
//! one, each with a model of its own. The folders are made of recorded ones under other names.

use std::fs;
use std::path::{Path, PathBuf};

use prosector::geometry::{VoxelBox, VoxelIndex};
use prosector::io::save_image;
use prosector::volume::{ImageVolume, LabelMap};
use serde_json::Value;

use crate::nnunet_folder::Place;
use crate::support::copy;

const ORGANS: &str = "totalseg/Dataset297_TotalSegmentator_total_3mm_1559subj";
/// Finds two things.
const NODULES: &str = "totalseg/Dataset913_lung_nodules";

/// A scan, and where copies of its parts go.
struct Scan<'a> {
    place: &'a Place,
    path: PathBuf,
    image: ImageVolume,
}

impl<'a> Scan<'a> {
    fn new(place: &'a Place, side_mm: f64) -> Self {
        let (path, image) = place.recorded_scan(side_mm);
        Self { place, path, image }
    }

    /// What a model finds in the whole scan.
    fn found(&self, folder: &Path, id: &str, options: [&[&str]; 2]) -> LabelMap {
        self.place.found_with(folder, id, options, &self.path)
    }

    /// What it finds where it is shown nothing but a box; nothing elsewhere.
    fn found_within(
        &self,
        bounds: VoxelBox,
        folder: &Path,
        id: &str,
        options: [&[&str]; 2],
    ) -> LabelMap {
        let path = self.place.path().join("part.nii.gz");
        save_image(&path, &self.image.cropped(bounds).unwrap()).unwrap();
        let part = self.place.found_with(folder, id, options, &path);
        let mut whole = LabelMap {
            grid: *self.image.grid(),
            voxels: vec![0; self.image.grid().len()],
        };
        for (offset, &label) in part.voxels.iter().enumerate() {
            let at = place_of(offset, part.grid.dims);
            let [i, j, k] = [0, 1, 2].map(|d| at[d] + bounds.min[d] as usize);
            let to = whole.grid.offset(i, j, k);
            whole.voxels[to] = label;
        }
        whole
    }
}

fn place_of(offset: usize, [ni, nj, _]: [usize; 3]) -> [usize; 3] {
    [offset % ni, offset / ni % nj, offset / ni / nj]
}

/// The box around a label, with a margin in whole voxels.
fn around(labels: &LabelMap, value: u16, margin_mm: f64) -> Option<VoxelBox> {
    let dims = labels.grid.dims;
    let offsets = (0..labels.voxels.len()).filter(|&at| labels.voxels[at] == value);
    let voxels = offsets.map(|at| VoxelIndex(place_of(at, dims).map(|v| v as i64)));
    let boxes = voxels.map(|voxel| VoxelBox::from_corners(voxel, voxel));
    let bounds = boxes.reduce(VoxelBox::union)?;
    let spacing_mm = labels.grid.spacing_mm();
    let margin = spacing_mm.map(|mm| (margin_mm / mm) as i64);
    bounds.grown_by(margin).clipped(dims)
}

fn size(bounds: VoxelBox) -> usize {
    bounds.size().iter().product()
}

/// The label that lies in the smallest box, and that box.
fn most_compact(labels: &LabelMap, margin_mm: f64) -> (u16, VoxelBox) {
    let last = labels.voxels.iter().copied().max().unwrap();
    let boxes = (1..=last).filter_map(|value| Some((value, around(labels, value, margin_mm)?)));
    boxes.min_by_key(|(_, bounds)| size(*bounds)).unwrap()
}

/// The label that has the most voxels.
fn most_common(labels: &LabelMap) -> u16 {
    let last = labels.voxels.iter().copied().max().unwrap();
    let count = |value: &u16| labels.voxels.iter().filter(|label| *label == value).count();
    (1..=last).max_by_key(count).unwrap()
}

/// Calls labels of a data set by other names; what was called so takes the name that is left.
fn call(dataset: &Path, names: &[(u16, &str)]) {
    for entry in fs::read_dir(dataset).unwrap() {
        let path = entry.unwrap().path().join("dataset.json");
        let mut json: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let labels = json["labels"].as_object_mut().unwrap();
        for &(value, name) in names {
            let called = labels.iter().find(|(_, v)| **v == value).unwrap().0.clone();
            let left = labels.insert(name.to_owned(), value.into());
            match left {
                Some(other) if called != name => drop(labels.insert(called, other)),
                None => drop(labels.remove(&called)),
                Some(_) => (),
            }
        }
        fs::write(&path, serde_json::to_vec(&json).unwrap()).unwrap();
    }
}

/// The name of a label of a data set.
fn name_of(dataset: &Path, value: u16) -> String {
    let mut models = fs::read_dir(dataset).unwrap();
    let path = models.next().unwrap().unwrap().path().join("dataset.json");
    let json: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let mut labels = json["labels"].as_object().unwrap().iter();
    labels.find(|(_, v)| **v == value).unwrap().0.clone()
}

#[test]
fn for_chosen_structures_the_scan_is_cropped_to_where_they_roughly_are() {
    let Some(place) = Place::new() else { return };
    let scan = Scan::new(&place, 4.0);
    let alone = place.copied_as(
        ORGANS,
        "alone/Dataset297_TotalSegmentator_total_3mm_1559subj",
    );
    let organs = place.copied_as(
        ORGANS,
        "both/Dataset297_TotalSegmentator_total_3mm_1559subj",
    );
    let rough = place.copied_as(
        ORGANS,
        "both/Dataset298_TotalSegmentator_total_6mm_1559subj",
    );
    let found = scan.found(&rough, "rough", [&[], &[]]);
    let (value, bounds) = most_compact(&found, 20.0);
    assert!(size(bounds) < scan.image.grid().len() / 2, "{bounds:?}");
    // What is found in a small place roughly is called as what is found everywhere closely.
    let whole = scan.found(&alone, "whole", [&[], &[]]);
    let common = most_common(&whole);
    let name = name_of(&alone, common);
    call(&rough, &[(value, &name)]);
    let chosen: [&[&str]; 2] = [&[], &["--structures", &name]];
    let cropped = scan.found(&organs, "both", chosen);
    let expected = scan.found_within(bounds, &alone, "alone", chosen);
    assert!(cropped.voxels == expected.voxels);
    assert!(
        cropped.voxels.contains(&common),
        "there is something to compare"
    );
    // All of them: nothing is looked for roughly, and nothing cropped.
    let all = scan.found(&organs, "all", [&[], &[]]);
    assert!(all.voxels == whole.voxels);
}

#[test]
fn chambers_of_the_heart_are_looked_for_around_it_and_kept_near_it() {
    let Some(place) = Place::new() else { return };
    let scan = Scan::new(&place, 2.5);
    let organs = place.copied_as(
        ORGANS,
        "tasks/Dataset297_TotalSegmentator_total_3mm_1559subj",
    );
    let chambers = place.copied_as(NODULES, "tasks/Dataset301_heart_highres_1559subj");
    let rough = scan.found(&organs, "rough", [&[], &[]]);
    let (heart, bounds) = most_compact(&rough, 20.0);
    // Two that do not occur.
    let absent = (1..=117).filter(|value| !rough.voxels.contains(value));
    let absent: Vec<u16> = absent.take(2).collect();
    let [aorta, cava] = absent[..] else {
        panic!("all occur");
    };
    let names = [
        (heart, "heart"),
        (aorta, "aorta"),
        (cava, "inferior_vena_cava"),
    ];
    call(&organs, &names);
    let plain: [&[&str]; 2] = [&["--preset", "nnunet"], &[]];
    let mut expected = scan.found_within(bounds, &chambers, "plain", plain);
    let before = expected.voxels.clone();
    // Ten millimetres are four steps from face to face.
    let mut near: Vec<bool> = rough.voxels.iter().map(|&label| label == heart).collect();
    for _ in 0..4 {
        near = stepped(&near, scan.image.grid().dims);
    }
    let far = expected
        .voxels
        .iter_mut()
        .zip(&near)
        .filter(|(_, near)| !**near);
    far.for_each(|(label, _)| *label = 0);
    assert!(before != expected.voxels, "something lies too far away");
    let found = scan.found(&chambers, "heart", [&[], &[]]);
    assert!(found.voxels == expected.voxels);
    assert!(found.voxels.iter().any(|&label| label > 0));
}

/// Grown by one step from face to face.
fn stepped(inside: &[bool], dims: [usize; 3]) -> Vec<bool> {
    let [ni, nj, _] = dims;
    let strides = [1, ni, ni * nj];
    let is_near = |at: usize| {
        let place = place_of(at, dims);
        let beside = (0..3).any(|d| {
            (place[d] > 0 && inside[at - strides[d]])
                || (place[d] + 1 < dims[d] && inside[at + strides[d]])
        });
        inside[at] || beside
    };
    (0..inside.len()).map(is_near).collect()
}

/// The skull roughly, in its box the structures of the face, in that of the teeth the teeth.
#[test]
fn teeth_are_looked_for_where_the_structures_of_the_face_have_them() {
    let Some(place) = Place::new() else { return };
    let scan = Scan::new(&place, 1.0);
    let organs = place.copied_as(
        ORGANS,
        "tasks/Dataset298_TotalSegmentator_total_6mm_1559subj",
    );
    let face = place.copied_as(NODULES, "tasks/Dataset115_mandible");
    let face_alone = place.copied_as(NODULES, "alone/Dataset115_mandible");
    let teeth = place.copied_as(NODULES, "tasks/Dataset113_ToothFairy3");
    for entry in fs::read_dir(&teeth).unwrap() {
        let trained = "nnUNetTrainer_onlyMirror01__nnUNetPlans__3d_lowres_high";
        fs::rename(entry.unwrap().path(), teeth.join(trained)).unwrap();
    }
    let teeth_alone = place.path().join("alone/Dataset113_ToothFairy3");
    copy(&teeth, &teeth_alone);
    let rough = scan.found(&organs, "rough", [&[], &[]]);
    let (skull, bounds) = most_compact(&rough, 20.0);
    call(&organs, &[(skull, "skull")]);
    let names = [(1, "mandible"), (2, "teeth_lower")];
    call(&face, &names);
    call(&face_alone, &names);
    let faces = scan.found_within(bounds, &face_alone, "face", [&[], &[]]);
    let bounds = around(&faces, 2, 10.0).expect("there are teeth");
    let expected = scan.found_within(bounds, &teeth_alone, "alone", [&[], &[]]);
    let found = scan.found(&teeth, "teeth", [&[], &[]]);
    assert!(found.voxels == expected.voxels);
    assert!(found.voxels.iter().any(|&label| label > 0));
}

#[test]
fn refined_vertebrae_grow_into_the_bodies_and_end_with_them() {
    let Some(place) = Place::new() else { return };
    let scan = Scan::new(&place, 2.0);
    let numbered = place.copied_as(NODULES, "tasks/Dataset803_TotalSegmentator_vertebrae_inner");
    let bodies = place.copied_as(NODULES, "tasks/Dataset305_vertebrae_discs_1559subj");
    let before = scan.found(&numbered, "before", [&["--preset", "vertebrae_pp"], &[]]);
    let body = scan.found(&bodies, "bodies", [&[], &[]]);
    // Two millimetres are one voxel; the lower label is first.
    let dims = scan.image.grid().dims;
    let mut expected = before.voxels.clone();
    let last = before.voxels.iter().copied().max().unwrap();
    for value in 1..=last {
        let inside: Vec<bool> = before.voxels.iter().map(|&label| label == value).collect();
        let grown = expected.iter_mut().zip(stepped(&inside, dims));
        grown
            .filter(|(label, near)| *near && **label == 0)
            .for_each(|(label, _)| *label = value);
    }
    assert!(before.voxels != expected, "something grows");
    let outside = expected
        .iter_mut()
        .zip(&body.voxels)
        .filter(|(_, body)| **body != 1);
    outside.for_each(|(label, _)| *label = 0);
    let task = ["--preset", "vertebrae_pp_refined"];
    let found = scan.found(&numbered, "refined", [&task, &[]]);
    assert!(found.voxels == expected);
    assert!(found.voxels.iter().any(|&label| label > 0));
}
