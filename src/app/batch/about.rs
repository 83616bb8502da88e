//! `prosector about`: what the program is, and what it is made of.

use std::fmt::Write;

use serde::Serialize;

use crate::cli::AboutArgs;
use crate::util::about::{Component, NOTICE, components};

use super::Refusal;
use super::console::Console;

#[derive(Serialize)]
struct About {
    name: &'static str,
    version: &'static str,
    description: &'static str,
    notice: &'static str,
    licence: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    components: Option<&'static [Component]>,
}

pub(super) fn run(args: &AboutArgs) -> Result<(), Refusal> {
    let about = About {
        name: "Prosector",
        version: env!("CARGO_PKG_VERSION"),
        description: env!("CARGO_PKG_DESCRIPTION"),
        notice: NOTICE,
        licence: env!("CARGO_PKG_LICENSE"),
        components: args.components.then(components),
    };
    Console::new(args.json).result(&about, || describe(&about));
    Ok(())
}

fn describe(about: &About) -> String {
    let mut text = format!(
        "{} {}\n{}\n{}\nLicence: {}\n",
        about.name, about.version, about.description, about.notice, about.licence
    );
    let components = about.components.unwrap_or_default();
    if !components.is_empty() {
        text.push_str("\nMade of, on one platform or another:\n");
    }
    for Component {
        name,
        version,
        licence,
    } in components
    {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{name} {version}  {licence}");
    }
    text
}
