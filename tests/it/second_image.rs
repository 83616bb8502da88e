//! A second image over the scan: where it lies, its own undo, what is read out of it, and how it is drawn.

use std::sync::Arc;

use glam::DVec3;
use image::Rgba;
use prosector::geometry::{
    Affine, Convention, Plane, RigidTransform, SliceView, VoxelIndex, WorldPoint,
};
use prosector::io::{save_image, save_transform};
use prosector::models::ScanKey;
use prosector::render::{Offscreen, Scene, Second, SliceStyle, reference};
use prosector::session::{
    Effect, HistoryCommand, OpenedScan, SecondCommand, SecondImage, Severity,
};
use prosector::volume::{
    ColourMap, Grid, ImageVolume, LabelTable, Modality, Rescale, VoxelData, Window,
};

use crate::session::{Desk, has, notice, paint, scan};
use crate::support::{assert_refused, program, said};

const DIMS: [usize; 3] = [12, 10, 8];

/// A PET whose value at a place is its z in mm, on voxels of its own.
fn pet() -> ImageVolume {
    let grid = Grid::new(
        [14, 12, 20],
        Affine::from_spacing([3.0, 3.0, 2.0], [-30.0, -30.0, -4.0]),
    );
    let z = |offset: usize| grid.world_from_voxel(grid.voxel_at(offset).center()).0.z as f32;
    let voxels = VoxelData::F32((0..grid.len()).map(z).collect());
    ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Pet)
}

fn opened(image: ImageVolume, key: u64) -> OpenedScan {
    OpenedScan {
        image: Arc::new(image),
        key: ScanKey(key),
        window: Window {
            level: 10.0,
            width: 20.0,
        },
        ..scan(DIMS, key)
    }
}

fn with_pet() -> Desk {
    let mut desk = Desk::new(DIMS);
    desk.apply(SecondCommand::Open(Box::new(opened(pet(), 7))));
    desk
}

fn second(desk: &Desk) -> &SecondImage {
    desk.case().second().expect("there is one")
}

fn place(desk: &Desk, voxel: [i64; 3]) -> WorldPoint {
    desk.case()
        .grid()
        .world_from_voxel(VoxelIndex(voxel).center())
}

#[test]
fn both_values_are_read_at_a_place_of_the_patient() {
    let mut desk = with_pet();
    assert_eq!(
        second(&desk).colours(),
        ColourMap::Hot,
        "PET over another scan"
    );
    let voxel = [6, 5, 3];
    let z = place(&desk, voxel).0.z;
    let read = |desk: &Desk| {
        desk.case()
            .readout(VoxelIndex(voxel))
            .expect("inside")
            .second
    };
    let (value, unit) = read(&desk).expect("it reaches there");
    assert!(
        (value - z).abs() <= 1.0 && unit.is_empty(),
        "{value} at {z}: the nearest of 2 mm"
    );
    let text = desk
        .case()
        .readout(VoxelIndex(voxel))
        .expect("inside")
        .to_string();
    assert!(text.contains("second "), "{text}");
    // Carried 4 mm up, a place shows what was 4 mm below it.
    let shift = SecondCommand::Nudge {
        shift_mm: [0.0, 0.0, 4.0],
        turn_deg: [0.0; 3],
    };
    desk.apply(shift);
    assert!((read(&desk).expect("there").0 - (value - 4.0)).abs() < 1e-6);
    desk.apply(SecondCommand::Nudge {
        shift_mm: [900.0, 0.0, 0.0],
        turn_deg: [0.0; 3],
    });
    assert!(read(&desk).is_none(), "beside it there is no value");
    let effects = desk.apply(SecondCommand::Close);
    assert!(has(&effects, |e| matches!(e, Effect::SecondChanged)));
    assert!(desk.case().second().is_none());
}

#[test]
fn moving_it_has_an_undo_of_its_own_and_touches_no_voxel() {
    let mut desk = with_pet();
    let image = Arc::clone(second(&desk).image());
    paint(&mut desk, [3.0, 3.0, 3.0]);
    let (labels, revision) = (desk.case().labels().clone(), desk.case().revision());
    let cross_hair = desk
        .case()
        .grid()
        .world_from_voxel(desk.case().cross_hair().center());
    desk.apply(SecondCommand::Nudge {
        shift_mm: [0.0; 3],
        turn_deg: [0.0, 0.0, 10.0],
    });
    let turned = second(&desk).first_from_second();
    assert!((turned.angle_deg() - 10.0).abs() < 1e-9);
    assert!(
        turned.shift_at(cross_hair).length() < 1e-9,
        "it turns about the cross-hair"
    );
    desk.apply(SecondCommand::Nudge {
        shift_mm: [1.0, -2.0, 3.0],
        turn_deg: [0.0; 3],
    });
    let moved = second(&desk).first_from_second();
    assert!(
        moved
            .shift_at(cross_hair)
            .distance(DVec3::new(1.0, -2.0, 3.0))
            < 1e-9
    );
    assert_eq!(second(&desk).undo_name(), Some("move"));
    desk.apply(SecondCommand::Undo);
    assert_eq!(second(&desk).first_from_second(), turned);
    desk.apply(SecondCommand::Undo);
    desk.apply(SecondCommand::Undo);
    assert_eq!(second(&desk).first_from_second(), RigidTransform::IDENTITY);
    desk.apply(SecondCommand::Redo);
    desk.apply(SecondCommand::Redo);
    desk.apply(SecondCommand::Redo);
    assert_eq!(second(&desk).first_from_second(), moved);
    // Labels know nothing of it, nor does their undo move it.
    assert_eq!(desk.case().labels().voxels, labels.voxels);
    assert_eq!(
        (desk.case().revision(), desk.case().history().undo_len()),
        (revision, 1)
    );
    desk.apply(HistoryCommand::Undo);
    assert_eq!(second(&desk).first_from_second(), moved);
    assert!(Arc::ptr_eq(second(&desk).image(), &image));
    // What was found for another image does not move this one.
    let stale = SecondCommand::Place {
        key: ScanKey(99),
        first_from_second: RigidTransform::IDENTITY,
        name: "register",
    };
    desk.apply(stale);
    assert_eq!(second(&desk).first_from_second(), moved);
}

#[test]
fn what_cannot_lie_over_the_scan_is_refused_or_said() {
    let mut desk = Desk::new(DIMS);
    let film = pet().over_time(None);
    let effects = desk.apply(SecondCommand::Open(Box::new(opened(film, 3))));
    assert!(
        notice(&effects, Severity::Error)
            .expect("refused")
            .contains("film")
    );
    assert!(desk.case().second().is_none());
    let own = *pet().grid();
    let far = Grid::new(own.dims, Affine::from_spacing([3.0; 3], [900.0, 0.0, 0.0]));
    let far = ImageVolume::new(
        far,
        pet().voxels().clone(),
        Rescale::IDENTITY,
        Modality::Pet,
    );
    let effects = desk.apply(SecondCommand::Open(Box::new(opened(far, 4))));
    assert!(
        notice(&effects, Severity::Warning)
            .expect("said")
            .contains("beside the scan")
    );
    assert!(desk.case().second().is_some(), "it can be moved there");
}

/// The desk's scan in grey, and a PET that is 8 everywhere below z = 11 mm and 2 above, over it.
fn drawn(map: ColourMap, opacity: f32, is_alone: bool) -> (image::RgbaImage, SliceView, Grid) {
    let image = scan(DIMS, 1).image;
    let grid = *image.grid();
    let pet = pet();
    let voxels = pet.map_values(|z| if z < 11.0 { 8.0f32 } else { 2.0 });
    let pet = ImageVolume::new(
        *pet.grid(),
        VoxelData::F32(voxels),
        Rescale::IDENTITY,
        Modality::Pet,
    );
    let table = LabelTable::default();
    let scene = Scene {
        image: &image,
        labels: &[],
        table: &table,
        proposal: None,
        second: Some(Second {
            image: &pet,
            second_from_first: RigidTransform::IDENTITY,
            window: Window {
                level: 4.0,
                width: 8.0,
            },
            map,
            opacity,
            is_alone,
        }),
    };
    let plane = Plane::Coronal;
    let view = SliceView::fit(
        &grid,
        plane,
        Convention::Radiological,
        VoxelIndex([6, 5, 3]),
        240,
        240,
    );
    let style = SliceStyle::new(Window {
        level: 0.0,
        width: 4000.0,
    });
    let picture = reference::draw(&view, &scene, &style);
    if let Ok(mut device) = Offscreen::new() {
        let by_device = device.draw(1, &view, &scene, &style).expect("draws");
        let pairs = picture.pixels().zip(by_device.pixels());
        let differs =
            |(a, b): &(&Rgba<u8>, &Rgba<u8>)| a.0.iter().zip(b.0).any(|(x, y)| x.abs_diff(y) > 2);
        assert!(
            pairs.filter(differs).count() < 240 * 240 / 200,
            "the device draws the same"
        );
    }
    (picture, view, grid)
}

fn pixel_at(picture: &image::RgbaImage, view: &SliceView, grid: &Grid, voxel: [i64; 3]) -> [u8; 3] {
    let voxel = VoxelIndex(voxel).center();
    let (x, y) = view.pixel_from_world(grid.world_from_voxel(voxel));
    let [r, g, b, _] = picture.get_pixel(x as u32, y as u32).0;
    [r, g, b]
}

#[test]
fn it_is_drawn_by_its_own_window_colours_and_opacity() {
    // Slices of the scan lie at z = 5, 8, 11, ...: at voxel k = 1 all is at the window's end, at k = 6 a quarter of it.
    let (low, high) = ([6, 5, 1], [6, 5, 6]);
    let (picture, view, grid) = drawn(ColourMap::Grey, 1.0, false);
    assert_eq!(pixel_at(&picture, &view, &grid, low), [255; 3]);
    let grey = pixel_at(&picture, &view, &grid, high)[0];
    assert!(grey.abs_diff(64) <= 1, "{grey}");
    let (picture, view, grid) = drawn(ColourMap::InvertedGrey, 1.0, false);
    assert_eq!(pixel_at(&picture, &view, &grid, low), [0; 3]);
    let (picture, view, grid) = drawn(ColourMap::Hot, 1.0, false);
    let [r, g, b] = pixel_at(&picture, &view, &grid, high);
    assert!(
        r.abs_diff(191) <= 1 && g == 0 && b == 0,
        "a quarter of hot is dark red: {r} {g} {b}"
    );
    // Half of it: the mean of the scan's grey and the map's colour.
    let (bare, ..) = drawn(ColourMap::Grey, 0.0, false);
    let (half, ..) = drawn(ColourMap::Grey, 0.5, false);
    let base = pixel_at(&bare, &view, &grid, low)[0];
    let wanted = (u16::from(base) + 255) / 2;
    assert!(u16::from(pixel_at(&half, &view, &grid, low)[0]).abs_diff(wanted) <= 1);
    // Alone, nothing of the scan is seen, whatever the opacity.
    let (alone, ..) = drawn(ColourMap::Grey, 0.1, true);
    assert_eq!(pixel_at(&alone, &view, &grid, low), [255; 3]);
}

#[test]
fn a_second_image_reaches_as_far_as_it_does() {
    let (bare, view, grid) = drawn(ColourMap::Rainbow, 0.0, false);
    let (over, ..) = drawn(ColourMap::Rainbow, 1.0, false);
    let own = *pet().grid();
    let (mut inside, mut outside) = (0, 0);
    for (x, y, pixel) in over.enumerate_pixels() {
        let (x, y) = (f64::from(x) + 0.5, f64::from(y) + 0.5);
        let at = own.voxel_from_world(view.world_from_pixel(x, y)).0;
        let far = (0..3).any(|d| at[d] < -0.6 || at[d] > own.dims[d] as f64 - 0.4);
        let is_same = pixel == bare.get_pixel(x as u32, y as u32);
        if far || view.voxel_at_pixel(x, y).is_none() {
            assert!(is_same, "beside it the scan is seen");
            outside += 1;
        } else if !is_same {
            inside += 1;
        }
    }
    assert!(inside > 1000 && outside > 100, "{inside} {outside}");
    let _ = grid;
}

#[test]
fn the_command_line_draws_one_over_the_other() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    save_image(&path("ct.nii.gz"), &scan(DIMS, 1).image).expect("a scan");
    save_image(&path("pet.nii.gz"), &pet()).expect("a scan");
    let away = RigidTransform::about(WorldPoint(DVec3::ZERO), DVec3::ZERO, DVec3::X * 900.0);
    save_transform(&path("away.tfm"), &away).expect("written");
    let shot = |name: &str, options: &[&str]| {
        let start = ["screenshot", "ct.nii.gz", "-o", name, "--size", "300x200"];
        let output = program(folder.path(), &[&start[..], options].concat());
        assert!(output.status.success(), "{}", said(&output));
        image::open(path(name)).expect("a picture").into_rgba8()
    };
    let bare = shot("bare.png", &[]);
    let over = shot(
        "over.png",
        &[
            "--second",
            "pet.nii.gz",
            "--second-map",
            "hot",
            "--second-opacity",
            "1",
        ],
    );
    let differing = |a: &image::RgbaImage, b: &image::RgbaImage| {
        a.pixels().zip(b.pixels()).filter(|(p, q)| p != q).count()
    };
    assert!(
        differing(&bare, &over) > 2000,
        "{}",
        differing(&bare, &over)
    );
    let moved = shot(
        "moved.png",
        &["--second", "pet.nii.gz", "--transform", "away.tfm"],
    );
    assert_eq!(
        differing(&bare, &moved),
        0,
        "900 mm away there is nothing of it"
    );
    let refused = [
        "screenshot",
        "ct.nii.gz",
        "-o",
        "pet.nii.gz",
        "--second",
        "pet.nii.gz",
    ];
    assert_refused(&program(folder.path(), &refused), ".png");
}
