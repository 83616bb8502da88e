//! A whole volume from outside: where things are seen, how large, in which colour, and what is picked.

use std::sync::Arc;

use glam::DVec3;
use image::RgbaImage;
use prosector::geometry::{
    Affine, Axis, Grid, Orbit, OrbitView, VoxelBox, VoxelIndex, VoxelPoint, WorldPoint,
};
use prosector::render::{Offscreen, PRESETS, Preset, Proposal, Quality, Scene, VolumeStyle, pick};
use prosector::volume::{
    ImageVolume, LabelMap, LabelTable, Mask, Modality, Rescale, VoxelData, Window,
};

use super::cases::oblique;
use super::device::device;

const SIZE: [u32; 2] = [160, 160];

fn preset(id: &str) -> &'static Preset {
    Preset::of(id).expect("there is such a look")
}

fn style(id: &str) -> VolumeStyle {
    VolumeStyle {
        preset: preset(id),
        window: Window {
            level: 500.0,
            width: 1000.0,
        },
        label_opacity: 1.0,
        shown: None,
        quality: Quality::Full,
    }
}

/// Air, with values at some places.
fn scan(grid: Grid, value: impl Fn(WorldPoint) -> i16) -> ImageVolume {
    let at = |o: usize| value(grid.world_from_voxel(grid.voxel_at(o).center()));
    let voxels = VoxelData::I16((0..grid.len()).map(at).collect());
    ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct)
}

fn ball(grid: Grid, middle: DVec3, radius_mm: f64, label: u16) -> Arc<LabelMap> {
    let mut map = LabelMap::empty(grid);
    for offset in 0..grid.len() {
        let at = grid.world_from_voxel(grid.voxel_at(offset).center()).0;
        if at.distance(middle) <= radius_mm {
            map.voxels[offset] = label;
        }
    }
    Arc::new(map)
}

fn middle(grid: &Grid) -> DVec3 {
    let middle = grid.dims.map(|n| (n as f64 - 1.0) / 2.0);
    grid.world_from_voxel(VoxelPoint(DVec3::from_array(middle)))
        .0
}

fn thick_slices() -> Grid {
    Grid::new(
        [61, 61, 13],
        Affine::from_spacing([1.0, 1.0, 5.0], [0.0; 3]),
    )
}

fn turned() -> Grid {
    Grid::new([60, 50, 20], oblique())
}

fn drawn(
    device: &mut Offscreen,
    view: &OrbitView,
    scene: &Scene<'_>,
    style: &VolumeStyle,
) -> RgbaImage {
    device.volumes().image_changed();
    device
        .draw_volume(7, view, scene, style)
        .expect("the device draws")
}

/// Number and middle of the pixels that are reddish.
fn red(picture: &RgbaImage) -> (f64, [f64; 2]) {
    let is_red = |p: &image::Rgba<u8>| p.0[0] > 40 && p.0[0] > 2 * p.0[1].max(p.0[2]);
    let pixels = picture.enumerate_pixels().filter(|(_, _, p)| is_red(p));
    let (mut n, mut sum) = (0.0, [0.0; 2]);
    for (x, y, _) in pixels {
        n += 1.0;
        sum = [sum[0] + f64::from(x) + 0.5, sum[1] + f64::from(y) + 0.5];
    }
    (n, sum.map(|s| s / n))
}

fn red_table() -> LabelTable {
    let mut table = LabelTable::default();
    table.add(3, "tumour");
    table.get_mut(3).expect("just added").color = [255, 0, 0];
    table
}

#[test]
fn a_ball_is_a_disc_of_its_size_from_everywhere_at_its_place() {
    let Some(mut device) = device() else { return };
    for (grid, radius_mm) in [(thick_slices(), 20.0), (turned(), 16.0)] {
        let at = middle(&grid) + DVec3::new(4.0, -3.0, 5.0);
        let labels = [ball(grid, at, radius_mm, 3)];
        let (image, table) = (scan(grid, |_| -1000), red_table());
        let scene = Scene {
            image: &image,
            labels: &labels,
            table: &table,
            proposal: None,
            second: None,
        };
        for orbit in [
            Orbit::FRONT,
            Orbit::LEFT,
            Orbit::HEAD,
            Orbit::FRONT.turned(40.0, 25.0),
        ] {
            let view = OrbitView::fit(&grid, orbit, SIZE);
            let (count, seen) = red(&drawn(&mut device, &view, &scene, &style("ct bone")));
            let area = count * view.mm_per_pixel().powi(2);
            let expected = std::f64::consts::PI * radius_mm.powi(2);
            let ratio = area / expected;
            assert!(
                (0.9..1.1).contains(&ratio),
                "{orbit:?}: {ratio:.3} of the disc"
            );
            let (x, y) = view.pixel_from_voxel(grid.voxel_from_world(WorldPoint(at)));
            let off = (x - seen[0]).hypot(y - seen[1]) * view.mm_per_pixel();
            assert!(off < 1.0, "{orbit:?}: {off:.2} mm off");
        }
    }
}

#[test]
fn hidden_labels_are_not_seen_and_proposals_are() {
    let Some(mut device) = device() else { return };
    let grid = thick_slices();
    let labels = [ball(grid, middle(&grid), 15.0, 3)];
    let image = scan(grid, |_| -1000);
    let mut table = red_table();
    let mask = Mask {
        grid,
        voxels: labels[0].voxels.iter().map(|v| u8::from(*v != 0)).collect(),
    };
    let view = OrbitView::fit(&grid, Orbit::FRONT, SIZE);
    let mut seen = |labels: &[Arc<LabelMap>], table: &LabelTable, proposal| {
        let scene = Scene {
            image: &image,
            labels,
            table,
            proposal,
            second: None,
        };
        red(&drawn(&mut device, &view, &scene, &style("labels"))).0
    };
    let shown = seen(&labels, &table, None);
    assert!(shown > 300.0);
    let proposal = Proposal::Mask {
        mask: &mask,
        label: 3,
    };
    assert_eq!(seen(&[], &table, Some(proposal)), shown);
    assert_eq!(seen(&[], &table, None), 0.0);
    table.get_mut(3).expect("there").visible = false;
    assert_eq!(seen(&labels, &table, None), 0.0);
}

#[test]
fn labels_follow_a_change_of_a_few_voxels() {
    let Some(mut device) = device() else { return };
    let grid = thick_slices();
    let (image, table) = (scan(grid, |_| -1000), red_table());
    let labels = [ball(grid, middle(&grid), 6.0, 3)];
    let changed = {
        let mut map = labels[0].as_ref().clone();
        let added = ball(grid, middle(&grid) + DVec3::new(20.0, 0.0, 0.0), 6.0, 3);
        for (to, from) in map.voxels.iter_mut().zip(&added.voxels) {
            *to = (*to).max(*from);
        }
        [Arc::new(map)]
    };
    let view = OrbitView::fit(&grid, Orbit::HEAD, SIZE);
    let style = style("labels");
    let scene = |labels| Scene {
        image: &image,
        labels,
        table: &table,
        proposal: None,
        second: None,
    };
    let before = red(&drawn(&mut device, &view, &scene(&labels), &style)).0;
    let again = |device: &mut Offscreen| {
        let picture = device.draw_volume(7, &view, &scene(&changed), &style);
        red(&picture.expect("the device draws")).0
    };
    let unaware = again(&mut device);
    assert_eq!(unaware, before, "nobody said that anything has changed");
    let right = VoxelBox {
        min: [40, 20, 0],
        max: [60, 40, 12],
    };
    device.volumes().labels_changed(right);
    let after = again(&mut device);
    assert!(
        (1.9..2.1).contains(&(after / before)),
        "{before} to {after}"
    );
}

#[test]
fn a_maximum_projection_shows_the_brightest_by_the_window() {
    let Some(mut device) = device() else { return };
    let grid = thick_slices();
    let (lamp, rear) = (middle(&grid) + DVec3::new(10.0, 12.0, 0.0), 200);
    // A block as bright as half the window, far behind it a darker wall.
    let image = scan(grid, |p| {
        if (p.0 - lamp).abs().max_element() <= 5.0 {
            500
        } else if p.0.y < 3.0 {
            rear
        } else {
            -1000
        }
    });
    let table = LabelTable::default();
    let scene = Scene {
        image: &image,
        labels: &[],
        table: &table,
        proposal: None,
        second: None,
    };
    let view = OrbitView::fit(&grid, Orbit::FRONT, SIZE);
    let picture = drawn(&mut device, &view, &scene, &style("mip"));
    let level = |at: DVec3| {
        let (x, y) = view.pixel_from_voxel(grid.voxel_from_world(WorldPoint(at)));
        picture.get_pixel(x as u32, y as u32).0[0]
    };
    assert!(level(lamp).abs_diff(128) <= 3, "{}", level(lamp));
    let beside = level(lamp - DVec3::X * 15.0);
    assert!(beside.abs_diff(51) <= 3, "{beside}");
    assert_eq!(picture.get_pixel(1, 1).0, [0, 0, 0, 255]);
}

#[test]
fn every_look_shows_bone_or_nothing_and_a_cut_opens_it() {
    let Some(mut device) = device() else { return };
    let grid = thick_slices();
    let image = scan(grid, |p| {
        if p.0.distance(middle(&grid)) < 20.0 {
            700
        } else {
            -1000
        }
    });
    let table = LabelTable::default();
    let scene = Scene {
        image: &image,
        labels: &[],
        table: &table,
        proposal: None,
        second: None,
    };
    let view = OrbitView::fit(&grid, Orbit::FRONT, SIZE);
    let lit = |picture: &RgbaImage| picture.pixels().filter(|p| p.0[0] > 60).count();
    for preset in PRESETS {
        let of_this = style(preset.id);
        let whole = lit(&drawn(&mut device, &view, &scene, &of_this));
        let shows = !["labels", "ct lung"].contains(&preset.id);
        assert_eq!(whole > 800, shows, "{}: {whole} pixels", preset.id);
        let mut shown = VoxelBox::whole(grid.dims);
        shown.max[0] = 30;
        let cut = VolumeStyle {
            shown: Some(shown),
            ..of_this
        };
        let half = lit(&drawn(&mut device, &view, &scene, &cut));
        let ratio = half as f64 / whole.max(1) as f64;
        assert!(
            !shows || (0.4..0.6).contains(&ratio),
            "{}: {ratio:.2}",
            preset.id
        );
    }
}

#[test]
fn what_is_picked_is_what_is_seen() {
    let grid = turned();
    let at = middle(&grid);
    let labels = [ball(grid, at, 10.0, 3)];
    let image = scan(grid, |p| if p.0.distance(at) < 14.0 { 900 } else { -1000 });
    let mut table = red_table();
    let view = OrbitView::fit(&grid, Orbit::RIGHT, SIZE);
    let pixel = view.pixel_from_voxel(grid.voxel_from_world(WorldPoint(at)));
    let picked = |table: &LabelTable, style: &VolumeStyle, pixel| {
        let scene = Scene {
            image: &image,
            labels: &labels,
            table,
            proposal: None,
            second: None,
        };
        let voxel: Option<VoxelIndex> = pick(&view, &scene, style, pixel);
        voxel.map(|v| grid.world_from_voxel(v.center()).0 - at)
    };
    // From the right, the surface towards the right.
    let bone = style("ct bone");
    let on_bone = picked(&table, &bone, pixel).expect("bone");
    assert!((on_bone.x - 13.0).abs() < 1.6, "{on_bone}");
    let on_label = picked(&table, &style("labels"), pixel).expect("a label");
    assert!((on_label.x - 10.0).abs() < 1.6, "{on_label}");
    assert_eq!(picked(&table, &bone, (2.0, 2.0)), None);
    let mut shown = VoxelBox::whole(grid.dims);
    let cut = grid.voxel_from_world(WorldPoint(at)).nearest().0;
    // The first voxel axis runs to the left here.
    shown.min[0] = cut[0];
    let opened = VolumeStyle {
        shown: Some(shown),
        ..style("labels")
    };
    let inside = picked(&table, &opened, pixel).expect("the label, cut open");
    assert!(inside.x.abs() < 1.6, "{inside}");
    // A proposal is picked as it is seen.
    let mask = Mask {
        grid,
        voxels: labels[0].voxels.iter().map(|v| u8::from(*v != 0)).collect(),
    };
    let proposed = Scene {
        image: &image,
        labels: &[],
        table: &table,
        proposal: Some(Proposal::Mask {
            mask: &mask,
            label: 3,
        }),
        second: None,
    };
    let voxel = pick(&view, &proposed, &style("labels"), pixel).expect("the proposal");
    let on_proposal = grid.world_from_voxel(voxel.center()).0 - at;
    assert_eq!(on_proposal, on_label);
    table.get_mut(3).expect("there").visible = false;
    assert_eq!(picked(&table, &style("labels"), pixel), None);
}

#[test]
fn the_anatomy_is_on_the_side_that_readers_expect() {
    let letters = |orbit| {
        let view = OrbitView::fit(&turned(), orbit, SIZE);
        view.letters().map(Axis::letter).iter().collect::<String>()
    };
    // Left, right, upper, lower border.
    assert_eq!(letters(Orbit::FRONT), "RLSI");
    assert_eq!(letters(Orbit::BACK), "LRSI");
    assert_eq!(letters(Orbit::RIGHT), "PASI");
    assert_eq!(letters(Orbit::LEFT), "APSI");
    assert_eq!(letters(Orbit::HEAD), "RLPA");
    assert_eq!(letters(Orbit::FEET), "RLAP");
}
