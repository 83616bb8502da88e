//! The whole scan from outside: turned by dragging, a press puts the cross-hair on what is seen there.

use egui::accesskit::Role;
use egui::{
    Align2, CursorIcon, PointerButton, Pos2, Rect, Response, Sense, Stroke, Ui, Vec2, vec2,
};

use crate::geometry::{Grid, Orbit, OrbitView, Plane, VoxelBox, WorldPoint};
use crate::render::{PRESETS, Preset, Quality, VolumeStyle, pick};
use crate::session::Case;
use crate::ui::texts::{self, tr};
use crate::ui::theme;
use crate::ui::view::{Shows, ViewIntent, annotations};

use super::{Described, Kind, Pane, PaneContext};

/// The volume from outside.
pub const KIND: Kind = Kind { id: "volume", open };

/// What is remembered where the look follows from the kind of scan.
const BY_SCAN: &str = "by scan";

/// Degrees for each point that is dragged.
const DEGREES: f64 = 0.5;
/// Degrees for a press of an arrow key.
const KEY_DEGREES: f64 = 15.0;
/// Smallest and largest magnification of what just fits.
const ZOOM_RANGE: (f64, f64) = (0.2, 20.0);
/// Magnification by a notch of the wheel, and by a point dragged.
const ZOOM_NOTCH: f64 = 1.15;
const ZOOM_POINT: f64 = 1.01;
/// Points of the wheel's way that are a notch.
const NOTCH: f32 = 50.0;
/// How long it must have been still to be drawn finely, in seconds, where the processor draws.
const STILL: f64 = 0.25;

/// Where it can be looked at from by name.
const FROM: [(&str, Orbit); 6] = [
    ("From the front", Orbit::FRONT),
    ("From behind", Orbit::BACK),
    ("From the patient's right", Orbit::RIGHT),
    ("From the patient's left", Orbit::LEFT),
    ("From the head", Orbit::HEAD),
    ("From the feet", Orbit::FEET),
];

fn open(remembered: &str) -> Option<Box<dyn Pane>> {
    let preset = match remembered {
        BY_SCAN => None,
        id => Some(Preset::of(id)?),
    };
    Some(Box::new(Volume::new(preset)))
}

/// A pane that shows the volume in the look that suits the scan, in words.
pub fn described() -> Described {
    Described {
        kind: KIND.id.to_owned(),
        state: BY_SCAN.to_owned(),
    }
}

#[derive(Debug)]
struct Volume {
    /// `None`: as suits the scan.
    preset: Option<&'static Preset>,
    orbit: Orbit,
    zoom: f64,
    /// From the middle of the scan to the middle of the picture.
    moved_mm: glam::DVec3,
    labels_shown: bool,
    /// Cut away before the cross-hair, in the order of [`Plane::ALL`].
    cut: [bool; 3],
    /// What was drawn last, and since when it is the same.
    last: Option<(OrbitView, VoxelBox)>,
    still_since: f64,
}

impl Pane for Volume {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn remembered(&self) -> String {
        self.preset.map_or(BY_SCAN, |preset| preset.id).to_owned()
    }

    fn title(&self, _case: &Case) -> String {
        "3D".to_owned()
    }

    fn menu(&mut self, ui: &mut Ui, case: &Case) {
        let modality = case.image().modality();
        let shown = self.preset_for(case);
        for preset in PRESETS.iter().filter(|preset| preset.is_for(modality)) {
            if ui
                .radio(preset.id == shown.id, texts::of(preset.title))
                .clicked()
            {
                self.preset = Some(preset);
            }
        }
        ui.separator();
        ui.checkbox(&mut self.labels_shown, tr!("Labels"));
        for (cut, plane) in self.cut.iter_mut().zip(Plane::ALL) {
            let name = texts::of(plane.name()).to_lowercase();
            ui.checkbox(cut, tr!("Cut away before the {name} slice", name));
        }
        ui.separator();
        for (name, orbit) in FROM {
            if ui.button(texts::of(name)).clicked() {
                self.orbit = orbit;
                ui.close();
            }
        }
        ui.ctx().request_repaint();
    }

    fn fit(&mut self) {
        (self.zoom, self.moved_mm) = (1.0, glam::DVec3::ZERO);
    }

    fn show(&mut self, ui: &mut Ui, context: &mut PaneContext<'_, '_>) -> Vec<ViewIntent> {
        let rect = context.rect;
        let id = ui.scope_id().with(context.id);
        let response = ui.interact(rect, id, Sense::click_and_drag());
        if context.case.info().time.is_some() {
            nothing_to_see(
                ui,
                rect,
                tr!("The third axis of this scan is time: there is no volume to see"),
            );
            return Vec::new();
        }
        let pixels_per_point = ui.ctx().pixels_per_point();
        self.follow(ui, context, &response);
        let view = self.view(context.case.grid(), rect, pixels_per_point);
        let style = self.style(context.case, &view, Quality::Full);
        tell_accessibility(&response, style.preset, &view);
        let mut intents = Vec::new();
        if let Some(pos) = response.hover_pos() {
            context.state.active_pane = Some(context.id);
            ui.ctx().set_cursor_icon(CursorIcon::Grab);
            if response.clicked_by(PointerButton::Primary) && !context.handle.contains(pos) {
                let scene = scene_of(context);
                let at = pixel(rect, pixels_per_point, pos);
                let seen = pick(&view, &scene, &style, at);
                intents.extend(seen.map(ViewIntent::Crosshair));
            }
        }
        self.draw(ui, context, &view, style);
        self.overlay(ui, context, &view, pixels_per_point);
        intents
    }
}

impl Volume {
    fn new(preset: Option<&'static Preset>) -> Self {
        Self {
            preset,
            orbit: Orbit::FRONT.turned(-25.0, 15.0),
            zoom: 1.0,
            moved_mm: glam::DVec3::ZERO,
            labels_shown: true,
            cut: [false; 3],
            last: None,
            still_since: 0.0,
        }
    }

    fn preset_for(&self, case: &Case) -> &'static Preset {
        let modality = case.image().modality();
        let chosen = self.preset.filter(|preset| preset.is_for(modality));
        chosen.unwrap_or(Preset::first(modality))
    }

    fn view(&self, grid: &Grid, rect: Rect, pixels_per_point: f32) -> OrbitView {
        let pixels = |points: f32| (points * pixels_per_point).round().max(1.0) as u32;
        let size = [pixels(rect.width()), pixels(rect.height())];
        let fitted = OrbitView::fit(grid, self.orbit, size);
        OrbitView::new(
            grid,
            self.orbit,
            WorldPoint(fitted.center().0 + self.moved_mm),
            fitted.mm_per_pixel() / self.zoom,
            size,
        )
    }

    fn style(&self, case: &Case, view: &OrbitView, quality: Quality) -> VolumeStyle {
        VolumeStyle {
            preset: self.preset_for(case),
            window: case.window(),
            label_opacity: if self.labels_shown { 1.0 } else { 0.0 },
            shown: Some(self.shown(case, view)),
            quality,
        }
    }

    /// What is not cut away.
    fn shown(&self, case: &Case, view: &OrbitView) -> VoxelBox {
        let grid = case.grid();
        let mut shown = VoxelBox::whole(grid.dims);
        let away = view.voxels_per_mm();
        for (_, plane) in self.cut.iter().zip(Plane::ALL).filter(|(cut, _)| **cut) {
            let axis = grid.normal_axis(plane);
            let at = case.cross_hair().0[axis];
            match away[axis] >= 0.0 {
                true => shown.min[axis] = at,
                false => shown.max[axis] = at,
            }
        }
        shown
    }

    /// Turns, moves and magnifies as pointer and keys say.
    fn follow(&mut self, ui: &Ui, context: &PaneContext<'_, '_>, response: &Response) {
        let view = self.view(context.case.grid(), context.rect, 1.0);
        let by = response.drag_delta();
        if response.dragged_by(PointerButton::Primary) {
            let [x, y] = [by.x, by.y].map(|v| f64::from(v) * DEGREES);
            // What is near follows the pointer.
            self.orbit = self.orbit.turned(-x, y);
        } else if response.dragged_by(PointerButton::Middle) {
            let moved = view.panned(f64::from(by.x), f64::from(by.y));
            self.moved_mm += moved.center().0 - view.center().0;
        } else if response.dragged_by(PointerButton::Secondary) {
            self.magnify(ZOOM_POINT.powf(f64::from(-by.y)));
        }
        if response.hovered() {
            let wheel = ui.input(|i| i.smooth_scroll_delta().y) / NOTCH;
            self.magnify(ZOOM_NOTCH.powf(f64::from(wheel)));
        }
        if response.has_focus() {
            let turned = ui.input(|i| {
                let pressed = |key| f64::from(u8::from(i.key_pressed(key))) * KEY_DEGREES;
                let x = pressed(egui::Key::ArrowRight) - pressed(egui::Key::ArrowLeft);
                let y = pressed(egui::Key::ArrowUp) - pressed(egui::Key::ArrowDown);
                (x, y)
            });
            self.orbit = self.orbit.turned(turned.0, turned.1);
        }
    }

    fn magnify(&mut self, factor: f64) {
        let (least, most) = ZOOM_RANGE;
        self.zoom = (self.zoom * factor).clamp(least, most);
    }

    fn draw(
        &mut self,
        ui: &Ui,
        context: &PaneContext<'_, '_>,
        view: &OrbitView,
        mut style: VolumeStyle,
    ) {
        let Some(canvas) = context.canvas else {
            let text = tr!("The scan cannot be drawn: no graphics adapter");
            return nothing_to_see(ui, context.rect, text);
        };
        let now = ui.input(|i| i.time);
        let shown = style.shown.map(|shown| (*view, shown));
        if self.last != shown {
            let is_first = self.last.is_none();
            self.last = shown;
            self.still_since = if is_first { now - STILL } else { now };
        }
        if canvas.is_software() {
            style.quality = Quality::Half;
        }
        if canvas.is_software() && now - self.still_since < STILL {
            style.quality = Quality::Draft;
            let rest = STILL - (now - self.still_since);
            ui.ctx()
                .request_repaint_after(std::time::Duration::from_secs_f64(rest + 0.01));
        }
        // Where the processor draws, a stroke is not kept waiting for the picture of what it changes.
        let is_editing = canvas.is_software() && context.state.drag.is_some();
        let scene = scene_of(context);
        let seen = (!is_editing).then_some((view, &scene, &style));
        ui.painter()
            .add(canvas.volume_shape(context.id, context.rect, seen));
    }

    fn overlay(
        &self,
        ui: &Ui,
        context: &PaneContext<'_, '_>,
        view: &OrbitView,
        pixels_per_point: f32,
    ) {
        /// Space to the border, in points.
        const MARGIN: f32 = 8.0;
        let (painter, rect) = (ui.painter(), context.rect);
        let inner = rect.shrink(MARGIN);
        let [left, right, top, bottom] = view.letters();
        let places = [
            (left, inner.left_center(), Align2::LEFT_CENTER),
            (right, inner.right_center(), Align2::RIGHT_CENTER),
            (top, inner.center_top(), Align2::CENTER_TOP),
            (bottom, inner.center_bottom(), Align2::CENTER_BOTTOM),
        ];
        let in_doubt = if context.case.grid().sides_assumed {
            "?"
        } else {
            ""
        };
        for (axis, pos, anchor) in places {
            let letter = format!("{}{in_doubt}", axis.letter());
            let font = theme::letter_font();
            annotations::grounded_text(painter, pos, anchor, &letter, font, theme::VIEW_TEXT);
        }
        let title = format!("3D   {}", texts::of(self.preset_for(context.case).title));
        annotations::grounded_text(
            painter,
            rect.left_top() + vec2(theme::PANE_HANDLE + 6.0, MARGIN),
            Align2::LEFT_TOP,
            &title,
            theme::view_font(),
            theme::VIEW_TEXT,
        );
        if context.state.show_cross_hair {
            let (x, y) = view.pixel_from_voxel(context.case.cross_hair().center());
            let offset = Vec2::new(x as f32, y as f32) / pixels_per_point;
            cross(painter, rect.min + offset);
        }
    }
}

fn scene_of<'a>(context: &'a PaneContext<'_, '_>) -> crate::render::Scene<'a> {
    let display = context.model.session.display();
    context
        .state
        .drawn_labels
        .scene(context.case, display, Shows::Scan)
}

fn pixel(rect: Rect, pixels_per_point: f32, pos: Pos2) -> (f64, f64) {
    let offset = (pos - rect.min) * pixels_per_point;
    (f64::from(offset.x), f64::from(offset.y))
}

/// Where the cross-hair is, with a gap so that what it points at can be seen.
fn cross(painter: &egui::Painter, at: Pos2) {
    let stroke = Stroke::new(1.0, theme::DARK.accent_bright);
    for direction in [
        vec2(1.0, 0.0),
        vec2(-1.0, 0.0),
        vec2(0.0, 1.0),
        vec2(0.0, -1.0),
    ] {
        painter.line_segment([at + direction * 4.0, at + direction * 12.0], stroke);
    }
}

fn nothing_to_see(ui: &Ui, rect: Rect, text: &str) {
    let font = egui::FontId::proportional(14.0);
    let middle = rect.center();
    ui.painter().text(
        middle,
        Align2::CENTER_CENTER,
        text,
        font,
        theme::DARK.warning,
    );
}

/// What a screen reader and a test see.
fn tell_accessibility(response: &Response, preset: &Preset, view: &OrbitView) {
    let orbit = view.orbit();
    let (azimuth, elevation) = (orbit.azimuth_degrees, orbit.elevation_degrees);
    let from = tr!(
        "{azimuth} degrees around, {elevation} up",
        azimuth = format_args!("{azimuth:.0}"),
        elevation = format_args!("{elevation:.0}")
    );
    response.widget_info(|| {
        egui::WidgetInfo::labeled(
            Role::Image,
            true,
            format!("3D, {}", texts::of(preset.title)),
        )
    });
    response.ctx.accesskit_node_builder(response.id, |node| {
        node.set_value(from.clone());
        node.set_description(tr!("The scan from outside").to_owned());
    });
}
