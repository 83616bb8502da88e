//! From keys and gestures to changes of the session.

use egui::{Context, Key, Modifiers};

use super::input::{Action, pressed_actions};
use super::layout::Layout;
use super::model::UiRequest;
use super::operation_form::OperationForm;
use super::palette::Palette;
use super::state::UiState;
use super::tools::OpenOutline;
use super::view::{ActiveDrag, Turned, ViewIntent};
use crate::geometry::{Convention, Plane};
use crate::prompt::{Click, TargetSize};
use crate::session::{
    AiCommand, Brush, BrushShape, Case, Command, CompareCommand, EditCommand, HistoryCommand,
    Interpolation, LabelCommand, LayerCommand, PromptCommand, Session, StrokeCommand, StrokeMode,
    TEMPLATES, ToolCommand, Tools, ViewCommand,
};
use crate::volume::window::{auto_window, presets};
use crate::volume::{Label, Window};

/// Slices that Page up and Page down step.
const PAGE: i64 = 10;
/// Factor of a brush key, as in 3D Slicer.
const BRUSH_STEP: f64 = 1.2;
/// Change of opacity by a key.
const OPACITY_STEP: f32 = 0.1;

/// Reads the keys that were pressed, unless something else has the keyboard.
pub fn read_keys(ctx: &Context, session: &Session, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let taken = state.question.is_some()
        || state.palette.is_some()
        || state.renaming.is_some()
        || state.workspace.is_moving()
        || ctx.egui_wants_keyboard_input()
        || egui::Popup::is_any_open(ctx);
    if !taken {
        read_outline_keys(ctx, session.tools(), state, out);
        let profile = state.keys;
        let mut actions = ctx.input_mut(|input| pressed_actions(input, profile));
        give_up_preview(state, &mut actions);
        take_corners_back(session, state, &mut actions);
        out.extend(actions.into_iter().map(UiRequest::Action));
    }
}

/// While a tool shows what letting go would do, Esc and undo give it up; while the form of an operation shows what it would
/// give, Esc closes the form.
fn give_up_preview(state: &mut UiState, actions: &mut Vec<Action>) {
    let is_shown = state.drag.as_ref().is_some_and(ActiveDrag::is_shown);
    let gives_up = |action: &Action| matches!(action, Action::Reject | Action::Undo);
    if is_shown && actions.iter().any(gives_up) {
        state.drag = None;
        actions.retain(|action| !gives_up(action));
    }
    let is_previewed = state.form.as_ref().is_some_and(OperationForm::is_shown);
    if is_previewed && actions.contains(&Action::Reject) {
        state.form = None;
        actions.retain(|action| *action != Action::Reject);
    }
}

/// While an outline is being drawn on the slice that is shown, undo takes its last corner back, which is what the user did
/// last. With the first corner the outline is gone, and undo is the session's again.
fn take_corners_back(session: &Session, state: &mut UiState, actions: &mut Vec<Action>) {
    let is_shown = |outline: &OpenOutline| {
        session.case().is_some_and(|case| {
            let axis = case.grid().normal_axis(outline.plane);
            case.cross_hair().0[axis] == outline.slice
        })
    };
    actions.retain(|action| {
        let open = state.outline.as_mut().filter(|o| is_shown(o));
        match (open, action) {
            (Some(outline), Action::Undo) => {
                if !outline.take_back() {
                    state.outline = None;
                }
                false
            }
            _ => true,
        }
    });
}

/// While an outline is being drawn, Enter closes it, Backspace takes its last corner back, and Esc gives it up.
fn read_outline_keys(ctx: &Context, tools: &Tools, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let Some(outline) = &mut state.outline else {
        return;
    };
    let pressed = |key| ctx.input_mut(|i| i.consume_key(Modifiers::NONE, key));
    if pressed(Key::Escape) {
        state.outline = None;
    } else if pressed(Key::Backspace) {
        if !outline.take_back() {
            state.outline = None;
        }
    } else if pressed(Key::Enter)
        && let Some(outline) = state.outline.take_if(|o| o.can_close())
        && let Some(command) = outline.closed(tools)
    {
        out.push(UiRequest::command(command));
    }
}

/// The change of the session that a gesture over a view means.
pub fn command_of(
    intent: ViewIntent,
    session: &Session,
    state: &mut UiState,
) -> Option<Box<Command>> {
    let command: Command = match intent {
        ViewIntent::Crosshair(voxel) => ViewCommand::CrossHair(voxel).into(),
        ViewIntent::Meet(place) => {
            state.turned.meet_at(place);
            ViewCommand::CrossHair(place.nearest()).into()
        }
        ViewIntent::Step(plane, steps) => ViewCommand::StepSlice { plane, steps }.into(),
        ViewIntent::Click(voxel, polarity) => {
            PromptCommand::AddClick(Click { voxel, polarity }).into()
        }
        ViewIntent::SetBox(b) => PromptCommand::SetBox(b).into(),
        ViewIntent::StrokeBegin { plane, at, erase } => {
            let mode = StrokeMode::erasing(erase);
            StrokeCommand::Begin { mode, plane, at }.into()
        }
        ViewIntent::StrokeTo(at) => StrokeCommand::To(at).into(),
        ViewIntent::StrokeEnd => StrokeCommand::End.into(),
        ViewIntent::Outline(outline) => outline.closed(session.tools())?,
        ViewIntent::Command(command) => return Some(command),
        ViewIntent::Window(window) => ViewCommand::Window(window).into(),
        ViewIntent::ScaleBrush(factor) => scaled_brush(session, factor),
        ViewIntent::Pan(_)
        | ViewIntent::Zoom(..)
        | ViewIntent::ToggleMaximised
        | ViewIntent::MissedScan
        | ViewIntent::Turn(..)
        | ViewIntent::NeedsStraightPlane => return None,
    };
    Some(Box::new(command))
}

fn scaled_brush(session: &Session, factor: f64) -> Command {
    let brush = session.tools().brush;
    ToolCommand::Brush(Brush {
        diameter_mm: brush.diameter_mm * factor,
        ..brush
    })
    .into()
}

/// The change of the session that an action means; `None` for actions of the window and of files.
pub fn command_of_action(
    action: Action,
    session: &Session,
    state: &mut UiState,
) -> Option<Command> {
    let display = session.display();
    let case = session.case();
    let active = case.and_then(Case::active).map(|l| l.value);
    let command = match action {
        Action::Undo => HistoryCommand::Undo.into(),
        Action::Redo => HistoryCommand::Redo.into(),
        Action::SegmentOrgans => AiCommand::RunAuto { structures: None }.into(),
        Action::Accept => case?.proposal().map(|_| AiCommand::Accept.into())?,
        Action::Reject => reject(case?)?,
        Action::AskModel => PromptCommand::Ask.into(),
        Action::ToggleAskByHand => ToolCommand::AskByHand(!session.tools().asks_by_hand).into(),
        Action::ToggleSmallTargets => toggle_size(session, TargetSize::Small),
        Action::ToggleLargeTargets => toggle_size(session, TargetSize::Large),
        Action::GoToDoubt => {
            let pane = state.key_pane().and_then(|id| state.workspace.pane(id));
            let plane = pane.and_then(|pane| pane.plane());
            ViewCommand::GoToDoubt(plane.unwrap_or(Plane::Axial)).into()
        }
        Action::NextDisagreement => CompareCommand::GoToNext.into(),
        Action::ToggleDifferences => CompareCommand::Show(!case?.comparison()?.is_shown()).into(),
        Action::CloseComparison => case?.comparison().map(|_| CompareCommand::Close.into())?,
        Action::NextLesion => LabelCommand::StartNextLesion.into(),
        Action::Template(n) => {
            let template = TEMPLATES.get(n)?;
            let (step, entries) = ("template", template.labels().ok()?);
            LabelCommand::Take { step, entries }.into()
        }
        Action::NewLayer => LayerCommand::Add { name: None }.into(),
        Action::PreviousLabel => LabelCommand::Activate(neighbour(case?, state, -1)?).into(),
        Action::NextLabel => LabelCommand::Activate(neighbour(case?, state, 1)?).into(),
        Action::Tool(id) => ToolCommand::Select(id).into(),
        Action::LargerBrush => scaled_brush(session, BRUSH_STEP),
        Action::SmallerBrush => scaled_brush(session, 1.0 / BRUSH_STEP),
        Action::ToggleBrush3d => other_brush_shape(session),
        Action::Operation(operation) => EditCommand::on_label(operation, active?).ok()?.into(),
        Action::ToggleLabels => ViewCommand::OverlayShown(!display.overlay_shown).into(),
        Action::MoreOpaque => opacity(session, OPACITY_STEP),
        Action::LessOpaque => opacity(session, -OPACITY_STEP),
        Action::ToggleOutline => ViewCommand::OverlayOutline(!display.overlay_outline).into(),
        Action::AutoWindow => ViewCommand::Window(auto_window(case?.image())).into(),
        Action::WindowPreset(n) => ViewCommand::Window(window_preset(case?, n)?).into(),
        Action::ToggleInverted => ViewCommand::Inverted(!case?.is_inverted()).into(),
        Action::ToggleInterpolation => ViewCommand::Interpolation(match display.interpolation {
            Interpolation::Linear => Interpolation::Nearest,
            Interpolation::Nearest => Interpolation::Linear,
        })
        .into(),
        Action::ToggleConvention => ViewCommand::Convention(match display.convention {
            Convention::Radiological => Convention::Neurological,
            Convention::Neurological => Convention::Radiological,
        })
        .into(),
        Action::SlicePrevious => step(session, state, -1)?,
        Action::SliceNext => step(session, state, 1)?,
        Action::SliceBack10 => step(session, state, -PAGE)?,
        Action::SliceForward10 => step(session, state, PAGE)?,
        _ => return None,
    };
    Some(command)
}

/// Says that what is clicked is of a size, or takes that back.
fn toggle_size(session: &Session, size: TargetSize) -> Command {
    let now = session.tools().target_size;
    ToolCommand::TargetSize(now.toggled(size)).into()
}

/// Esc gives up what is nearest at hand: the stroke, else the proposal, else the prompts.
fn reject(case: &Case) -> Option<Command> {
    if case.is_stroke_active() {
        Some(StrokeCommand::Abort.into())
    } else if case.proposal().is_some() {
        Some(AiCommand::Reject.into())
    } else if !case.prompts().is_empty() {
        Some(PromptCommand::Clear.into())
    } else {
        None
    }
}

/// The next label of those that the list shows, or the one before.
fn neighbour(case: &Case, state: &UiState, step: isize) -> Option<u16> {
    let labels = case.table().listed().into_iter();
    let labels: Vec<&Label> = labels.filter(|l| state.finds(l)).collect();
    let active = case.active().map(|l| l.value);
    let at = labels.iter().position(|l| Some(l.value) == active);
    // From no label, forwards is the first and back is the last.
    let from = at.map_or(if step > 0 { -1 } else { 0 }, |at| at as isize);
    let next = (from + step).checked_rem_euclid(labels.len() as isize)?;
    labels.get(next as usize).map(|l| l.value)
}

fn other_brush_shape(session: &Session) -> Command {
    let brush = session.tools().brush;
    let shape = match brush.shape {
        BrushShape::Disc => BrushShape::Sphere,
        BrushShape::Sphere => BrushShape::Disc,
    };
    ToolCommand::Brush(Brush { shape, ..brush }).into()
}

/// A preset of the scan's modality; where it has none, as MR, the first is the automatic window.
fn window_preset(case: &Case, n: usize) -> Option<Window> {
    let presets = presets(case.image().modality());
    if presets.is_empty() && n == 0 {
        return Some(auto_window(case.image()));
    }
    presets.get(n).map(|(_, window)| *window)
}

fn opacity(session: &Session, change: f32) -> Command {
    ViewCommand::OverlayOpacity(session.display().overlay_opacity + change).into()
}

fn step(session: &Session, state: &mut UiState, steps: i64) -> Option<Command> {
    let intent = state.workspace.pane(state.key_pane()?)?.step(steps)?;
    command_of(intent, session, state).map(|command| *command)
}

/// Actions that change the window alone. Returns whether this was one.
pub fn apply_to_window(action: Action, state: &mut UiState) -> bool {
    match action {
        Action::ToggleClickSign => state.negative_clicks = !state.negative_clicks,
        Action::ToggleClickPreview => state.click_preview = Some(!state.previews_clicks()),
        Action::ToggleViewTexts => state.hide_texts = !state.hide_texts,
        Action::ToggleCrosshair => state.show_cross_hair = !state.show_cross_hair,
        Action::MaximiseView => {
            if let Some(pane) = state.key_pane() {
                state.workspace.toggle_maximised(pane);
            }
        }
        Action::NextSlab => {
            if let Some(pane) = state.key_pane() {
                state.workspace.next_slab(pane);
            }
        }
        Action::Layout(id) => {
            let arrangement = Layout::of(id).arrangement;
            state.workspace.arrange(&arrangement());
        }
        Action::FitViews => state.workspace.fit(),
        Action::StraightPlanes => state.turned = Turned::default(),
        Action::Operation(operation) if !operation.needs_only_a_label() => {
            let previews = state.previews(operation);
            state.form = Some(OperationForm::new(operation, previews));
        }
        Action::ShowPalette => state.palette = Some(Palette::default()),
        Action::ShowShortcuts => state.show_shortcuts = !state.show_shortcuts,
        Action::ShowAbout => state.show_about = true,
        _ => return false,
    }
    true
}
