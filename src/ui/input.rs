//! What the mouse and the keyboard do: one table each, used by the views, the menus and the help alike.

use std::sync::LazyLock;

use egui::{Key, KeyboardShortcut, Modifiers, PointerButton};
use serde::{Deserialize, Serialize};

use crate::session::operations::{OPERATIONS, Operation};
use crate::session::{TEMPLATES, ToolId};

pub use super::action_group::Group;
use super::key_profiles::ProfileId;
use super::layout::{LAYOUTS, Layout, LayoutId};
use super::texts;
use super::tools::{TOOLS, Tool};

/// What a drag over a view does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DragIntent {
    /// The active tool works: cross-hair, click, box, brush, window.
    Tool,
    /// Moves the image.
    Pan,
    /// Up is nearer, down is farther.
    Zoom,
    /// Right is wider, up is brighter.
    WindowLevel,
}

/// What the wheel over a view does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WheelIntent {
    /// Next or previous slice.
    Slice,
    /// Nearer or farther at the pointer.
    Zoom,
    /// Larger or smaller brush.
    BrushSize,
}

/// Which of the two usual meanings the right mouse button has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MouseProfile {
    /// As in ITK-SNAP and 3D Slicer: right drag zooms.
    #[default]
    Research,
    /// As on a PACS workstation: right drag sets window and level.
    Pacs,
}

impl MouseProfile {
    /// What a drag with this button and these modifiers does.
    pub fn drag(self, button: PointerButton, modifiers: Modifiers) -> Option<DragIntent> {
        let other = modifiers.shift || modifiers.command;
        match (button, self) {
            (PointerButton::Primary, _) => Some(DragIntent::Tool),
            (PointerButton::Middle, _) => Some(DragIntent::Pan),
            (PointerButton::Secondary, Self::Research) if other => Some(DragIntent::WindowLevel),
            (PointerButton::Secondary, Self::Research) => Some(DragIntent::Zoom),
            (PointerButton::Secondary, Self::Pacs) if other => Some(DragIntent::Zoom),
            (PointerButton::Secondary, Self::Pacs) => Some(DragIntent::WindowLevel),
            _ => None,
        }
    }

    /// What the wheel does with these modifiers.
    pub fn wheel(self, modifiers: Modifiers) -> WheelIntent {
        if modifiers.command || modifiers.ctrl {
            WheelIntent::Zoom
        } else if modifiers.shift {
            WheelIntent::BrushSize
        } else {
            WheelIntent::Slice
        }
    }

    /// The mouse table for the help window: gesture and meaning.
    pub fn help(self) -> [(&'static str, &'static str); 11] {
        let (right, shift_right) = match self {
            Self::Research => ("Zoom", "Window and level"),
            Self::Pacs => ("Window and level", "Zoom"),
        };
        let rows = [
            ("Wheel", "Next or previous slice"),
            ("Ctrl + wheel", "Zoom at the pointer"),
            ("Shift + wheel", "Brush size"),
            ("Left", "The active tool; cross-hair where none is chosen"),
            (
                "Shift + left",
                "Click, scribble, lasso, diameter: \"not this\". What draws: erase",
            ),
            ("Ctrl + left", "The label there becomes the active one"),
            ("Middle drag", "Move the image"),
            ("Right drag", right),
            ("Shift + right drag", shift_right),
            (
                "Double click",
                "This view alone, and back (cross-hair tool)",
            ),
            (
                "Drag a handle of the box",
                "Moves that side, in any view; inside: the whole box",
            ),
        ];
        rows.map(|(gesture, meaning)| (texts::of(gesture), texts::of(meaning)))
    }
}

/// What a key or a menu entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "`text` says what each does, to users as well")]
pub enum Action {
    OpenFile,
    OpenFolder,
    OpenByPath,
    ShowArchives,
    ShowTeaching,
    ChooseSeries,
    OpenSample,
    OpenProject,
    ImportModel,
    NextCase,
    CaseDone,
    CaseFlagged,
    CompareReaders,
    CompareLabels,
    CloseComparison,
    NextDisagreement,
    ToggleDifferences,
    OpenLabels,
    ReadLabelTable,
    WriteLabelTable,
    Save,
    SaveAs,
    SaveOnScanGrid,
    OpenSecond,
    CloseSecond,
    RegisterSecond,
    OpenTransform,
    SaveTransform,
    EditOnFinerGrid,
    EditOnScanGrid,
    Quit,
    Undo,
    Redo,
    SegmentOrgans,
    Accept,
    Reject,
    /// Asks the model for the target of the prompts.
    AskModel,
    ToggleAskByHand,
    ToggleSmallTargets,
    ToggleLargeTargets,
    ToggleClickPreview,
    NextLesion,
    /// Adds the labels of the template of this place in the table of them.
    Template(usize),
    /// Adds a label layer.
    NewLayer,
    GoToDoubt,
    PreviousLabel,
    NextLabel,
    Tool(ToolId),
    ToggleClickSign,
    LargerBrush,
    SmallerBrush,
    ToggleBrush3d,
    Operation(&'static Operation),
    Layout(LayoutId),
    ToggleLabels,
    MoreOpaque,
    LessOpaque,
    ToggleOutline,
    AutoWindow,
    /// The window preset of this place, from 0, of the scan's modality.
    WindowPreset(usize),
    ToggleInverted,
    ToggleViewTexts,
    ToggleInterpolation,
    ToggleConvention,
    ToggleCrosshair,
    MaximiseView,
    NextSlab,
    FitViews,
    StraightPlanes,
    SlicePrevious,
    SliceNext,
    SliceBack10,
    SliceForward10,
    ShowPalette,
    ShowShortcuts,
    ShowAbout,
}

/// One row of the keyboard table.
#[derive(Debug, Clone, Copy)]
pub struct Shortcut {
    /// What it does.
    pub action: Action,
    /// The keys, the first being the one that menus show.
    pub keys: &'static [KeyboardShortcut],
}

pub(super) const NONE: Modifiers = Modifiers::NONE;
const CTRL: Modifiers = Modifiers::COMMAND;
pub(super) const ALT: Modifiers = Modifiers::ALT;
pub(super) const SHIFT: Modifiers = Modifiers::SHIFT;
const CTRL_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);

pub(super) const fn key(modifiers: Modifiers, logical_key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(modifiers, logical_key)
}

macro_rules! shortcuts {
    ($($action:ident: $([$modifiers:ident $key:ident])*;)*) => {
        &[$(Shortcut { action: Action::$action, keys: &[$(key($modifiers, Key::$key)),*] }),*]
    };
}

/// All that can be asked for, with its keys; tools and layouts have theirs in their own tables. Keys are those of ITK-SNAP, 3D Slicer and SlicerNNInteractive where they agree.
pub const SHORTCUTS: &[Shortcut] = shortcuts! {
    SaveAs: [CTRL_SHIFT S];
    CaseDone: [CTRL_SHIFT D];
    CaseFlagged: [CTRL_SHIFT F];
    NextCase: [CTRL_SHIFT N];
    OpenFolder: [CTRL_SHIFT O];
    ShowArchives: [CTRL_SHIFT P];
    Redo: [CTRL_SHIFT Z] [CTRL Y] [NONE Y];
    OpenFile: [CTRL O];
    OpenByPath: [CTRL L];
    Save: [CTRL S];
    Quit: [CTRL Q];
    Undo: [CTRL Z] [NONE Z];
    SegmentOrgans: [CTRL G];
    AutoWindow: [CTRL J];
    FitViews: [CTRL F] [NONE R];
    ToggleInverted: [ALT I];
    StraightPlanes: [ALT R];
    NextSlab: [SHIFT S];
    NextDisagreement: [SHIFT N];
    ToggleDifferences: [SHIFT V];
    AskModel: [CTRL Enter];
    Accept: [NONE Enter];
    Reject: [NONE Escape];
    NextLesion: [NONE N] [NONE E];
    GoToDoubt: [SHIFT U];
    ToggleClickPreview: [SHIFT P];
    ToggleAskByHand: [SHIFT T];
    ToggleSmallTargets: [SHIFT K];
    ToggleLargeTargets: [SHIFT J];
    PreviousLabel: [NONE Comma];
    NextLabel: [NONE Period];
    ToggleClickSign: [NONE T];
    LargerBrush: [NONE Plus] [NONE Equals];
    SmallerBrush: [NONE Minus];
    ToggleBrush3d: [NONE Num0];
    ToggleLabels: [NONE S];
    LessOpaque: [NONE A];
    MoreOpaque: [NONE D];
    ToggleOutline: [NONE O];
    ToggleInterpolation: [NONE I];
    ToggleCrosshair: [NONE H];
    MaximiseView: [NONE F];
    SlicePrevious: [NONE ArrowDown] [NONE ArrowLeft];
    SliceNext: [NONE ArrowUp] [NONE ArrowRight];
    SliceBack10: [NONE PageDown];
    SliceForward10: [NONE PageUp];
    ShowPalette: [CTRL K] [NONE F3];
    ShowShortcuts: [NONE F1];
    OpenSample: ;
    OpenProject: ;
    ImportModel: ;
    OpenLabels: ;
    CompareReaders: ;
    CompareLabels: ;
    CloseComparison: ;
    SaveOnScanGrid: ;
    OpenSecond: ;
    CloseSecond: ;
    RegisterSecond: ;
    OpenTransform: ;
    SaveTransform: ;
    EditOnFinerGrid: ;
    EditOnScanGrid: ;
    ChooseSeries: ;
    ReadLabelTable: ;
    WriteLabelTable: ;
    NewLayer: ;
    ToggleConvention: ;
    ToggleViewTexts: ;
    ShowAbout: ;
};

/// All that can be asked for, with the keys of Prosector: [`SHORTCUTS`], the tools, the layouts and the operations.
pub(super) fn own_shortcuts() -> impl Iterator<Item = Shortcut> {
    let tools = TOOLS.iter().map(|tool| Shortcut {
        action: Action::Tool(tool.id),
        keys: tool.keys,
    });
    let operations = OPERATION_KEYS.iter().map(|(operation, keys)| Shortcut {
        action: Action::Operation(operation),
        keys,
    });
    let layouts = LAYOUTS.iter().map(|layout| Shortcut {
        action: Action::Layout(layout.id),
        keys: layout.keys,
    });
    let presets = PRESETS.iter().enumerate().map(|(n, (_, keys))| Shortcut {
        action: Action::WindowPreset(n),
        keys,
    });
    let templates = (0..TEMPLATES.len()).map(|n| Shortcut {
        action: Action::Template(n),
        keys: &[],
    });
    presets
        .chain(tools)
        .chain(templates)
        .chain(SHORTCUTS.iter().copied())
        .chain(layouts)
        .chain(operations)
}

/// Names and keys of the window presets that have keys; those of tools are the digits alone.
const PRESETS: [(&str, [KeyboardShortcut; 1]); 5] = [
    ("Window preset 1", [key(ALT, Key::Num1)]),
    ("Window preset 2", [key(ALT, Key::Num2)]),
    ("Window preset 3", [key(ALT, Key::Num3)]),
    ("Window preset 4", [key(ALT, Key::Num4)]),
    ("Window preset 5", [key(ALT, Key::Num5)]),
];

/// The operations with the keys that they name.
static OPERATION_KEYS: LazyLock<Vec<(&Operation, Vec<KeyboardShortcut>)>> = LazyLock::new(|| {
    let keys = |operation: &Operation| Vec::from_iter(operation.key.and_then(keys_named));
    OPERATIONS.iter().map(|&o| (o, keys(o))).collect()
});

/// Keys as operations name them, such as `Ctrl+H`; `None` where it names none.
fn keys_named(text: &str) -> Option<KeyboardShortcut> {
    let mut names = text.rsplit('+');
    let logical_key = Key::from_name(names.next()?)?;
    let modifiers = names.try_fold(NONE, |held, name| match name {
        "Ctrl" => Some(held.plus(CTRL)),
        "Shift" => Some(held.plus(Modifiers::SHIFT)),
        _ => None,
    });
    Some(key(modifiers?, logical_key))
}

impl Action {
    /// What it does, in the words of menus and help.
    pub fn text(self) -> &'static str {
        texts::of(self.in_english())
    }

    /// The same in English, which can be sought in every language.
    pub fn in_english(self) -> &'static str {
        match self {
            Self::OpenFile => "Open file...",
            Self::OpenFolder => "Open folder...",
            Self::OpenByPath => "Open by path...",
            Self::ShowArchives => "PACS...",
            Self::ShowTeaching => "Teach from cases...",
            Self::ChooseSeries => "Another series...",
            Self::OpenSample => "Open sample (phantom)",
            Self::OpenProject => "Open worklist...",
            Self::ImportModel => "Import a trained model...",
            Self::NextCase => "Next case",
            Self::CaseDone => "Case done, next",
            Self::CaseFlagged => "Flag case, next",
            Self::CompareReaders => "Compare readers",
            Self::CompareLabels => "Compare with labels...",
            Self::CloseComparison => "Close comparison",
            Self::NextDisagreement => "Next disagreement",
            Self::ToggleDifferences => "Differences or labels",
            Self::OpenLabels => "Open labels...",
            Self::ReadLabelTable => "Read names and colours...",
            Self::WriteLabelTable => "Write names and colours...",
            Self::Save => "Save",
            Self::SaveAs => "Save as...",
            Self::OpenSecond => "Open second image...",
            Self::CloseSecond => "Close second image",
            Self::RegisterSecond => "Register second image",
            Self::OpenTransform => "Open transform...",
            Self::SaveTransform => "Save transform...",
            Self::SaveOnScanGrid => "Save on the scan's grid as...",
            Self::EditOnFinerGrid => "Edit on a finer grid...",
            Self::EditOnScanGrid => "Edit on the scan's grid",
            Self::Quit => "Quit",
            Self::Undo => "Undo",
            Self::Redo => "Redo",
            Self::SegmentOrgans => "Segment organs",
            Self::Accept => "Accept proposal",
            Self::Reject => "Reject proposal",
            Self::AskModel => "Ask the model",
            Self::ToggleAskByHand => "Ask the model at once or by key",
            Self::ToggleSmallTargets => "What is clicked is small, or of any size",
            Self::ToggleLargeTargets => "What is clicked is large, or of any size",
            Self::ToggleClickPreview => "Preview of clicks on or off",
            Self::NextLesion => "Next lesion",
            Self::Template(n) => TEMPLATES.get(n).map_or("Labels", |t| t.title),
            Self::NewLayer => "New label layer",
            Self::GoToDoubt => "To where the model is least sure",
            Self::PreviousLabel => "Previous label",
            Self::NextLabel => "Next label",
            Self::Tool(id) => Tool::of(id).title,
            Self::ToggleClickSign => "Positive or negative click",
            Self::LargerBrush => "Larger brush",
            Self::SmallerBrush => "Smaller brush",
            Self::ToggleBrush3d => "Brush in 2D or 3D",
            Self::Operation(operation) => operation.title,
            Self::Layout(id) => Layout::of(id).title,
            Self::ToggleLabels => "Show or hide labels",
            Self::MoreOpaque => "Labels more opaque",
            Self::LessOpaque => "Labels less opaque",
            Self::ToggleOutline => "Labels filled or outlined",
            Self::AutoWindow => "Automatic window",
            Self::WindowPreset(n) => PRESETS.get(n).map_or("Window preset", |(text, _)| text),
            Self::ToggleInverted => "Grey values inverted or not",
            Self::ToggleViewTexts => "Show or hide texts in the views",
            Self::ToggleInterpolation => "Smooth or exact voxels",
            Self::ToggleConvention => "Radiological or neurological",
            Self::ToggleCrosshair => "Show or hide the cross-hair",
            Self::MaximiseView => "View under the pointer alone, and back",
            Self::NextSlab => "Slab: maximum, mean, minimum, or one slice",
            Self::FitViews => "Fit views to the scan",
            Self::StraightPlanes => "Turn the planes back",
            Self::SlicePrevious => "Previous slice",
            Self::SliceNext => "Next slice",
            Self::SliceBack10 => "Ten slices back",
            Self::SliceForward10 => "Ten slices on",
            Self::ShowPalette => "Find a command...",
            Self::ShowShortcuts => "Mouse and keyboard",
            Self::ShowAbout => "About Prosector",
        }
    }

    /// Where the help lists it.
    pub fn group(self) -> Group {
        match self {
            Self::OpenFile
            | Self::OpenFolder
            | Self::OpenByPath
            | Self::ShowArchives
            | Self::ShowTeaching
            | Self::ChooseSeries
            | Self::OpenSample
            | Self::OpenProject
            | Self::ImportModel
            | Self::NextCase
            | Self::CaseDone
            | Self::CaseFlagged
            | Self::CompareReaders
            | Self::CompareLabels
            | Self::CloseComparison
            | Self::OpenLabels
            | Self::ReadLabelTable
            | Self::WriteLabelTable
            | Self::Save
            | Self::SaveAs
            | Self::SaveOnScanGrid
            | Self::OpenSecond
            | Self::CloseSecond
            | Self::RegisterSecond
            | Self::OpenTransform
            | Self::SaveTransform
            | Self::Quit => Group::Files,
            Self::Undo
            | Self::Redo
            | Self::SegmentOrgans
            | Self::Accept
            | Self::Reject
            | Self::AskModel
            | Self::ToggleAskByHand
            | Self::ToggleSmallTargets
            | Self::ToggleLargeTargets
            | Self::ToggleClickPreview
            | Self::NextLesion
            | Self::Template(_)
            | Self::NewLayer
            | Self::EditOnFinerGrid
            | Self::EditOnScanGrid
            | Self::GoToDoubt
            | Self::NextDisagreement
            | Self::PreviousLabel
            | Self::NextLabel
            | Self::Operation(_) => Group::Segmenting,
            Self::Tool(_)
            | Self::ToggleClickSign
            | Self::LargerBrush
            | Self::SmallerBrush
            | Self::ToggleBrush3d => Group::Tools,
            Self::SlicePrevious | Self::SliceNext | Self::SliceBack10 | Self::SliceForward10 => {
                Group::Slices
            }
            Self::ToggleLabels
            | Self::ToggleDifferences
            | Self::MoreOpaque
            | Self::LessOpaque
            | Self::ToggleOutline
            | Self::AutoWindow
            | Self::WindowPreset(_)
            | Self::ToggleInverted
            | Self::ToggleViewTexts
            | Self::ToggleInterpolation
            | Self::ToggleConvention
            | Self::ToggleCrosshair
            | Self::MaximiseView
            | Self::NextSlab
            | Self::FitViews
            | Self::StraightPlanes
            | Self::Layout(_) => Group::Views,
            Self::ShowPalette | Self::ShowShortcuts | Self::ShowAbout => Group::Help,
        }
    }

    /// Whether it does something without a scan.
    pub fn needs_scan(self) -> bool {
        match self.group() {
            Group::Files => matches!(
                self,
                Self::OpenLabels
                    | Self::ReadLabelTable
                    | Self::WriteLabelTable
                    | Self::ChooseSeries
                    | Self::Save
                    | Self::SaveAs
                    | Self::CaseDone
                    | Self::CaseFlagged
                    | Self::CompareReaders
                    | Self::CompareLabels
                    | Self::CloseComparison
            ),
            Group::Help => false,
            Group::Segmenting | Group::Tools | Group::Slices | Group::Views => true,
        }
    }

    /// Whether a held key repeats it.
    fn repeats(self) -> bool {
        matches!(
            self,
            Self::LargerBrush
                | Self::SmallerBrush
                | Self::MoreOpaque
                | Self::LessOpaque
                | Self::SlicePrevious
                | Self::SliceNext
                | Self::SliceBack10
                | Self::SliceForward10
                | Self::Undo
                | Self::Redo
        )
    }
}

/// Keys that egui itself heeds, for the size of everything in the window.
pub const SCALE_KEYS: [(KeyboardShortcut, &str); 3] = [
    (key(CTRL, Key::Plus), "Larger"),
    (key(CTRL, Key::Minus), "Smaller"),
    (key(CTRL, Key::Num0), "As the system says"),
];

/// The actions whose keys were pressed since the last frame. Consumes them, so call it only when no text
/// field has the keyboard.
pub fn pressed_actions(input: &mut egui::InputState, profile: ProfileId) -> Vec<Action> {
    let bound = profile.shortcuts().iter();
    let mut all: Vec<(Action, KeyboardShortcut)> = bound
        .flat_map(|b| b.keys.iter().map(|keys| (b.action, *keys)))
        .collect();
    // Those with more modifiers first: egui takes the plain ones for them, as Z for Shift+Z.
    let held = |m: Modifiers| [m.shift, m.alt, m.command].iter().filter(|on| **on).count();
    all.sort_by_key(|(_, keys)| std::cmp::Reverse(held(keys.modifiers)));
    let mut actions = Vec::new();
    for (action, keys) in all {
        let presses = input.count_and_consume_key(keys.modifiers, keys.logical_key);
        let most = if action.repeats() { presses } else { 1 };
        let times = presses.min(most);
        actions.extend(std::iter::repeat_n(action, times));
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_the_keys_that_they_name() {
        for operation in OPERATIONS {
            let named = usize::from(operation.key.is_some());
            let keys = ProfileId::default().keys(Action::Operation(operation));
            assert_eq!(keys.len(), named);
        }
        assert_eq!(keys_named("Ctrl+Shift+F3"), Some(key(CTRL_SHIFT, Key::F3)));
        assert_eq!(keys_named("Hyper+H"), None);
    }
}
