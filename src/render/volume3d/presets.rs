//! How a whole volume is shown: a table of looks.

use crate::volume::{Modality, Window};

/// A way to show a volume.
#[derive(Debug)]
pub struct Preset {
    /// Names it in what is remembered.
    pub id: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What it is for; `None` for every scan.
    pub modality: Option<Modality>,
    /// The largest value of each line of sight, and no shading.
    pub is_mip: bool,
    /// What its points are counted in.
    scale: Scale,
    /// At least two, ascending.
    points: &'static [Point],
}

#[derive(Debug, Clone, Copy)]
enum Scale {
    /// The scan's own values.
    Values,
    /// 0 at the low end of the window, 1 at its high end.
    Window,
}

/// A point of a transfer function: value, sRGB (0 to 1), and which share of the light behind a millimetre hides.
type Point = (f64, [f32; 3], f32);

/// Entries of a transfer function as a texture.
pub(super) const ENTRIES: usize = 256;

/// All looks, in the order of the menu.
pub const PRESETS: &[Preset] = &[
    Preset {
        id: "mip",
        title: "Maximum (MIP), by window and level",
        modality: None,
        is_mip: true,
        scale: Scale::Window,
        points: &[(0.0, [0.0; 3], 0.0), (1.0, [1.0; 3], 1.0)],
    },
    Preset {
        id: "shaded",
        title: "Shaded, by window and level",
        modality: None,
        is_mip: false,
        scale: Scale::Window,
        points: &[
            (0.0, [0.35, 0.33, 0.32], 0.0),
            (0.35, [0.55, 0.50, 0.47], 0.005),
            (0.7, [0.85, 0.80, 0.76], 0.06),
            (1.0, [1.0, 0.98, 0.95], 0.3),
        ],
    },
    Preset {
        id: "ct bone",
        title: "CT bone",
        modality: Some(Modality::Ct),
        is_mip: false,
        scale: Scale::Values,
        points: &[
            (120.0, [0.55, 0.25, 0.18], 0.0),
            (220.0, [0.80, 0.55, 0.38], 0.04),
            (400.0, [0.96, 0.88, 0.74], 0.35),
            (1200.0, [1.0, 0.98, 0.94], 0.8),
        ],
    },
    Preset {
        id: "ct vessels",
        title: "CT vessels (contrast)",
        modality: Some(Modality::Ct),
        is_mip: false,
        scale: Scale::Values,
        points: &[
            (110.0, [0.45, 0.08, 0.06], 0.0),
            (180.0, [0.75, 0.20, 0.15], 0.08),
            (320.0, [0.93, 0.50, 0.40], 0.3),
            (550.0, [1.0, 0.94, 0.84], 0.6),
        ],
    },
    Preset {
        id: "ct soft tissue",
        title: "CT soft tissue and skin",
        modality: Some(Modality::Ct),
        is_mip: false,
        scale: Scale::Values,
        points: &[
            (-220.0, [0.75, 0.55, 0.45], 0.0),
            (-100.0, [0.82, 0.62, 0.50], 0.06),
            (20.0, [0.86, 0.52, 0.43], 0.25),
            (150.0, [0.85, 0.40, 0.33], 0.45),
            (350.0, [1.0, 0.95, 0.88], 0.7),
        ],
    },
    Preset {
        id: "ct lung",
        title: "CT lung",
        modality: Some(Modality::Ct),
        is_mip: false,
        scale: Scale::Values,
        points: &[
            (-940.0, [0.35, 0.45, 0.60], 0.0),
            (-860.0, [0.50, 0.62, 0.78], 0.006),
            (-650.0, [0.85, 0.82, 0.82], 0.03),
            (-450.0, [0.92, 0.62, 0.55], 0.08),
            (-300.0, [0.92, 0.55, 0.48], 0.0),
        ],
    },
    Preset {
        id: "labels",
        title: "Labels alone",
        modality: None,
        is_mip: false,
        scale: Scale::Window,
        points: &[(0.0, [0.0; 3], 0.0), (1.0, [0.0; 3], 0.0)],
    },
];

impl Preset {
    /// The look of this id.
    pub fn of(id: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.id == id)
    }

    /// The look that a scan is first shown in.
    pub fn first(modality: Modality) -> &'static Self {
        let id = match modality {
            Modality::Ct => "ct bone",
            Modality::Mr | Modality::Pet => "mip",
        };
        Self::of(id).unwrap_or(&PRESETS[0])
    }

    /// Whether it is for scans like this.
    pub fn is_for(&self, modality: Modality) -> bool {
        self.modality.is_none_or(|m| m == modality)
    }

    /// The values at both ends of the transfer function.
    pub(super) fn range(&self, window: Window) -> [f64; 2] {
        [self.points[0].0, self.points[self.points.len() - 1].0].map(|end| match self.scale {
            Scale::Values => end,
            Scale::Window => window.low() + end * window.width,
        })
    }

    /// The transfer function between both ends of [`Self::range`], in equal steps.
    pub(super) fn transfer(&self) -> Vec<[u8; 4]> {
        let [low, high] = [self.points[0].0, self.points[self.points.len() - 1].0];
        let entry = |n: usize| {
            let share = n as f64 / (ENTRIES - 1) as f64;
            let ([r, g, b], hides) = self.at(low + share * (high - low));
            [r, g, b, hides].map(|v| (v * 255.0).round() as u8)
        };
        (0..ENTRIES).map(entry).collect()
    }

    /// Which share of the light behind it a millimetre of this value hides.
    pub(super) fn hides(&self, value: f64, window: Window) -> f64 {
        let [low, high] = self.range(window);
        let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
        let [first, last] = [self.points[0].0, self.points[self.points.len() - 1].0];
        f64::from(self.at(first + share * (last - first)).1)
    }

    /// Colour and opacity at a place that is counted as the points are.
    fn at(&self, place: f64) -> ([f32; 3], f32) {
        let next = self.points.partition_point(|point| point.0 < place);
        let next = next.clamp(1, self.points.len() - 1);
        let (a, b) = (self.points[next - 1], self.points[next]);
        let share = ((place - a.0) / (b.0 - a.0)).clamp(0.0, 1.0) as f32;
        let mixed = |a: f32, b: f32| a + share * (b - a);
        (
            std::array::from_fn(|c| mixed(a.1[c], b.1[c])),
            mixed(a.2, b.2),
        )
    }
}
