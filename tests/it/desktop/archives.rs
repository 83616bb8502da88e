//! Archives in the window, against a real Orthanc: find, open, label, send back.

use eframe::egui::{Key, Modifiers, PointerButton};
use prosector::io::{LabelTarget, open_labels_of};
use prosector::network::{
    Archive, Connection, Connections, Dimse, Peer, Query, Wanted, dicom_files,
};
use prosector::util::JobContext;

use super::bench::Bench;
use crate::pacs::orthanc::Orthanc;
use crate::support::shared;

fn connection(port: u16) -> Connection {
    Connection::new(Peer::Dimse(Dimse {
        host: "127.0.0.1".to_owned(),
        port,
        called: "ORTHANC".to_owned(),
        calling: "PROSECTOR".to_owned(),
        tls: false,
    }))
}

#[test]
fn a_series_is_opened_from_an_archive_and_its_labels_go_back() {
    let (Some(source), Some(orthanc)) = (
        shared("data/dicom/prostatex_0001_multiseries/6.000000-t2tsetra-76610"),
        Orthanc::start(),
    ) else {
        return;
    };
    let ctx = JobContext::silent();
    let connection = connection(orthanc.dicom_port);
    let archive = Archive::new("lab", &connection, None).unwrap();
    let files = dicom_files(&[source]).unwrap();
    archive.send(&files, &ctx).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path());
    bench.choose("File", "PACS...");
    assert!(bench.shows("No archive is set up"));
    let mut connections = Connections::read(&folder.path().join("connections.toml")).unwrap();
    connections.set("lab", connection).unwrap();
    bench.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
    bench.press("Find series");
    assert!(bench.shows("t2_tse_tra"), "{:?}", bench.messages());
    bench.picture("archive");
    bench.press("Open series");
    assert_eq!(bench.case().scan_image().grid().dims, [384, 384, 19]);
    assert!(
        !bench.shows("Find series"),
        "the window of archives is closed"
    );

    bench.press("Brush");
    bench.key(Modifiers::NONE, Key::N);
    let stroke = [
        bench.point("Axial", 0.4, 0.5),
        bench.point("Axial", 0.6, 0.55),
    ];
    bench.drag(PointerButton::Primary, Modifiers::NONE, &stroke);
    let drawn = bench.case().labels().voxels.clone();
    assert!(drawn.iter().any(|&v| v > 0));
    bench.choose("File", "PACS...");
    bench.press("as SEG");
    assert!(bench.shows("Sent to lab"), "{:?}", bench.messages());
    bench.press("as RTSTRUCT");

    let found = |modality: &str| {
        let query = Query {
            modality: Some(modality.to_owned()),
            ..Query::default()
        };
        archive.find(&query, &ctx).unwrap().series
    };
    assert_eq!(found("RTSTRUCT").len(), 1, "{:?}", bench.messages());
    let seg = &found("SEG")[0];
    let wanted = Wanted {
        study: Some(seg.study.clone()),
        series: Some(seg.series.clone()),
    };
    let back = folder.path().join("back");
    archive.fetch(&wanted, &back, &ctx).unwrap();
    let case = bench.case();
    let target = LabelTarget {
        grid: *case.scan_image().grid(),
        source: case.info().provenance.as_deref(),
    };
    let file = std::fs::read_dir(&back)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let read = open_labels_of(&file, Some(&target), &ctx)
        .unwrap()
        .flattened()
        .0;
    let is_same = read
        .voxels
        .iter()
        .zip(&drawn)
        .all(|(a, b)| (*a > 0) == (*b > 0));
    assert!(is_same, "the labels are the same voxel by voxel");
}

#[test]
fn an_archive_is_set_up_in_the_window_and_a_dead_one_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path());
    bench.choose("File", "PACS...");
    bench.press("Add archive...");
    for (field, text) in [
        ("Call it", "lab"),
        ("Host", "127.0.0.1"),
        ("Its title (AE)", "ORTHANC"),
    ] {
        bench.press_field(field);
        bench.type_text(text);
    }
    // Nothing listens at a port that no service has.
    bench.press_field("Port");
    bench.key(Modifiers::COMMAND, Key::A);
    bench.type_text("1");
    bench.press("Keep archive");
    let kept = Connections::read(&folder.path().join("connections.toml")).unwrap();
    assert_eq!(kept.get("lab").unwrap(), &connection(1));
    bench.press("Find series");
    let said = bench.messages().join("\n");
    assert!(said.contains("nothing listens at 127.0.0.1:1"), "{said}");
    assert!(!said.contains("--"), "{said}");
}
