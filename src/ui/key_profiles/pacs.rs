//! A PACS workstation: window presets on the digits, measuring on single letters, the right button sets the window.

use egui::Key;

use crate::session::ToolId;
use crate::ui::input::{ALT, Action, MouseProfile, NONE, SHIFT, key};

use super::KeyProfile;

pub static PROFILE: KeyProfile = KeyProfile {
    id: "pacs",
    title: "PACS workstation",
    mouse: MouseProfile::Pacs,
    changes: &[
        (
            Action::WindowPreset(0),
            &[key(NONE, Key::Num1), key(ALT, Key::Num1)],
        ),
        (
            Action::WindowPreset(1),
            &[key(NONE, Key::Num2), key(ALT, Key::Num2)],
        ),
        (
            Action::WindowPreset(2),
            &[key(NONE, Key::Num3), key(ALT, Key::Num3)],
        ),
        (
            Action::WindowPreset(3),
            &[key(NONE, Key::Num4), key(ALT, Key::Num4)],
        ),
        (
            Action::WindowPreset(4),
            &[key(NONE, Key::Num5), key(ALT, Key::Num5)],
        ),
        (
            Action::ToggleInverted,
            &[key(NONE, Key::I), key(ALT, Key::I)],
        ),
        (Action::Tool(ToolId("distance")), &[key(NONE, Key::D)]),
        (Action::Tool(ToolId("angle")), &[key(NONE, Key::A)]),
        (Action::Tool(ToolId("ellipse")), &[key(NONE, Key::E)]),
        // What had these keys.
        (Action::Tool(ToolId("brush")), &[key(NONE, Key::K)]),
        (Action::Tool(ToolId("eraser")), &[key(SHIFT, Key::K)]),
        (Action::ToggleSmallTargets, &[key(ALT, Key::K)]),
        (Action::ToggleInterpolation, &[key(SHIFT, Key::I)]),
        (Action::LessOpaque, &[key(SHIFT, Key::A)]),
        (Action::MoreOpaque, &[key(SHIFT, Key::D)]),
    ],
};
