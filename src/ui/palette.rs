//! The palette of commands: type a few letters of what is wanted, Enter does it.
//!
//! It lists everything that menus, keys and panel can ask for, from the same tables. The matching is our own, because it is
//! a score of twenty lines and the crates for it bring thousands.

use egui::{Align2, Context, Key, Modifiers, RichText, ScrollArea, TextEdit, Ui, Window};

use super::input::Action;
use super::key_profiles::ProfileId;
use super::model::{UiModel, UiRequest};
use super::state::UiState;
use super::theme;
use crate::ui::texts::tr;

/// The open palette.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    /// What was typed.
    pub query: String,
    /// The row that Enter takes.
    pub chosen: usize,
}

const WIDTH: f32 = 460.0;
const LIST_HEIGHT: f32 = 320.0;

/// Draws the palette, if it is open.
pub fn show(ctx: &Context, model: &UiModel<'_>, state: &mut UiState, out: &mut Vec<UiRequest>) {
    let Some(mut palette) = state.palette.take() else {
        return;
    };
    let found = matches(&palette.query, model.session.case().is_some());
    if ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape)) {
        return;
    }
    let taken = ctx.input_mut(|i| {
        let mut times = |key| i.count_and_consume_key(Modifiers::NONE, key);
        palette.chosen = (palette.chosen + times(Key::ArrowDown))
            .saturating_sub(times(Key::ArrowUp))
            .min(found.len().saturating_sub(1));
        times(Key::Enter) > 0
    });
    let mut action = found.get(palette.chosen).copied().filter(|_| taken);
    let mut open = true;
    Window::new(tr!("Find a command"))
        .open(&mut open)
        .anchor(Align2::CENTER_TOP, [0.0, 90.0])
        .fixed_size([WIDTH, LIST_HEIGHT])
        .collapsible(false)
        .show(ctx, |ui| {
            let hint = tr!("Type a few letters, such as \"brush\" or \"fh\" for fill holes");
            let field = TextEdit::singleline(&mut palette.query)
                .hint_text(hint)
                .desired_width(f32::INFINITY);
            let field = ui.add(field);
            field.request_focus();
            if field.changed() {
                palette.chosen = 0;
            }
            ui.separator();
            if let Some(clicked) = rows(ui, &found, palette.chosen) {
                action = Some(clicked);
            }
        });
    match action {
        Some(action) => out.push(UiRequest::Action(action)),
        None if open => state.palette = Some(palette),
        None => {}
    }
}

/// Draws what was found, and returns what was clicked on.
fn rows(ui: &mut Ui, found: &[Action], chosen: usize) -> Option<Action> {
    let profile = ProfileId::of(ui.ctx());
    let mut clicked = None;
    ScrollArea::vertical()
        .max_height(LIST_HEIGHT)
        .auto_shrink(false)
        .show(ui, |ui| {
            if found.is_empty() {
                ui.weak(tr!("Nothing of that name"));
            }
            for (n, &action) in found.iter().enumerate() {
                let keys = profile
                    .keys(action)
                    .first()
                    .map(|k| ui.ctx().format_shortcut(k));
                let text = format!("{}: {}", action.group().title(), name(action));
                let is_chosen = n == chosen;
                let color = match is_chosen {
                    true => theme::ON_ACCENT,
                    false => theme::of(ui.ctx()).text_weak,
                };
                let button = egui::Button::new(text)
                    .selected(is_chosen)
                    .frame_when_inactive(is_chosen)
                    .right_text(RichText::new(keys.unwrap_or_default()).color(color));
                let row = ui.add_sized([ui.available_width(), 22.0], button);
                if is_chosen {
                    row.scroll_to_me(None);
                }
                if row.clicked() {
                    clicked = Some(action);
                }
            }
        });
    clicked
}

fn name(action: Action) -> &'static str {
    action.text().trim_end_matches("...")
}

/// What can be asked for now and has the letters of the query in their order, best first.
pub fn matches(query: &str, is_scan_open: bool) -> Vec<Action> {
    let known = ProfileId::default().shortcuts().iter();
    let mut scored: Vec<(i32, Action)> = known
        .map(|s| s.action)
        .filter(|a| *a != Action::ShowPalette && (is_scan_open || !a.needs_scan()))
        .filter_map(|a| {
            let names = [name(a), a.in_english().trim_end_matches("...")];
            let best = names
                .into_iter()
                .filter_map(|name| score(query, name))
                .max();
            Some((best?, a))
        })
        .collect();
    scored.sort_by_key(|(score, _)| -score);
    scored.into_iter().map(|(_, action)| action).collect()
}

/// How well a text answers a query: where what was typed begins words, it goes before all else; letters that begin words
/// count most then, letters that follow one another more than others, and of equals the shorter text wins. `None` where a
/// letter is missing.
fn score(query: &str, text: &str) -> Option<i32> {
    const WORD_START: i32 = 8;
    const ADJACENT: i32 = 5;
    // More than any letters of a text come to.
    const WORDS_BEGIN: i32 = 10_000;
    let (query, lower) = (query.to_lowercase(), text.to_lowercase());
    let text: Vec<char> = lower.chars().collect();
    let begins_word = |at: usize| at == 0 || !text[at - 1].is_alphanumeric();
    let mut score = match words_begin(&query, &lower) {
        true => WORDS_BEGIN,
        false => 0,
    } - text.len() as i32 / 4;
    let mut next = 0;
    for letter in query.chars().filter(|c| !c.is_whitespace()) {
        let is_next = text.get(next) == Some(&letter);
        let mut places = (next..text.len()).filter(|&at| text[at] == letter);
        let at = if is_next {
            next
        } else {
            let first = places.clone().next()?;
            places.find(|&at| begins_word(at)).unwrap_or(first)
        };
        score += 1 + if begins_word(at) { WORD_START } else { 0 };
        score += if is_next && next > 0 { ADJACENT } else { 0 };
        next = at + 1;
    }
    Some(score)
}

/// Whether each word of a query begins a word of a text, in their order.
fn words_begin(query: &str, text: &str) -> bool {
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    query
        .split_whitespace()
        .all(|typed| words.any(|word| word.starts_with(typed)))
}

#[cfg(test)]
mod tests {
    use super::{matches, score};
    use crate::session::operations::fill_holes;
    use crate::ui::input::Action;

    #[test]
    fn initials_and_beginnings_find_commands() {
        let fill_holes = Action::Operation(&fill_holes::OPERATION);
        assert_eq!(matches("fh", true)[0], fill_holes);
        assert_eq!(matches("save as", true)[0], Action::SaveAs);
        assert_eq!(matches("segm", true)[0], Action::SegmentOrgans);
        assert!(matches("qqq", true).is_empty());
        assert!(score("so", "Segment organs") > score("so", "Show or hide labels"));
        assert!(score("fh", "Fill holes") > score("fh", "Shift half"));
    }

    #[test]
    fn what_begins_a_word_goes_before_letters_here_and_there() {
        let found = matches("lab", true);
        let place = |action| found.iter().position(|a| *a == action).expect("found");
        let last = place(Action::LargerBrush);
        for action in [Action::OpenLabels, Action::ToggleLabels] {
            assert!(place(action) < last, "{action:?}");
        }
        assert!(score("lab", "New label layer of a long name") > score("lab", "Slab thicker"));
        assert!(score("mod ch", "Choose a model: choose") > score("mod ch", "Modify each"));
    }

    #[test]
    fn without_a_scan_only_what_needs_none_is_offered() {
        let found = matches("", false);
        let fill_holes = Action::Operation(&fill_holes::OPERATION);
        assert!(found.contains(&Action::OpenFile) && !found.contains(&fill_holes));
    }
}
