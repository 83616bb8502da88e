//! Opening, saving, recovery, settings.

use std::path::{Path, PathBuf};

use prosector::geometry::{Affine, Convention};
use prosector::prompt::Polarity::Positive;
use prosector::session::recovery::Snapshot;
use prosector::session::settings::Settings;
use prosector::session::{
    Brush, BrushShape, Effect, HistoryCommand, LabelCommand, OpenedLabels, PromptCommand,
    ScanCommand, Session, Severity, ToolCommand, ViewCommand,
};
use prosector::volume::{Grid, LabelMap, Modality};

use super::{Desk, click, has, notice, organs, paint, scan, voxel_box};

const DIMS: [usize; 3] = [12, 10, 8];

fn saved(desk: &Desk) -> ScanCommand {
    ScanCommand::MarkSaved {
        revision: desk.case().revision(),
        path: PathBuf::from("labels.nii.gz"),
    }
}

#[test]
fn dirty_follows_save_undo_and_redo() {
    let mut desk = Desk::new(DIMS);
    assert!(!desk.session.is_dirty());
    paint(&mut desk, [3.0, 3.0, 3.0]);
    assert!(desk.session.is_dirty());
    let save = saved(&desk);
    paint(&mut desk, [6.0, 6.0, 3.0]);
    desk.apply(save);
    assert!(
        desk.session.is_dirty(),
        "drawn on while the file was written"
    );
    desk.apply(HistoryCommand::Undo);
    assert!(!desk.session.is_dirty(), "back at what is on disk");
    desk.apply(HistoryCommand::Undo);
    assert!(desk.session.is_dirty());
    desk.apply(HistoryCommand::Redo);
    assert!(!desk.session.is_dirty());
    desk.apply(LabelCommand::Lock {
        value: 1,
        locked: true,
    });
    assert!(!desk.session.is_dirty(), "locks are not saved");
    assert_eq!(desk.case().labels_path(), Some(Path::new("labels.nii.gz")));
}

#[test]
fn opening_a_scan_replaces_everything_and_late_messages_mean_nothing() {
    let mut desk = Desk::new(DIMS);
    paint(&mut desk, [3.0, 3.0, 3.0]);
    desk.apply(PromptCommand::AddClick(click([8, 8, 6], Positive)));
    let (save, late) = (saved(&desk), desk.prompt.clone());
    let effects = desk.apply(ScanCommand::Open(Box::new(scan(DIMS, 2))));
    assert!(has(&effects, |e| matches!(e, Effect::CancelJob(_))));
    assert!(has(&effects, |e| matches!(e, Effect::ScanChanged)));
    assert!(desk.case().table().labels().is_empty() && desk.case().history().undo_len() == 0);
    desk.apply(PromptCommand::AddClick(click([2, 2, 2], Positive)));
    desk.prompt = late;
    desk.answer(&[voxel_box([0; 3], [5; 3])]);
    assert!(desk.case().proposal().is_none());
    desk.apply(save);
    assert!(desk.case().labels_path().is_none());
    desk.apply(ScanCommand::Close);
    assert!(desk.session.case().is_none());
    assert!(desk.session.apply(HistoryCommand::Undo).is_empty());
}

#[test]
fn a_label_map_opens_on_its_own_grid_only() {
    let mut desk = Desk::new(DIMS);
    paint(&mut desk, [3.0, 3.0, 3.0]);
    let before = desk.case().labels().clone();
    let grid = *desk.case().grid();
    let elsewhere = Grid::new(DIMS, grid.affine.stepped([1.0, 0.0, 0.0], [1.0; 3]));
    let smaller = Grid::new([5, 5, 5], Affine::from_spacing([1.0; 3], [0.0; 3]));
    for other in [elsewhere, smaller] {
        let opened = OpenedLabels {
            layers: LabelMap::empty(other).into(),
            table: Default::default(),
            measurements: Vec::new(),
            path: "other.nii.gz".into(),
        };
        let effects = desk.apply(ScanCommand::OpenLabels(Box::new(opened)));
        let text = notice(&effects, Severity::Error).expect("refused");
        assert!(
            text.contains("open the scan that it was drawn on"),
            "{text}"
        );
        assert_eq!(*desk.case().labels(), before);
        assert_eq!(desk.case().history().undo_len(), 1);
    }

    let (mut labels, mut table) = organs(grid, &[voxel_box([0; 3], [2; 3])]);
    labels.voxels[grid.len() - 1] = 9;
    table.add(4, "empty");
    let opened = OpenedLabels {
        layers: labels.into(),
        table,
        measurements: Vec::new(),
        path: "organs.nii.gz".into(),
    };
    desk.apply(ScanCommand::OpenLabels(Box::new(opened)));
    assert!(!desk.session.is_dirty() && desk.case().history().undo_len() == 0);
    assert_eq!(desk.case().voxel_count(1), 27);
    let unnamed = desk.case().table().get(9).map(|l| l.name.as_str());
    assert_eq!(unnamed, Some("label_9"), "every value has a label");
    assert!(
        desk.case().active().is_none(),
        "no click runs into one unasked"
    );
}

#[test]
fn a_label_map_with_turned_axes_is_put_right_and_one_nearly_on_the_grid_is_taken() {
    let mut desk = Desk::new(DIMS);
    let grid = *desk.case().grid();
    let last = DIMS[0] - 1;
    let from_the_other_end = grid
        .affine
        .stepped([last as f64, 0.0, 0.0], [-1.0, 1.0, 1.0]);
    let nearly = grid.affine.stepped([0.0, 0.06, 0.0], [1.0; 3]);
    for (affine, first, told) in [
        (from_the_other_end, last, "reordered onto the scan"),
        (nearly, 0, "0.060 of a voxel"),
    ] {
        let mut labels = LabelMap::empty(Grid::new(DIMS, affine));
        labels.voxels[first] = 3;
        let opened = OpenedLabels {
            layers: labels.into(),
            table: Default::default(),
            measurements: Vec::new(),
            path: "other.nii.gz".into(),
        };
        let effects = desk.apply(ScanCommand::OpenLabels(Box::new(opened)));
        let text = notice(&effects, Severity::Warning).expect("said");
        assert!(text.contains(told), "{text}");
        let labels = desk.case().labels();
        assert_eq!(labels.grid, grid);
        assert_eq!(labels.voxels.iter().position(|&v| v == 3), Some(0));
    }
}

#[test]
fn another_frame_or_modality_keeps_the_labels() {
    let mut desk = Desk::new(DIMS);
    paint(&mut desk, [3.0, 3.0, 3.0]);
    let mut other = scan(DIMS, 7);
    let image = (*other.image).clone().with_modality(Modality::Mr);
    other.image = image.into();
    other.window.level = 500.0;
    desk.apply(ScanCommand::ReplaceImage(Box::new(other)));
    assert_eq!(desk.case().image().modality(), Modality::Mr);
    assert_eq!(desk.case().window().level, 500.0);
    assert_eq!(desk.case().key().0, 7);
    assert_eq!(desk.label_at([3, 3, 3]), 1);
    let effects = desk.apply(ScanCommand::ReplaceImage(Box::new(scan([3; 3], 8))));
    assert!(notice(&effects, Severity::Error).is_some());
    assert_eq!(desk.case().key().0, 7);
}

/// What an earlier version wrote: voxel 405 (9, 3, 3) is label 1, voxels 700 and 701 are label 2.
const SNAPSHOT: &str = r#"{"version":1,"source":{"file":{"path":"scan.nii.gz","series":null,"frame":null,
"modality":null}},"dims":[12,10,8],"affine":[[-1.0,0.1,0.0,10.0],[0.0,1.5,0.3,-20.0],[0.0,0.0,3.0,5.0],[0.0,0.0,0.0,1.0]],
"labels":[{"value":1,"name":"lesion_1","color":[1,2,3],"visible":true,"locked":true},
{"value":2,"name":"\u00d6dem \"2\"","color":[82,168,236],"visible":false,"locked":false}],
"active":2,"labels_path":"labels.nii.gz","runs":[[405,1,1],[294,2,2]]}"#;

#[test]
fn a_recovery_file_of_an_earlier_version_brings_the_work_back() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("recovery-0.json");
    std::fs::write(&file, SNAPSHOT).expect("written");
    let found = Snapshot::load(&file).expect("read");
    let mut desk = Desk::new(DIMS);
    desk.apply(ScanCommand::Restore(Box::new(found.clone())));
    let case = desk.case();
    let labelled: Vec<(usize, u16)> = case
        .labels()
        .voxels
        .iter()
        .copied()
        .enumerate()
        .filter(|&(_, v)| v != 0)
        .collect();
    assert_eq!(labelled, [(405, 1), (700, 2), (701, 2)]);
    let labels = case.table().labels();
    assert_eq!(labels[1].name, "Ödem \"2\"");
    assert_eq!(labels[0].color, [1, 2, 3]);
    assert_eq!((labels[0].locked, labels[1].visible), (true, false));
    assert_eq!(case.active().map(|l| l.value), Some(2));
    assert_eq!(case.labels_path(), Some(Path::new("labels.nii.gz")));
    assert!(desk.session.is_dirty(), "restored work is not saved");
    let mut other = Desk::new([3, 3, 3]);
    let effects = other.apply(ScanCommand::Restore(Box::new(found)));
    assert!(notice(&effects, Severity::Error).is_some());
}

#[test]
fn a_damaged_recovery_file_is_refused_in_one_line() {
    let damaged = [
        SNAPSHOT[..SNAPSHOT.len() / 2].to_owned(),
        String::new(),
        SNAPSHOT.replace("\"version\":1", "\"version\":99"),
        SNAPSHOT.replace("\"runs\":[[", "\"runs\":[[18446744073709551615,1,1],["),
        SNAPSHOT.replace("\"dims\":[12,", "\"dims\":[99999999999999,"),
        SNAPSHOT.replace("\"dims\":[12,", "\"dims\":[2,"),
    ];
    for content in damaged {
        assert_ne!(content, SNAPSHOT);
        let reason = Snapshot::from_bytes(content.as_bytes()).expect_err("refused");
        assert!(
            !reason.contains('\n') && reason.contains("delete it"),
            "{reason}"
        );
    }
}

#[cfg(unix)]
#[test]
fn a_path_that_is_no_unicode_is_no_recent_file() {
    use std::os::unix::ffi::OsStrExt;
    let path = PathBuf::from(std::ffi::OsStr::from_bytes(b"scan_\xff.nii"));
    let mut settings = Settings::default();
    settings.push_recent(&path);
    assert!(settings.recent_files.is_empty());
}

#[test]
fn settings_survive_and_a_broken_file_gives_the_defaults() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("new").join("settings.toml");
    assert_eq!(Settings::load(&file), (Settings::default(), None));

    let mut desk = Desk::new(DIMS);
    desk.apply(ToolCommand::Brush(Brush {
        diameter_mm: 3.5,
        shape: BrushShape::Sphere,
    }));
    desk.apply(ViewCommand::Convention(Convention::Neurological));
    let mut settings = Settings {
        notice_accepted: true,
        ..Settings::default()
    };
    settings.remember(&desk.session);
    for n in 0..15 {
        settings.push_recent(Path::new(&format!("folder/scan_{n}.nii")));
    }
    settings.push_recent(Path::new("folder/scan_12.nii"));
    assert_eq!(settings.recent_files.len(), Settings::MAX_RECENT_FILES);
    assert_eq!(settings.recent_files[0], Path::new("folder/scan_12.nii"));
    assert_eq!(settings.last_folder.as_deref(), Some(Path::new("folder")));
    settings.save(&file).expect("written");
    let (found, warning) = Settings::load(&file);
    assert_eq!((&found, warning), (&settings, None));
    let session = Session::new(&found);
    assert_eq!(session.tools().brush.diameter_mm, 3.5);
    assert_eq!(session.display().convention, Convention::Neurological);

    std::fs::write(&file, "notice_accepted = true\nunknown_key = 3\n").expect("written");
    assert!(
        Settings::load(&file).0.notice_accepted,
        "keys of later versions do no harm"
    );
    std::fs::write(&file, "notice_accepted = maybe").expect("written");
    let (found, warning) = Settings::load(&file);
    assert_eq!(found, Settings::default());
    assert!(warning.is_some_and(|w| !w.contains('\n')));
}
