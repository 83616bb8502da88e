//! How large what is pointed at is, as far as somebody has said so.

/// For models that choose how much of the scan to look at for a lone click; a box says it better.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum TargetSize {
    /// A lesion of at most some 2 cm: looked at from close by first.
    Small,
    /// Nobody has said.
    #[default]
    Any,
    /// More than some 15 cm, as a liver or a hip bone: looked at from afar first.
    Large,
}

impl TargetSize {
    /// Any size where it is this one already, as of a key that is pressed twice.
    pub fn toggled(self, size: Self) -> Self {
        if self == size { Self::Any } else { size }
    }
}
