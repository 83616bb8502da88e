//! Names and colours of labels in files of their own.

use std::path::Path;

use prosector::io::{LabelEntry, read_label_table, write_label_table};
use prosector::session::TEMPLATES;
use prosector::volume::LabelTable;

fn read(name: &str, text: &str) -> Result<Vec<LabelEntry>, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    read_label_table(&path).map_err(|e| e.to_string())
}

fn entry(value: u16, name: &str, color: [u8; 3], visible: bool) -> LabelEntry {
    LabelEntry {
        value: Some(value),
        name: name.to_owned(),
        color: Some(color),
        visible,
    }
}

/// As ITK-SNAP 4 writes it.
const ITK_SNAP: &str = r#"################################################
# ITK-SnAP Label Description File
# File format:
# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL
################################################
    0     0    0    0        0  0  0    "Clear Label"
    1   255    0    0        1  1  1    "Left kidney, upper"

    7     0  255    0     0.40  0  1    "tumor"
"#;

#[test]
fn label_descriptions_of_itk_snap_are_read() {
    let wanted = [
        entry(1, "Left kidney, upper", [255, 0, 0], true),
        entry(7, "tumor", [0, 255, 0], false),
    ];
    assert_eq!(read("labels.txt", ITK_SNAP).unwrap(), wanted);
    // Content decides, not the name; a mark of byte order and Windows' line ends do not matter.
    let windows = format!("\u{feff}{}", ITK_SNAP.replace('\n', "\r\n"));
    assert_eq!(read("labels.ctbl", &windows).unwrap(), wanted);
    let unnamed = read("a.txt", "3 1 2 3 1 1 1 \"\"\n").unwrap();
    assert_eq!(unnamed, [entry(3, "label_3", [1, 2, 3], true)]);
}

#[test]
fn colour_tables_of_slicer_are_read() {
    let ctbl = "# Color table file Colors.ctbl\n# 3 values\n0 Background 0 0 0 0\n1 left_kidney 255 0 12 255\n300 'tumor' 999 -4 1 255\n5 _ 1 2 3\n";
    let wanted = [
        entry(1, "left_kidney", [255, 0, 12], true),
        entry(300, "tumor", [255, 0, 1], true),
        entry(5, "label_5", [1, 2, 3], true),
    ];
    assert_eq!(read("Colors.txt", ctbl).unwrap(), wanted);
    let csv = "LabelValue,Name,Color_R,Color_G,Color_B,Color_A,Category_CodeMeaning\n0,bg,0,0,0,0,\n1,\"kidney, \"\"left\"\"\",255,0,12,255,\"Tissue\nor organ\"\n9,plain,,,,,\n";
    let wanted = [
        entry(1, "kidney, \"left\"", [255, 0, 12], true),
        LabelEntry {
            color: None,
            ..entry(9, "plain", [0; 3], true)
        },
    ];
    assert_eq!(read("c.csv", csv).unwrap(), wanted);
    let tabs = "Name\tLabelValue\n\nspleen\t4\n";
    let spleen = read("c.tsv", tabs).unwrap();
    assert_eq!(
        (spleen[0].value, spleen[0].name.as_str()),
        (Some(4), "spleen")
    );
}

#[test]
fn what_is_damaged_or_another_thing_is_refused_with_its_line() {
    for (text, said) in [
        ("1 255 0 0 1 1 1 \"a\"\n2 255 0 0 1 1 \"b\"\n", "line 2"),
        (
            "1 255 0 0 1 1 1 \"a\"\n70000 255 0 0 1 1 1 \"b\"\n",
            "70000",
        ),
        ("1 a 1 2 3 255\n2 b 1 x 3 255\n", "line 2"),
        ("LabelValue,Name\n\n-1,a\n", "line 3"),
        ("dear colleague, 1 2 3\n", "no names and colours"),
        ("", "no names and colours"),
    ] {
        let refused = read("a.txt", text).unwrap_err();
        assert!(refused.contains(said), "{refused}");
    }
    assert!(read_label_table(Path::new("/nowhere/a.txt")).is_err());
}

#[test]
fn what_is_written_reads_back_in_every_format() {
    let mut table = LabelTable::default();
    for (value, name) in [(1, "spleen"), (65535, "kidney, \"left\""), (12, "tumor_1")] {
        table.add(value, name);
    }
    table.get_mut(12).unwrap().visible = false;
    let folder = tempfile::tempdir().unwrap();
    for ending in ["csv", "ctbl", "label", "txt"] {
        let path = folder.path().join(format!("a.{ending}"));
        write_label_table(&path, &table).unwrap();
        let found = read_label_table(&path).unwrap();
        for (label, found) in table.labels().iter().zip(&found) {
            assert_eq!(
                (Some(label.value), Some(label.color)),
                (found.value, found.color)
            );
            let keeps_all = ending == "csv";
            let name = match ending {
                "ctbl" => label.name.replace(' ', "_").replace('"', "'"),
                "csv" => label.name.clone(),
                _ => label.name.replace('"', "'"),
            };
            assert_eq!(found.name, name, "{ending}");
            let knows_visible = ["label", "txt"].contains(&ending);
            assert!(keeps_all || !knows_visible || label.visible == found.visible);
        }
        assert_eq!(found.len(), 3);
    }
    let refused = write_label_table(&folder.path().join("a.pdf"), &table).unwrap_err();
    assert!(refused.to_string().contains(".csv"), "{refused}");
}

#[test]
fn templates_name_each_label_once() {
    for template in TEMPLATES {
        let labels = template.labels().expect("the file in the program is sound");
        assert!(labels.len() >= 4, "{}", template.title);
        for (n, label) in labels.iter().enumerate() {
            let same = |other: &&LabelEntry| {
                other.name == label.name || (label.value.is_some() && other.value == label.value)
            };
            assert_eq!(labels[..n].iter().find(same), None, "{}", template.title);
        }
    }
    let total = TEMPLATES.last().unwrap().labels().unwrap();
    let named = |value: u16| {
        total
            .iter()
            .find(|l| l.value == Some(value))
            .map(|l| l.name.as_str())
    };
    assert_eq!(total.len(), 117);
    assert_eq!(
        (named(5), named(52), named(117)),
        (Some("liver"), Some("aorta"), Some("costal_cartilages"))
    );
}
