//! The picture of a view whose plane is no voxel plane. The processor draws it, anew when something that it shows changes:
//! the device has the voxels slice by slice.

use egui::{Color32, ColorImage, Painter, Rect, TextureHandle, TextureOptions, pos2};

use crate::geometry::{RigidTransform, SliceView};
use crate::render::{Scene, SliceStyle, reference};
use crate::volume::{ColourMap, LabelTable, Window};

use super::{Canvas, PlacedView};

/// All that a picture depends on.
#[derive(PartialEq)]
struct Key {
    view: SliceView,
    style: SliceStyle,
    /// How often voxels changed.
    changes: u64,
    table: LabelTable,
    shows_labels: bool,
    shows_proposal: bool,
    second: Option<(RigidTransform, Window, ColourMap, f32, bool)>,
}

/// The picture of one view, kept until something that it shows has changed.
#[derive(Default)]
pub struct TiltedPicture(Option<(Key, TextureHandle)>);

impl std::fmt::Debug for TiltedPicture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            Some(_) => "a picture",
            None => "no picture",
        })
    }
}

impl TiltedPicture {
    /// Draws the view, from what is kept if that is still true.
    pub fn show(
        &mut self,
        painter: &Painter,
        canvas: &Canvas,
        view: &PlacedView,
        scene: &Scene<'_>,
        style: &SliceStyle,
    ) {
        let key = Key {
            view: view.slice,
            style: *style,
            changes: canvas.changes(),
            table: scene.table.clone(),
            shows_labels: !scene.labels.is_empty(),
            shows_proposal: scene.proposal.is_some(),
            second: scene
                .second
                .map(|s| (s.second_from_first, s.window, s.map, s.opacity, s.is_alone)),
        };
        let kept = self.0.take().filter(|(kept, _)| *kept == key);
        let (_, texture) = self.0.insert(kept.unwrap_or_else(|| {
            let picture = reference::draw(&view.slice, scene, style);
            let size = view.slice.size().map(|n| n as usize);
            let image = ColorImage::from_rgba_unmultiplied(size, picture.as_raw());
            let texture = painter
                .ctx()
                .load_texture("tilted view", image, TextureOptions::NEAREST);
            (key, texture)
        }));
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        painter.image(texture.id(), view.rect, whole, Color32::WHITE);
    }
}
