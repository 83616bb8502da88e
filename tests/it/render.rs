//! The shaders against their layout, their CPU twin and the anatomy.

use std::mem::offset_of;
use std::sync::{LazyLock, Mutex, MutexGuard};

use glam::{DQuat, DVec3};
use image::RgbaImage;
use naga::valid::{Capabilities, ValidationFlags, Validator};
use prosector::geometry::{
    Affine, Convention, Grid, Plane, SliceView, VoxelBox, VoxelIndex, VoxelPoint,
};
use prosector::render::{
    Interpolation, Offscreen, Proposal, Scene, SliceStyle, SliceUniforms, Stored, TextureLimits,
    reference, scale_bar_mm, screenshot, slice_source,
};
use prosector::volume::{
    ImageVolume, LabelMap, LabelTable, Mask, Modality, Rescale, VoxelData, Window,
};

/// The graphics device of all tests, or `None` with a reason printed; missing on CI is a failure.
fn device() -> Option<MutexGuard<'static, Offscreen>> {
    static DEVICE: LazyLock<Option<Mutex<Offscreen>>> = LazyLock::new(|| match Offscreen::new() {
        Ok(device) => Some(Mutex::new(device)),
        Err(error) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "CI needs an adapter: {error}"
            );
            eprintln!("skipped, nothing to draw with: {error}");
            None
        }
    });
    let device = DEVICE.as_ref()?;
    Some(device.lock().unwrap_or_else(|broken| broken.into_inner()))
}

/// A scan with its labels and proposals, all deterministic.
struct Case {
    image: ImageVolume,
    labels: LabelMap,
    table: LabelTable,
    mask: Mask,
}

fn oblique() -> Affine {
    let turn = DQuat::from_euler(glam::EulerRot::XYZ, 0.3, -0.2, 0.15);
    let [i, j, k] = [DVec3::X * -0.9, DVec3::Y * 1.1, DVec3::Z * 2.7].map(|v| turn * v);
    Affine::from_columns(i, j, k, DVec3::new(31.0, -20.0, 4.0)).expect("regular")
}

fn sheared() -> Affine {
    let k = DVec3::new(0.1, 1.4, 3.0);
    Affine::from_columns(DVec3::X, DVec3::Y * -0.7, k, DVec3::ZERO).expect("regular")
}

fn case(affine: Affine, voxels: impl Fn(Vec<f64>) -> VoxelData, rescale: Rescale) -> Case {
    let grid = Grid::new([40, 33, 21], affine);
    let wave = |v: VoxelIndex| {
        let [i, j, k] = v.0.map(|n| n as f64);
        40.0 * (i * 0.4).sin() + 60.0 * (j * 0.3 + k * 0.7).cos() + 100.0
    };
    let values = (0..grid.len()).map(|o| wave(grid.voxel_at(o))).collect();
    let image = ImageVolume::new(grid, voxels(values), rescale, Modality::Ct);
    let ball = |v: VoxelIndex, c: [f64; 3], r: f64| {
        let d: f64 = (0..3).map(|d| (v.0[d] as f64 - c[d]).powi(2)).sum();
        d <= r * r
    };
    let mut labels = LabelMap::empty(grid);
    let mut mask = Mask::empty(grid);
    for offset in 0..grid.len() {
        let v = grid.voxel_at(offset);
        labels.voxels[offset] = match () {
            () if ball(v, [12.0, 12.0, 10.0], 7.0) => 1,
            () if ball(v, [24.0, 14.0, 11.0], 8.0) => 300,
            () if ball(v, [0.0, 32.0, 10.0], 6.0) => 7,
            () => 0,
        };
        mask.voxels[offset] = u8::from(ball(v, [20.0, 20.0, 9.0], 9.0));
    }
    let mut table = LabelTable::default();
    table.add(1, "first");
    table.add(300, "beyond 255");
    table.add(7, "hidden");
    table.get_mut(7).expect("just added").visible = false;
    Case {
        image,
        labels,
        table,
        mask,
    }
}

fn cases() -> Vec<Case> {
    let i16s = |v: Vec<f64>| VoxelData::I16(v.iter().map(|x| *x as i16).collect());
    let u16s = |v: Vec<f64>| VoxelData::U16(v.iter().map(|x| *x as u16 + 40_000).collect());
    let u8s = |v: Vec<f64>| VoxelData::U8(v.iter().map(|x| x.max(0.0) as u8).collect());
    let f32s = |v: Vec<f64>| {
        let holes = v.iter().enumerate();
        VoxelData::F32(
            holes
                .map(|(n, x)| if n % 97 == 0 { f32::NAN } else { *x as f32 })
                .collect(),
        )
    };
    let plain = Rescale::IDENTITY;
    let shifted = Rescale {
        slope: 1.0,
        intercept: -40_000.0,
    };
    let negative = Rescale {
        slope: -1.0,
        intercept: 200.0,
    };
    vec![
        case(oblique(), i16s, plain),
        case(
            Affine::from_spacing([0.8, 0.8, 3.0], [0.0; 3]),
            u16s,
            shifted,
        ),
        case(sheared(), f32s, plain),
        case(
            Affine::from_spacing([2.0, 1.0, 0.6], [9.0; 3]),
            u8s,
            negative,
        ),
    ]
}

fn styles() -> [SliceStyle; 3] {
    let usual = SliceStyle::new(Window {
        level: 100.0,
        width: 250.0,
    });
    [
        SliceStyle {
            active_label: 1,
            outline_px: 2.0,
            ..usual
        },
        SliceStyle {
            interpolation: Interpolation::Nearest,
            outline_px: 0.0,
            ..usual
        },
        SliceStyle {
            fill_opacity: 0.0,
            active_label: 300,
            ..usual
        },
    ]
}

fn scenes(case: &Case) -> [Scene<'_>; 4] {
    let bare = Scene {
        image: &case.image,
        labels: None,
        table: &case.table,
        proposal: None,
    };
    let labelled = Scene {
        labels: Some(&case.labels),
        ..bare
    };
    let mask = Proposal::Mask {
        mask: &case.mask,
        label: 300,
    };
    [
        bare,
        labelled,
        Scene {
            proposal: Some(mask),
            ..labelled
        },
        Scene {
            proposal: Some(Proposal::Labels(&case.labels)),
            ..bare
        },
    ]
}

fn views(grid: &Grid) -> Vec<SliceView> {
    let cursor = VoxelIndex([16, 15, 10]);
    let fit = |plane, convention| SliceView::fit(grid, plane, convention, cursor, 211, 157);
    let mut views: Vec<_> = Plane::ALL.map(|p| fit(p, Convention::Radiological)).into();
    views.push(fit(Plane::Coronal, Convention::Neurological));
    let close = views[0].zoomed(3.3, 90.0, 70.0);
    views.push(close.panned(-31.0, 12.0));
    views
}

/// At most 1 in 200 pixels may differ, from ties between voxels at a border; the rest by rounding only.
fn assert_same(a: &RgbaImage, b: &RgbaImage, what: &str) {
    assert_eq!(a.dimensions(), b.dimensions());
    let differs = |(p, q): (&image::Rgba<u8>, &image::Rgba<u8>)| {
        p.0.iter().zip(q.0).any(|(x, y)| x.abs_diff(y) > 2)
    };
    let different = a
        .pixels()
        .zip(b.pixels())
        .filter(|&pair| differs(pair))
        .count();
    let allowed = (a.width() * a.height() / 200) as usize;
    assert!(
        different <= allowed,
        "{what}: {different} pixels differ, {allowed} may"
    );
}

#[test]
fn shaders_validate() {
    for stored in Stored::ALL {
        let module = naga::front::wgsl::parse_str(&slice_source(stored)).expect("WGSL parses");
        Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .expect("WGSL is valid without any optional capability");
    }
}

#[test]
fn uniforms_lie_as_the_shader_reads_them() {
    let module = naga::front::wgsl::parse_str(&slice_source(Stored::Integer)).expect("parses");
    let (_, uniforms) = module
        .types
        .iter()
        .find(|(_, t)| t.name.as_deref() == Some("SliceUniforms"))
        .expect("the shader declares SliceUniforms");
    let naga::TypeInner::Struct { members, span } = &uniforms.inner else {
        panic!("SliceUniforms is a struct");
    };
    let declared: Vec<(&str, u32)> = members
        .iter()
        .map(|m| (m.name.as_deref().unwrap_or(""), m.offset))
        .collect();
    macro_rules! fields {
        ($($field:ident)*) => { [$((stringify!($field), offset_of!(SliceUniforms, $field) as u32)),*] };
    }
    let ours = fields!(voxel_origin voxel_per_x voxel_per_y axis_across axis_down dims image_texels
        label_texels proposal_texels size window_scale window_offset fill_opacity outline_px
        active_label proposal_label flags target_is_srgb unused_0 unused_1);
    assert_eq!(declared, ours);
    assert_eq!(*span as usize, size_of::<SliceUniforms>());
}

#[test]
fn the_device_draws_what_the_cpu_twin_draws() {
    let Some(mut device) = device() else { return };
    for (n, case) in cases().iter().enumerate() {
        for (s, scene) in scenes(case).iter().enumerate() {
            device.renderer().image_changed();
            for (v, view) in views(case.image.grid()).iter().enumerate() {
                for style in &styles() {
                    let expected = reference::draw(view, scene, style);
                    let drawn = device.draw(v as u64, view, scene, style).expect("draws");
                    assert_same(&expected, &drawn, &format!("case {n} scene {s} view {v}"));
                }
            }
            assert!(
                !device.renderer().is_uploading(),
                "a small volume is there at once"
            );
        }
    }
}

fn limits(side: u32, budget_bytes: u64) -> TextureLimits {
    TextureLimits { side, budget_bytes }
}

#[test]
fn volumes_beyond_the_limits_look_the_same() {
    if device().is_none() {
        return;
    }
    let fits = |grid: &Grid, plane| {
        let cursor = VoxelIndex([16, 15, 10]);
        SliceView::fit(grid, plane, Convention::Radiological, cursor, 211, 157)
    };
    // No room for the volume; and not even for a slice, so that it is cut to the few voxels in view.
    for (limits, is_cut) in [(limits(4096, 0), false), (limits(20, u64::MAX), true)] {
        let mut device = Offscreen::with_limits(|_| limits).expect("there was one");
        for case in &cases() {
            device.renderer().image_changed();
            let (scene, style) = (scenes(case)[2], styles()[0]);
            for plane in Plane::ALL {
                let fitted = fits(case.image.grid(), plane);
                let view = match is_cut {
                    true => fitted.zoomed(12.0, 105.0, 78.0).resized(50, 40),
                    false => fitted,
                };
                let expected = reference::draw(&view, &scene, &style);
                let drawn = device.draw(1, &view, &scene, &style).expect("draws");
                assert_same(&expected, &drawn, &format!("{plane:?} with {limits:?}"));
            }
        }
    }
}

#[test]
fn a_slice_larger_than_any_texture_is_shown_coarser() {
    if device().is_none() {
        return;
    }
    let case = &cases()[0];
    let (scene, style) = (scenes(case)[0], styles()[0]);
    let mut device = Offscreen::with_limits(|_| limits(20, u64::MAX)).expect("there was one");
    let view = views(case.image.grid())[0];
    let expected = reference::draw(&view, &scene, &style);
    let drawn = device.draw(1, &view, &scene, &style).expect("draws");
    let difference: u64 = expected
        .iter()
        .zip(drawn.iter())
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    assert!(difference > 0, "half the voxels are left out");
    let mean = difference as f64 / expected.len() as f64;
    assert!(mean < 12.0, "but the picture is the same: {mean} levels");
}

#[test]
fn changed_labels_are_uploaded_where_they_changed() {
    let Some(mut device) = device() else { return };
    let mut case = case(
        oblique(),
        |v| VoxelData::I16(v.iter().map(|x| *x as i16).collect()),
        Rescale::IDENTITY,
    );
    let view = views(case.image.grid())[0];
    let style = styles()[0];
    device.renderer().image_changed();
    let before = device
        .draw(9, &view, &scenes(&case)[1], &style)
        .expect("draws");
    let stroke = VoxelBox {
        min: [3, 20, 10],
        max: [17, 29, 10],
    };
    for j in 20..30 {
        for i in 3..18 {
            let offset = case.image.grid().offset(i, j, 10);
            case.labels.voxels[offset] = 1;
        }
    }
    device.renderer().labels_changed(stroke);
    let after = device
        .draw(9, &view, &scenes(&case)[1], &style)
        .expect("draws");
    assert_ne!(before, after);
    assert_same(
        &reference::draw(&view, &scenes(&case)[1], &style),
        &after,
        "stroke",
    );
}

#[test]
fn another_proposal_is_shown_and_a_hidden_one_asks_for_no_more_frames() {
    let Some(mut device) = device() else { return };
    let mut case = cases().remove(1);
    let view = views(case.image.grid())[1];
    let style = styles()[2];
    device.renderer().image_changed();
    let before = device
        .draw(9, &view, &scenes(&case)[2], &style)
        .expect("draws");
    case.mask.voxels.rotate_right(5);
    device.renderer().proposal_changed();
    // Not shown: nothing is uploaded, and no frame is asked for.
    device
        .draw(9, &view, &scenes(&case)[1], &style)
        .expect("draws");
    assert!(!device.renderer().is_uploading());
    let after = device
        .draw(9, &view, &scenes(&case)[2], &style)
        .expect("draws");
    assert_ne!(before, after);
    assert_same(
        &reference::draw(&view, &scenes(&case)[2], &style),
        &after,
        "mask",
    );
    device.renderer().proposal_changed();
    let structures = scenes(&case)[3];
    let labels = device.draw(9, &view, &structures, &style).expect("draws");
    assert_same(
        &reference::draw(&view, &structures, &style),
        &labels,
        "labels",
    );
}

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
        labels: None,
        table: &table,
        proposal: None,
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
        labels: Some(&labels),
        table: &table,
        proposal: None,
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
fn a_screenshot_has_the_size_that_was_asked_for() {
    let case = &cases()[0];
    let window = Window {
        level: 100.0,
        width: 250.0,
    };
    let outside = VoxelIndex([900, -3, 5]);
    for size in [(320, 200), (90, 400), (1, 1)] {
        let labels = Some((&case.labels, &case.table));
        let (picture, drawn_by) = screenshot(&case.image, labels, outside, window, size);
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
