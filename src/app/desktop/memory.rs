//! What the window remembers of itself: its place, the arrangement of its views, what egui keeps of panels.
//!
//! eframe reads the file at the start (the window's place, egui's memory). It would write it in place, so that a full
//! disk leaves it empty; so it is written here, in eframe's format, whole or not at all.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{Context, Rect};
use egui_winit::{WindowGeometry, WindowSettings, winit::window::Window as NativeWindow};

use crate::io::{IoError, atomic};
use crate::ui::arrangement::Remembered;
use crate::ui::{Preferences, UiState};

use super::files::FileOutcome;
use super::window::Window;

/// eframe's name for the file.
pub const FILE_NAME: &str = "app.ron";
/// eframe's key for the window's place.
const WINDOW_KEY: &str = "window";
/// eframe's key for egui's memory.
const EGUI_KEY: &str = "egui";

/// The file's entries, each a text in RON, and what changes them.
#[derive(Default)]
pub struct WindowMemory {
    file: Option<PathBuf>,
    entries: Entries,
    /// What is in the file as far as we know.
    written: Entries,
    /// Where the window was when its place was last looked at.
    seen: Option<(Option<Rect>, Option<Rect>, bool)>,
    /// Its place when it was neither maximised nor full screen.
    normal: Option<WindowGeometry>,
}

#[derive(Clone, Default, PartialEq, Eq)]
struct Entries(BTreeMap<String, String>);

impl eframe::Storage for Entries {
    fn get_string(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }

    fn set_string(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }

    fn remove_string(&mut self, key: &str) {
        self.0.remove(key);
    }

    fn flush(&mut self) {}
}

impl Entries {
    fn parse(text: &str) -> Option<Self> {
        ron::from_str(text).ok().map(Self)
    }

    fn to_text(&self) -> String {
        ron::ser::to_string_pretty(&self.0, ron::ser::PrettyConfig::default())
            .expect("texts can be written as RON")
    }

    /// Writes the file; the old one stays until the new one is complete.
    fn save(&self, file: &Path) -> Result<(), IoError> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).map_err(|e| IoError::output(file, e.to_string()))?;
        }
        let text = self.to_text();
        let reads_back = |written: &Path| match std::fs::read_to_string(written) {
            Ok(found) if Self::parse(&found).as_ref() == Some(self) => Ok(()),
            Ok(_) => Err("other preferences than written".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        atomic::replace_file(file, |out| out.write_all(text.as_bytes()), reads_back)
    }
}

impl WindowMemory {
    /// What was remembered in this folder; nothing where nothing is, or nothing readable.
    pub fn read(folder: Option<&Path>) -> Self {
        let file = folder.map(|f| f.join(FILE_NAME));
        let text = file.as_ref().and_then(|f| std::fs::read_to_string(f).ok());
        let entries = text
            .and_then(|text| Entries::parse(&text))
            .unwrap_or_default();
        let settings: Option<WindowSettings> = eframe::get_value(&entries, WINDOW_KEY);
        Self {
            file,
            written: entries.clone(),
            entries,
            seen: None,
            normal: settings.map(|s| s.normal_geometry()),
        }
    }

    /// Whether the window's place is known.
    pub fn has_place(&self) -> bool {
        let settings: Option<WindowSettings> = eframe::get_value(&self.entries, WINDOW_KEY);
        settings.is_some()
    }

    /// The state that the window was left in. What cannot be read of it is as in a new window.
    pub fn state(&self) -> UiState {
        let mut state = self.preferences().state();
        let panes: Option<Remembered> = eframe::get_value(&self.entries, Remembered::KEY);
        if let Some(panes) = panes {
            state.workspace.arrange(&panes);
        }
        state
    }

    fn preferences(&self) -> Preferences {
        eframe::get_value(&self.entries, Preferences::KEY).unwrap_or_default()
    }

    /// Takes over the window's place when it has changed.
    pub fn follow(&mut self, ctx: &Context, window: Option<&Arc<NativeWindow>>) {
        let Some(window) = window else {
            return;
        };
        let place = ctx.input(|i| {
            let viewport = i.viewport();
            let is_whole = viewport.maximized == Some(true) || viewport.fullscreen == Some(true);
            let is_hidden = viewport.minimized == Some(true);
            (!is_hidden).then_some((viewport.outer_rect, viewport.inner_rect, is_whole))
        });
        if place.is_none() || place == self.seen {
            return;
        }
        self.seen = place;
        let settings = WindowSettings::from_window(ctx.zoom_factor(), window, self.normal);
        self.normal = Some(settings.normal_geometry());
        eframe::set_value(&mut self.entries, WINDOW_KEY, &settings);
    }

    fn take(&mut self, state: &UiState, ctx: &Context) {
        eframe::set_value(&mut self.entries, Preferences::KEY, &Preferences::of(state));
        let panes = state.workspace.remembered();
        eframe::set_value(&mut self.entries, Remembered::KEY, &panes);
        ctx.memory(|memory| eframe::set_value(&mut self.entries, EGUI_KEY, memory));
    }

    /// What is to be written, and where; `None` when the file has it already.
    fn changed(&self) -> Option<(PathBuf, Entries)> {
        let file = self.file.clone()?;
        (self.entries != self.written).then(|| (file, self.entries.clone()))
    }
}

impl Window {
    /// Writes the preferences in the background.
    pub(super) fn save_settings(&mut self) {
        if let Some(file) = self.settings_file.clone() {
            let settings = self.settings.clone();
            self.write_in_background(move || settings.save(&file));
        }
    }

    /// Writes a file that nobody waits for, even if the window closes meanwhile.
    fn write_in_background<E: std::fmt::Display>(
        &mut self,
        write: impl FnOnce() -> Result<(), E> + Send + 'static,
    ) {
        self.files.submit_to_the_end(move |_| match write() {
            Ok(()) => FileOutcome::Done,
            Err(error) => FileOutcome::NotRemembered(error.to_string()),
        });
    }

    /// Writes the preferences in the background, and what the window remembers of itself.
    pub(super) fn remember_in_background(&mut self) {
        self.settings.remember(&self.session);
        self.save_settings();
        self.memory.take(&self.state, &self.waker.context());
        if let Some((file, entries)) = self.memory.changed() {
            self.memory.written = entries.clone();
            self.write_in_background(move || entries.save(&file));
        }
    }

    /// Writes the same at once: the window is closing.
    pub(super) fn remember_at_the_end(&mut self) {
        self.settings.remember(&self.session);
        self.memory.take(&self.state, &self.waker.context());
        let settings = self.settings_file.as_deref();
        let outcomes = [
            settings.map(|file| self.settings.save(file)),
            self.memory
                .changed()
                .map(|(file, entries)| entries.save(&file)),
        ];
        for error in outcomes.into_iter().flatten().filter_map(Result::err) {
            tracing::error!(?error, "the preferences could not be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_eframe_is_read_and_what_is_strange_in_it_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join(FILE_NAME);
        let left = Preferences {
            side_panel: false,
            ..Preferences::default()
        };
        let text = format!(
            "{{\n    \"{}\": {:?},\n    \"strange\": \"kept\",\n}}",
            Preferences::KEY,
            ron::to_string(&left).expect("RON"),
        );
        std::fs::write(&file, text).expect("written");
        let mut memory = WindowMemory::read(Some(folder.path()));
        assert_eq!(memory.preferences(), left);
        assert!(!memory.has_place());
        assert!(memory.changed().is_none());

        memory.take(&UiState::default(), &Context::default());
        let (target, entries) = memory.changed().expect("changed");
        entries.save(&target).expect("written");
        let again = WindowMemory::read(Some(folder.path()));
        assert_eq!(again.preferences(), Preferences::of(&UiState::default()));
        assert_eq!(
            again.entries.0.get("strange").map(String::as_str),
            Some("kept")
        );
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join(FILE_NAME), "").expect("written");
        let memory = WindowMemory::read(Some(folder.path()));
        assert_eq!(memory.preferences(), Preferences::default());
    }
}
