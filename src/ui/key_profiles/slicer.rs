//! 3D Slicer: the effects of its segment editor on the digits, segments on Q and W, slices on B and F.

use egui::Key;

use crate::session::ToolId;
use crate::session::operations::{grow_from_seeds, hollow, interpolate, margin, smooth, threshold};
use crate::ui::input::{Action, MouseProfile, NONE, SHIFT, key};

use super::KeyProfile;

pub static PROFILE: KeyProfile = KeyProfile {
    id: "slicer",
    title: "3D Slicer",
    mouse: MouseProfile::Research,
    changes: &[
        (
            Action::Operation(&threshold::OPERATION),
            &[key(NONE, Key::Num1)],
        ),
        (Action::Tool(ToolId("brush")), &[key(NONE, Key::Num2)]),
        (
            Action::Tool(ToolId("polygon")),
            &[key(NONE, Key::Num3), key(NONE, Key::L)],
        ),
        (Action::Tool(ToolId("eraser")), &[key(NONE, Key::Num4)]),
        (
            Action::Tool(ToolId("level_trace")),
            &[key(NONE, Key::Num5), key(NONE, Key::V)],
        ),
        (
            Action::Operation(&grow_from_seeds::OPERATION),
            &[key(NONE, Key::Num6)],
        ),
        (
            Action::Operation(&interpolate::OPERATION),
            &[key(NONE, Key::Num7)],
        ),
        (
            Action::Operation(&margin::OPERATION),
            &[key(NONE, Key::Num8)],
        ),
        (
            Action::Operation(&hollow::OPERATION),
            &[key(NONE, Key::Num9)],
        ),
        (
            Action::Operation(&smooth::OPERATION),
            &[key(NONE, Key::Num0)],
        ),
        (
            Action::PreviousLabel,
            &[key(NONE, Key::Q), key(NONE, Key::Comma)],
        ),
        (
            Action::NextLabel,
            &[key(NONE, Key::W), key(NONE, Key::Period)],
        ),
        (
            Action::ToggleLabels,
            &[key(NONE, Key::G), key(NONE, Key::S)],
        ),
        (
            Action::SlicePrevious,
            &[
                key(NONE, Key::ArrowDown),
                key(NONE, Key::ArrowLeft),
                key(NONE, Key::B),
            ],
        ),
        (
            Action::SliceNext,
            &[
                key(NONE, Key::ArrowUp),
                key(NONE, Key::ArrowRight),
                key(NONE, Key::F),
            ],
        ),
        // What had these keys.
        (Action::Tool(ToolId("box")), &[key(SHIFT, Key::B)]),
        (Action::Tool(ToolId("pick")), &[key(SHIFT, Key::Q)]),
        (Action::Tool(ToolId("window")), &[key(SHIFT, Key::W)]),
        (Action::Tool(ToolId("fill")), &[key(SHIFT, Key::G)]),
        (Action::MaximiseView, &[key(SHIFT, Key::F)]),
        (Action::ToggleBrush3d, &[key(NONE, Key::K)]),
    ],
};
