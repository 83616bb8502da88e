//! What the window remembers of itself, beside the arrangement of its panes (`arrangement.rs`); preferences about scans
//! are in the session's settings.

use egui::ThemePreference;
use serde::{Deserialize, Serialize};

use super::input::MouseProfile;
use super::key_profiles::ProfileId;
use super::state::UiState;
use super::texts::LanguageId;

/// The smallest and the largest scale that is taken over from the last start.
const SCALES: (f32, f32) = (0.5, 3.0);

/// Preferences of the window. Kept by eframe, with the window's place and size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// What the right mouse button does.
    pub mouse: MouseProfile,
    /// Whose keys the window has.
    pub keys: ProfileId,
    /// The right panel is shown.
    pub side_panel: bool,
    /// The cross-hair lines are drawn.
    pub cross_hair: bool,
    /// Whether the mask that a click would give is shown while the pointer rests; `None`: where a GPU computes.
    pub click_preview: Option<bool>,
    /// How large the window's text is; 1 is as the system says.
    pub scale: f32,
    /// Dark, light, or as the system says.
    pub theme: ThemePreference,
    /// The language of the window; `None`: that of the system.
    pub language: Option<LanguageId>,
}

impl Default for Preferences {
    fn default() -> Self {
        Self {
            mouse: MouseProfile::default(),
            keys: ProfileId::default(),
            side_panel: true,
            cross_hair: true,
            click_preview: None,
            scale: 1.0,
            theme: ThemePreference::Dark,
            language: None,
        }
    }
}

impl Preferences {
    /// The key under which eframe keeps them; the number changes when the meaning of a field does.
    pub const KEY: &'static str = "prosector-window-1";

    /// The state of a window that starts with these.
    pub fn state(self) -> UiState {
        let (smallest, largest) = SCALES;
        let scale = if self.scale.is_finite() {
            self.scale.clamp(smallest, largest)
        } else {
            Self::default().scale
        };
        UiState {
            scale,
            mouse: self.mouse,
            keys: self.keys,
            show_side_panel: self.side_panel,
            show_cross_hair: self.cross_hair,
            click_preview: self.click_preview,
            theme: self.theme,
            language: self.language,
            ..UiState::default()
        }
    }

    /// What to keep of a window.
    pub fn of(state: &UiState) -> Self {
        Self {
            mouse: state.mouse,
            keys: state.keys,
            side_panel: state.show_side_panel,
            cross_hair: state.show_cross_hair,
            click_preview: state.click_preview,
            scale: state.scale,
            theme: state.theme,
            language: state.language,
        }
    }
}
