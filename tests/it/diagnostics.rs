//! Diagnostics tell nothing of a patient: no name, no path, no voxel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use dicom_dictionary_std::{tags, uids};
use dicom_object::FileMetaTableBuilder;
use prosector::geometry::Affine;
use prosector::io::{self, IoError, OpenOptions, save_image, save_labels};
use prosector::models::ScanKey;
use prosector::session::journal::{Recorded, Replay, Summary};
use prosector::session::recovery::Snapshot;
use prosector::session::settings::Settings;
use prosector::session::{
    LabelCommand, OpenedLabels, OpenedScan, ScanCommand, ScanSource, Session,
};
use prosector::util::JobContext;
use prosector::volume::{
    Grid, ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData, Window,
};
use tempfile::TempDir;

use crate::dicom_made::{set_text, slice};

/// Parts of the path and of the file, as a patient's name and number would be.
const SECRETS: [&str; 4] = ["Mustermann", "Erika", "19530412", "Geheimrat"];
/// The value of every voxel; as a number, because a time of day may contain the digits.
const VOXEL: &str = "23117";

/// What of the patient a text tells.
fn secret_in(text: &str) -> Option<&'static str> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    let name = SECRETS.into_iter().find(|secret| text.contains(secret));
    name.or_else(|| numbers.any(|n| n == VOXEL).then_some(VOXEL))
}

fn grid() -> Grid {
    Grid::new([20, 18, 12], Affine::from_spacing([1.5; 3], [0.0; 3]))
}

fn image() -> ImageVolume {
    let voxels = VoxelData::I16(vec![23117; grid().len()]);
    ImageVolume::new(grid(), voxels, Rescale::IDENTITY, Modality::Mr)
}

/// Scans in a folder that is named after a patient.
fn patient() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let named = folder.path().join("Mustermann^Erika_19530412");
    let series = named.join("Geheimrat_series");
    fs::create_dir_all(&series).expect("a folder can be made");
    save_image(&named.join("Erika.nii.gz"), &image()).expect("written");
    let mut labels = LabelMap::empty(grid());
    labels.voxels[700] = 1;
    let mut table = LabelTable::default();
    table.add(1, "Geheimrat");
    save_labels(&named.join("Geheimrat.nii.gz"), &labels, &table).expect("written");
    for k in 0..3u16 {
        let mut object = slice(f64::from(k) * 5.0, [23117; 12]);
        set_text(
            &mut object,
            tags::PATIENT_NAME,
            dicom_core::VR::PN,
            "Mustermann^Erika",
        );
        set_text(
            &mut object,
            tags::SERIES_DESCRIPTION,
            dicom_core::VR::LO,
            "Geheimrat",
        );
        set_text(
            &mut object,
            tags::PATIENT_ID,
            dicom_core::VR::LO,
            "19530412",
        );
        set_text(
            &mut object,
            tags::SOP_INSTANCE_UID,
            dicom_core::VR::UI,
            &format!("2.25.9{k}"),
        );
        let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
        let file = object.with_meta(meta).expect("the object is sound");
        file.write_to_file(series.join(format!("Erika{k}.dcm")))
            .expect("written");
    }
    fs::write(named.join("Mustermann.txt"), "no scan of Erika").expect("written");
    (folder, named)
}

/// What a command tells on both channels.
fn told(named: &Path, filter: &str, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_prosector"))
        .args(arguments)
        .current_dir(named)
        .env("PROSECTOR_LOG", filter)
        .env("XDG_RUNTIME_DIR", named)
        .env("XDG_DATA_HOME", named)
        .env("HOME", named)
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .output()
        .expect("the program starts");
    let text = [output.stdout, output.stderr].concat();
    String::from_utf8(text).expect("it tells text")
}

/// The same without the lines that are for the user.
fn diagnostics(named: &Path, arguments: &[&str]) -> String {
    let for_the_user = told(named, "off", arguments);
    let all = told(named, "trace", arguments);
    let more = all
        .lines()
        .filter(|l| !for_the_user.lines().any(|u| u == *l));
    more.collect::<Vec<_>>().join("\n")
}

#[test]
fn commands_at_trace_tell_no_name_no_path_and_no_voxel() {
    let (_folder, named) = patient();
    let commands: [&[&str]; 6] = [
        &["info", "Erika.nii.gz", "--json"],
        &["info", "Geheimrat_series", "--json"],
        &["info", "Mustermann.txt"],
        &["convert", "Geheimrat_series", "-o", "Mustermann.nii.gz"],
        &[
            "screenshot",
            "Erika.nii.gz",
            "--labels",
            "Geheimrat.nii.gz",
            "-o",
            "Erika.png",
        ],
        &[
            "evaluate",
            "--pred",
            "Geheimrat.nii.gz",
            "--truth",
            "Geheimrat.nii.gz",
        ],
    ];
    for command in commands {
        let told = diagnostics(&named, command);
        assert_eq!(secret_in(&told), None, "{command:?}: {told}");
    }
}

#[test]
fn segmenting_at_trace_tells_something_but_nothing_of_the_patient() {
    let (_folder, named) = patient();
    // What the user is told of has other names.
    fs::rename(named.join("Erika.nii.gz"), named.join("scan.nii.gz")).expect("renamed");
    let line = "segment scan.nii.gz -o out.nii.gz --auto --device cpu";
    let told = told(&named, "trace", &line.split(' ').collect::<Vec<_>>());
    assert!(told.contains("prosector"), "diagnostics are there: {told}");
    assert_eq!(secret_in(&told), None, "{told}");
}

#[test]
fn what_can_be_printed_for_debugging_hides_its_content() {
    let (_folder, named) = patient();
    let path = named.join("Erika.nii.gz");
    let ctx = JobContext::silent();
    let (info, _) = io::inspect(
        &named.join("Geheimrat_series"),
        &OpenOptions::default(),
        &ctx,
    )
    .expect("a series");
    let (labels, table, _) =
        io::open_labels(&named.join("Geheimrat.nii.gz"), &ctx).expect("labels");
    let source = ScanSource::File {
        path: path.clone(),
        series: Some("Geheimrat".to_owned()),
        frame: None,
        frames_of_slice: None,
        modality: None,
    };
    let snapshot = Snapshot {
        source: source.clone(),
        labels: labels.clone().into(),
        table: table.clone(),
        active: Some(1),
        labels_path: Some(path.clone()),
    };
    let mut settings = Settings::default();
    settings.push_recent(&path);
    let opened = OpenedLabels {
        layers: labels.clone().into(),
        table: table.clone(),
        measurements: Vec::new(),
        path: path.clone(),
    };
    let journal = Arc::new(Recorded::default());
    let mut session = Session::default().with_archive(journal.clone());
    session.apply(ScanCommand::Open(Box::new(OpenedScan {
        image: Arc::new(image()),
        info: info.clone(),
        key: ScanKey(1),
        source: source.clone(),
        window: Window {
            level: 1.0,
            width: 1.0,
        },
    })));
    session.apply(LabelCommand::Add {
        name: Some("Geheimrat".to_owned()),
    });
    let bytes = journal.bytes();
    let replay = Replay::of(bytes.clone(), 1 << 20).expect("whole");
    assert!(
        bytes.windows(9).any(|b| b == b"Geheimrat"),
        "it is in there"
    );
    let printed = [
        format!("{journal:?} {replay:?}"),
        format!("{:?}", Summary::of(&bytes)),
        format!("{:?}", image()),
        format!("{:?}", image().voxels()),
        format!("{info:?} {:?}", info.series),
        format!("{labels:?} {table:?} {:?}", labels.foreground()),
        format!("{source:?} {snapshot:?} {settings:?}"),
        format!("{:?}", IoError::damaged(&path, "Geheimrat")),
        format!("{:?}", ScanCommand::OpenLabels(Box::new(opened))),
        format!("{:?}", ScanCommand::MarkSaved { revision: 1, path }),
        format!(
            "{:?}",
            LabelCommand::Rename {
                value: 1,
                name: "Geheimrat".to_owned()
            }
        ),
    ];
    assert_eq!(secret_in(&format!("{session:?}")), None);
    for text in printed {
        assert!(text.len() < 300, "{text}");
        assert_eq!(secret_in(&text), None, "{text}");
    }
    // All its settings, but no voxel: there are thousands.
    let text = format!("{session:?}");
    assert!(text.len() < 3000, "{text}");
    assert_eq!(secret_in(&text), None, "{text}");
}
