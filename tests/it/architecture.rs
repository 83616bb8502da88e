//! The layers of `ARCHITECTURE.md`, enforced: who may use which module, and who may name which crate.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module with the modules of ours that it may use, beside itself.
const MAY_USE: &[(&str, &[&str])] = &[
    ("util", &[]),
    ("geometry", &["util"]),
    ("volume", &["util", "geometry"]),
    ("prompt", &["util", "geometry", "volume"]),
    ("registration", &["util", "geometry", "volume"]),
    ("io", &["util", "geometry", "volume"]),
    ("project", &["util", "geometry", "volume", "io"]),
    // Archives. It and `remote` alone open sockets, and the application alone uses them.
    ("network", &["util", "io"]),
    ("models", &["util", "geometry", "volume", "prompt", "io"]),
    (
        "train",
        &["util", "geometry", "volume", "prompt", "io", "models"],
    ),
    (
        "engine",
        &["util", "geometry", "volume", "prompt", "models"],
    ),
    // A model on another machine: no Burn on the way, only what is asked and answered, lessons among it.
    (
        "remote",
        &[
            "util", "geometry", "volume", "prompt", "io", "models", "train", "engine",
        ],
    ),
    // Of models, the plain result types.
    (
        "session",
        &["util", "geometry", "volume", "prompt", "io", "models"],
    ),
    ("render", &["util", "geometry", "volume"]),
    (
        "ui",
        &[
            "util", "geometry", "volume", "prompt", "io", "project", "session", "render", "models",
        ],
    ),
    ("cli", &["models", "remote", "volume", "geometry"]),
    (
        "app",
        &[
            "util",
            "geometry",
            "volume",
            "prompt",
            "registration",
            "io",
            "models",
            "train",
            "engine",
            "remote",
            "session",
            "render",
            "ui",
            "cli",
            "project",
            "network",
        ],
    ),
];

/// Crates that only some modules may name, with the files besides.
const CRATES: &[(&str, &[&str])] = &[
    ("burn", &["models", "train"]),
    ("cubecl_runtime", &["models"]),
    (
        "wgpu",
        &["render", "ui/view/paint_callback.rs", "app/desktop"],
    ),
    ("egui", &["ui", "app"]),
    ("egui_plot", &["ui"]),
    ("egui_tiles", &["ui"]),
    ("eframe", &["ui", "app"]),
    ("winit", &["app"]),
    ("sys_locale", &["app"]),
    ("dicom_object", &["io", "network"]),
    ("dicom_ul", &["network"]),
    ("ureq", &["network"]),
    ("rustls", &["network"]),
    ("keyring", &["network"]),
    ("nifti", &["io"]),
    ("jpeg_decoder", &["io"]),
    ("rfd", &["app"]),
    ("clap", &["cli", "app", "main.rs"]),
];

pub fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &mut found);
    assert!(found.len() > 50, "the sources are where they should be");
    found
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).expect("below src");
            let text = fs::read_to_string(&path).expect("readable source");
            (name.to_string_lossy().replace('\\', "/"), text)
        })
        .collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("readable folder") {
        let path = entry.expect("readable entry").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn module_of(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The code of a line, without a line comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or(line)
}

/// The identifiers that follow each `prefix` in a line.
fn names_after<'a>(line: &'a str, prefix: &str) -> Vec<&'a str> {
    code(line)
        .split(prefix)
        .skip(1)
        .map(|rest| {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            &rest[..end.unwrap_or(rest.len())]
        })
        .collect()
}

#[test]
fn modules_use_only_the_layers_below() {
    let mut broken = Vec::new();
    for (file, text) in sources() {
        let module = module_of(&file);
        if matches!(module, "lib" | "main") {
            continue;
        }
        let allowed = MAY_USE
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("src/{file}: the module {module} has no layer"))
            .1;
        for (number, line) in text.lines().enumerate() {
            for used in names_after(line, "crate::") {
                let is_module = MAY_USE.iter().any(|(name, _)| *name == used);
                if is_module && used != module && !allowed.contains(&used) {
                    broken.push(format!("src/{file}:{}: {module} uses {used}", number + 1));
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn crates_stay_in_their_layers() {
    let mut broken = Vec::new();
    for (file, text) in sources() {
        for (krate, places) in CRATES {
            if places
                .iter()
                .any(|p| file == *p || file.starts_with(&format!("{p}/")) || module_of(&file) == *p)
            {
                continue;
            }
            for (number, line) in text.lines().enumerate() {
                let code = code(line);
                let uses = code.trim_start().starts_with(&format!("use {krate}::"))
                    || code.contains(&format!(" {krate}::"))
                    || code.contains(&format!("({krate}::"))
                    || code.contains(&format!("<{krate}::"));
                if uses {
                    broken.push(format!("src/{file}:{}: names {krate}", number + 1));
                }
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn only_two_layers_open_sockets() {
    let means = [
        "std::net::",
        "TcpStream",
        "TcpListener",
        "UdpSocket",
        "tokio::net",
    ];
    for (file, text) in sources() {
        // What is typed is an address, and opens nothing.
        let is_typed = file == "cli/serve.rs";
        if !is_typed && !matches!(module_of(&file), "network" | "remote") {
            let found = text
                .lines()
                .find(|l| means.iter().any(|m| code(l).contains(m)));
            assert_eq!(found, None, "src/{file}");
        }
    }
}

#[test]
fn files_stay_readable() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|(_, text)| text.lines().count() > 600)
        .map(|(file, _)| file.clone())
        .collect();
    assert!(long.is_empty(), "over 600 lines: {long:?}");
}
