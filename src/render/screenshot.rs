//! One picture with the three planes through a voxel, as the window shows them.

use std::sync::Arc;

use image::{Rgba, RgbaImage, imageops};

use crate::geometry::{Convention, Plane, SliceView, VoxelIndex};
use crate::volume::{ImageVolume, LabelMap, LabelTable, Window};

use super::annotation::annotate;
use super::caps::TextureLimits;
use super::error::RenderError;
use super::offscreen::Offscreen;
use super::reference;
use super::scene::{Scene, Second, SliceStyle};

/// What lies between the planes.
const FRAME: Rgba<u8> = Rgba([38, 40, 44, 255]);

/// Pixels between the planes.
const GAP: u32 = 2;

/// Draws the three planes through `at` (moved into the volume) in radiological convention, with cross-hair,
/// letters and scale bars, and label layers, the lowest first; returns the picture of `size` pixels (at least 64 x 64) and who drew it: the name
/// of the graphics adapter, or the CPU where there is none or it fails.
pub fn screenshot(
    image: &ImageVolume,
    labels: Option<(&[Arc<LabelMap>], &LabelTable)>,
    second: Option<Second<'_>>,
    at: VoxelIndex,
    window: Window,
    size: (u32, u32),
) -> (RgbaImage, String) {
    let no_names = LabelTable::default();
    let scene = Scene {
        image,
        labels: labels.map_or(&[], |(layers, _)| layers),
        table: labels.map_or(&no_names, |(_, table)| table),
        proposal: None,
        second,
    };
    let last = image.grid().bounds().max;
    let at = VoxelIndex(std::array::from_fn(|d| at.0[d].clamp(0, last[d])));
    let size = [size.0.max(64), size.1.max(64)];
    let panels = panels(&scene, at, size);
    let style = SliceStyle::new(window);
    let (slices, drawn_by) = draw_on_device(&panels, &scene, &style).unwrap_or_else(|error| {
        tracing::info!("drawing on the CPU: {error}");
        let draw = |panel: &Panel| reference::draw(&panel.view, &scene, &style);
        (panels.iter().map(draw).collect(), "CPU".to_owned())
    });
    let mut picture = RgbaImage::from_pixel(size[0], size[1], FRAME);
    for (panel, mut slice) in panels.iter().zip(slices) {
        annotate(
            &mut slice,
            &panel.view,
            at,
            window,
            size[0].min(size[1]) / 400,
        );
        let [x, y] = panel.corner.map(i64::from);
        imageops::replace(&mut picture, &slice, x, y);
    }
    (picture, drawn_by)
}

/// One plane's place in the picture.
struct Panel {
    corner: [u32; 2],
    view: SliceView,
}

fn panels(scene: &Scene<'_>, at: VoxelIndex, size: [u32; 2]) -> [Panel; 3] {
    let places = places(size);
    std::array::from_fn(|n| {
        let (corner, [width, height]) = places[n];
        let view = SliceView::fit(
            scene.image.grid(),
            Plane::ALL[n],
            Convention::Radiological,
            at,
            width,
            height,
        );
        Panel { corner, view }
    })
}

/// Corner and size of the axial, coronal and sagittal plane: the axial one large, the others beside or
/// below it, whichever way the picture is longer.
fn places([width, height]: [u32; 2]) -> [([u32; 2], [u32; 2]); 3] {
    let split = |length: u32, part: f64| {
        let first = (f64::from(length - GAP) * part).round() as u32;
        (first, length - GAP - first)
    };
    if width >= height {
        let (large, small) = split(width, 0.6);
        let (top, bottom) = split(height, 0.5);
        let x = large + GAP;
        [
            ([0, 0], [large, height]),
            ([x, 0], [small, top]),
            ([x, top + GAP], [small, bottom]),
        ]
    } else {
        let (large, small) = split(height, 0.6);
        let (left, right) = split(width, 0.5);
        let y = large + GAP;
        [
            ([0, 0], [width, large]),
            ([0, y], [left, small]),
            ([left + GAP, y], [right, small]),
        ]
    }
}

fn draw_on_device(
    panels: &[Panel],
    scene: &Scene<'_>,
    style: &SliceStyle,
) -> Result<(Vec<RgbaImage>, String), RenderError> {
    // Three slices are all that is looked at: uploading the volume would be in vain.
    let mut device = Offscreen::with_limits(TextureLimits::slices_only)?;
    let slices = panels
        .iter()
        .enumerate()
        .map(|(id, panel)| device.draw(id as u64, &panel.view, scene, style))
        .collect::<Result<_, _>>()?;
    Ok((slices, device.drawn_by().to_owned()))
}
