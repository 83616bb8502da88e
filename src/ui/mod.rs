//! The window: draws the session, and returns what the user asks for. It changes nothing itself.

mod action_group;
pub mod actions;
pub mod archive;
pub mod arrangement;
mod help;
mod icons;
pub mod input;
pub mod key_profiles;
pub mod layout;
mod menu;
pub mod model;
mod notify;
mod operation_form;
pub mod pace;
pub mod palette;
mod pane_menu;
mod panel;
pub mod panes;
mod preferences;
mod question;
mod root;
mod state;
mod status;
pub mod texts;
pub mod theme;
pub mod tools;
pub mod view;
mod worklist;
mod workspace;

pub use crate::session::Severity;
pub use input::MouseProfile;
pub use notify::{Message, Messages};
pub use preferences::Preferences;
pub use root::show;
pub use state::UiState;
