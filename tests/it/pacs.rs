//! Archives on the network, against a real Orthanc that each test starts, and against servers that misbehave.

mod hostile;
pub mod orthanc;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use dicom_dictionary_std::tags;
use dicom_object::open_file;
use prosector::io::{LabelTarget, OpenOptions, open_labels_of, open_scan};
use prosector::network::{Connection, Peer, Web, known_password};
use prosector::util::JobContext;
use serde_json::Value;

use crate::support::{assert_refused, said, shared};
use orthanc::{CutOff, Orthanc, PASSWORD, USER};

const SERIES: &str = "data/dicom/prostatex_0001_multiseries/6.000000-t2tsetra-76610";
const IMAGES: usize = 19;

/// Runs `prosector pacs ..` with its settings in the folder.
fn pacs(folder: &Path, arguments: &[&str]) -> Output {
    program(folder, &[&["pacs"], arguments].concat())
}

fn program(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_prosector"))
        .args(arguments)
        .current_dir(folder)
        .env("XDG_CONFIG_HOME", folder.join("settings"))
        .env("XDG_RUNTIME_DIR", folder)
        .env("PROSECTOR_PACS_PASSWORD_WEB", PASSWORD)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("the program starts")
}

fn done(folder: &Path, arguments: &[&str]) -> Value {
    let output = pacs(folder, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Sets up `dimse` and `web`.
fn connect(folder: &Path, dicom_port: u16, http_port: u16) {
    let port = dicom_port.to_string();
    let url = format!("http://127.0.0.1:{http_port}/dicom-web");
    let host = [
        "--host",
        "127.0.0.1",
        "--port",
        &port,
        "--called",
        "ORTHANC",
    ];
    done(
        folder,
        &[&["add", "dimse", "--replace"], &host[..]].concat(),
    );
    done(
        folder,
        &["add", "web", "--replace", "--url", &url, "--user", USER],
    );
}

/// The files of a folder, sorted; temporary ones too.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    files.sort();
    files
}

fn text(path: &Path, tag: dicom_core::Tag) -> String {
    let object = open_file(path).unwrap();
    object
        .element(tag)
        .unwrap()
        .to_str()
        .unwrap()
        .trim()
        .to_owned()
}

/// The pixels of each file by the image's UID.
fn pixels(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let pixels = |path: &PathBuf| {
        let object = open_file(path).unwrap();
        let bytes = object
            .element(tags::PIXEL_DATA)
            .unwrap()
            .to_bytes()
            .unwrap();
        (text(path, tags::SOP_INSTANCE_UID), bytes.into_owned())
    };
    let mut all: Vec<_> = files(folder).iter().map(pixels).collect();
    all.sort();
    all
}

#[test]
fn a_series_goes_there_and_back_and_its_segmentation_too() {
    let (Some(source), Some(orthanc)) = (shared(SERIES), Orthanc::start()) else {
        return;
    };
    for (name, other) in [("dimse", "web"), ("web", "dimse")] {
        orthanc.clear();
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        connect(at, orthanc.dicom_port, orthanc.http_port);
        done(at, &["echo", name]);
        let nothing = done(at, &["find", name]);
        assert_eq!(nothing["series"], Value::Array(Vec::new()), "{name}");

        let sent = done(at, &["send", name, source.to_str().unwrap()]);
        assert_eq!(sent["sent"], IMAGES);
        let found = done(
            at,
            &[
                "find",
                name,
                "--patient-name",
                "prostatex",
                "--modality",
                "MR",
            ],
        );
        let series = &found["series"][0];
        assert_eq!(found["series"].as_array().unwrap().len(), 1, "{name}");
        assert_eq!(series["patient_id"], "ProstateX-0001");
        assert_eq!(series["study_date"], "20110708");
        assert_eq!(series["description"], "t2_tse_tra");
        assert_eq!(series["images"], IMAGES);
        for nobody in [
            ["--patient-name", "nobody"],
            ["--date", "20110709-"],
            ["--modality", "CT"],
        ] {
            let found = done(at, &[&["find", name], &nobody[..]].concat());
            assert_eq!(
                found["series"].as_array().unwrap().len(),
                0,
                "{name} {nobody:?}"
            );
        }

        // Fetched by one way it is what was sent by it, and what the other way fetches.
        let uid = series["series"].as_str().unwrap();
        let study = series["study"].as_str().unwrap();
        for way in [name, other] {
            let got = done(at, &["get", way, "--series", uid, "-o", way]);
            assert_eq!(
                (&got["images"], &got["already_there"]),
                (&IMAGES.into(), &0.into())
            );
            assert_eq!(pixels(&at.join(way)), pixels(&source), "{way}");
        }
        // Only what is missing is fetched again.
        fs::remove_file(&files(&at.join(name))[3]).unwrap();
        let got = done(
            at,
            &["get", name, "--study", study, "--series", uid, "-o", name],
        );
        assert_eq!(got["already_there"], IMAGES - 1);
        assert_eq!(pixels(&at.join(name)), pixels(&source), "{name}");

        segmentation_comes_back(at, name, study);
    }
}

/// Labels the fetched series, sends a SEG and an RTSTRUCT, fetches them, and compares.
fn segmentation_comes_back(at: &Path, name: &str, study: &str) {
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let output = program(at, &words);
        assert!(output.status.success(), "{line}: {}", said(&output));
    };
    let threshold = [
        "edit",
        name,
        "-o",
        "made.nii.gz",
        "--do",
        "threshold label=1 low=600 high=4000",
    ];
    let output = program(at, &threshold);
    assert!(output.status.success(), "{}", said(&output));
    run(&format!(
        "labels made.nii.gz --scan {name} -o seg.dcm --as seg"
    ));
    let sent = done(at, &["send", name, "seg.dcm"]);
    assert_eq!(sent["sent"], 1);
    let found = done(at, &["find", name, "--study", study, "--modality", "SEG"]);
    assert_eq!(found["series"].as_array().unwrap().len(), 1);
    let uid = found["series"][0]["series"].as_str().unwrap();
    done(
        at,
        &["get", name, "--study", study, "--series", uid, "-o", "back"],
    );
    let back = files(&at.join("back"));
    assert_eq!(back.len(), 1);

    let ctx = JobContext::silent();
    let scan = open_scan(&at.join(name), &OpenOptions::default(), &ctx).unwrap();
    let target = LabelTarget {
        grid: *scan.image.grid(),
        source: scan.info.provenance.as_deref(),
    };
    let voxels = |path: &Path| {
        open_labels_of(path, Some(&target), &ctx)
            .unwrap()
            .flattened()
            .0
            .voxels
    };
    let made = voxels(&at.join("made.nii.gz"));
    assert!(made.iter().filter(|&&v| v == 1).count() > 1000);
    assert!(
        voxels(&back[0]) == made,
        "{name}: the labels are the same voxel by voxel"
    );
}

#[test]
fn a_server_that_is_killed_in_the_middle_leaves_whole_images_and_the_rest_comes_later() {
    let (Some(source), Some(mut orthanc)) = (shared(SERIES), Orthanc::start()) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    connect(at, orthanc.dicom_port, orthanc.http_port);
    done(at, &["send", "dimse", source.to_str().unwrap()]);
    let found = done(at, &["find", "dimse"]);
    let uid = found["series"][0]["series"].as_str().unwrap();
    let study = found["series"][0]["study"].as_str().unwrap();
    let everything: u64 = files(&source)
        .iter()
        .map(|f| f.metadata().unwrap().len())
        .sum();
    for name in ["dimse", "web"] {
        let port = match name {
            "dimse" => orthanc.dicom_port,
            _ => orthanc.http_port,
        };
        let way = CutOff::after(everything / 2, port, &orthanc);
        match name {
            "dimse" => connect(at, way.port, orthanc.http_port),
            _ => connect(at, orthanc.dicom_port, way.port),
        }
        let get = ["get", name, "--study", study, "--series", uid, "-o", name];
        let output = pacs(at, &get);
        assert_refused(&output, "closed the connection");
        assert!(
            said(&output).contains("the same command fetches the rest"),
            "{}",
            said(&output)
        );
        let came = files(&at.join(name));
        assert!((1..IMAGES).contains(&came.len()), "{name}: {}", came.len());
        let whole = pixels(&source);
        for image in pixels(&at.join(name)) {
            assert!(whole.contains(&image), "{name}: an image is not whole");
        }
        // Dead is dead, and said in a line.
        orthanc.wait_until_dead();
        connect(at, orthanc.dicom_port, orthanc.http_port);
        assert_refused(&pacs(at, &["echo", name]), "nothing listens");
        assert_refused(
            &pacs(at, &["send", name, came[0].to_str().unwrap()]),
            "nothing listens",
        );

        orthanc.start_again();
        let got = done(at, &get);
        assert_eq!(got["already_there"], came.len(), "{name}");
        assert_eq!(pixels(&at.join(name)), whole, "{name}");
    }
}

#[test]
fn compressed_images_are_fetched_as_they_are_kept() {
    let (Some(source), Some(orthanc)) = (
        shared("data/dicom/cornerstone_transfer_syntaxes"),
        Orthanc::start(),
    ) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    connect(at, orthanc.dicom_port, orthanc.http_port);
    for syntax in ["4.90", "4.80", "4.70", "5", "4.50"] {
        orthanc.clear();
        let ends = format!("_1.2.840.10008.1.2.{syntax}.dcm");
        let image = files(&source)
            .into_iter()
            .find(|f| f.to_string_lossy().ends_with(&ends));
        let image = image.unwrap();
        done(at, &["send", "dimse", image.to_str().unwrap()]);
        let found = done(at, &["find", "web"]);
        let uid = found["series"][0]["series"].as_str().unwrap();
        for name in ["dimse", "web"] {
            let into = format!("{name}{syntax}");
            done(at, &["get", name, "--series", uid, "-o", &into]);
            let got = files(&at.join(&into)).remove(0);
            let object = open_file(&got).unwrap();
            let uid = format!("1.2.840.10008.1.2.{syntax}");
            assert_eq!(object.meta().transfer_syntax(), uid, "{name}");
            // Compressed pixels stand at the end.
            let (got, kept) = (fs::read(&got).unwrap(), fs::read(&image).unwrap());
            let pixels = kept.len() - 5000;
            assert!(got.ends_with(&kept[pixels..]), "{name} {syntax}");
        }
    }
}

#[test]
fn an_encrypted_archive_is_trusted_by_its_certificate_only() {
    let Some(orthanc) = Orthanc::start_encrypted() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let port = orthanc.dicom_port.to_string();
    let certificates = orthanc.certificate();
    let secure = hostile::answering_encrypted("[]".to_owned(), &certificates, &orthanc.key());
    let url = format!("https://localhost:{secure}/dicom-web");
    let vouched = ["--certificates", certificates.to_str().unwrap()];
    let web = ["add", "web", "--replace", "--url", &url, "--user", USER];
    let dimse = [
        "add",
        "dimse",
        "--replace",
        "--host",
        "localhost",
        "--port",
        &port,
        "--called",
        "ORTHANC",
        "--tls",
    ];
    for (name, add) in [("web", &web[..]), ("dimse", &dimse[..])] {
        done(at, add);
        let output = pacs(at, &["echo", name]);
        assert_refused(&output, "--certificates");
        done(at, &[add, &vouched].concat());
        done(at, &["echo", name]);
    }
}

#[test]
fn what_is_wrong_with_a_connection_is_said_in_a_line() {
    let Some(orthanc) = Orthanc::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    connect(at, orthanc.dicom_port, orthanc.http_port);
    let port = orthanc.dicom_port.to_string();
    let dimse = ["--host", "127.0.0.1", "--port", &port, "--called"];
    done(at, &[&["add", "title"], &dimse[..], &["PACS"]].concat());
    assert_refused(&pacs(at, &["echo", "title"]), "is not called PACS");
    let url = format!("http://127.0.0.1:{}/dicom-web", orthanc.http_port);
    done(at, &["add", "open", "--url", &url]);
    assert_refused(&pacs(at, &["echo", "open"]), "wants a user name");
    done(at, &["add", "other", "--url", &url, "--user", USER]);
    assert_refused(
        &pacs(at, &["find", "other"]),
        "PROSECTOR_PACS_PASSWORD_OTHER",
    );
    let wrong = url.replace("dicom-web", "wrong-place");
    done(
        at,
        &["add", "web", "--replace", "--url", &wrong, "--user", USER],
    );
    assert_refused(&pacs(at, &["echo", "web"]), "is this the address");
    // What is no DICOM is not sent, and nothing before it either.
    fs::write(at.join("notes.txt"), "x".repeat(4000)).unwrap();
    assert_refused(&pacs(at, &["send", "dimse", "notes.txt"]), "no DICOM file");
    assert_refused(
        &pacs(at, &["get", "dimse", "--series", "1.2.3", "-o", "out"]),
        "no such series",
    );
    assert!(!at.join("out").exists());
    let silent = |line: &[&str]| pacs(at, line).status.code();
    assert_eq!(silent(&["find", "dimse", "--date", "yesterday"]), Some(1));
    assert_eq!(silent(&["get", "dimse", "-o", "out"]), Some(2));
    assert_eq!(silent(&["add", "x"]), Some(2));
}

#[test]
fn an_archive_that_stays_silent_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let port = hostile::silent();
    connect(at, port, port);
    let host = [
        "--host",
        "127.0.0.1",
        "--called",
        "X",
        "--timeout",
        "1",
        "--port",
    ];
    let number = port.to_string();
    done(
        at,
        &[&["add", "dimse", "--replace"], &host[..], &[&number]].concat(),
    );
    let url = format!("http://127.0.0.1:{port}/dicom-web");
    done(
        at,
        &["add", "web", "--replace", "--timeout", "1", "--url", &url],
    );
    for name in ["dimse", "web"] {
        let start = Instant::now();
        assert_refused(&pacs(at, &["echo", name]), "has not answered for 1 s");
        assert!(start.elapsed() < Duration::from_secs(8), "{name}");
    }
}

#[test]
fn hostile_answers_are_refused_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let image = |uid: &str| format!(r#"[{{"00080018":{{"vr":"UI","Value":["{uid}"]}}}}]"#);
    for (answer, reason) in [
        (image("../../evil"), "is no UID"),
        (image(".."), "is no UID"),
        (image(&"1".repeat(65)), "is no UID"),
        ("{\"a\":1}".to_owned(), "is no list"),
        ("<html>".to_owned(), "does not answer in DICOM's JSON"),
        ("[".repeat(100_000), "does not answer in DICOM's JSON"),
    ] {
        let port = hostile::answering(answer);
        connect(at, port, port);
        let get = [
            "get", "web", "--study", "1.2", "--series", "1.3", "-o", "out",
        ];
        assert_refused(&pacs(at, &get), reason);
        // It is no DIMSE at all.
        assert_refused(&pacs(at, &["echo", "dimse"]), "127.0.0.1");
        assert!(!at.join("out").exists());
    }
    assert_eq!(files(at), [at.join("settings")]);
}

#[test]
fn connections_are_kept_for_their_user_alone_and_without_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    connect(at, 4242, 8042);
    let file = at.join("settings/prosector/connections.toml");
    let kept = fs::read_to_string(&file).unwrap();
    assert!(
        kept.contains("ORTHANC") && !kept.contains(PASSWORD),
        "{kept}"
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
    let listed = done(at, &["list"]);
    let names: Vec<&str> = listed["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["dimse", "web"]);
    assert_refused(&pacs(at, &["add", "web", "--url", "http://x"]), "--replace");
    assert_refused(
        &pacs(at, &["add", "y", "--url", "http://a:b@x/y"]),
        "leave user and password out",
    );
    assert_refused(&pacs(at, &["add", "y", "--url", "ftp://x"]), "https://");
    assert_refused(
        &pacs(at, &["add", "a b", "--url", "http://x"]),
        "cannot be a connection's name",
    );
    assert_refused(&pacs(at, &["echo", "nowhere"]), "there are: dimse, web");
    done(at, &["remove", "web"]);
    assert_refused(&pacs(at, &["remove", "web"]), "no such connection");
    fs::write(&file, "[connection.x]\nprotocol = \"dimse\"\n").unwrap();
    assert_refused(&pacs(at, &["list"]), "connections.toml");
}

#[test]
fn a_password_is_kept_in_the_systems_keyring_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let url = format!("https://pacs-{}.example/dicom-web", std::process::id());
    let peer = |url: &str| {
        Peer::Web(Web {
            url: url.to_owned(),
            token: false,
        })
    };
    let connection = Connection {
        user: Some(USER.to_owned()),
        ..Connection::new(peer(&url))
    };
    let elsewhere = Connection {
        peer: peer("https://another.example/dicom-web"),
        ..connection.clone()
    };
    // Not the connection whose password the environment has here.
    let is_known = |connection| known_password("web", connection).is_some();
    let arguments = ["add", "web", "--url", &url, "--user", USER, "--remember"];
    let added = pacs(at, &arguments);
    let settings = at.join("settings");
    if added.status.success() {
        assert!(is_known(&connection));
        assert!(!is_known(&elsewhere), "to no other archive");
        let kept = fs::read_to_string(settings.join("prosector/connections.toml")).unwrap();
        assert!(kept.contains(&url) && !kept.contains(PASSWORD), "{kept}");
        done(at, &["remove", "web"]);
    } else {
        assert_refused(&added, "the system's keyring cannot be used");
        assert!(said(&added).contains("PROSECTOR_PACS_PASSWORD_WEB"));
        assert!(!settings.exists());
    }
    assert!(!is_known(&connection));
    let without_user = pacs(at, &["add", "web", "--url", &url, "--remember"]);
    assert_eq!(
        without_user.status.code(),
        Some(2),
        "{}",
        said(&without_user)
    );
    let nothing = pacs(
        at,
        &["add", "x", "--url", &url, "--user", USER, "--remember"],
    );
    assert_eq!(nothing.status.code(), Some(2));
    assert!(
        said(&nothing).contains("no password to remember"),
        "{}",
        said(&nothing)
    );
}
