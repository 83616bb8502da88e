//! The layouts that are offered: one entry each. Menu, keys, help and palette list them from [`LAYOUTS`].

use egui::{Key, KeyboardShortcut, Modifiers};

use crate::geometry::Plane;

use super::arrangement::{Arrangement, Remembered};
use super::panes::slice::described;
use super::panes::{statistics, volume};

/// One layout.
#[derive(Clone, Copy)]
pub struct Layout {
    /// Names it.
    pub id: LayoutId,
    /// What it is called.
    pub title: &'static str,
    /// Its keys, the first being the one that menus show.
    pub keys: &'static [KeyboardShortcut],
    /// Which panes it has, and where.
    pub arrangement: fn() -> Remembered,
}

/// Names a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LayoutId(&'static str);

/// All layouts, in the order of the menu.
pub const LAYOUTS: &[Layout] = &[
    Layout {
        id: LayoutId("one"),
        title: "Layout 1: one view",
        keys: &[key(Key::Num1)],
        arrangement: || slice(Plane::Axial),
    },
    Layout {
        id: LayoutId("side by side"),
        title: "Layout 2: side by side",
        keys: &[key(Key::Num2)],
        arrangement: || Arrangement::row([Plane::Axial, Plane::Coronal].map(slice)),
    },
    AXIAL_LARGE,
    Layout {
        id: LayoutId("coronal large"),
        title: "Layout 1+2: coronal large",
        keys: &[],
        arrangement: || one_large(Plane::Coronal, [Plane::Axial, Plane::Sagittal]),
    },
    Layout {
        id: LayoutId("sagittal large"),
        title: "Layout 1+2: sagittal large",
        keys: &[],
        arrangement: || one_large(Plane::Sagittal, [Plane::Axial, Plane::Coronal]),
    },
    Layout {
        id: LayoutId("two by two"),
        title: "Layout 2x2: four views",
        keys: &[key(Key::Num4)],
        arrangement: || {
            let rows = [
                [Plane::Axial, Plane::Coronal],
                [Plane::Axial, Plane::Sagittal],
            ];
            Arrangement::column(rows.map(|row| Arrangement::row(row.map(slice))))
        },
    },
    Layout {
        id: LayoutId("three and 3d"),
        title: "Layout 2x2: three views and 3D",
        keys: &[key(Key::Num6)],
        arrangement: || {
            let above = Arrangement::row([Plane::Axial, Plane::Coronal].map(slice));
            let below = [
                slice(Plane::Sagittal),
                Arrangement::Pane(volume::described()),
            ];
            Arrangement::column([above, Arrangement::row(below)])
        },
    },
    Layout {
        id: LayoutId("one and 3d"),
        title: "Layout 2: axial and 3D",
        keys: &[key(Key::Num7)],
        arrangement: || {
            let volume = Arrangement::Pane(volume::described());
            Arrangement::row([slice(Plane::Axial), volume])
        },
    },
    Layout {
        id: LayoutId("statistics"),
        title: "Layout 3+1: statistics below",
        keys: &[key(Key::Num8)],
        arrangement: || {
            let views = Arrangement::row(Plane::ALL.map(slice));
            let table = Arrangement::Pane(statistics::described());
            Arrangement::Column(vec![(LARGE, views), (1.0 - LARGE, table)])
        },
    },
    Layout {
        id: LayoutId("three in a row"),
        title: "Layout 1x3: three in a row",
        keys: &[key(Key::Num5)],
        arrangement: || Arrangement::row(Plane::ALL.map(slice)),
    },
];

/// The layout of a new window.
pub const AXIAL_LARGE: Layout = Layout {
    id: LayoutId("axial large"),
    title: "Layout 1+2: axial large",
    keys: &[key(Key::Num3)],
    arrangement: || one_large(Plane::Axial, [Plane::Coronal, Plane::Sagittal]),
};

impl Layout {
    /// The layout of this id.
    pub fn of(id: LayoutId) -> &'static Self {
        LAYOUTS.iter().find(|l| l.id == id).unwrap_or(&AXIAL_LARGE)
    }
}

/// Share of the width that the large view gets.
const LARGE: f32 = 0.62;

/// A large view on the left, two below each other on the right.
fn one_large(large: Plane, small: [Plane; 2]) -> Remembered {
    let right = Arrangement::column(small.map(slice));
    Arrangement::Row(vec![(LARGE, slice(large)), (1.0 - LARGE, right)])
}

fn slice(plane: Plane) -> Remembered {
    Arrangement::Pane(described(plane))
}

const fn key(logical_key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, logical_key)
}
