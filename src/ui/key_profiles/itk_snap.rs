//! ITK-SNAP: its modes on the digits, annotation mode being the distance and snake mode the click prompt.

use egui::Key;

use crate::session::ToolId;
use crate::ui::input::{Action, MouseProfile, NONE, SHIFT, key};

use super::KeyProfile;

pub static PROFILE: KeyProfile = KeyProfile {
    id: "itk_snap",
    title: "ITK-SNAP",
    mouse: MouseProfile::Research,
    changes: &[
        (Action::Tool(ToolId("cross_hair")), &[key(NONE, Key::Num1)]),
        (
            Action::Tool(ToolId("polygon")),
            &[key(NONE, Key::Num3), key(NONE, Key::L)],
        ),
        (Action::Tool(ToolId("brush")), &[key(NONE, Key::Num4)]),
        (
            Action::Tool(ToolId("click")),
            &[key(NONE, Key::Num5), key(NONE, Key::P)],
        ),
        (
            Action::Tool(ToolId("distance")),
            &[key(NONE, Key::Num6), key(SHIFT, Key::D)],
        ),
        (Action::Tool(ToolId("eraser")), &[key(NONE, Key::E)]),
        (Action::ToggleViewTexts, &[key(NONE, Key::X)]),
        (Action::ToggleCrosshair, &[key(SHIFT, Key::X)]),
    ],
};
