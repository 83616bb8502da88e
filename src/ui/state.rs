//! What the window itself remembers between frames; everything about the scan is in the session.

use std::collections::{BTreeMap, BTreeSet};

use egui::ThemePreference;

use crate::geometry::VoxelIndex;
use crate::prompt::Polarity;
use crate::session::operations::Operation;
use crate::volume::{Label, LayerId, title_of};

use super::archive::ArchiveForm;
use super::input::MouseProfile;
use super::key_profiles::ProfileId;
use super::model::Question;
use super::notify::Messages;
use super::offers::Offers;
use super::operation_form::OperationForm;
use super::palette::Palette;
use super::panel::Review;
use super::panes::PaneId;
use super::teach::TeachForm;
use super::texts::LanguageId;
use super::tools::OpenOutline;
use super::view::{ActiveDrag, DrawnLabels, Turned};
use super::worklist::WorklistState;
use super::workspace::Workspace;

/// What is given another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renamed {
    /// The label of a value.
    Label(u16),
    /// A layer of labels.
    Layer(LayerId),
    /// The group of this name.
    Group(String),
}

/// State of the window.
#[derive(Debug, Default)]
pub struct UiState {
    /// The open panes and their places.
    pub workspace: Workspace,
    /// What the right mouse button does.
    pub mouse: MouseProfile,
    /// Whose keys the window has.
    pub keys: ProfileId,
    /// A plain click of the click tool means "this is not".
    pub negative_clicks: bool,
    /// Whether the mask that a click would give is shown while the pointer rests; `None`: where a GPU computes.
    pub click_preview: Option<bool>,
    /// A GPU computes.
    pub has_gpu: bool,
    /// The cross-hair lines are drawn.
    pub show_cross_hair: bool,
    /// Window, magnification and the scan's name are not written into the views.
    pub hide_texts: bool,
    /// The right panel is shown.
    pub show_side_panel: bool,
    /// The mouse and keyboard window is open.
    pub show_shortcuts: bool,
    /// The about window is open.
    pub show_about: bool,
    /// The palette of commands, while it is open.
    pub palette: Option<Palette>,
    /// The form of an operation, while it is open.
    pub form: Option<OperationForm>,
    /// Whether forms show what their operation would give, by its id, where the user has said so.
    pub operation_previews: BTreeMap<&'static str, bool>,
    /// The window of archives, while it is open.
    pub archive: Option<ArchiveForm>,
    /// The window of teaching, while it is open.
    pub teach: Option<TeachForm>,
    /// The question over everything else.
    pub question: Option<Question>,
    /// What was answered of the labels that lie beside the scan.
    pub offers: Offers,
    /// Messages over the views.
    pub messages: Messages,
    /// The labels as they are drawn.
    pub drawn_labels: DrawnLabels,
    /// The drag under way.
    pub drag: Option<ActiveDrag>,
    /// What is being drawn in several presses.
    pub outline: Option<OpenOutline>,
    /// Wheel movement that is not a whole notch yet.
    pub wheel: f32,
    /// A pane showed what was measured of the labels in the last frame.
    pub shows_statistics: bool,
    /// The voxel under the pointer; `None` beside the volume.
    pub hovered: Option<VoxelIndex>,
    /// The pane that was under the pointer last.
    pub active_pane: Option<PaneId>,
    /// The frame that the slider stands at while it is dragged, from 0.
    pub frame: Option<usize>,
    /// The label that the panel's row under the pointer is about: shown stronger in the views.
    pub highlighted: Option<u16>,
    /// The structures of the standing proposal, those decided on included: rows stay where they are.
    pub review: Review,
    /// What is sought in the list of labels.
    pub sought: String,
    /// Groups whose labels are not listed.
    pub closed_groups: BTreeSet<String>,
    /// Another text is sought: the list is to begin at its top.
    pub list_to_top: bool,
    /// The label that the list was scrolled to.
    pub label_at: Option<u16>,
    /// Height of the list of labels, in points: what the rest of the panel leaves.
    pub label_list_height: f32,
    /// Height of the history below the rest of the panel, in points.
    pub history_height: f32,
    /// The position in the history that its list was scrolled to.
    pub history_at: Option<usize>,
    /// How large the window's text is; 1 is as the system says.
    pub scale: f32,
    /// The language that was chosen; `None`: that of the system.
    pub language: Option<LanguageId>,
    /// How the planes are turned about the cross-hair.
    pub turned: Turned,
    /// Dark, light, or as the system says.
    pub theme: ThemePreference,
    /// The language of the system.
    pub system_language: LanguageId,
    /// What is remembered of the worklist.
    pub worklist: WorklistState,
    /// The label or layer whose name is being edited, and the text so far.
    pub renaming: Option<(Renamed, String)>,
}

impl UiState {
    /// What a plain click of the click tool means.
    pub fn polarity(&self) -> Polarity {
        if self.negative_clicks {
            Polarity::Negative
        } else {
            Polarity::Positive
        }
    }

    /// Whether the mask that a click would give is shown while the pointer rests.
    pub fn previews_clicks(&self) -> bool {
        self.click_preview.unwrap_or(self.has_gpu)
    }

    /// Whether the form of an operation shows what it would give.
    pub fn previews(&self, operation: &Operation) -> bool {
        let said = self.operation_previews.get(operation.id);
        said.copied().unwrap_or(operation.previews_at_once)
    }

    /// Whether the list of labels shows this one: what is sought is in its name, or is its value.
    pub fn finds(&self, label: &Label) -> bool {
        let sought = self.sought.trim().to_lowercase();
        let is_in_name = label.title().to_lowercase().contains(&title_of(&sought));
        is_in_name || label.value.to_string() == sought
    }

    /// The language of the window.
    pub fn spoken(&self) -> LanguageId {
        self.language.unwrap_or(self.system_language)
    }

    /// The pane that keys act on.
    pub fn key_pane(&self) -> Option<PaneId> {
        self.workspace.key_pane(self.active_pane)
    }
}
