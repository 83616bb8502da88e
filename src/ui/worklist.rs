//! The worklist of an annotation project, at the left of the views.

use std::collections::BTreeMap;

use egui::accesskit;
use egui::{
    Align2, Color32, ColorImage, ComboBox, Rect, RichText, ScrollArea, Sense, TextEdit, TextStyle,
    TextureHandle, TextureId, TextureOptions, Ui, pos2, vec2,
};

use crate::project::{Entry, Measure, Role, State};
use crate::ui::texts::{self, tr};

use super::input::Action;
use super::model::{Thumbnail, UiModel, UiRequest, Worklist, WorklistRequest};
use super::panel::action_button;
use super::ranking;
use super::state::UiState;
use super::theme;
use crate::util::short_debug;

/// What the window remembers of the worklist.
#[derive(Default)]
pub struct WorklistState {
    /// What the reader says of the case that is open; saved with it.
    pub note: String,
    /// What is sought in the names of cases.
    sought: String,
    /// The only state of cases that is listed.
    only: Option<State>,
    order: Order,
    /// A case in sight that has no picture yet.
    pub without_picture: Option<String>,
    /// The small pictures on the device, by case.
    pictures: BTreeMap<String, TextureHandle>,
    /// The reader's name while it is being typed.
    reader: Option<String>,
}

short_debug! {
    WorklistState: |state| format_args!("a worklist in the order {:?}", state.order);
}

/// How the list is ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Order {
    #[default]
    Name,
    State,
    /// What took longest first.
    Time,
    /// What is worth reading most first.
    Ranked(Measure),
}

impl Order {
    const ALL: [Self; 5] = [
        Self::Name,
        Self::State,
        Self::Time,
        Self::Ranked(Measure::Uncertainty),
        Self::Ranked(Measure::Disagreement),
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Name => tr!("By name"),
            Self::State => tr!("By state"),
            Self::Time => tr!("By time spent"),
            Self::Ranked(Measure::Uncertainty) => tr!("By uncertainty"),
            Self::Ranked(Measure::Disagreement) => tr!("By disagreement"),
        }
    }

    /// Cases that are equal stay in the order of their names.
    fn sort(self, entries: &mut [&Entry]) {
        match self {
            Self::Name => {}
            Self::State => entries.sort_by_key(|e| e.state),
            Self::Time => entries.sort_by(|a, b| b.seconds.total_cmp(&a.seconds)),
            Self::Ranked(measure) => measure.sort(entries, |e| &e.rank),
        }
    }

    /// What cases are ranked by, if they are.
    fn measure(self) -> Option<Measure> {
        match self {
            Self::Ranked(measure) => Some(measure),
            Self::Name | Self::State | Self::Time => None,
        }
    }
}

impl WorklistState {
    /// What the user has cases ranked by; numbers are made only then.
    pub fn ranked_by(&self) -> Option<Measure> {
        self.order.measure()
    }
}

/// Draws the worklist.
pub fn show(
    ui: &mut Ui,
    model: &UiModel<'_>,
    worklist: &Worklist,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) {
    ui.horizontal(|ui| {
        ui.strong(&worklist.title);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let close = ui
                .small_button(tr!("Close"))
                .on_hover_text(tr!("Close the worklist"));
            if close.clicked() {
                out.push(UiRequest::Worklist(WorklistRequest::Close));
            }
        });
    });
    reader(ui, worklist, state, out);
    let over = worklist.entries.iter().filter(|e| e.state.is_over());
    let over = over.count();
    ui.label(tr!(
        "{over} of {all} finished",
        over,
        all = worklist.entries.len()
    ));
    filters(ui, state);
    let below = current_height(ui, worklist);
    let height = (ui.available_height() - below).max(80.0);
    ui.allocate_ui(vec2(ui.available_width(), height), |ui| {
        ui.set_min_height(height);
        list(ui, worklist, state, out);
    });
    if worklist.current.is_some() {
        current(ui, model, worklist, state, out);
    } else {
        action_button(ui, true, Action::NextCase, "", out);
    }
}

fn reader(ui: &mut Ui, worklist: &Worklist, state: &mut UiState, out: &mut Vec<UiRequest>) {
    ui.horizontal(|ui| {
        ui.label(tr!("Reader"));
        let typed = &mut state.worklist.reader;
        let mut text = typed.clone().unwrap_or_else(|| worklist.reader.clone());
        let field = ui.add(TextEdit::singleline(&mut text).desired_width(f32::INFINITY));
        let field = field.accessible_name(tr!("Reader's name"));
        if field.changed() {
            *typed = Some(text);
        }
        if field.lost_focus()
            && let Some(name) = typed.take()
        {
            let name = name.trim().to_owned();
            if name != worklist.reader {
                out.push(UiRequest::Worklist(WorklistRequest::Reader(name)));
            }
        }
    });
}

fn filters(ui: &mut Ui, state: &mut UiState) {
    ui.horizontal_wrapped(|ui| {
        let only = &mut state.worklist.only;
        ui.selectable_value(only, None, tr!("All"));
        for wanted in State::ALL {
            ui.selectable_value(only, Some(wanted), texts::of(wanted.title()));
        }
    });
    ui.horizontal(|ui| {
        let order = &mut state.worklist.order;
        ComboBox::from_id_salt("order of cases")
            .selected_text(order.title())
            .width(100.0)
            .show_ui(ui, |ui| {
                for other in Order::ALL {
                    ui.selectable_value(order, other, other.title());
                }
            })
            .response
            .accessible_name(tr!("Order of cases"));
        let field = TextEdit::singleline(&mut state.worklist.sought)
            .hint_text(tr!("Find a case or note"))
            .desired_width(f32::INFINITY);
        ui.add(field).accessible_name(tr!("Find a case"));
    });
}

fn list(ui: &mut Ui, worklist: &Worklist, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let sought = state.worklist.sought.trim().to_lowercase();
    let is_found = |e: &&Entry| {
        let is_wanted = state.worklist.only.is_none_or(|only| only == e.state);
        let is_in = |text: &str| text.to_lowercase().contains(&sought);
        is_wanted && (is_in(&e.id) || is_in(&e.note))
    };
    let mut found: Vec<&Entry> = worklist.entries.iter().filter(is_found).collect();
    state.worklist.order.sort(&mut found);
    if found.is_empty() {
        ui.label(RichText::new(tr!("No such case")).color(theme::of(ui.ctx()).text_weak));
    }
    let mut without: Option<&str> = None;
    let measure = state.worklist.ranked_by();
    let pictures = &mut state.worklist.pictures;
    pictures.retain(|id, _| worklist.thumbnails.contains_key(id));
    ScrollArea::vertical()
        .id_salt("worklist")
        .auto_shrink(false)
        .show_rows(ui, ROW, found.len(), |ui, shown| {
            for entry in &found[shown] {
                let is_current = worklist.current.as_ref() == Some(&entry.id);
                let made = worklist.thumbnails.get(&entry.id);
                if made.is_none() {
                    without = without.or(Some(&entry.id));
                }
                let made = made.and_then(Option::as_ref);
                let picture = made.map(|made| texture(ui, pictures, &entry.id, made));
                if row(ui, entry, is_current, picture, measure) {
                    let id = entry.id.clone();
                    out.push(UiRequest::Worklist(WorklistRequest::Open(id)));
                }
            }
        });
    state.worklist.without_picture = without.map(str::to_owned);
}

/// Height of a line of the list, and side of its picture, in points.
const ROW: f32 = 38.0;
const PICTURE: f32 = 34.0;
/// Width of what stands at the right of a line, in points: minutes or a number.
const FIGURE: f32 = 44.0;

/// The picture of a case on the device, brought there once.
fn texture(
    ui: &Ui,
    pictures: &mut BTreeMap<String, TextureHandle>,
    id: &str,
    made: &Thumbnail,
) -> TextureId {
    if let Some(known) = pictures.get(id) {
        return known.id();
    }
    let side = [Thumbnail::SIDE; 2];
    let image = ColorImage::from_gray(side, &made.grey);
    let loaded = ui
        .ctx()
        .load_texture("thumbnail", image, TextureOptions::LINEAR);
    let texture = loaded.id();
    pictures.insert(id.to_owned(), loaded);
    texture
}

/// A line of the list; whether it was pressed.
fn row(
    ui: &mut Ui,
    entry: &Entry,
    is_current: bool,
    picture: Option<TextureId>,
    measure: Option<Measure>,
) -> bool {
    let can_open = entry.role.is_some() && !is_current;
    let sense = if can_open {
        Sense::click()
    } else {
        Sense::hover()
    };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), ROW), sense);
    let state = match (entry.role, entry.state) {
        (None, _) => tr!("taken by others"),
        (Some(Role::Reader), state) => texts::of(state.title()),
        (Some(Role::Adjudicator), State::NotStarted) => tr!("to adjudicate"),
        (Some(Role::Adjudicator), State::InProgress) => tr!("being adjudicated"),
        (Some(Role::Adjudicator), State::Done) => tr!("adjudicated"),
        (Some(Role::Adjudicator), State::Flagged) => tr!("flagged, not adjudicated"),
    };
    let rank = measure.map(|measure| ranking::words(&entry.rank, measure));
    response.widget_info(|| {
        let mut text = tr!(
            "Case {id}, {state}",
            id = entry.id,
            state = state.to_lowercase()
        );
        if let Some(rank) = &rank {
            text = format!("{text}, {rank}");
        }
        egui::WidgetInfo::labeled(accesskit::Role::Row, can_open, text)
    });
    if is_current {
        ui.painter()
            .rect_filled(rect, 2.0, theme::of(ui.ctx()).button_hovered);
    } else if can_open && response.hovered() {
        ui.painter()
            .rect_filled(rect, 2.0, theme::of(ui.ctx()).button);
    }
    let colour = match entry.role.is_some() {
        true => theme::of(ui.ctx()).text,
        false => theme::of(ui.ctx()).text_weak,
    };
    mark(ui, rect, entry);
    if let Some(picture) = picture {
        let at = Rect::from_center_size(
            pos2(rect.left() + 20.0 + PICTURE / 2.0, rect.center().y),
            vec2(PICTURE, PICTURE),
        );
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(picture, at, whole, Color32::WHITE);
    }
    let minutes = match entry.seconds {
        seconds if seconds > 0.0 => tr!(
            "{minutes} min",
            minutes = format_args!("{:.0}", (seconds / 60.0).ceil())
        ),
        _ => String::new(),
    };
    // The number that the list is ordered by stands where else the minutes do: there is no room for both.
    let at_right = match measure {
        Some(measure) => ranking::figure(&entry.rank, measure),
        None => minutes,
    };
    let right = rect.right() - 6.0;
    let mut of_name = rect;
    of_name.max.x = right - if at_right.is_empty() { 0.0 } else { FIGURE };
    text_at(
        ui,
        of_name,
        rect.left() + 28.0 + PICTURE,
        Align2::LEFT_CENTER,
        &entry.id,
        colour,
    );
    text_at(
        ui,
        rect,
        right,
        Align2::RIGHT_CENTER,
        &at_right,
        theme::of(ui.ctx()).text_weak,
    );
    let told = [state, rank.as_deref().unwrap_or_default(), &entry.note];
    let told: Vec<&str> = told.into_iter().filter(|t| !t.is_empty()).collect();
    response.on_hover_text(told.join("\n")).clicked()
}

/// How far a case is, told by form and colour.
fn mark(ui: &Ui, row: Rect, entry: &Entry) {
    let centre = row.left_center() + vec2(9.0, 0.0);
    let painter = ui.painter();
    let stroke = |colour: Color32| egui::Stroke::new(1.5, colour);
    match entry.state {
        State::NotStarted => {
            painter.circle_stroke(centre, 4.0, stroke(theme::of(ui.ctx()).text_weak));
        }
        State::InProgress => {
            painter.circle_stroke(centre, 4.0, stroke(theme::ACCENT));
            painter.circle_filled(centre, 2.0, theme::ACCENT);
        }
        State::Done => {
            painter.circle_filled(centre, 4.5, theme::ACCENT);
        }
        State::Flagged => {
            let square = Rect::from_center_size(centre, vec2(8.0, 8.0));
            painter.rect_filled(square, 1.0, theme::of(ui.ctx()).warning);
        }
    }
}

fn text_at(ui: &Ui, row: Rect, x: f32, align: Align2, text: &str, colour: Color32) {
    let font = TextStyle::Body.resolve(ui.style());
    let at = pos2(x, row.center().y);
    ui.painter()
        .with_clip_rect(row)
        .text(at, align, text, font, colour);
}

/// What is kept free for the open case below the list, in points.
fn current_height(ui: &Ui, worklist: &Worklist) -> f32 {
    let line = ui.text_style_height(&TextStyle::Body) + 12.0;
    match worklist.current {
        Some(_) => line * 6.5,
        None => line * 1.5,
    }
}

fn current(
    ui: &mut Ui,
    model: &UiModel<'_>,
    worklist: &Worklist,
    state: &mut UiState,
    out: &mut Vec<UiRequest>,
) {
    ui.separator();
    let id = worklist.current.as_deref().unwrap_or_default();
    ui.label(RichText::new(id).strong());
    let note = TextEdit::multiline(&mut state.worklist.note)
        .hint_text(tr!("Note of this case"))
        .desired_rows(2)
        .desired_width(f32::INFINITY);
    ui.add(note).accessible_name(tr!("Note of this case"));
    let is_open = model.session.case().is_some();
    ui.horizontal(|ui| {
        action_button(ui, is_open, Action::CaseDone, "", out);
        action_button(ui, is_open, Action::CaseFlagged, "", out);
    });
    ui.horizontal(|ui| {
        action_button(ui, true, Action::NextCase, "", out);
        let hint = tr!("Yours beside those of others; in a blinded project once yours is done");
        action_button(ui, is_open, Action::CompareReaders, hint, out);
    });
}
