//! The editing operations: one file each, and the table of them.
//!
//! Menu, command line and help derive from the table. To add an operation: a file here with its [`Operation`], and a line
//! in the table below.
//!
//! What holds for all of them: a label becomes the result, unless the operation's own words say that it gains it. Results
//! take background only, or also the labels that `over` names. Locked labels neither gain nor lose, be they locked in the
//! table or by `locked`. Lengths are millimetres between voxel centres; the volume's border is no surface.

mod command;
pub mod parameter;
mod values;

pub use command::EditCommand;
pub(super) use command::find_label;
pub use parameter::{Kind, Need, Parameter};
pub use values::{OperationError, Values};

use super::document::Edit;
use parameter::{LOCKED, OVER};

/// Declares the files of the operations and the table of them. Files named by a macro are unknown to `cargo fmt`:
/// `.ci/run` names them to rustfmt.
macro_rules! operations {
    ($($file:ident),+ $(,)?) => {
        $(pub mod $file;)+

        /// All operations, in the order of menus and lists.
        pub static OPERATIONS: &[&Operation] = &[$(&$file::OPERATION),+];
    };
}

operations! {
    threshold,
    fill_holes,
    keep_largest,
    remove_small,
    split_islands,
    margin,
    hollow,
    smooth,
    logic,
    merge,
    interpolate,
    copy_slice,
    mirror,
    grow_from_seeds,
    region_grow,
    random_walker,
    clear,
    crop,
}

/// Something that can be done to labels in one go.
pub struct Operation {
    /// Names it on the command line: snake case, unique.
    pub id: &'static str,
    /// Names it in menus.
    pub title: &'static str,
    /// Names its step of the history.
    pub step: &'static str,
    /// What it does, in one sentence.
    pub hint: &'static str,
    /// The key that it has unless told otherwise, such as `Ctrl+H`.
    pub key: Option<&'static str>,
    /// Whether its form shows what it would give until the user says otherwise.
    pub previews_at_once: bool,
    /// What it can be told, besides `over` and `locked`.
    pub own_parameters: &'static [Parameter],
    /// What no parameter says alone, such as which of two must be given.
    pub check: fn(&Values) -> Result<(), OperationError>,
    /// Does it, by writing into the edit.
    pub apply: fn(&mut Edit<'_>, &Values) -> Result<(), OperationError>,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

impl PartialEq for Operation {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Operation {}

impl std::hash::Hash for Operation {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl Operation {
    /// The operation of an id.
    pub fn find(id: &str) -> Option<&'static Self> {
        OPERATIONS.iter().copied().find(|o| o.id == id)
    }

    /// Everything that it can be told.
    pub fn parameters(&self) -> impl Iterator<Item = &'static Parameter> + use<> {
        self.own_parameters.iter().chain([&OVER, &LOCKED])
    }

    /// Its parameters as they are typed, those that may be left out in brackets: `keep_largest label [connectivity=26]`.
    pub fn usage(&self) -> String {
        let own = self.own_parameters.iter().map(|p| {
            let name = p.name;
            match (p.need, p.kind) {
                (Need::Required, Kind::Choice(words)) => format!("{name}={}", words.join("|")),
                (Need::Required, _) => name.to_owned(),
                (Need::Optional, _) => format!("[{name}]"),
                (Need::Default(text), _) => format!("[{name}={text}]"),
            }
        });
        let words: Vec<String> = std::iter::once(self.id.to_owned()).chain(own).collect();
        words.join(" ")
    }

    /// Whether it can be done with nothing but a label.
    pub fn needs_only_a_label(&self) -> bool {
        let label = self.own_parameters.iter().any(|p| p.name == "label");
        let others = self.own_parameters.iter().filter(|p| p.name != "label");
        label
            && others.into_iter().all(|p| p.need != Need::Required)
            && (self.check)(&Values::default()).is_ok()
    }
}

/// For operations whose parameters say everything themselves.
fn unchecked(_: &Values) -> Result<(), OperationError> {
    Ok(())
}
