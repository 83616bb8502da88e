//! Display windows: the usual CT presets, and a robust automatic one for everything else.

use super::{ImageVolume, Modality, Window};

/// The colours that values within a window have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum ColourMap {
    /// From black to white.
    #[default]
    Grey = 0,
    /// From white to black, as PET is read.
    InvertedGrey = 1,
    /// From black over red and yellow to white; what has little is transparent.
    Hot = 2,
    /// From blue over green to red; what has little is transparent.
    Rainbow = 3,
}

impl ColourMap {
    /// All of them, in the order of lists.
    pub const ALL: [Self; 4] = [Self::Hot, Self::Rainbow, Self::Grey, Self::InvertedGrey];

    /// Its name for users, and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grey => "grey",
            Self::InvertedGrey => "inverted",
            Self::Hot => "hot",
            Self::Rainbow => "rainbow",
        }
    }

    /// What a scan over another is shown in at first.
    pub fn over_another(modality: Modality) -> Self {
        match modality {
            Modality::Pet => Self::Hot,
            Modality::Ct | Modality::Mr => Self::Grey,
        }
    }
}

const fn window(level: f64, width: f64) -> Window {
    Window { level, width }
}

/// Level and width in HU as reading rooms set them; the first one is what a CT opens with.
const CT: [(&str, Window); 10] = [
    ("Soft tissue", window(40.0, 400.0)),
    ("Neck", window(50.0, 250.0)),
    ("Brain", window(40.0, 80.0)),
    ("Stroke", window(40.0, 40.0)),
    ("Subdural", window(75.0, 215.0)),
    ("Mediastinum", window(50.0, 350.0)),
    ("Lung", window(-600.0, 1500.0)),
    ("Liver", window(60.0, 160.0)),
    ("Angiography", window(200.0, 600.0)),
    ("Bone", window(400.0, 1800.0)),
];

/// For PET in standardised uptake values.
const PET: [(&str, Window); 3] = [
    ("SUV 0-5", window(2.5, 5.0)),
    ("SUV 0-10", window(5.0, 10.0)),
    ("SUV 0-20", window(10.0, 20.0)),
];

/// The named windows offered for a modality; empty for MR, whose values have no unit.
pub fn presets(modality: Modality) -> &'static [(&'static str, Window)] {
    match modality {
        Modality::Ct => &CT,
        Modality::Pet => &PET,
        Modality::Mr => &[],
    }
}

/// Colours as they are.
const COLOURS: Window = window(127.5, 255.0);

/// What a scan opens with: the soft-tissue preset for CT, colours as they are, else [`auto_window`].
pub fn default_window(image: &ImageVolume) -> Window {
    if image.colours().is_some() {
        return COLOURS;
    }
    match image.modality() {
        Modality::Ct => CT[0].1,
        Modality::Mr | Modality::Pet => auto_window(image),
    }
}

/// Voxels looked at for [`sampled_values`]; more change nothing that a reader sees.
const SAMPLES: usize = 400_000;

/// A minimum that so large a part of the scan has is padding or background, not tissue.
const PADDING_SHARE: f64 = 0.05;

/// A window from the 1st to the 99.5th percentile of the scan's values (PET: from 0 where that is the
/// minimum), padding and values that are not finite left out. The width is always above zero.
pub fn auto_window(image: &ImageVolume) -> Window {
    let mut values = sampled_values(image);
    values.sort_unstable_by(f64::total_cmp);
    let Some((&lowest, &highest)) = values.first().zip(values.last()) else {
        return window(0.5, 1.0);
    };
    let padding = values.partition_point(|&v| v <= lowest);
    let is_padded = padding as f64 > PADDING_SHARE * values.len() as f64 && padding < values.len();
    let tissue = if is_padded {
        &values[padding..]
    } else {
        &values
    };
    let percentile = |p: f64| tissue[((tissue.len() - 1) as f64 * p).round() as usize];
    let low = match image.modality() {
        Modality::Pet if lowest >= 0.0 => 0.0,
        _ => percentile(0.01),
    };
    let mut high = percentile(0.995);
    if high <= low {
        high = highest;
    }
    let smallest = 1e-6 * low.abs().max(high.abs()).max(1e-6);
    let width = (high - low).max(smallest);
    window(low + width / 2.0, width)
}

/// Finite physical values at evenly spread voxels.
pub(super) fn sampled_values(image: &ImageVolume) -> Vec<f64> {
    // An odd step does not run along with the even row lengths that scans have.
    let step = (image.voxels().len() / SAMPLES) | 1;
    (0..image.voxels().len())
        .step_by(step)
        .map(|offset| image.value(offset))
        .filter(|value| value.is_finite())
        .collect()
}
