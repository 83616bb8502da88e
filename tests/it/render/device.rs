//! The graphics device draws what the CPU twin draws.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use image::RgbaImage;
use prosector::geometry::{Convention, Grid, Plane, SliceView, VoxelBox, VoxelIndex};
use prosector::render::{
    Interpolation, Offscreen, Projection, Proposal, Scene, Slab, SliceStyle, TextureLimits,
    reference,
};
use prosector::volume::{Rescale, VoxelData, Window};

use super::cases::{Case, case, cases, oblique};

/// The graphics device of all tests, or `None` with a reason printed; missing on CI is a failure.
pub fn device() -> Option<MutexGuard<'static, Offscreen>> {
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

fn styles() -> [SliceStyle; 6] {
    let usual = SliceStyle::new(Window {
        level: 100.0,
        width: 250.0,
    });
    let slab = |projection, thickness_mm| SliceStyle {
        slab: Some(Slab {
            projection,
            thickness_mm,
        }),
        ..usual
    };
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
        slab(Projection::Maximum, 6.0),
        slab(Projection::Mean, 12.5),
        SliceStyle {
            interpolation: Interpolation::Nearest,
            ..slab(Projection::Minimum, 200.0)
        },
    ]
}

fn scenes(case: &Case) -> [Scene<'_>; 5] {
    let bare = Scene {
        image: &case.image,
        labels: &[],
        table: &case.table,
        proposal: None,
        second: None,
    };
    let labelled = Scene {
        labels: std::slice::from_ref(&case.labels),
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
        Scene {
            labels: &case.layers,
            proposal: Some(mask),
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
            let style = styles()[0];
            for scene in [scenes(case)[2], scenes(case)[4]] {
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
            Arc::make_mut(&mut case.labels).voxels[offset] = 1;
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
fn layers_that_come_and_go_are_drawn_as_they_are_then() {
    let Some(mut device) = device() else { return };
    let mut case = cases().remove(0);
    let view = views(case.image.grid())[0];
    let style = styles()[0];
    device.renderer().image_changed();
    let mut seen = Vec::new();
    for change in 0..5 {
        match change {
            0 => case.layers.truncate(1),
            1 => case.layers = cases().remove(0).layers,
            2 => case.layers.reverse(),
            3 => drop(case.layers.remove(0)),
            _ => case.layers.truncate(1),
        }
        device.renderer().labels_changed(case.image.grid().bounds());
        let scene = scenes(&case)[4];
        let drawn = device.draw(9, &view, &scene, &style).expect("draws");
        let expected = reference::draw(&view, &scene, &style);
        assert_same(&expected, &drawn, &format!("change {change}"));
        assert!(!seen.contains(&drawn), "change {change} shows");
        seen.push(drawn);
    }
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

/// How many slices this view draws for the scene and style as they are now.
fn drawn(device: &mut Offscreen, view: &SliceView, scene: &Scene<'_>, style: &SliceStyle) -> u64 {
    let before = device.renderer().drawn();
    let picture = device.draw(77, view, scene, style).expect("draws");
    let expected = reference::draw(view, scene, style);
    assert_same(&expected, &picture, "what is shown is what there is");
    device.renderer().drawn() - before
}

#[test]
fn a_slice_is_drawn_again_only_when_its_picture_would_be_another() {
    let Some(mut device) = device() else { return };
    let mut case = cases().remove(1);
    let view = views(case.image.grid())[0];
    let style = styles()[0];
    let normal = view.normal_axis();
    device.renderer().image_changed();
    assert_eq!(drawn(&mut device, &view, &scenes(&case)[2], &style), 1);
    assert_eq!(drawn(&mut device, &view, &scenes(&case)[2], &style), 0);

    let window = Window {
        level: 90.0,
        width: 200.0,
    };
    let styles = [
        SliceStyle { window, ..style },
        SliceStyle {
            interpolation: Interpolation::Nearest,
            ..style
        },
        SliceStyle {
            fill_opacity: 0.7,
            ..style
        },
        SliceStyle {
            outline_px: 0.0,
            ..style
        },
        SliceStyle {
            active_label: 2,
            ..style
        },
    ];
    for (n, changed) in styles.iter().enumerate() {
        for (style, expected) in [(changed, 1), (changed, 0), (&style, 1)] {
            let count = drawn(&mut device, &view, &scenes(&case)[2], style);
            assert_eq!(count, expected, "style {n}");
        }
    }
    let coronal = views(case.image.grid())[1];
    let elsewhere = [
        view.stepped(1),
        view.panned(3.0, 0.0),
        view.zoomed(1.1, 10.0, 10.0),
        view.resized(150, 157),
        coronal,
    ];
    for (n, changed) in elsewhere.iter().enumerate() {
        for (view, expected) in [(changed, 1), (changed, 0), (&view, 1)] {
            let count = drawn(&mut device, view, &scenes(&case)[2], &style);
            assert_eq!(count, expected, "view {n}");
        }
    }
    for (scene, expected) in [(0, 1), (0, 0), (1, 1), (3, 1), (2, 1), (2, 0)] {
        let count = drawn(&mut device, &view, &scenes(&case)[scene], &style);
        assert_eq!(count, expected, "scene {scene}");
    }

    // Labels: of this slice, and of another.
    let at = |slice: i64| {
        let mut voxel = [16, 15, 10];
        voxel[normal] = slice;
        VoxelBox {
            min: voxel,
            max: voxel,
        }
    };
    for (slice, expected) in [(view.slice(), 1), (view.slice() + 1, 0)] {
        let changed = at(slice);
        let [i, j, k] = changed.min.map(|v| v as usize);
        let offset = case.image.grid().offset(i, j, k);
        Arc::make_mut(&mut case.labels).voxels[offset] ^= 1;
        device.renderer().labels_changed(changed);
        let count = drawn(&mut device, &view, &scenes(&case)[2], &style);
        assert_eq!(count, expected, "slice {slice}");
    }
    case.mask.voxels.rotate_right(3);
    device.renderer().proposal_changed();
    assert_eq!(drawn(&mut device, &view, &scenes(&case)[2], &style), 1);

    // The table: a name is not drawn, a colour and what is hidden are.
    let first = case.table.labels()[0].value;
    let label = |case: &mut Case| case.table.get_mut(first).expect("it is there").clone();
    let was = label(&mut case);
    type Change = fn(&mut prosector::volume::Label);
    let changes: [(Change, u64); 3] = [
        (|l| l.name.push('x'), 0),
        (|l| l.color[0] ^= 255, 1),
        (|l| l.visible = !l.visible, 1),
    ];
    for (change, expected) in changes {
        change(case.table.get_mut(first).expect("it is there"));
        assert_ne!(label(&mut case), was);
        let count = drawn(&mut device, &view, &scenes(&case)[2], &style);
        assert_eq!(count, expected);
    }
    device.renderer().image_changed();
    assert_eq!(drawn(&mut device, &view, &scenes(&case)[2], &style), 1);
}
