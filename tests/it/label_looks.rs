//! Opacity and group of each label: drawn, undone, kept in the files that can hold them.

use std::sync::Arc;

use prosector::geometry::{Affine, Convention, Grid, Plane, SliceView, VoxelIndex};
use prosector::io;
use prosector::render::{Scene, SliceStyle, reference};
use prosector::session::{HistoryCommand, LabelCommand};
use prosector::util::JobContext;
use prosector::volume::{
    ImageVolume, Label, LabelMap, LabelTable, Modality, Rescale, VoxelData, Window,
};

use crate::session::Desk;

fn table() -> LabelTable {
    let mut table = LabelTable::default();
    for (value, name, percent, group) in [
        (1, "liver", 40, "organs"),
        (2, "node", 100, ""),
        (3, "spleen", 10, "organs"),
        (4, "left_1", 75, "nodes: left/<right> & 2"),
    ] {
        table.add(value, name);
        let label = table.get_mut(value).expect("just added");
        label.opacity_percent = percent;
        label.group = group.to_owned();
    }
    table
}

fn map() -> LabelMap {
    let grid = Grid::new([5, 4, 3], Affine::from_spacing([1.0, 1.0, 2.0], [0.0; 3]));
    let mut map = LabelMap::empty(grid);
    for (offset, voxel) in map.voxels.iter_mut().enumerate() {
        *voxel = (offset % 5) as u16;
    }
    map
}

#[test]
fn files_that_can_hold_them_bring_opacity_and_group_back() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["labels.nii.gz", "labels.nii", "labels.seg.nrrd"] {
        let path = folder.path().join(name);
        io::save_labels(&path, &map(), &table()).expect("saved");
        let (_, read, _) = io::open_labels(&path, &JobContext::silent()).expect("read");
        let looks = |t: &LabelTable| {
            let labels = t.labels().iter();
            let looks = labels.map(|l| (l.value, l.opacity_percent, l.group.clone()));
            looks.collect::<Vec<_>>()
        };
        assert_eq!(looks(&read), looks(&table()), "{name}");
    }
}

/// The same with what it says it left out.
fn exported(path: &std::path::Path, table: &LabelTable) -> Vec<io::Warning> {
    let export = io::Export {
        source: None,
        details: &std::collections::BTreeMap::new(),
        author: None,
        approval: None,
        object: io::DicomObject::default(),
        space: io::Space::default(),
    };
    io::export_labels(path, &map().into(), table, &export).expect("saved")
}

#[test]
fn formats_without_groups_or_opacities_say_so_where_labels_have_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut opaque = table();
    let mut ungrouped = table();
    for value in 1..=4 {
        opaque.get_mut(value).expect("there").opacity_percent = Label::OPAQUE;
        ungrouped.get_mut(value).expect("there").group.clear();
    }
    let mut plain = opaque.clone();
    for value in 1..=4 {
        plain.get_mut(value).expect("there").group.clear();
    }
    let tables = [
        (table(), Some("groups and opacities")),
        (opaque, Some("groups")),
        (ungrouped, Some("opacities")),
        (plain, None),
    ];
    for (table, what) in tables {
        let expected = what.map(|what| io::Warning::LooksLeftOut { what });
        let lost = |told: Vec<io::Warning>| {
            let is_looks = |w: &io::Warning| matches!(w, io::Warning::LooksLeftOut { .. });
            told.into_iter().find(is_looks)
        };
        for (name, keeps) in [
            ("a.nii.gz", true),
            ("a.nrrd", true),
            ("a.seg.nrrd", true),
            ("a.mha", false),
            ("a.stl", false),
            ("a.obj", false),
        ] {
            let told = exported(&folder.path().join(name), &table);
            let expected = expected.clone().filter(|_| !keeps);
            assert_eq!(lost(told), expected, "{name}, {what:?}");
            if keeps {
                let path = folder.path().join(name);
                let (_, read, _) = io::open_labels(&path, &JobContext::silent()).expect("read");
                let looks = |t: &LabelTable| {
                    let labels = t.labels().iter();
                    let looks = labels.map(|l| (l.opacity_percent, l.group.clone()));
                    looks.collect::<Vec<_>>()
                };
                assert_eq!(looks(&read), looks(&table), "{name}");
            }
        }
        for name in ["a.csv", "a.ctbl", "a.label"] {
            let told = io::write_label_table(&folder.path().join(name), &table).expect("written");
            assert_eq!(told, expected, "{name}, {what:?}");
        }
    }
}

#[test]
fn labels_of_files_that_say_no_opacity_are_as_opaque_as_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("labels.nii");
    let mut plain = LabelTable::default();
    plain.add(1, "liver");
    plain.add(2, "node");
    io::save_labels(&path, &map(), &plain).expect("saved");
    let bytes = std::fs::read(&path).expect("bytes");
    // As programs write that know no opacity: every alpha is 0.
    let from = b"Alpha=\"1\"";
    let changed: Vec<u8> = {
        let mut bytes = bytes.clone();
        while let Some(at) = bytes.windows(from.len()).position(|w| w == from) {
            bytes[at + 7] = b'0';
        }
        bytes
    };
    assert_ne!(bytes, changed);
    std::fs::write(&path, changed).expect("written");
    let (_, read, _) = io::open_labels(&path, &JobContext::silent()).expect("read");
    let opacities: Vec<u8> = read.labels().iter().map(|l| l.opacity_percent).collect();
    assert_eq!(opacities[..2], [Label::OPAQUE; 2]);
}

#[test]
fn a_fill_hides_as_much_as_its_label_and_all_labels_say_together() {
    let grid = Grid::new([8, 8, 1], Affine::from_spacing([1.0; 3], [0.0; 3]));
    let voxels = VoxelData::U8(vec![100; grid.len()]);
    let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct);
    let labels = [Arc::new(LabelMap {
        grid,
        voxels: vec![1; grid.len()],
    })];
    let mut table = LabelTable::default();
    table.add(1, "all");
    let view = SliceView::fit(
        &grid,
        Plane::Axial,
        Convention::Radiological,
        VoxelIndex([4, 4, 0]),
        40,
        40,
    );
    for percent in [100u8, 50, 10] {
        let label = table.get_mut(1).expect("a label");
        label.opacity_percent = percent;
        label.color = [200, 0, 50];
        let scene = Scene {
            image: &image,
            labels: &labels,
            table: &table,
            proposal: None,
            second: None,
        };
        let window = Window {
            level: 127.5,
            width: 255.0,
        };
        let style = SliceStyle {
            fill_opacity: 0.6,
            ..SliceStyle::new(window)
        };
        let drawn = reference::draw(&view, &scene, &style).get_pixel(20, 20).0;
        let hides = 0.6 * f64::from(percent) / 100.0;
        for (channel, color) in [200.0, 0.0, 50.0].into_iter().enumerate() {
            let expected = 100.0 + (color - 100.0) * hides;
            let found = f64::from(drawn[channel]);
            assert!(
                (found - expected).abs() <= 1.5,
                "{percent}: {found} {expected}"
            );
        }
    }
}

#[test]
fn groups_and_opacities_are_steps_that_are_work_to_save() {
    let mut desk = Desk::new([9, 8, 6]);
    for _ in 0..3 {
        desk.apply(LabelCommand::Add { name: None });
    }
    let revision = desk.case().revision();
    let group = |desk: &mut Desk, values: &[u16], group: &str| {
        desk.apply(LabelCommand::Group {
            values: values.to_vec(),
            group: group.to_owned(),
        })
    };
    group(&mut desk, &[1, 3, 77], "  organs ");
    let names = |desk: &Desk| {
        let labels = desk.case().table().labels().iter();
        labels.map(|l| l.group.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&desk), ["organs", "", "organs"]);
    assert_ne!(desk.case().revision(), revision, "it is to be saved");
    let steps = desk.case().history().undo_len();
    group(&mut desk, &[1, 3], "organs");
    assert_eq!(desk.case().history().undo_len(), steps, "nothing changed");
    let listed: Vec<u16> = desk
        .case()
        .table()
        .listed()
        .iter()
        .map(|l| l.value)
        .collect();
    assert_eq!(listed, [2, 1, 3]);

    // A slider's row of values is one step, and not one with the colour before it.
    desk.apply(LabelCommand::Recolor {
        value: 2,
        color: [1, 2, 3],
    });
    for percent in [90, 60, 3] {
        desk.apply(LabelCommand::Opacity { value: 2, percent });
    }
    let opacity = |desk: &Desk| desk.case().table().get(2).expect("there").opacity_percent;
    assert_eq!(opacity(&desk), Label::LEAST_OPAQUE);
    assert_eq!(desk.case().history().undo_len(), steps + 2);
    desk.apply(HistoryCommand::Undo);
    assert_eq!(opacity(&desk), Label::OPAQUE);
    assert_eq!(desk.case().table().get(2).expect("there").color, [1, 2, 3]);
    desk.apply(HistoryCommand::JumpTo(steps - 1));
    assert_eq!(names(&desk), ["", "", ""]);
}
