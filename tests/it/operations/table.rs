//! The table of operations: every one is reachable, told apart and described.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use prosector::session::EditCommand;
use prosector::session::operations::{Need, OPERATIONS};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_file_is_in_the_table() {
    let folder = root().join("src/session/operations");
    let files = fs::read_dir(folder).expect("the folder of operations");
    let stems = files.map(|f| f.expect("a file").path().with_extension(""));
    let mut files: BTreeSet<String> = stems
        .map(|f| {
            f.file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    for other in ["mod", "command", "parameter", "values"] {
        assert!(files.remove(other), "{other} is there");
    }
    let ids: BTreeSet<String> = OPERATIONS.iter().map(|o| o.id.to_owned()).collect();
    assert_eq!(files, ids);
    assert_eq!(ids.len(), OPERATIONS.len(), "no id comes twice");
}

#[test]
fn operations_are_told_apart_and_described() {
    let mut keys = BTreeSet::new();
    let mut titles = BTreeSet::new();
    for operation in OPERATIONS {
        let id = operation.id;
        assert!(
            id.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
            "{id}"
        );
        assert!(titles.insert(operation.title), "{id}");
        assert!(operation.key.is_none_or(|key| keys.insert(key)), "{id}");
        assert!(
            operation.hint.len() > 20 && !operation.hint.ends_with('.'),
            "{id}"
        );
        let names: Vec<&str> = operation.parameters().map(|p| p.name).collect();
        let distinct: BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), distinct.len(), "{id}: {names:?}");
        for parameter in operation.parameters() {
            assert!(!parameter.hint.is_empty(), "{id} {}", parameter.name);
        }
    }
}

#[test]
fn the_readme_lists_every_operation_as_it_is() {
    let readme = fs::read_to_string(root().join("README.md")).expect("the README");
    for operation in OPERATIONS {
        let usage = operation.usage();
        let row = format!("| `{}` |", usage.replace('|', "\\|"));
        assert!(readme.contains(&row), "README.md lacks the row {row}");
    }
}

#[test]
fn what_needs_only_a_label_can_be_done_on_one() {
    let only: Vec<&str> = OPERATIONS
        .iter()
        .filter(|o| o.needs_only_a_label())
        .map(|o| o.id)
        .collect();
    assert!(
        only.contains(&"fill_holes") && only.contains(&"clear"),
        "{only:?}"
    );
    for operation in OPERATIONS {
        let on_label = EditCommand::on_label(operation, 1);
        assert_eq!(
            on_label.is_ok(),
            operation.needs_only_a_label(),
            "{}",
            operation.id
        );
    }
}

#[test]
fn what_is_typed_wrong_is_answered_with_what_is_allowed() {
    for (text, allowed) in [
        ("", "there is no operation ; there are "),
        (
            "sharpen label=1",
            "there is no operation sharpen; there are ",
        ),
        ("clear", "clear must be told label=a label's value or name"),
        (
            "clear label=0",
            "label=0 is not allowed; give a label's value or name",
        ),
        ("clear label=70000", "label=70000 is not allowed"),
        ("clear label=", "label= is not allowed"),
        (
            "clear label=1 mm=3",
            "clear has no parameter mm; it takes label, box, over, locked",
        ),
        ("clear label=1 label=2", "label is given twice"),
        (
            "clear label=1 box=1,2,3,4,5",
            "give two corner voxels I0,J0,K0,I1,J1,K1",
        ),
        (
            "clear label=1 locked=2,",
            "give values or names of labels, such as 1,2",
        ),
        (
            "fill_holes label=1 plane=oblique",
            "give axial or coronal or sagittal",
        ),
        ("keep_largest label=1 connectivity=18", "give 26 or 6"),
    ] {
        let error = EditCommand::parse(text).expect_err(text).to_string();
        assert!(error.contains(allowed), "{text}: {error}");
        assert_eq!(error.lines().count(), 1);
    }
    for operation in OPERATIONS {
        let required = operation
            .own_parameters
            .iter()
            .any(|p| p.need == Need::Required);
        let alone = EditCommand::parse(operation.id);
        assert!(!required || alone.is_err(), "{}", operation.id);
    }
}
