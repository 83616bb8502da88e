//! A slice through the scan in one of the standard planes; the cross-hair says which slice.

use std::ops::RangeInclusive;

use egui::accesskit::Role;
use egui::{Color32, Painter, Pos2, Sense, Ui};

use crate::geometry::{Convention, Plane, SliceView, VoxelBox, VoxelPoint};
use crate::io::TimeAxis;
use crate::render::{Projection, Slab};
use crate::session::{Case, Receiver};
use crate::ui::state::UiState;
use crate::ui::texts::tr;
use crate::ui::theme;
use crate::ui::tools::{self, Aim, Tool};
use crate::ui::view::region_overlay::{self, Look};
use crate::ui::view::{
    ActiveDrag, Camera, GestureContext, GestureReader, PlacedView, Shows, TiltedPicture, Turned,
    ViewIntent, annotations, measurements, pointer, prompt_overlay, scene,
};
use crate::volume::measurement::Measurement;

use super::{Described, Kind, Pane, PaneContext};

/// Slices.
pub const KIND: Kind = Kind { id: "slice", open };

/// Width of the strip at a pane's border where a press is for the line between panes, in points.
const BORDER: f32 = 3.0;

fn open(remembered: &str) -> Option<Box<dyn Pane>> {
    let (remembered, slab) = remembered.split_once(SLAB).unwrap_or((remembered, ""));
    let (plane, shows) = remembered.split_once(SHOWS).unwrap_or((remembered, ""));
    let plane = Plane::ALL
        .into_iter()
        .find(|p| self::remembered(*p) == plane)?;
    let shows = Shows::ALL.into_iter().find(|s| shows_word(*s) == shows)?;
    Some(Box::new(Slice {
        plane,
        shows,
        slab: slab_of(slab),
        thickness_mm: slab_of(slab).map_or(THICKNESS_MM, |slab| slab.thickness_mm),
        camera: Camera::default(),
        picture: TiltedPicture::default(),
        tilted: None,
    }))
}

/// A pane that shows this plane, in words.
pub fn described(plane: Plane) -> Described {
    Described {
        kind: KIND.id.to_owned(),
        state: remembered(plane),
    }
}

/// Between plane and images in what is remembered.
const SHOWS: char = '+';

/// Between what a pane shows and its slab in what is remembered.
const SLAB: char = '~';
/// How thick a slab is until the user says otherwise.
const THICKNESS_MM: f64 = 10.0;
/// How thick a slab may be: a thicker one would take long to make at every step.
const THICKNESSES_MM: RangeInclusive<f64> = 1.0..=100.0;

/// A slab as it is remembered; `None` where that is none.
fn slab_of(remembered: &str) -> Option<Slab> {
    let (name, mm) = remembered.split_once(':')?;
    let projection = Projection::ALL.into_iter().find(|p| p.name() == name)?;
    let thickness_mm = mm.parse().ok().filter(|mm| THICKNESSES_MM.contains(mm))?;
    Some(Slab {
        projection,
        thickness_mm,
    })
}

/// What is remembered of the images that a pane shows; nothing where it is both.
fn shows_word(shows: Shows) -> &'static str {
    match shows {
        Shows::Both => "",
        Shows::Scan => "scan",
        Shows::Second => "second",
    }
}

fn remembered(plane: Plane) -> String {
    plane.name().to_lowercase()
}

#[derive(Debug)]
struct Slice {
    plane: Plane,
    /// Which images, where there is a second one.
    shows: Shows,
    /// Several slices at once.
    slab: Option<Slab>,
    /// How thick a slab is, or will be.
    thickness_mm: f64,
    camera: Camera,
    /// The picture of a tilted view.
    picture: TiltedPicture,
    /// The tilted view that was shown last, and where the planes met.
    tilted: Option<(SliceView, VoxelPoint)>,
}

impl Pane for Slice {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn remembered(&self) -> String {
        let mut text = remembered(self.plane);
        match shows_word(self.shows) {
            "" => {}
            word => text.extend([String::from(SHOWS), word.to_owned()]),
        }
        if let Some(slab) = self.slab {
            let (name, mm) = (slab.projection.name(), slab.thickness_mm);
            text.push_str(&format!("{SLAB}{name}:{mm}"));
        }
        text
    }

    fn title(&self, case: &Case) -> String {
        name(self.plane, case).to_owned()
    }

    fn menu(&mut self, ui: &mut Ui, case: &Case) {
        for plane in Plane::ALL {
            let is_shown = self.plane == plane;
            if ui.radio(is_shown, name(plane, case)).clicked() && !is_shown {
                self.plane = plane;
                self.fit();
                ui.ctx().request_repaint();
            }
        }
        if case.info().time.is_none() {
            ui.separator();
            self.slab_menu(ui);
        }
        if case.second().is_some() {
            ui.separator();
            for shows in Shows::ALL {
                if ui.radio(self.shows == shows, shows.text()).clicked() {
                    self.shows = shows;
                    ui.ctx().request_repaint();
                }
            }
        }
    }

    fn fit(&mut self) {
        self.camera = Camera::default();
    }

    fn plane(&self) -> Option<Plane> {
        Some(self.plane)
    }

    fn next_slab(&mut self) {
        let mut projections = Projection::ALL.into_iter();
        if let Some(slab) = self.slab {
            // On to the one behind it, or to none.
            projections.by_ref().find(|p| *p == slab.projection);
        }
        self.set_slab(projections.next());
    }

    fn step(&self, steps: i64) -> Option<ViewIntent> {
        Some(match &self.tilted {
            Some((view, from)) => ViewIntent::Meet(view.stepped_off(*from, steps)),
            None => ViewIntent::Step(self.plane, steps),
        })
    }

    fn show(&mut self, ui: &mut Ui, context: &mut PaneContext<'_, '_>) -> Vec<ViewIntent> {
        let (rect, time) = (context.rect, context.case.info().time);
        let id = ui.scope_id().with(context.id);
        let response = ui.interact(rect, id, Sense::drag());
        let view = self.placed(ui, context);
        let slab = self
            .slab
            .filter(|_| time.is_none() && !view.slice.is_tilted());
        let is_tilted = view.slice.is_tilted();
        self.tilted = is_tilted.then_some((view.slice, view.cross_hair));
        tell_accessibility(&response, &view, time, slab);
        tell_window(&response, &view, context.case);
        let mut intents = read_gestures(ui, context, &view, &response);
        let mut stepped = Vec::new();
        intents.retain(|intent| {
            let view = self.placed(ui, context);
            match *intent {
                ViewIntent::Pan(by) => self.camera.pan(&view, by),
                ViewIntent::Zoom(factor, at) => self.camera.zoom(&view, factor, at),
                ViewIntent::Step(_, steps) if view.slice.is_tilted() => {
                    stepped.push(view.slice.stepped_off(view.cross_hair, steps));
                }
                _ => return true,
            }
            false
        });
        intents.extend(stepped.into_iter().map(ViewIntent::Meet));
        let view = self.placed(ui, context);
        let hover = response.hover_pos().filter(|p| rect.contains(*p));
        if let Some(pos) = hover {
            context.state.active_pane = Some(context.id);
            context.state.hovered = view.voxel(pos);
        }
        let dragged = response.interact_pointer_pos().filter(|_| {
            let drag = context.state.drag.as_ref();
            drag.is_some_and(|d| d.is_of(context.id))
        });
        if let Some(pos) = hover.or(dragged) {
            show_cursor(ui, context, &view, pos);
        }
        let painter = ui.painter();
        draw_scan(painter, context, &view, self.shows, slab, &mut self.picture);
        overlay(painter, context, &view, slab, hover);
        intents
    }
}

/// What slices of this plane are called: where the third axis is time, not every plane is one.
fn name(plane: Plane, case: &Case) -> &'static str {
    let normal = case.grid().normal_axis(plane);
    annotations::plane_text(plane, normal, case.info().time)
}

impl Slice {
    fn set_slab(&mut self, projection: Option<Projection>) {
        let thickness_mm = self.thickness_mm;
        self.slab = projection.map(|projection| Slab {
            projection,
            thickness_mm,
        });
    }

    /// What is shown of how many slices.
    fn slab_menu(&mut self, ui: &mut Ui) {
        let shown = self.slab.map(|slab| slab.projection);
        let choices = [None].into_iter().chain(Projection::ALL.map(Some));
        for choice in choices {
            let text = match choice {
                None => tr!("One slice"),
                Some(Projection::Maximum) => tr!("Slab: maximum (MIP)"),
                Some(Projection::Mean) => tr!("Slab: mean"),
                Some(Projection::Minimum) => tr!("Slab: minimum (MinIP)"),
            };
            if ui.radio(shown == choice, text).clicked() {
                self.set_slab(choice);
                ui.ctx().request_repaint();
            }
        }
        let slider = egui::Slider::new(&mut self.thickness_mm, THICKNESSES_MM)
            .integer()
            .suffix(" mm")
            .text(tr!("Thickness"));
        let hint = tr!(
            "The slices that a slab takes in lie on either side of the one that is shown and drawn on"
        );
        if ui.add(slider).on_hover_text(hint).changed() {
            self.set_slab(shown);
            ui.ctx().request_repaint();
        }
    }

    fn placed(&self, ui: &Ui, context: &PaneContext<'_, '_>) -> PlacedView {
        let convention = match context.case.info().time {
            // Pictures are not of a patient's left or right: they are never mirrored.
            Some(time) if !time.has_position => Convention::Radiological,
            _ => context.model.session.display().convention,
        };
        self.camera.placed(
            context.case.grid(),
            self.plane,
            convention,
            context.case.cross_hair(),
            match context.case.info().time {
                // Time has no direction in the patient.
                Some(_) => Turned::default(),
                None => context.state.turned,
            },
            context.rect,
            ui.ctx().pixels_per_point(),
        )
    }
}

fn draw_scan(
    painter: &Painter,
    context: &PaneContext<'_, '_>,
    view: &PlacedView,
    shows: Shows,
    slab: Option<Slab>,
    picture: &mut TiltedPicture,
) {
    let Some(canvas) = context.canvas else {
        return no_canvas(painter, view);
    };
    let (case, state) = (context.case, &*context.state);
    let display = context.model.session.display();
    let scene = state.drawn_labels.scene(case, display, shows);
    let (highlighted, scale) = (state.highlighted, view.pixels_per_point);
    let style = scene::style(case, display, highlighted, slab, scale);
    match view.slice.is_tilted() {
        true => picture.show(painter, canvas, view, &scene, &style),
        false => {
            painter.add(canvas.shape(context.id, view, &scene, &style));
        }
    }
}

/// The pointer's shape: that of the drag that began here, else the tool's.
fn show_cursor(ui: &Ui, context: &PaneContext<'_, '_>, view: &PlacedView, pos: Pos2) {
    let dragged = context.state.drag.as_ref();
    let while_dragging = dragged
        .filter(|d| d.is_of(context.id))
        .and_then(ActiveDrag::cursor);
    let icon = while_dragging.unwrap_or_else(|| {
        let tool = Tool::of(context.model.session.tools().tool);
        let target_box = shown_box(context.case, context.state);
        tool.kind.cursor(view, pos, target_box)
    });
    ui.ctx().set_cursor_icon(icon);
}

/// What a screen reader and a test see: the view's name, and where it stands.
fn tell_accessibility(
    response: &egui::Response,
    view: &PlacedView,
    time: Option<TimeAxis>,
    slab: Option<Slab>,
) {
    let plane = annotations::plane_text_of(view, time);
    let mut position = annotations::slice_text(view, time);
    if let Some(slab) = slab {
        position = format!("{position}, {}", slab.text());
    }
    response.widget_info(|| {
        egui::WidgetInfo::labeled(Role::Image, true, format!("{plane}, {position}"))
    });
    response.ctx.accesskit_node_builder(response.id, |node| {
        node.set_value(position.clone());
    });
}

/// The texts in the view's corner, to a screen reader and a test.
fn tell_window(response: &egui::Response, view: &PlacedView, case: &Case) {
    let plane = annotations::plane_text_of(view, case.info().time);
    let [window, zoom] = annotations::window_and_zoom_texts(view, case);
    response.ctx.accesskit_node_builder(response.id, |node| {
        node.set_description(tr!(
            "{plane} view of the scan, {window}, {zoom}",
            plane,
            window,
            zoom
        ));
    });
}

fn read_gestures(
    ui: &Ui,
    context: &mut PaneContext<'_, '_>,
    view: &PlacedView,
    response: &egui::Response,
) -> Vec<ViewIntent> {
    let (model, case, handle) = (context.model, context.case, context.handle);
    let state = &mut *context.state;
    let layer = ui.layer_id();
    let ctx = ui.ctx().clone();
    let free = state.question.is_none() && !egui::Popup::is_any_open(&ctx);
    let inner = view.rect.shrink(BORDER);
    let is_inside = |pos: Pos2| inner.contains(pos) && !handle.contains(pos);
    let is_over = |pos: Pos2| free && is_inside(pos) && ctx.layer_id_at(pos) == Some(layer);
    let (events, double_click) = ui.input(|i| {
        let double = i
            .pointer
            .button_double_clicked(egui::PointerButton::Primary);
        (i.events.clone(), double)
    });
    let mut reader = GestureReader {
        pane: context.id,
        view,
        context: GestureContext {
            tools: model.session.tools(),
            case,
            polarity: state.polarity(),
            profile: state.mouse,
            shows_cross_hair: state.show_cross_hair,
        },
        pointer_pos: response.hover_pos(),
        drag: &mut state.drag,
        outline: &mut state.outline,
        wheel: &mut state.wheel,
        intents: Vec::new(),
    };
    reader.read(&events, &is_over, response.hovered());
    let over = response.hover_pos().filter(|&pos| is_over(pos));
    if let Some(pos) = over.filter(|_| double_click) {
        reader.double_press(pos);
    }
    reader.intents
}

/// Everything that egui draws over the scan.
fn overlay(
    painter: &Painter,
    context: &PaneContext<'_, '_>,
    view: &PlacedView,
    slab: Option<Slab>,
    hover: Option<Pos2>,
) {
    let (model, case, state) = (context.model, context.case, &*context.state);
    let tool = Tool::of(model.session.tools().tool);
    if state.show_cross_hair {
        annotations::crosshair(painter, view);
    }
    let is_straight = !view.slice.is_tilted();
    if let Some(b) = shown_box(case, state).filter(|_| is_straight) {
        prompt_overlay::target_box(painter, view, b, tool.id == tools::BOX);
    }
    prompt_overlay::drawings(painter, view, &case.prompts().drawings);
    prompt_overlay::clicks(painter, view, &case.prompts().clicks);
    let time = case.info().time;
    annotations::letters(painter, view, time);
    annotations::title(painter, view, time, slab);
    annotations::scale_bar(painter, view, time);
    if !state.hide_texts {
        annotations::window_and_zoom(painter, view, case);
        annotations::series(painter, view, &case.title());
    }
    let works = tool.works_in(view, model.session.tools());
    if let Some(pos) = hover.filter(|_| works) {
        tool.kind.at_pointer(painter, view, pos, model);
    }
    draw_measured(painter, view, case, state, tool);
    if let Some(outline) = &state.outline {
        let forming = Tool::of(outline.tool).kind.forming(outline, view, hover);
        match forming.filter(|_| outline.is_on(view)) {
            Some(drawn) => {
                let reading = drawn.reading(case.image());
                measurements::paint(painter, view, &drawn, &reading, false);
            }
            None => outline.paint(painter, view, hover),
        }
    }
    let receiver = case.receiver();
    let drag = state.drag.as_ref();
    let [r, g, b] = receiver.color;
    let color = Color32::from_rgb(r, g, b);
    if let Some(region) = drag.and_then(ActiveDrag::region) {
        region_overlay::paint(painter, view, region, color, Look::Filled);
    }
    if let Some(region) = model.preview {
        region_overlay::paint(painter, view, region, color, Look::Dashed);
    }
    if let Some(pos) = hover {
        let words = words_at(painter, view, pos, context, &receiver);
        if let Some(words) = words {
            pointer::tag(painter, view, pos, &words, &receiver);
        }
    }
}

/// What a press does and to what, or why it does nothing.
fn words_at(
    painter: &Painter,
    view: &PlacedView,
    pos: Pos2,
    context: &PaneContext<'_, '_>,
    receiver: &Receiver,
) -> Option<String> {
    let (state, tools) = (&*context.state, context.model.session.tools());
    let kind = Tool::of(tools.tool).kind;
    if let Some(words) = state.drag.as_ref().and_then(ActiveDrag::words) {
        return view.voxel(pos).map(|_| words);
    }
    let shift = painter.ctx().input(|i| i.modifiers.shift);
    let polarity = state.polarity().turned(shift);
    let aim = Aim {
        voxel: view.voxel(pos),
        polarity,
        case: context.case,
        tools,
    };
    let landing = kind.landing(&aim);
    if aim.voxel.is_none() {
        return landing;
    }
    let words = kind.words(receiver, state.polarity(), shift)?;
    Some(match landing {
        Some(landing) => tr!("{words}: {landing}", words, landing),
        None => words,
    })
}

/// What is measured, with what is being drawn in its place.
fn draw_measured(painter: &Painter, view: &PlacedView, case: &Case, state: &UiState, tool: &Tool) {
    let dragged = state.drag.as_ref().and_then(ActiveDrag::measurement);
    let stands = |drawn: &Measurement| dragged.is_none_or(|d| d.number != drawn.number);
    for (drawn, reading) in case.measured().iter().filter(|(drawn, _)| stands(drawn)) {
        measurements::paint(painter, view, drawn, reading, tool.kind.measures());
    }
    if let Some(drawn) = dragged {
        let reading = drawn.reading(case.image());
        measurements::paint(painter, view, drawn, &reading, true);
    }
}

/// The box as it is being dragged, else as it is.
fn shown_box(case: &Case, state: &UiState) -> Option<VoxelBox> {
    let drawn = state.drag.as_ref().and_then(ActiveDrag::drawn_box);
    drawn.or(case.prompts().target_box)
}

fn no_canvas(painter: &Painter, view: &PlacedView) {
    painter.text(
        view.rect.center(),
        egui::Align2::CENTER_CENTER,
        tr!("The scan cannot be drawn: no graphics adapter"),
        egui::FontId::proportional(14.0),
        theme::DARK.warning,
    );
}
