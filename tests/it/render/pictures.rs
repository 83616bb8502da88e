//! What pictures show, and where.

use std::sync::Arc;

use glam::DVec3;
use prosector::geometry::{Affine, Convention, Grid, Plane, SliceView, VoxelIndex, VoxelPoint};
use prosector::render::{
    Interpolation, Projection, Scene, Slab, SliceStyle, reference, scale_bar_mm, screenshot,
};
use prosector::volume::window::default_window;
use prosector::volume::{ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData, Window};

use crate::over_time::{colour, film, opened};

use super::cases::cases;

/// One bright voxel, 10 mm towards each named direction from the centre of an LPS grid.
fn bright_towards(direction: DVec3) -> ImageVolume {
    let affine = Affine::from_columns(
        DVec3::X * -1.0,
        DVec3::Y * -1.0,
        DVec3::Z * 2.0,
        DVec3::new(20.0, 20.0, -20.0),
    )
    .expect("regular");
    let grid = Grid::new([41, 41, 21], affine);
    let mut voxels = vec![0i16; grid.len()];
    let at = affine.inverse().transform_point3(direction * 10.0);
    let offset = grid.offset_of(VoxelPoint(at).nearest()).expect("inside");
    voxels[offset] = 1000;
    ImageVolume::new(
        grid,
        VoxelData::I16(voxels),
        Rescale::IDENTITY,
        Modality::Ct,
    )
}

/// Where the bright voxel is drawn: -1, 0 or 1 to the right and down from the middle.
fn side_of(direction: DVec3, plane: Plane, convention: Convention) -> [i32; 2] {
    let image = bright_towards(direction);
    let table = LabelTable::default();
    let scene = Scene {
        image: &image,
        labels: &[],
        table: &table,
        proposal: None,
        second: None,
    };
    let view = SliceView::fit(
        image.grid(),
        plane,
        convention,
        VoxelIndex([20, 20, 10]),
        90,
        90,
    );
    let style = SliceStyle {
        interpolation: Interpolation::Nearest,
        ..SliceStyle::new(Window {
            level: 500.0,
            width: 100.0,
        })
    };
    let picture = reference::draw(&view, &scene, &style);
    let bright = picture.enumerate_pixels().filter(|(_, _, p)| p.0[0] > 128);
    let (x, y, n) = bright.fold((0, 0, 0), |(x, y, n), (px, py, _)| (x + px, y + py, n + 1));
    assert!(n > 0, "the bright voxel is in the {} view", plane.name());
    [x, y].map(|sum| {
        (f64::from(sum) / f64::from(n) - 44.5)
            .clamp(-1.0, 1.0)
            .round() as i32
    })
}

#[test]
fn the_anatomy_is_on_the_side_that_readers_expect() {
    let radiological = Convention::Radiological;
    let neurological = Convention::Neurological;
    let (right, front, head) = (DVec3::X, DVec3::Y, DVec3::Z);
    assert_eq!(side_of(right, Plane::Axial, radiological), [-1, 0]);
    assert_eq!(side_of(right, Plane::Coronal, radiological), [-1, 0]);
    assert_eq!(side_of(right, Plane::Axial, neurological), [1, 0]);
    assert_eq!(side_of(right, Plane::Coronal, neurological), [1, 0]);
    assert_eq!(side_of(front, Plane::Axial, radiological), [0, -1]);
    assert_eq!(side_of(front, Plane::Sagittal, radiological), [-1, 0]);
    assert_eq!(side_of(head, Plane::Coronal, radiological), [0, -1]);
    assert_eq!(side_of(head, Plane::Sagittal, neurological), [0, -1]);
}

#[test]
fn beside_the_volume_it_is_black_and_outlines_are_as_wide_as_asked() {
    let grid = Grid::new([20, 20, 5], Affine::from_spacing([1.0; 3], [0.0; 3]));
    let voxels = VoxelData::U8(vec![100; grid.len()]);
    let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct);
    let mut labels = LabelMap::empty(grid);
    for j in 5..15 {
        for i in 5..15 {
            labels.voxels[grid.offset(i, j, 2)] = 1;
        }
    }
    let mut table = LabelTable::default();
    table.add(1, "square");
    let scene = Scene {
        image: &image,
        labels: &[Arc::new(labels)],
        table: &table,
        proposal: None,
        second: None,
    };
    let view = SliceView::fit(
        &grid,
        Plane::Axial,
        Convention::Radiological,
        VoxelIndex([10, 10, 2]),
        300,
        200,
    );
    for width in [1.0f32, 3.0] {
        let mut style = SliceStyle::new(Window {
            level: 100.0,
            width: 200.0,
        });
        style.outline_px = width;
        let picture = reference::draw(&view, &scene, &style);
        assert_eq!(
            picture.get_pixel(10, 100).0,
            [0, 0, 0, 255],
            "beside the volume"
        );
        assert_eq!(
            picture.get_pixel(60, 100).0,
            [128, 128, 128, 255],
            "no label"
        );
        let [r, g, b] = LabelTable::palette_color(1);
        let outline = (60..250)
            .filter(|&x| picture.get_pixel(x, 100).0 == [r, g, b, 255])
            .count();
        assert_eq!(outline, 2 * width as usize, "both sides of the square");
    }
}

#[test]
fn labels_of_layers_are_mixed_where_they_overlap_and_every_outline_is_seen() {
    let grid = Grid::new([20, 20, 5], Affine::from_spacing([1.0; 3], [0.0; 3]));
    let voxels = VoxelData::U8(vec![100; grid.len()]);
    let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct);
    // One square inside the other, in the layer above.
    let square = |value: u16, from: usize, to: usize| {
        let mut labels = LabelMap::empty(grid);
        for j in from..to {
            for i in from..to {
                labels.voxels[grid.offset(i, j, 2)] = value;
            }
        }
        Arc::new(labels)
    };
    let (outer, inner) = (square(1, 2, 18), square(2, 6, 14));
    let mut table = LabelTable::default();
    table.add(1, "outer");
    table.add(2, "inner");
    table.get_mut(1).expect("added").color = [200, 0, 0];
    table.get_mut(2).expect("added").color = [0, 200, 0];
    let cursor = VoxelIndex([10, 10, 2]);
    // 10 pixels a voxel; the view is as wide as the volume.
    let radiological = Convention::Radiological;
    let view = SliceView::fit(&grid, Plane::Axial, radiological, cursor, 200, 200);
    let mut style = SliceStyle::new(Window {
        level: 100.0,
        width: 200.0,
    });
    style.fill_opacity = 0.5;
    let layers = [Arc::clone(&outer), Arc::clone(&inner)];
    let upside_down = [inner, outer];
    for (layers, mixed) in [(&layers, [82, 132, 32]), (&upside_down, [132, 82, 32])] {
        let scene = Scene {
            image: &image,
            labels: layers,
            table: &table,
            proposal: None,
            second: None,
        };
        let picture = reference::draw(&view, &scene, &style);
        let row: Vec<[u8; 3]> = (0..200)
            .map(|x| {
                let [r, g, b, _] = picture.get_pixel(x, 100).0;
                [r, g, b]
            })
            .collect();
        let count = |colour: [u8; 3]| row.iter().filter(|&&c| c == colour).count();
        // Grey 127.5 under half of each fill, the lower first.
        let near = |a: [u8; 3], b: [u8; 3]| a.iter().zip(b).all(|(x, y)| x.abs_diff(y) <= 1);
        assert!(near(row[100], mixed), "{:?}", row[100]);
        assert!(near(row[40], [164, 64, 64]), "{:?}", row[40]);
        assert_eq!(
            (count([200, 0, 0]), count([0, 200, 0])),
            (2, 2),
            "one pixel at each side"
        );
    }
}

#[test]
fn colours_are_shown_as_they_are_and_as_the_film_lies() {
    let folder = film(3);
    let image = opened(folder.path()).image;
    let scene = Scene {
        image: &image,
        labels: &[],
        table: &LabelTable::default(),
        proposal: None,
        second: None,
    };
    let at = VoxelIndex([0, 0, 2]);
    let view = SliceView::fit(
        image.grid(),
        Plane::Axial,
        Convention::Radiological,
        at,
        40,
        32,
    );
    let style = SliceStyle {
        interpolation: Interpolation::Nearest,
        ..SliceStyle::new(default_window(&image))
    };
    let picture = reference::draw(&view, &scene, &style);
    for (x, y) in [(0, 0), (39, 0), (12, 31)] {
        let [r, g, b, _] = picture.get_pixel(x, y).0;
        assert_eq!([r, g, b], colour(2, x / 2, y / 2), "pixel {x}, {y}");
    }
}

#[test]
fn a_screenshot_has_the_size_that_was_asked_for() {
    let case = &cases()[0];
    let window = Window {
        level: 100.0,
        width: 250.0,
    };
    let outside = VoxelIndex([900, -3, 5]);
    for size in [(320, 200), (90, 400), (1, 1)] {
        let labels = Some((case.layers.as_slice(), &case.table));
        let (picture, drawn_by) = screenshot(&case.image, labels, None, outside, window, size);
        assert_eq!(picture.dimensions(), (size.0.max(64), size.1.max(64)));
        assert!(!drawn_by.is_empty());
    }
}

#[test]
fn scale_bars_are_round_numbers() {
    for (longest, expected) in [
        (99.0, 50.0),
        (100.0, 100.0),
        (37.0, 20.0),
        (0.7, 0.5),
        (1.9, 1.0),
    ] {
        assert_eq!(scale_bar_mm(longest), expected);
    }
}

#[test]
fn inverted_grey_is_the_negative_of_the_scan_alone() {
    let image = prosector::volume::phantom::phantom().image;
    let table = LabelTable::default();
    let scene = Scene {
        image: &image,
        labels: &[],
        table: &table,
        proposal: None,
        second: None,
    };
    let middle = VoxelIndex(image.grid().dims.map(|n| n as i64 / 2));
    let (plane, convention) = (Plane::Axial, Convention::Radiological);
    let view = SliceView::fit(image.grid(), plane, convention, middle, 112, 112);
    let style = SliceStyle::new(default_window(&image));
    let inverted = SliceStyle {
        inverted: true,
        ..style
    };
    let plain = reference::draw(&view, &scene, &style);
    let negative = reference::draw(&view, &scene, &inverted);
    let mut greys = [false; 256];
    for (a, b) in plain.pixels().zip(negative.pixels()) {
        let sum = u16::from(a.0[0]) + u16::from(b.0[0]);
        assert!((254..=256).contains(&sum), "{a:?} and {b:?}");
        greys[usize::from(a.0[0])] = true;
    }
    assert!(
        greys.iter().filter(|&&g| g).count() > 50,
        "greys between, too"
    );
}

/// The value behind each voxel of a scan, found voxel by voxel: of the slices whose middle is at most half the thickness
/// away. What is no number counts for nothing.
fn behind(image: &ImageVolume, axis: usize, slab: Slab) -> ImageVolume {
    let grid = *image.grid();
    let [a, b] = [(axis + 1) % 3, (axis + 2) % 3].map(|d| grid.affine.column(d));
    let normal = a.cross(b).normalize();
    let apart_mm = grid.affine.column(axis).dot(normal).abs();
    let values = (0..grid.len()).map(|offset| {
        let here = grid.voxel_at(offset);
        let seen = (0..grid.dims[axis] as i64).filter(|n| {
            (n - here.0[axis]).abs() as f64 * apart_mm <= slab.thickness_mm / 2.0 + 1e-9
        });
        let seen = seen.filter_map(|n| {
            let mut voxel = here;
            voxel.0[axis] = n;
            let value = image.value(grid.offset_of(voxel)?);
            value.is_finite().then_some(value)
        });
        let seen: Vec<f64> = seen.collect();
        let fold = |by: fn(f64, f64) -> f64| seen.iter().copied().reduce(by);
        let found = match slab.projection {
            Projection::Maximum => fold(f64::max),
            Projection::Minimum => fold(f64::min),
            Projection::Mean => Some(seen.iter().sum::<f64>() / seen.len() as f64),
        };
        found.unwrap_or(f64::NAN) as f32
    });
    let voxels = VoxelData::F32(values.collect());
    ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct)
}

#[test]
fn a_slab_shows_the_largest_the_mean_or_the_smallest_of_its_slices() {
    let table = LabelTable::default();
    for (n, case) in cases()
        .iter()
        .enumerate()
        .filter(|(_, c)| c.image.colours().is_none())
    {
        for plane in Plane::ALL {
            // A slice in the middle, and the last one, where half of the slab is beside the volume.
            for at in [[20, 16, 10], [39, 32, 20]] {
                let grid = case.image.grid();
                let view = SliceView::fit(
                    grid,
                    plane,
                    Convention::Radiological,
                    VoxelIndex(at),
                    96,
                    80,
                );
                for (projection, thickness_mm) in [
                    (Projection::Maximum, 7.0),
                    (Projection::Mean, 11.0),
                    (Projection::Minimum, 400.0),
                    (Projection::Maximum, 0.5),
                ] {
                    let slab = Slab {
                        projection,
                        thickness_mm,
                    };
                    let seen = behind(&case.image, view.normal_axis(), slab);
                    let picture = |image, slab| {
                        let scene = Scene {
                            image,
                            labels: &[],
                            table: &table,
                            proposal: None,
                            second: None,
                        };
                        let window = Window {
                            level: 100.0,
                            width: 300.0,
                        };
                        let style = SliceStyle {
                            slab,
                            interpolation: Interpolation::Nearest,
                            ..SliceStyle::new(window)
                        };
                        reference::draw(&view, &scene, &style)
                    };
                    let (drawn, expected) =
                        (picture(&case.image, Some(slab)), picture(&seen, None));
                    let differ = drawn.pixels().zip(expected.pixels());
                    let differ = differ.filter(|(p, q)| p.0[0].abs_diff(q.0[0]) > 1).count();
                    assert_eq!(differ, 0, "case {n} {plane:?} {at:?} {slab:?}");
                }
            }
        }
    }
}

#[test]
fn a_slab_of_colours_takes_each_colour_by_itself() {
    let grid = Grid::new([2, 2, 3], Affine::from_spacing([1.0; 3], [0.0; 3]));
    let colours = [[[9, 80, 7]; 4], [[90, 8, 70]; 4], [[30, 31, 33]; 4]].concat();
    let image = ImageVolume::in_colour(grid, colours, Modality::Mr);
    let table = LabelTable::default();
    let scene = Scene {
        image: &image,
        labels: &[],
        table: &table,
        proposal: None,
        second: None,
    };
    let view = SliceView::fit(
        &grid,
        Plane::Axial,
        Convention::Radiological,
        VoxelIndex([0, 0, 1]),
        8,
        8,
    );
    let shown = |projection| {
        let slab = Some(Slab {
            projection,
            thickness_mm: 2.0,
        });
        let window = Window {
            level: 127.5,
            width: 255.0,
        };
        let style = SliceStyle {
            slab,
            ..SliceStyle::new(window)
        };
        let [r, g, b, _] = reference::draw(&view, &scene, &style).get_pixel(4, 4).0;
        [r, g, b]
    };
    assert_eq!(shown(Projection::Maximum), [90, 80, 70]);
    assert_eq!(shown(Projection::Minimum), [9, 8, 7]);
    assert_eq!(shown(Projection::Mean), [43, 40, 37]);
}
