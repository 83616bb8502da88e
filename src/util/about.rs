//! What the program is, and what it is made of.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// What everybody should know who uses the program.
pub const NOTICE: &str = "Prosector is a research tool. It is not a medical device and not for clinical use: \
do not base a diagnosis or a treatment on it. Automatic outlines can be wrong in ways that look right; \
check every slice.";

/// A crate of others that the program is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Component {
    /// Its name in the registry.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence, an SPDX expression.
    pub licence: String,
}

/// The file that `.ci/components.py` writes from `Cargo.lock`.
#[derive(Deserialize)]
struct Components {
    shipped: Vec<[String; 3]>,
}

static COMPONENTS: LazyLock<Vec<Component>> = LazyLock::new(|| {
    let text = include_str!("../../assets/components.toml");
    let found: Components = toml::from_str(text).expect("a test reads the whole list");
    let component = |[name, version, licence]: [String; 3]| Component {
        name,
        version,
        licence,
    };
    found.shipped.into_iter().map(component).collect()
});

/// All crates of others that the program is made of, on any platform, by name.
pub fn components() -> &'static [Component] {
    &COMPONENTS
}
