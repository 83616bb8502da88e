//! NIfTI files made on purpose: wrong ones are refused with their reason, unusual ones open, none panics.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use glam::DVec3;
use proptest::prelude::*;
use prosector::geometry::Affine;
use prosector::io::{self, IoError, OpenOptions};
use prosector::util::{CancelToken, JobContext};
use prosector::volume::{Grid, ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData};

use crate::nifti::{inspect, kind};

/// A sound uncompressed file of 5×4×3 int16 voxels, and where it lies.
fn sound_file(folder: &Path) -> (PathBuf, Vec<u8>) {
    let affine = Affine::from_spacing([1.0, 2.0, 3.0], [-10.0, 5.0, 7.0]);
    let voxels = VoxelData::I16((0..60).map(|v| v - 30).collect());
    let image = ImageVolume::new(
        Grid::new([5, 4, 3], affine),
        voxels,
        Rescale::IDENTITY,
        Modality::Mr,
    );
    let path = folder.join("sound.nii");
    io::save_image(&path, &image).unwrap();
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

/// `bytes` with `field` at `at`.
fn patched(bytes: &[u8], at: usize, field: &[u8]) -> Vec<u8> {
    let mut patched = bytes.to_vec();
    patched[at..at + field.len()].copy_from_slice(field);
    patched
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// A name, the file's bytes, the refusal's variant, and a word of its reason.
type Case = (&'static str, Vec<u8>, &'static str, &'static str);

fn assert_refused(path: &Path, cases: Vec<Case>) {
    for (name, bytes, expected, reason) in cases {
        fs::write(path, bytes).unwrap();
        let error = inspect(path, None).expect_err(name);
        assert_eq!(kind(&error, path), expected, "{name}: {error}");
        assert!(error.to_string().contains(reason), "{name}: {error}");
    }
}

#[test]
fn what_is_no_scan_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scan.nii.gz");
    let text = b"dear radiologist,\n".to_vec();
    let picture = b"\x89PNG\r\n\x1a\n....".to_vec();
    let cases = vec![
        ("empty", vec![], "not_a_scan", "empty"),
        ("text", text.clone(), "not_a_scan", "text"),
        ("png", picture, "not_a_scan", "picture"),
        ("noise", vec![0x93; 500], "not_a_scan", "no scan format"),
        (
            "packed text",
            gzipped(&text),
            "not_a_scan",
            "inside the gzip",
        ),
    ];
    assert_refused(&path, cases);
    let missing = folder.path().join("missing.nii");
    let error = inspect(&missing, None).unwrap_err();
    assert_eq!(kind(&error, &missing), "unreadable");
}

#[test]
fn wrong_headers_and_missing_voxels_are_refused_with_their_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (path, sound) = sound_file(folder.path());
    let with = |at: usize, field: &[u8]| patched(&sound, at, field);
    let int = |at: usize, v: i16| with(at, &v.to_ne_bytes());
    let float = |at: usize, v: f32| with(at, &v.to_ne_bytes());
    let no_room = with(42, &[32767_i16.to_ne_bytes(); 3].concat());
    let cases = vec![
        (
            "half a header",
            sound[..200].to_vec(),
            "damaged",
            "inside its header",
        ),
        (
            "half the voxels",
            sound[..400].to_vec(),
            "damaged",
            "promises",
        ),
        ("packed half", half_packed(&sound), "damaged", "ends"),
        ("negative dim", int(42, -5), "damaged", "impossible"),
        ("zero dim", int(44, 0), "damaged", "impossible"),
        ("nine dims", int(40, 9), "damaged", "dimensions"),
        ("huge dims", no_room.clone(), "damaged", "promises"),
        ("huge packed dims", gzipped(&no_room), "damaged", "promises"),
        (
            "overflow",
            absurd_dims(&sound),
            "damaged",
            "impossibly large",
        ),
        ("early voxels", float(108, 8.0), "damaged", "byte 8"),
        ("NaN offset", float(108, f32::NAN), "damaged", "NaN"),
        ("bits", int(70, 1), "unsupported", "1-bit"),
        ("float128", int(70, 1536), "unsupported", "float128"),
        ("unknown type", int(70, 77), "unsupported", "77"),
        ("no intercept", float(116, f32::NAN), "damaged", "intercept"),
        ("no position", flat_sform(&sound), "damaged", "singular"),
    ];
    assert_refused(&path, cases);
}

fn absurd_dims(sound: &[u8]) -> Vec<u8> {
    let seven = [7_i16, 32767, 32767, 32767, 32767, 32767, 32767, 32767];
    patched(sound, 40, &seven.map(i16::to_ne_bytes).concat())
}

fn flat_sform(sound: &[u8]) -> Vec<u8> {
    let without_qform = patched(sound, 252, &0_i16.to_ne_bytes());
    patched(&without_qform, 280, &[0; 16])
}

fn half_packed(sound: &[u8]) -> Vec<u8> {
    let packed = gzipped(sound);
    packed[..packed.len() - 20].to_vec()
}

#[test]
fn unusual_but_sound_files_open() {
    let folder = tempfile::tempdir().unwrap();
    let (path, sound) = sound_file(folder.path());
    let (_, image) = inspect(&path, None).unwrap();
    let image = image.unwrap();
    let moved = [
        &patched(&sound, 108, &400_f32.to_ne_bytes())[..352],
        &[0; 48],
        &sound[352..],
    ];
    let padded = [gzipped(&sound), vec![0; 100]].concat();
    let members = [gzipped(&sound[..360]), gzipped(&sound[360..])].concat();
    for (name, bytes) in [
        ("a gap before the voxels", moved.concat()),
        ("offset 0", patched(&sound, 108, &[0; 4])),
        ("two gzip members", members),
        ("padding after gzip", padded),
        (
            "bytes after the voxels",
            gzipped(&[&sound[..], b"tail"].concat()),
        ),
        ("extension of size 0", patched(&sound, 348, &[1, 0, 0, 0])),
    ] {
        fs::write(&path, bytes).unwrap();
        let (_, opened) = inspect(&path, None).unwrap();
        assert_eq!(opened.unwrap().voxels(), image.voxels(), "{name}");
    }
    for (unit, scale) in [(1, 1000.0), (3, 1e-3), (0, 1.0)] {
        fs::write(&path, patched(&sound, 123, &[unit])).unwrap();
        let (info, _) = inspect(&path, None).unwrap();
        let spacing = info.spacing_mm.unwrap().map(|mm| mm / scale);
        let error = DVec3::from(spacing).distance(DVec3::new(1.0, 2.0, 3.0));
        assert!(error < 1e-6, "unit {unit}: {spacing:?}");
    }
}

#[test]
fn pairs_open_by_either_file_packed_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let (path, sound) = sound_file(folder.path());
    let (_, image) = inspect(&path, None).unwrap();
    let header = patched(&patched(&sound[..348], 344, b"ni1\0"), 108, &[0; 4]);
    let in_folder = |name: &str| folder.path().join(name);
    for (header_name, image_name) in [("a.hdr", "a.img"), ("B.HDR", "B.IMG")] {
        fs::write(in_folder(header_name), &header).unwrap();
        fs::write(in_folder(image_name), &sound[352..]).unwrap();
    }
    fs::write(in_folder("d.hdr.gz"), gzipped(&header)).unwrap();
    fs::write(in_folder("d.img.gz"), gzipped(&sound[352..])).unwrap();
    for name in ["a.hdr", "a.img", "B.HDR", "B.IMG", "d.hdr.gz", "d.img.gz"] {
        let (_, opened) = inspect(&in_folder(name), None).expect(name);
        assert_eq!(opened.as_ref(), image.as_ref(), "{name}");
    }
}

#[test]
fn swapped_nifti_2_opens() {
    let folder = tempfile::tempdir().unwrap();
    let grid = Grid::new([40000, 1, 1], Affine::from_spacing([0.5; 3], [1.0; 3]));
    let voxels = VoxelData::I16((0..40000).map(|v| (v % 1000) as i16).collect());
    let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Mr);
    let path = folder.path().join("long.nii");
    io::save_image(&path, &image).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let mut swap = |from: usize, size: usize, count: usize| {
        let fields = bytes[from..from + size * count].chunks_mut(size);
        fields.for_each(<[u8]>::reverse);
    };
    swap(0, 4, 1);
    swap(12, 2, 2);
    swap(16, 8, 28);
    swap(344, 4, 2);
    swap(352, 8, 18);
    swap(496, 4, 3);
    swap(544, 2, 40000);
    fs::write(&path, bytes).unwrap();
    let (_, opened) = inspect(&path, None).unwrap();
    assert_eq!(opened, Some(image));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn damaged_bytes_never_panic(
        damage in prop::collection::vec((0_usize..900, any::<u8>()), 1..8),
        packed in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.nii");
        let grid = Grid::new([5, 4, 3], Affine::from_spacing([1.0; 3], [0.0; 3]));
        let mut table = LabelTable::default();
        table.add(1, "left_parotid");
        io::save_labels(&path, &LabelMap::empty(grid), &table).unwrap();
        let mut bytes = fs::read(&path).unwrap();
        if packed {
            bytes = gzipped(&bytes);
        }
        for (at, value) in damage {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        fs::write(&path, bytes).unwrap();
        for refusal in [
            inspect(&path, None).err(),
            io::open_labels(&path, &JobContext::silent()).err(),
        ] {
            prop_assert!(refusal.is_none_or(|e| e.to_string().lines().count() == 1));
        }
    }
}

#[test]
fn reading_can_be_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = sound_file(folder.path());
    let cancel = CancelToken::default();
    cancel.cancel();
    let ctx = JobContext::new(cancel, |_, _| {});
    let result = io::inspect(&path, &OpenOptions::default(), &ctx);
    assert!(matches!(result, Err(IoError::Cancelled(_))));
}
