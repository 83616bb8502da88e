//! What fills the middle of the window: a table with one file a kind of pane.
//!
//! A pane has an id, a kind and a state of its own, such as the plane and the camera of a slice. Textures of scan, labels
//! and proposal belong to the scene and are shared by all panes; only the picture of a pane is kept by its id.

pub mod slice;
pub mod statistics;
pub mod volume;

use std::fmt::Debug;

use egui::{Rect, Ui};
use serde::{Deserialize, Serialize};

use crate::geometry::Plane;
use crate::session::Case;

use super::model::UiModel;
use super::state::UiState;
use super::view::{Canvas, ViewIntent};

/// All kinds of panes.
pub const KINDS: &[Kind] = &[slice::KIND, volume::KIND, statistics::KIND];

/// One kind of pane.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Names it in what is remembered of the window.
    pub id: &'static str,
    /// Opens a pane of this kind from what [`Pane::remembered`] said; `None` where that is not understood.
    pub open: fn(&str) -> Option<Box<dyn Pane>>,
}

/// A pane in words, as it is in layouts and in what is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// The id of its kind.
    pub kind: String,
    /// What [`Pane::remembered`] says of it.
    pub state: String,
}

impl Described {
    /// A pane as it is now.
    pub fn of(pane: &dyn Pane) -> Self {
        Self {
            kind: pane.kind().id.to_owned(),
            state: pane.remembered(),
        }
    }

    /// A pane that is like this; `None` where there is no such kind, or it does not understand the state.
    pub fn open(&self) -> Option<Box<dyn Pane>> {
        let kind = KINDS.iter().find(|kind| kind.id == self.kind)?;
        (kind.open)(&self.state)
    }
}

/// Names a pane for as long as the window is open; no number is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PaneId(pub u64);

/// A pane: what it shows, and its own state.
pub trait Pane: Debug {
    /// Its kind.
    fn kind(&self) -> &'static Kind;

    /// What is kept of it for the next start, in a form that its kind opens again.
    fn remembered(&self) -> String;

    /// What it is called.
    fn title(&self, case: &Case) -> String;

    /// The entries that its menu begins with.
    fn menu(&mut self, ui: &mut Ui, case: &Case);

    /// Shows all there is to see again.
    fn fit(&mut self);

    /// The plane of its slices, where it shows any.
    fn plane(&self) -> Option<Plane> {
        None
    }

    /// Takes several slices together, in the next way that there is, where it shows slices.
    fn next_slab(&mut self) {}

    /// What stepping this many slices on means, where there are slices to step through.
    fn step(&self, _steps: i64) -> Option<ViewIntent> {
        None
    }

    /// Draws it, and returns what the user meant over it.
    fn show(&mut self, ui: &mut Ui, context: &mut PaneContext<'_, '_>) -> Vec<ViewIntent>;
}

/// What a pane is drawn with.
pub struct PaneContext<'a, 'm> {
    /// Which pane it is.
    pub id: PaneId,
    /// Where it is, in points, on whole pixels.
    pub rect: Rect,
    /// The part of it that is for its handle: a press there is not for the pane.
    pub handle: Rect,
    /// What there is to show.
    pub model: &'a UiModel<'m>,
    /// The scan.
    pub case: &'a Case,
    /// Draws slices; `None` without a graphics adapter.
    pub canvas: Option<&'a Canvas>,
    /// The state of the window, without its panes.
    pub state: &'a mut UiState,
}
