//! Writing NIfTI: what is written reads back the same, here and by the nifti crate, or nothing is written.

use std::fs::{self, File};
use std::io::{Error, Write};
use std::path::Path;

use glam::{DMat3, DVec3, EulerRot};
use nifti::{NiftiObject, NiftiVolume, RandomAccessNiftiVolume, ReaderOptions};
use prosector::geometry::Affine;
use prosector::io::{self, IoError, OpenOptions, atomic};
use prosector::util::JobContext;
use prosector::volume::{
    Grid, ImageVolume, Label, LabelMap, LabelTable, LayerId, Mask, Modality, Rescale, VoxelData,
};

fn affine(columns: DMat3, origin: [f64; 3]) -> Affine {
    Affine::from_columns(
        columns.x_axis,
        columns.y_axis,
        columns.z_axis,
        DVec3::from_array(origin),
    )
    .unwrap()
}

/// Positions of every kind: name, affine, whether a qform can say it.
fn placements() -> Vec<(&'static str, Affine, bool)> {
    let scale = DMat3::from_diagonal(DVec3::new(0.8, 1.1, 2.5));
    let turn = DMat3::from_euler(EulerRot::XYZ, 0.3, -0.7, 1.9);
    let mirror = DMat3::from_diagonal(DVec3::new(-1.0, 1.0, 1.0));
    let half_turn = DMat3::from_rotation_z(std::f64::consts::PI);
    let nearly_half_turn = DMat3::from_rotation_z(3.1);
    let permuted = DMat3::from_cols(DVec3::Z, DVec3::X, DVec3::Y);
    let shear = DMat3::from_cols(DVec3::X, DVec3::Y, DVec3::new(0.2, 0.0, 1.0));
    let at = [-90.5, 120.25, 33.0];
    vec![
        ("axial", affine(scale, at), true),
        ("oblique", affine(turn * scale, at), true),
        ("left-handed", affine(mirror * scale, at), true),
        (
            "oblique left-handed",
            affine(turn * mirror * scale, at),
            true,
        ),
        ("half turn", affine(half_turn * scale, at), true),
        (
            "nearly half turn",
            affine(nearly_half_turn * scale, at),
            true,
        ),
        ("permuted", affine(permuted * scale, at), true),
        ("sheared", affine(shear * scale, at), false),
        ("oblique sheared", affine(turn * shear * scale, at), false),
    ]
}

/// A label map of 7×6×5 voxels with values up to `largest`, and a table with awkward names.
fn labels(affine: Affine, largest: u16) -> (LabelMap, LabelTable) {
    let grid = Grid::new([7, 6, 5], affine);
    let mut map = LabelMap::empty(grid);
    for (offset, voxel) in map.voxels.iter_mut().enumerate() {
        *voxel = [0, 1, 2, largest][offset % 4];
    }
    let mut table = LabelTable::default();
    table.add(2, "left_parotid");
    table.insert(Label {
        value: 1,
        name: "Läsion <1> & \"rest\" ]]> end".into(),
        color: [1, 128, 254],
        visible: true,
        locked: false,
        layer: LayerId::default(),
        opacity_percent: 35,
        group: "A & \"B\" <c>".into(),
    });
    table.add(largest, "last");
    (map, table)
}

#[test]
fn label_maps_keep_voxels_names_and_position() {
    let folder = tempfile::tempdir().unwrap();
    for (name, affine, _) in placements() {
        for (file, largest) in [("a.nii", 200), ("a.nii.gz", 200), ("b.nii.gz", 40000)] {
            let path = folder.path().join(file);
            let (map, table) = labels(affine, largest);
            io::save_labels(&path, &map, &table).unwrap();
            let (read, names, warnings) = io::open_labels(&path, &JobContext::silent()).unwrap();
            assert_eq!(read.voxels, map.voxels, "{name}");
            assert!(read.grid.is_same(&map.grid, 1e-4), "{name}");
            assert_eq!(names, table, "{name}");
            assert!(warnings.is_empty(), "{name}: {warnings:?}");
        }
    }
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        3,
        "stray files"
    );
}

#[test]
fn the_nifti_crate_reads_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (name, affine, has_qform) in placements() {
        let path = folder.path().join("labels.nii.gz");
        let (map, table) = labels(affine, 40000);
        io::save_labels(&path, &map, &table).unwrap();
        let object = ReaderOptions::new().read_file(&path).unwrap();
        let header = object.header();
        assert_eq!(header.sform_code, 1, "{name}");
        assert_eq!(header.qform_code, i16::from(has_qform), "{name}");
        assert_eq!((header.intent_code, header.datatype), (1002, 512), "{name}");
        assert_eq!(header.vox_offset % 16.0, 0.0, "{name}");
        let extensions: Vec<i32> = object.extensions().iter().map(|e| e.code()).collect();
        assert_eq!(extensions, [30], "{name}");
        let volume = object.volume();
        assert_eq!(volume.dim(), [7, 6, 5]);
        for (offset, &value) in map.voxels.iter().enumerate() {
            let [i, j, k] = map.grid.voxel_at(offset).0.map(|v| v as u16);
            assert_eq!(volume.get_u16(&[i, j, k]).unwrap(), value, "{name}");
        }
    }
}

#[test]
fn masks_are_zero_and_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mask.nii.gz");
    let mut mask = Mask::empty(Grid::new(
        [3, 4, 5],
        Affine::from_spacing([1.0; 3], [0.0; 3]),
    ));
    mask.voxels[17] = 255;
    io::save_mask(&path, &mask).unwrap();
    let (read, _, _) = io::open_labels(&path, &JobContext::silent()).unwrap();
    assert_eq!(read.counts(), [(1, 1)]);
    assert_eq!(read.voxels[17], 1);
}

#[test]
fn images_keep_their_type_and_rescale() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image.nii.gz");
    let grid = Grid::new([4, 3, 2], Affine::from_spacing([1.5; 3], [1.0, 2.0, 3.0]));
    let rescale = Rescale {
        slope: 0.5,
        intercept: -1024.0,
    };
    let types = [
        VoxelData::U8((0..24).collect()),
        VoxelData::I8((-12..12).collect()),
        VoxelData::U16((0..24).map(|v| v * 2000).collect()),
        VoxelData::I16((-12..12).map(|v| v * 2000).collect()),
        VoxelData::U32((0..24).map(|v| v * 150_000_000).collect()),
        VoxelData::I32((-12..12).map(|v| v * 150_000_000).collect()),
        VoxelData::U64((0..24).map(|v| v << 58).collect()),
        VoxelData::I64((-12..12).map(|v| v << 58).collect()),
        VoxelData::F32((0..24).map(|v| v as f32 / 7.0).collect()),
        VoxelData::F64((0..24).map(|v| f64::from(v) / 7.0).collect()),
    ];
    for voxels in types {
        let image = ImageVolume::new(grid, voxels, rescale, Modality::Ct);
        io::save_image(&path, &image).unwrap();
        let options = OpenOptions {
            modality: Some(Modality::Ct),
            ..OpenOptions::default()
        };
        let scan = io::open_scan(&path, &options, &JobContext::silent()).unwrap();
        assert_eq!(scan.image, image);
        assert_eq!(scan.info.dtype.as_deref(), Some(image.voxels().dtype()));
    }
}

#[test]
fn long_volumes_become_nifti_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.nii.gz");
    let grid = Grid::new([40000, 1, 2], Affine::from_spacing([0.1; 3], [0.0; 3]));
    let mut map = LabelMap::empty(grid);
    map.voxels[79_999] = 3;
    let mut table = LabelTable::default();
    table.add(3, "wire");
    io::save_labels(&path, &map, &table).unwrap();
    let (read, names, _) = io::open_labels(&path, &JobContext::silent()).unwrap();
    assert_eq!((read, names), (map, table));
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_failed_write_keeps_the_old_file_and_leaves_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.nii.gz");
    fs::write(&path, "old").unwrap();
    let write = |file: &mut File| file.write_all(b"new");
    let no_space = |_: &mut File| Err(Error::from(std::io::ErrorKind::StorageFull));
    let full = atomic::replace_file(&path, no_space, |_| Ok(())).unwrap_err();
    assert!(full.to_string().contains("disk is full"), "{full}");
    let differs = atomic::replace_file(&path, write, |_| Err("a voxel differs".into()));
    assert!(matches!(differs, Err(IoError::Output { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names_in(folder.path()), ["labels.nii.gz"]);
    let seen = |temporary: &Path| {
        assert_eq!(fs::read(temporary).unwrap(), b"new");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        Ok(())
    };
    atomic::replace_file(&path, write, seen).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names_in(folder.path()), ["labels.nii.gz"]);
}

#[test]
fn outputs_that_cannot_be_written_are_refused_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let check = |path: &Path, reason: &str| {
        let error = io::check_output(path).unwrap_err();
        assert!(matches!(error, IoError::Output { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(error.to_string().lines().count(), 1, "{error}");
    };
    let inside = |name: &str| folder.path().join(name);
    io::check_output(&inside("fine.nii.gz")).unwrap();
    io::check_output(&inside("fine.NII")).unwrap();
    check(&inside("labels.png"), ".nii.gz");
    io::check_output(&inside("labels.seg.nrrd")).unwrap();
    io::check_output(&inside("labels.mha")).unwrap();
    check(&inside("missing/labels.nii.gz"), "does not exist");
    fs::create_dir(inside("folder.nii")).unwrap();
    check(&inside("folder.nii"), "is a folder");
    fs::write(inside("file"), "").unwrap();
    check(&inside("file/labels.nii"), "file");
    assert_eq!(names_in(folder.path()), ["file", "folder.nii"]);
}

#[cfg(unix)]
#[test]
fn read_only_folders_and_files_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.nii");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    let error = io::check_output(&path).unwrap_err();
    assert!(error.to_string().contains("write-protected"), "{error}");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let error = io::check_output(&folder.path().join("new.nii")).unwrap_err();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(error.to_string().contains("read-only"), "{error}");
    assert_eq!(names_in(folder.path()), ["labels.nii"]);
}

#[cfg(unix)]
#[test]
fn new_files_get_ordinary_permissions_and_links_are_followed() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    File::create(&plain).unwrap();
    let ordinary = fs::metadata(&plain).unwrap().permissions().mode();
    let (path, link) = (folder.path().join("a.nii"), folder.path().join("link.nii"));
    let write = |file: &mut File| file.write_all(b"new");
    atomic::replace_file(&path, write, |_| Ok(())).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode(), ordinary);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    atomic::replace_file(&link, write, |_| Ok(())).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}
