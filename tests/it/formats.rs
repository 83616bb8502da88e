//! NRRD and MetaImage, in and out.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use glam::DVec3;
use prosector::geometry::Affine;
use prosector::io::{
    DicomObject, Export, IoError, OpenOptions, Scan, Space, Warning, check_keeps, export_labels,
    open_label_layers, open_labels, open_scan, save_image, save_label_layers, save_labels,
};
use prosector::util::JobContext;
use prosector::volume::{
    Grid, ImageVolume, LabelLayers, LabelMap, LabelTable, LayerId, Modality, Rescale, VoxelData,
};

use crate::support::shared;

const DIMS: [usize; 3] = [7, 5, 4];

/// Oblique, left-handed, anisotropic.
fn grid() -> Grid {
    let (i, j) = (DVec3::new(-0.6, 0.8, 0.0), DVec3::new(0.8, 0.6, 0.0));
    let origin = DVec3::new(-31.25, 12.5, 104.0);
    let affine = Affine::from_columns(i * 0.75, j * 1.25, DVec3::Z * 3.0, origin);
    Grid::new(DIMS, affine.expect("a sound grid"))
}

fn numbers() -> Vec<i16> {
    (0..grid().len()).map(|n| n as i16 * 37 - 1000).collect()
}

fn opened(path: &Path) -> Scan {
    open_scan(path, &OpenOptions::default(), &JobContext::silent())
        .unwrap_or_else(|e| panic!("{e}"))
}

fn refusal(path: &Path) -> String {
    let scan = open_scan(path, &OpenOptions::default(), &JobContext::silent());
    let text = scan.expect_err("it is refused").to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

fn write(folder: &Path, name: &str, header: &str, voxels: &[u8]) -> PathBuf {
    let path = folder.join(name);
    let mut file = fs::File::create(&path).expect("a file");
    file.write_all(header.as_bytes()).expect("written");
    file.write_all(voxels).expect("written");
    path
}

#[test]
fn scans_come_back_in_every_type_and_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let stored = numbers();
    let kinds = [
        VoxelData::I16(stored.clone()),
        VoxelData::U8(stored.iter().map(|&v| v as u8).collect()),
        VoxelData::U16(stored.iter().map(|&v| v as u16).collect()),
        VoxelData::I32(stored.iter().map(|&v| i32::from(v) * 70_000).collect()),
        VoxelData::F32(stored.iter().map(|&v| f32::from(v) / 3.0).collect()),
        VoxelData::F64(stored.iter().map(|&v| f64::from(v) / 7.0).collect()),
    ];
    for voxels in kinds {
        let image = ImageVolume::new(grid(), voxels, Rescale::IDENTITY, Modality::Ct);
        for name in ["scan.nrrd", "scan.mha"] {
            let path = folder.path().join(name);
            save_image(&path, &image).unwrap_or_else(|e| panic!("{e}"));
            let read = opened(&path);
            assert_eq!(read.image.voxels().dtype(), image.voxels().dtype());
            assert!((0..grid().len()).all(|n| read.image.value(n) == image.value(n)));
            assert!(read.image.grid().is_same(&grid(), 1e-9), "{name}");
            assert!(!read.image.grid().sides_assumed, "{name}");
        }
    }
}

#[test]
fn a_rescale_goes_into_the_values() {
    let folder = tempfile::tempdir().expect("a folder");
    let stored = VoxelData::U16((0..grid().len() as u16).collect());
    let saved = |slope, intercept| {
        let rescale = Rescale { slope, intercept };
        let image = ImageVolume::new(grid(), stored.clone(), rescale, Modality::Ct);
        let path = folder.path().join("scan.mha");
        save_image(&path, &image).expect("saved");
        (image, opened(&path).image)
    };
    let (image, read) = saved(1.0, -1024.0);
    assert_eq!(read.dtype(), "int16");
    assert!((0..grid().len()).all(|n| read.value(n) == image.value(n)));
    let (image, read) = saved(0.1, 0.5);
    assert_eq!(read.dtype(), "float32");
    assert!((0..grid().len()).all(|n| (read.value(n) - image.value(n)).abs() < 1e-5));
}

#[test]
fn labels_keep_names_and_colours_in_nrrd_and_values_in_meta_image() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut labels = LabelMap::empty(grid());
    labels.voxels[10..20].fill(3);
    labels.voxels[40..44].fill(700);
    let mut table = LabelTable::default();
    table.add(3, "left kidney, cortex: \\ \u{e9}");
    table.add(700, "lesion_1");
    table.add(9, "empty");
    table.get_mut(3).expect("added").color = [12, 200, 77];
    let path = folder.path().join("labels.seg.nrrd");
    save_labels(&path, &labels, &table).expect("saved");
    let (read, names, warnings) = open_labels(&path, &JobContext::silent()).expect("opened");
    assert_eq!((read.voxels, warnings), (labels.voxels.clone(), Vec::new()));
    for label in table.labels() {
        let found = names.get(label.value).expect("every label is there");
        assert_eq!((&found.name, found.color), (&label.name, label.color));
    }
    let path = folder.path().join("labels.mha");
    save_labels(&path, &labels, &table).expect("saved");
    let (read, names, _) = open_labels(&path, &JobContext::silent()).expect("opened");
    assert_eq!(read.voxels, labels.voxels);
    assert_eq!(names.get(700).expect("named").name, "label_700");
}

/// Two segments in two layers, as Slicer writes them; `voxels` are those of both layers, voxel by voxel.
fn two_segments(folder: &Path, voxels: [u8; 12]) -> PathBuf {
    let header = "NRRD0004\ntype: unsigned char\ndimension: 4\nspace: left-posterior-superior\n\
        sizes: 2 3 2 1\nspace directions: none (1,0,0) (0,1,0) (0,0,2)\n\
        kinds: list domain domain domain\nencoding: raw\nspace origin: (0,0,0)\n\
        Segment0_ID:=a\nSegment0_Name:=GTV in\nSegment0_LabelValue:=1\nSegment0_Layer:=0\nSegment0_Color:=1 0 0\n\
        Segment1_ID:=b\nSegment1_Name:=organ\nSegment1_LabelValue:=1\nSegment1_Layer:=1\nSegment1_Color:=0 0.5 1\n\n";
    write(folder, "two.seg.nrrd", header, &voxels)
}

/// In one voxel both segments.
const OVERLAP: [u8; 12] = [1, 0, 1, 1, 0, 1, 0, 0, 0, 1, 0, 0];

type Opened = (LabelLayers, LabelTable, Vec<Warning>);

fn opened_layers(path: &Path) -> Opened {
    open_label_layers(path, &JobContext::silent()).unwrap_or_else(|e| panic!("{e}"))
}

fn voxels_of(layers: &LabelLayers) -> Vec<Vec<u16>> {
    layers.maps().iter().map(|map| map.voxels.clone()).collect()
}

#[test]
fn overlapping_segments_open_as_layers_and_come_back_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (layers, table, warnings) = opened_layers(&two_segments(folder.path(), OVERLAP));
    let expected = [vec![1, 1, 0, 0, 0, 0], vec![0, 2, 2, 0, 2, 0]];
    assert_eq!((voxels_of(&layers), warnings.len()), (expected.to_vec(), 0));
    let segments = |table: &LabelTable| {
        let labels = table.labels().iter();
        let labels = labels.map(|l| (l.value, l.name.clone(), l.color, l.layer.0));
        labels.collect::<Vec<_>>()
    };
    let (gtv, organ) = ("GTV in".to_owned(), "organ".to_owned());
    assert_eq!(
        segments(&table),
        [(1, gtv, [255, 0, 0], 0), (2, organ, [0, 128, 255], 1)]
    );
    let path = folder.path().join("again.seg.nrrd");
    assert_eq!(
        save_label_layers(&path, &layers, &table).expect("saved"),
        None
    );
    let bytes = fs::read(&path).expect("there");
    let header = String::from_utf8_lossy(&bytes[..400]).into_owned();
    for line in [
        "sizes: 2 3 2 1",
        "kinds: list domain domain domain",
        "dimension: 4",
    ] {
        assert!(header.contains(line), "{header}");
    }
    let (again, names, warnings) = opened_layers(&path);
    assert_eq!(
        (again, segments(&names), warnings.len()),
        (layers, segments(&table), 0)
    );
}

#[test]
fn a_format_without_names_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let (layers, table, _) = opened_layers(&two_segments(folder.path(), OVERLAP));
    let export = Export {
        source: None,
        details: &BTreeMap::new(),
        author: None,
        approval: None,
        object: DicomObject::default(),
        space: Space::default(),
    };
    for (name, is_told) in [("a.nii.gz", false), ("a.seg.nrrd", false), ("a.mha", true)] {
        let path = folder.path().join(name);
        let told = export_labels(&path, &layers, &table, &export).expect("saved");
        assert_eq!(told.contains(&Warning::NamesLeftOut), is_told, "{name}");
    }
}

#[test]
fn a_format_of_one_map_gets_the_upper_labels_and_says_what_it_lacks() {
    let folder = tempfile::tempdir().expect("a folder");
    let (layers, table, _) = opened_layers(&two_segments(folder.path(), OVERLAP));
    for name in ["flat.nii.gz", "flat.nrrd", "flat.mha"] {
        let path = folder.path().join(name);
        let flattened = save_label_layers(&path, &layers, &table).expect("saved");
        let expected = Warning::LayersFlattened { voxels: 1 };
        assert_eq!(flattened, Some(expected), "{name}");
        let (read, names, _) = opened_layers(&path);
        assert_eq!(voxels_of(&read), [[1, 2, 2, 0, 2, 0]], "{name}");
        assert_eq!(names.labels().len(), 2);
    }
}

#[test]
fn segments_that_do_not_overlap_are_one_layer_unless_the_file_names_its_layers() {
    let folder = tempfile::tempdir().expect("a folder");
    let apart = [1, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0];
    let (layers, table, _) = opened_layers(&two_segments(folder.path(), apart));
    assert_eq!(voxels_of(&layers), [[1, 1, 2, 0, 2, 0]]);
    assert!(table.is_plain());
    // Ours: three layers, one without labels, one of a name that needs care.
    let mut named = LabelTable::default();
    named.add(5, "organ");
    let upper = named.add_layer("target \\ \u{e9}").expect("room");
    let empty = named.add_layer("empty").expect("room");
    named.add_in(upper, 300, "lesion");
    let mut layers = LabelLayers::empty(grid());
    layers.follow(&named);
    layers.voxels_mut(LayerId(0)).expect("there")[3..9].fill(5);
    layers.voxels_mut(upper).expect("there")[20..25].fill(300);
    let path = folder.path().join("ours.seg.nrrd");
    save_label_layers(&path, &layers, &named).expect("saved");
    let (again, names, warnings) = opened_layers(&path);
    assert_eq!((voxels_of(&again), warnings.len()), (voxels_of(&layers), 0));
    assert_eq!(names.layers(), named.layers());
    assert_eq!(
        (names.layer_of(5), names.layer_of(300)),
        (LayerId(0), upper)
    );
    assert_eq!(names.labels_in(empty).count(), 0);
}

#[test]
fn more_layers_than_there_may_be_become_one_and_overlap_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = LabelLayers::MOST + 6;
    let mut header = format!(
        "NRRD0004\ntype: unsigned char\ndimension: 4\nspace: left-posterior-superior\n\
         sizes: {count} {count} 1 1\nspace directions: none (1,0,0) (0,1,0) (0,0,2)\n\
         kinds: list domain domain domain\nencoding: raw\nspace origin: (0,0,0)\n"
    );
    for n in 0..count {
        header.push_str(&format!(
            "Segment{n}_ID:=s{n}\nSegment{n}_LabelValue:=1\nSegment{n}_Layer:={n}\n"
        ));
    }
    header.push('\n');
    // Segment n has voxel n, and with overlap the last one has voxel 0 too.
    for overlap in [0, 1] {
        let mut voxels = vec![0; count * count];
        (0..count).for_each(|n| voxels[n * count + n] = 1);
        voxels[count - 1] = overlap;
        let path = write(folder.path(), "many.seg.nrrd", &header, &voxels);
        let (layers, table, warnings) = opened_layers(&path);
        let mut expected: Vec<u16> = (1..=count as u16).collect();
        if overlap == 1 {
            expected[0] = count as u16;
        }
        assert_eq!(voxels_of(&layers), [expected]);
        assert!(table.is_plain());
        let told = [Warning::SegmentsOverlap { voxels: 1 }];
        assert_eq!(warnings, told[..usize::from(overlap)]);
    }
}

#[test]
fn slicers_layers_become_one_map_and_overlap_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = two_segments(folder.path(), OVERLAP);
    let (labels, table, warnings) = open_labels(&path, &JobContext::silent()).expect("opened");
    assert_eq!(labels.voxels, [1, 2, 2, 0, 2, 0]);
    let named: Vec<_> = table
        .labels()
        .iter()
        .map(|l| (l.value, l.name.as_str(), l.color))
        .collect();
    assert_eq!(
        named,
        [(1, "GTV in", [255, 0, 0]), (2, "organ", [0, 128, 255])]
    );
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0]
            .to_string()
            .starts_with("1 voxels belong to segments that overlap"),
        "{warnings:?}"
    );
}

#[test]
fn detached_headers_find_their_voxels_and_keep_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes: Vec<u8> = numbers().iter().flat_map(|v| v.to_be_bytes()).collect();
    let voxels = write(folder.path(), "voxels.raw", "HEAD", &bytes);
    // Row d of the matrix is the direction of axis d.
    let meta = "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = True\n\
        TransformMatrix = 0.8 0.6 0 -0.6 0.8 0 0 0 1\nOffset = 5 6 7\nElementSpacing = 1 2 3\n\
        DimSize = 7 5 4\nHeaderSize = 4\nElementType = MET_SHORT\nElementDataFile = voxels.raw\n";
    let nrrd = "NRRD0005\n# made\ntype: short\ndimension: 3\nspace: RAS\nsizes: 7 5 4\nendian: big\n\
        space directions: (-0.8,-0.6,0) (1.2,-1.6,0) (0,0,3)\nspace origin: (-5,-6,7)\n\
        encoding: raw\nbyte skip: -1\ndata file: voxels.raw\n";
    for (name, header) in [("scan.mhd", meta), ("scan.nhdr", nrrd)] {
        let path = write(folder.path(), name, header, &[]);
        let scan = opened(&path);
        assert_eq!(*scan.image.voxels(), VoxelData::I16(numbers()), "{name}");
        let rows = scan.image.grid().affine.to_rows();
        let wanted = [
            [-0.8, 1.2, 0.0, -5.0],
            [-0.6, -1.6, 0.0, -6.0],
            [0.0, 0.0, 3.0, 7.0],
        ];
        for (row, wanted) in rows.iter().zip(&wanted) {
            assert!(
                row.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12),
                "{name}: {rows:?}"
            );
        }
        let kept = check_keeps(&voxels, &[&path]);
        assert!(
            matches!(kept, Err(IoError::Output { .. })),
            "the voxels of {name} would be lost"
        );
    }
}

#[test]
fn bzip2_and_text_give_the_voxels_that_raw_gives() {
    let folder = tempfile::tempdir().expect("a folder");
    let raw: Vec<u8> = numbers().iter().flat_map(|v| v.to_le_bytes()).collect();
    let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    packed.write_all(&raw).expect("packed");
    let packed = packed.finish().expect("packed");
    let words: Vec<String> = numbers().iter().map(i16::to_string).collect();
    // Lines as teem writes them, of the first axis.
    let lines: Vec<String> = words.chunks(DIMS[0]).map(|line| line.join(" ")).collect();
    let text = lines.join("\n");
    let header = |encoding: &str| {
        format!(
            "NRRD0004\ntype: short\ndimension: 3\nsizes: 7 5 4\nspace: LPS\n\
             space directions: (1,0,0) (0,1,0) (0,0,1)\nencoding: {encoding}\n\n"
        )
    };
    let packed_as = "bzip2\nendian: little";
    for (encoding, voxels) in [(packed_as, packed.as_slice()), ("ascii", text.as_bytes())] {
        let path = write(folder.path(), "scan.nrrd", &header(encoding), voxels);
        let scan = opened(&path);
        assert_eq!(
            *scan.image.voxels(),
            VoxelData::I16(numbers()),
            "{encoding}"
        );
        let cut = &voxels[..voxels.len() / 2];
        let path = write(folder.path(), "cut.nrrd", &header(encoding), cut);
        assert!(refusal(&path).contains("is damaged"), "{encoding}");
    }
    let far = format!("1 2 70000{}", " 4".repeat(numbers().len() - 3));
    let path = write(folder.path(), "far.nrrd", &header("ascii"), far.as_bytes());
    assert!(refusal(&path).contains("\"70000\""), "{}", refusal(&path));
}

#[test]
fn damaged_and_odd_files_are_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let image = ImageVolume::new(
        grid(),
        VoxelData::I16(numbers()),
        Rescale::IDENTITY,
        Modality::Ct,
    );
    for name in ["scan.nrrd", "scan.mha"] {
        let path = folder.path().join(name);
        save_image(&path, &image).expect("saved");
        let bytes = fs::read(&path).expect("there");
        fs::write(&path, &bytes[..bytes.len() - 30]).expect("cut");
        assert!(refusal(&path).contains("is damaged"), "{name}");
    }
    let nrrd = |fields: &str| {
        let header = format!("NRRD0004\ndimension: 3\nendian: little\n{fields}\n\n");
        write(folder.path(), "odd.nrrd", &header, &[0; 64])
    };
    let space = "space: LPS\nspace directions: (1,0,0) (0,1,0) (0,0,1)";
    for (fields, reason) in [
        (format!("type: short\nsizes: 100000 100000 100000\nencoding: raw\n{space}"), "need 2000000000000000 bytes"),
        (format!("type: short\nsizes: 9999999999 9999999999 9999999999\nencoding: raw\n{space}"), "impossible"),
        (format!("type: block\nsizes: 2 2 2\nencoding: raw\n{space}"), "block"),
        (format!("type: short\nsizes: 2 2 2\nencoding: hex\n{space}"), "encoding hex"),
        (format!("type: short\nsizes: 2 2 2\nencoding: bzip2\n{space}"), "damaged"),
        (format!("type: short\nsizes: 2 2 2\nencoding: ascii\n{space}"), "no number of their type"),
        (format!("type: short\nsizes: 2 2\nencoding: raw\n{space}"), "none of 3 dimensions"),
        ("type: short\nsizes: 2 2 2\nencoding: raw\nspace: scanner-xyz\nspace directions: (1,0,0) (0,1,0) (0,0,1)".to_owned(), "scanner-xyz"),
        ("type: short\nsizes: 2 2 2\nencoding: raw\nspace: LPS\nspace directions: (1,0,0) (2,0,0) (0,0,1)".to_owned(), "singular"),
        ("type: short\nsizes: 2 2 2\nencoding: raw\ndata file: LIST\nspace: LPS\nspace directions: (1,0,0) (0,1,0) (0,0,1)".to_owned(), "several files"),
    ] {
        let text = refusal(&nrrd(&fields));
        assert!(text.contains(reason), "{text}");
    }
    // Without a space nothing says which side is the patient's left.
    let path = nrrd("type: uchar\nsizes: 4 4 4\nspacings: 1 1 2\nencoding: raw");
    let scan = opened(&path);
    assert!(scan.image.grid().sides_assumed);
    assert_eq!(scan.image.grid().spacing_mm(), [1.0, 1.0, 2.0]);
}

#[test]
fn published_files_read_as_pynrrd_reads_them() {
    let files = [
        (
            "brain1_image",
            [256, 256, 25],
            (0.0, 3057.0),
            [0.78125, 0.78125, 6.5],
        ),
        (
            "breast1_image",
            [45, 120, 21],
            (6.0, 248.0),
            [0.664_062, 0.664_062, 2.1],
        ),
        (
            "prostate_phantom_subvolume",
            [82, 67, 13],
            (0.0, 2017.0),
            [0.5, 0.5, 3.0],
        ),
    ];
    for (name, dims, range, spacing_mm) in files {
        let Some(path) = shared(&format!("data/labelled/pyradiomics_nrrd/{name}.nrrd")) else {
            return;
        };
        let scan = opened(&path);
        assert_eq!(
            (scan.info.dims, scan.info.value_range),
            (Some(dims), Some(range))
        );
        let found = scan.image.grid().spacing_mm();
        assert!(
            found
                .iter()
                .zip(spacing_mm)
                .all(|(a, b)| (a - b).abs() < 1e-9),
            "{found:?}"
        );
    }
}

#[test]
fn published_label_maps_read_as_pynrrd_reads_them() {
    let files: [(&str, &[(u16, usize)]); 3] = [
        ("brain1_label", &[(1, 4137)]),
        ("breast1_label", &[(1, 143)]),
        (
            "prostate_phantom_subvolume-label",
            &[(1, 168), (7, 170), (8, 2997), (9, 9088)],
        ),
    ];
    for (name, counts) in files {
        let Some(path) = shared(&format!("data/labelled/pyradiomics_nrrd/{name}.nrrd")) else {
            return;
        };
        let (labels, table, warnings) =
            open_labels(&path, &JobContext::silent()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(labels.counts(), counts);
        assert_eq!((table.labels().len(), warnings.len()), (counts.len(), 0));
    }
}
