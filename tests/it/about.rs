//! What the program says of itself, and that its list of components is that of `Cargo.lock`.

use std::collections::BTreeSet;
use std::path::Path;

use prosector::util::about::components;
use serde_json::Value;

use crate::support::program;

fn stdout(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = program(folder.path(), arguments);
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn table(file: &str) -> toml::Table {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(path).expect("a file of the project");
    toml::from_str(&text).expect("TOML")
}

#[test]
fn it_says_what_it_is_and_what_it_is_not_for() {
    let text = stdout(&["about"]);
    let version = concat!("Prosector ", env!("CARGO_PKG_VERSION"));
    assert!(text.starts_with(version), "{text}");
    assert!(text.contains("not for clinical use"), "{text}");
    assert!(text.contains("Licence: MIT OR Apache-2.0"), "{text}");
    assert_eq!(text.lines().count(), 4, "{text}");
    let report: Value = serde_json::from_str(&stdout(&["about", "--json"])).expect("JSON");
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(report["licence"], "MIT OR Apache-2.0");
    assert!(report.get("components").is_none());
}

#[test]
fn it_lists_its_components() {
    let report = stdout(&["about", "--components", "--json"]);
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let listed = report["components"].as_array().expect("a list");
    assert_eq!(listed.len(), components().len());
    let text = stdout(&["about", "--components"]);
    for name in ["burn-core", "egui", "wgpu", "nifti", "dicom-object"] {
        let c = listed.iter().find(|c| c["name"] == name).expect(name);
        let [version, licence] = ["version", "licence"].map(|key| c[key].as_str().expect(key));
        let line = format!("\n{name} {version}  {licence}\n");
        assert!(text.contains(&line), "{line}");
    }
}

/// Name and version.
type Package = (String, String);

fn packages(rows: &toml::Value) -> Vec<Package> {
    let text = |v: &toml::Value| v.as_str().expect("text").to_owned();
    let rows = rows.as_array().expect("rows").iter();
    rows.map(|row| (text(&row[0]), text(&row[1]))).collect()
}

#[test]
fn the_list_is_that_of_the_lock_file() {
    let list = table("assets/components.toml");
    let (shipped, others) = (packages(&list["shipped"]), packages(&list["not_shipped"]));
    let listed: BTreeSet<Package> = shipped.iter().chain(&others).cloned().collect();
    assert_eq!(
        listed.len(),
        shipped.len() + others.len(),
        "none is there twice"
    );
    let lock = table("Cargo.lock");
    let text = |p: &toml::Value, key: &str| p[key].as_str().expect("text").to_owned();
    let locked: BTreeSet<Package> = lock["package"]
        .as_array()
        .expect("packages")
        .iter()
        .filter(|p| p.get("source").is_some())
        .map(|p| (text(p, "name"), text(p, "version")))
        .collect();
    let differing: Vec<&Package> = listed.symmetric_difference(&locked).collect();
    assert!(
        differing.is_empty(),
        "run .ci/components.py: {differing:?} are in one of the two only"
    );
    // What the manifest asks for is shipped, and what only tests ask for is not.
    let manifest = table("Cargo.toml");
    let names: BTreeSet<&str> = shipped.iter().map(|(name, _)| name.as_str()).collect();
    for name in manifest["dependencies"].as_table().expect("a table").keys() {
        assert!(names.contains(name.as_str()), "{name}");
    }
    for name in ["egui_kittest", "divan", "proptest"] {
        assert!(!names.contains(name), "{name}");
    }
}

/// Whether the licences that we accept fulfil an SPDX expression. The old `/` is an OR.
fn is_accepted(expression: &str, accepted: &[&str]) -> bool {
    let spaced = expression.replace('/', " OR ");
    let spaced = spaced.replace('(', " ( ").replace(')', " ) ");
    let spaced = spaced.replace(" WITH ", "+WITH+");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (answer, rest) = any_of(&words, accepted);
    assert!(rest.is_empty(), "{expression}");
    answer
}

/// The value of `a OR b ..` at the start of the words, and the words after it.
fn any_of<'a>(words: &'a [&'a str], accepted: &[&str]) -> (bool, &'a [&'a str]) {
    let (mut answer, mut rest) = all_of(words, accepted);
    while let ["OR", after @ ..] = rest {
        let (other, after) = all_of(after, accepted);
        (answer, rest) = (answer | other, after);
    }
    (answer, rest)
}

/// The same of `a AND b ..`.
fn all_of<'a>(words: &'a [&'a str], accepted: &[&str]) -> (bool, &'a [&'a str]) {
    let (mut answer, mut rest) = one(words, accepted);
    while let ["AND", after @ ..] = rest {
        let (other, after) = one(after, accepted);
        (answer, rest) = (answer & other, after);
    }
    (answer, rest)
}

fn one<'a>(words: &'a [&'a str], accepted: &[&str]) -> (bool, &'a [&'a str]) {
    match words {
        ["(", inner @ ..] => {
            let (answer, rest) = any_of(inner, accepted);
            let [")", rest @ ..] = rest else {
                panic!("a bracket is not closed: {words:?}");
            };
            (answer, rest)
        }
        [name, rest @ ..] => (
            accepted.contains(&name.replace("+WITH+", " WITH ").as_str()),
            rest,
        ),
        [] => panic!("a licence is missing"),
    }
}

#[test]
fn expressions_are_read_as_they_are_meant() {
    let accepted = ["MIT", "Zlib", "Apache-2.0 WITH LLVM-exception"];
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-2.0-only", false),
        ("MIT OR GPL-2.0-only", true),
        ("GPL-2.0-only/MIT", true),
        ("MIT AND GPL-2.0-only", false),
        ("(MIT OR GPL-2.0-only) AND Zlib", true),
        ("(MIT OR GPL-2.0-only) AND ISC", false),
        ("GPL-2.0-only AND ISC OR Zlib", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
    ] {
        assert_eq!(is_accepted(expression, &accepted), expected, "{expression}");
    }
}

#[test]
fn every_licence_is_one_that_we_accept() {
    let deny = table("deny.toml");
    let accepted = deny["licenses"]["allow"].as_array().expect("a list");
    let accepted: Vec<&str> = accepted.iter().filter_map(toml::Value::as_str).collect();
    assert!(!accepted.is_empty());
    for c in components() {
        let what = format!("{} {}: {}", c.name, c.version, c.licence);
        assert!(is_accepted(&c.licence, &accepted), "{what}");
    }
}
