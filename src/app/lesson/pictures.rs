//! A slice of a case with what its user drew and what was found, before and after.

use std::sync::Arc;

use image::RgbaImage;

use crate::geometry::{Convention, Plane, SliceView, VoxelBox, VoxelIndex};
use crate::render::{Scene, SliceStyle, reference};
use crate::train::teach::{Pictured, TeachCase};
use crate::volume::morphology::rows;
use crate::volume::window::default_window;
use crate::volume::{Grid, Label, LabelMap, LabelTable, Mask};

/// What its user drew.
const TRUTH: u16 = 1;
/// What was found.
const FOUND: u16 = 2;
/// Of what its user drew; the two differ in lightness too, for those who see no red from green.
pub const TRUTH_COLOUR: [u8; 3] = [90, 220, 120];
/// Of what was found.
pub const FOUND_COLOUR: [u8; 3] = [255, 150, 40];
/// Around what is drawn, at least.
const AROUND_MM: f64 = 12.0;
/// Slices are thick where they are so many times as far apart as voxels inside them.
const THICK: f64 = 1.5;

/// The pictures of a case.
pub struct CasePictures {
    /// With what was found before.
    pub before: RgbaImage,
    /// With what is found after, of the same slice.
    pub after: RgbaImage,
    /// Which slice: plane, number from 1, number of slices.
    pub plane: Plane,
    /// Its number, from 1.
    pub slice: i64,
    /// How many there are.
    pub slices: usize,
    /// The letter at the left border.
    pub left: String,
}

/// Draws the slice with most of what counts, cut to it and what is around, in squares of so many pixels a side; `None` where
/// nothing was drawn and nothing found.
pub fn drawn(case: &TeachCase, pictured: &Pictured, side: u32) -> Option<CasePictures> {
    let grid = *case.image.grid();
    let truth = pictured.truth.mask(grid);
    let answers = [&pictured.before, &pictured.after].map(|shape| shape.mask(grid));
    let plane = plane_of(&grid);
    let axis = grid.normal_axis(plane);
    let masks = [&truth, &answers[1], &answers[0]];
    let slice = masks.iter().find_map(|mask| fullest(mask, axis))?;
    let part = shown_part(&grid, &masks, (axis, slice));
    let image = case.image.cropped(part)?;
    let own = image.grid();
    let view = SliceView::fit(
        own,
        plane,
        Convention::Radiological,
        VoxelIndex([0; 3]),
        side,
        side,
    );
    let table = table();
    let truth = Arc::new(cut(&truth, own, part, TRUTH));
    let style = SliceStyle {
        fill_opacity: 0.4,
        outline_px: (side as f32 / 220.0).max(1.0),
        // Of all of the scan, so that both pictures of a patient look alike.
        ..SliceStyle::new(default_window(&case.image))
    };
    let [before, after] = answers.map(|answer| {
        let layers = [Arc::new(cut(&answer, own, part, FOUND)), truth.clone()];
        let scene = Scene {
            image: &image,
            labels: &layers,
            table: &table,
            proposal: None,
            second: None,
        };
        reference::draw(&view, &scene, &style)
    });
    let [left, ..] = view.border_texts();
    Some(CasePictures {
        before,
        after,
        plane,
        slice: slice + 1,
        slices: grid.dims[axis],
        left,
    })
}

/// The plane of the slices where they are thick, else the axial one.
fn plane_of(grid: &Grid) -> Plane {
    let spacing_mm = grid.spacing_mm();
    let is_thick = |plane: &Plane| {
        let normal = grid.normal_axis(*plane);
        let others = (0..3).filter(|&d| d != normal);
        others
            .map(|d| spacing_mm[d])
            .all(|mm| spacing_mm[normal] > THICK * mm)
    };
    let thick = Plane::ALL.into_iter().find(is_thick);
    thick.unwrap_or(Plane::Axial)
}

/// The slice across an axis with most of a mask's voxels.
fn fullest(mask: &Mask, axis: usize) -> Option<i64> {
    let mut counts = vec![0usize; mask.grid.dims[axis]];
    for (offset, _) in mask.voxels.iter().enumerate().filter(|(_, v)| **v != 0) {
        counts[mask.grid.voxel_at(offset).0[axis] as usize] += 1;
    }
    let fullest = (0..counts.len()).max_by_key(|&n| counts[n])?;
    (counts[fullest] > 0).then_some(fullest as i64)
}

/// What of a slice is shown: what the masks have there and what is around, as wide as high where the scan goes so far.
fn shown_part(grid: &Grid, masks: &[&Mask], (axis, slice): (usize, i64)) -> VoxelBox {
    let all = grid.bounds().slice(axis, slice);
    let inside = masks.iter().filter_map(|mask| {
        let offsets = rows(grid.dims, all).flatten();
        let places = offsets.filter(|&at| mask.voxels[at] != 0);
        let boxes = places.map(|at| VoxelBox::from_corners(grid.voxel_at(at), grid.voxel_at(at)));
        boxes.reduce(VoxelBox::union)
    });
    let Some(inside) = inside.reduce(VoxelBox::union) else {
        return all;
    };
    let spacing_mm = grid.spacing_mm();
    let size = inside.size();
    let length_mm = |d: usize| size[d] as f64 * spacing_mm[d];
    let longest_mm = (0..3)
        .filter(|&d| d != axis)
        .map(length_mm)
        .fold(0.0, f64::max);
    let wanted_mm = longest_mm + 2.0 * AROUND_MM.max(longest_mm / 4.0);
    let grown = std::array::from_fn(|d| match d == axis {
        true => 0,
        false => ((wanted_mm - length_mm(d)) / 2.0 / spacing_mm[d]).ceil() as i64,
    });
    inside.grown_by(grown).clamped(grid.dims)
}

/// A part of a mask as a label map.
fn cut(mask: &Mask, grid: &Grid, part: VoxelBox, value: u16) -> LabelMap {
    let offsets = rows(mask.grid.dims, part).flatten();
    LabelMap {
        grid: *grid,
        voxels: offsets
            .map(|at| if mask.voxels[at] != 0 { value } else { 0 })
            .collect(),
    }
}

/// What was found is filled, what was drawn is a line upon it: where both are, both are seen.
fn table() -> LabelTable {
    let mut table = LabelTable::default();
    table.insert(Label {
        opacity_percent: Label::LEAST_OPAQUE,
        ..Label::new(TRUTH, "drawn".to_owned(), TRUTH_COLOUR)
    });
    table.insert(Label::new(FOUND, "found".to_owned(), FOUND_COLOUR));
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Affine;
    use crate::train::teach::Shape;
    use crate::volume::phantom::phantom;

    /// A case of the phantom whose user drew the lesion, of which nothing was found before.
    fn lesion() -> (TeachCase, Pictured, VoxelBox) {
        let phantom = phantom();
        let lesion = phantom.lesion_box();
        let mut truth = LabelMap::empty(*phantom.image.grid());
        for (at, value) in truth.voxels.iter_mut().enumerate() {
            *value = u16::from(lesion.contains(truth.grid.voxel_at(at)));
        }
        let drawn = Shape::of(&truth.mask_of(1));
        let case = TeachCase {
            image: Arc::new(phantom.image),
            truth,
            values: vec![1],
            patient: None,
            is_labelled: true,
        };
        let pictured = Pictured {
            truth: drawn.clone(),
            before: Shape::default(),
            after: drawn,
        };
        (case, pictured, lesion)
    }

    fn count(picture: &RgbaImage, colour: [u8; 3]) -> usize {
        let is_near = |pixel: &&image::Rgba<u8>| {
            let differences = pixel.0.iter().zip(colour).map(|(a, b)| a.abs_diff(b));
            differences.max().is_some_and(|d| d < 40)
        };
        picture.pixels().filter(is_near).count()
    }

    #[test]
    fn what_was_drawn_is_in_both_and_what_was_found_only_after() {
        let (case, pictured, lesion) = lesion();
        let pictures = drawn(&case, &pictured, 240).unwrap();
        let axis = case.image.grid().normal_axis(pictures.plane);
        assert!((lesion.min[axis]..=lesion.max[axis]).contains(&(pictures.slice - 1)));
        assert_eq!(pictures.left, "R");
        for picture in [&pictures.before, &pictures.after] {
            assert_eq!(picture.dimensions(), (240, 240));
            assert!(count(picture, TRUTH_COLOUR) > 100, "its outline is seen");
        }
        let differ = pictures.before.pixels().zip(pictures.after.pixels());
        let differ = differ.filter(|(a, b)| a != b).count();
        assert!(differ > 1000, "what was found is filled: {differ}");
    }

    #[test]
    fn a_case_without_anything_has_no_picture() {
        let (case, _, _) = lesion();
        assert!(drawn(&case, &Pictured::default(), 100).is_none());
    }

    #[test]
    fn thick_slices_are_shown_as_they_were_taken() {
        let grid = |spacing_mm| Grid::new([8; 3], Affine::from_spacing(spacing_mm, [0.0; 3]));
        assert_eq!(plane_of(&grid([1.0, 4.0, 1.0])), Plane::Coronal);
        assert_eq!(plane_of(&grid([4.0, 1.0, 1.0])), Plane::Sagittal);
        assert_eq!(plane_of(&grid([1.0, 1.0, 5.0])), Plane::Axial);
        assert_eq!(plane_of(&grid([1.0, 1.1, 1.0])), Plane::Axial);
    }
}
