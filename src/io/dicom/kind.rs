//! What an object is: an image, or something beside images.

use super::header::Instance;

/// The index of a medium: lists other files, holds nothing.
const DICOMDIR: &str = "1.2.840.10008.1.3.10";

const STORAGE: &str = "1.2.840.10008.5.1.4.1.1.";

/// Modalities that are no images, or no images to segment.
const NOT_IMAGES: &[&str] = &[
    "RTSTRUCT",
    "RTPLAN",
    "RTDOSE",
    "RTRECORD",
    "RTINTENT",
    "RTSEGANN",
    "RTRAD",
    "SEG",
    "SR",
    "PR",
    "KO",
    "REG",
    "FID",
    "DOC",
    "ECG",
    "EPS",
    "HD",
    "AU",
    "PLAN",
    "RWV",
    "M3D",
    "SMR",
    "ANN",
    "STAIN",
    "TEXTUREMAP",
    "CFM",
    "ASMT",
];

/// Words in a series description by which people and machines mark scouts.
const SCOUT_WORDS: &[&str] = &[
    "localizer",
    "localiser",
    "localisator",
    "localizador",
    "localizzatore",
    "lokalizer",
    "lokaliser",
    "scout",
    "topogram",
    "scanogram",
    "surview",
    "survey",
    "3-plane",
    "3plane",
    "3 plane",
    "three plane",
    "three-plane",
    "tri-plane",
    "triplane",
];

/// The same, where they stand alone.
const SCOUT_ABBREVIATIONS: &[&str] = &["loc", "locs", "3pl", "topo", "scano"];

/// Descriptions and orientations mark scouts only up to this many images of one orientation: some real
/// scans mention scouts, or bring some along.
const SCOUT_IMAGES: usize = 40;

/// Kinds of objects, as far as opening a scan is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// An image with pixels.
    Image,
    /// Something else, by its short name.
    Other(String),
    /// Nothing worth listing.
    Index,
}

impl Kind {
    /// What an object is by its SOP class, modality and pixels.
    pub fn of(instance: &Instance) -> Self {
        let class = instance.sop_class.as_str();
        if class == DICOMDIR {
            return Self::Index;
        }
        if let Some(kind) = by_class(class) {
            return Self::Other(kind.to_owned());
        }
        let modality = instance.modality.as_str();
        if NOT_IMAGES.contains(&modality) {
            return Self::Other(modality.to_owned());
        }
        match (&instance.pixels, modality) {
            (Some(_), _) => Self::Image,
            (None, "") => Self::Other("object without pixels".into()),
            (None, _) => Self::Other(format!("{modality} without pixels")),
        }
    }
}

fn by_class(class: &str) -> Option<&'static str> {
    let kind = class.strip_prefix(STORAGE)?;
    match kind {
        "481.2" => Some("RTDOSE"),
        "481.3" => Some("RTSTRUCT"),
        "481.5" | "481.8" => Some("RTPLAN"),
        "66" => Some("raw data"),
        "66.1" | "66.3" => Some("REG"),
        "66.2" => Some("FID"),
        "66.4" | "66.5" | "66.7" => Some("SEG"),
        "67" => Some("RWV"),
        _ if kind.starts_with("481.") => Some("RT object"),
        _ if kind.starts_with("88.") => Some("SR"),
        _ if kind.starts_with("11.") => Some("PR"),
        _ if kind.starts_with("104.") => Some("DOC"),
        _ if kind.starts_with("9.") => Some("waveform"),
        _ => None,
    }
}

/// Whether an image says itself that it is a scout.
pub(super) fn is_declared_localizer(instance: &Instance) -> bool {
    let scout = |v: &String| {
        let v = v.to_ascii_uppercase();
        matches!(
            v.as_str(),
            "LOCALIZER" | "LOCALISER" | "SCOUT" | "TOPOGRAM" | "SURVIEW"
        )
    };
    instance.image_type.iter().any(scout)
}

/// Whether a name is that of a scout.
fn names_scout(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    SCOUT_WORDS.iter().any(|word| name.contains(word))
        || words.any(|word| SCOUT_ABBREVIATIONS.contains(&word))
}

/// Whether the images of a series look like scouts: `orientations` different planes, with `images` of
/// one orientation at most.
pub(super) fn looks_like_localizer(
    instance: &Instance,
    images: usize,
    orientations: usize,
) -> bool {
    // In CT one protocol covers scout and scan.
    let protocol = match instance.modality.as_str() {
        "MR" => instance.protocol.as_str(),
        _ => "",
    };
    let named = names_scout(&instance.description) || names_scout(protocol);
    images <= SCOUT_IMAGES && (named || orientations >= 3)
}
