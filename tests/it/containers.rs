//! DICOM as it comes on media and in archives.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use prosector::io::{IoError, OpenOptions, Scan, open_scan};
use prosector::util::JobContext;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::dicom_made::{folder_of, set_text, stack_at};

fn open(path: &Path) -> Result<Scan, IoError> {
    open_scan(path, &OpenOptions::default(), &JobContext::silent())
}

fn refusal(path: &Path) -> String {
    open(path)
        .err()
        .map_or_else(|| panic!("it should be refused"), |e| e.to_string())
}

/// An archive of `entries`, deflated.
pub fn archive(path: &Path, entries: &[(&str, &[u8])]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in entries {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap();
}

/// The files of a made series, under names as bad as can be.
fn series() -> (Scan, Vec<Vec<u8>>) {
    let folder = folder_of(stack_at(&[0.0, 5.0, 10.0]));
    let files = fs::read_dir(folder.path()).unwrap().flatten();
    let bytes = files.map(|e| fs::read(e.path()).unwrap()).collect();
    (open(folder.path()).unwrap(), bytes)
}

#[test]
fn a_zip_opens_as_its_folder_and_writes_nowhere_else() {
    let (expected, files) = series();
    let desk = tempfile::tempdir().unwrap();
    fs::create_dir(desk.path().join("here")).unwrap();
    let zip = desk.path().join("here/study.zip");
    let absolute = desk.path().join("escaped_to_a_whole_path.dcm");
    archive(
        &zip,
        &[
            ("../escaped.dcm", &files[0]),
            (absolute.to_str().unwrap(), &files[1]),
            ("a/b/c.dcm", &files[2]),
            ("a/readme.txt", b"words"),
        ],
    );
    let scan = open(&zip).unwrap();
    assert!(scan.image.grid() == expected.image.grid());
    assert!(scan.image.voxels() == expected.image.voxels());
    assert!(!desk.path().join("escaped.dcm").exists());
    assert!(!absolute.exists());
}

#[test]
fn archives_that_are_no_study_are_refused() {
    let desk = tempfile::tempdir().unwrap();
    let zip = desk.path().join("bomb.zip");
    archive(&zip, &[("zeros.dcm", &vec![0; 80 << 20])]);
    assert!(fs::metadata(&zip).unwrap().len() < 200 << 10);
    let reason = refusal(&zip);
    assert!(
        reason.contains("far more") && reason.contains("bomb.zip"),
        "{reason}"
    );
    archive(&zip, &[("readme.txt", b"words")]);
    assert!(
        refusal(&zip).contains("holds no DICOM"),
        "{}",
        refusal(&zip)
    );
    let (_, files) = series();
    archive(&zip, &[("a.dcm", &files[0]), ("b.dcm", &files[1])]);
    let bytes = fs::read(&zip).unwrap();
    fs::write(&zip, &bytes[..bytes.len() / 2]).unwrap();
    assert!(
        refusal(&zip).contains("cannot be read"),
        "{}",
        refusal(&zip)
    );
}

#[test]
fn an_index_opens_what_lies_on_its_medium() {
    let folder = folder_of(stack_at(&[0.0, 5.0, 10.0]));
    let expected = open(folder.path()).unwrap();
    let mut index = InMemDicomObject::new_empty();
    set_text(
        &mut index,
        tags::SOP_CLASS_UID,
        VR::UI,
        uids::MEDIA_STORAGE_DIRECTORY_STORAGE,
    );
    set_text(&mut index, tags::SOP_INSTANCE_UID, VR::UI, "2.25.77");
    set_text(&mut index, tags::FILE_SET_ID, VR::CS, "MEDIUM");
    let meta = FileMetaTableBuilder::new().transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN);
    let path = folder.path().join("DICOMDIR");
    index.with_meta(meta).unwrap().write_to_file(&path).unwrap();
    let scan = open(&path).unwrap();
    assert!(scan.image.voxels() == expected.image.voxels());
    assert!(scan.image.grid() == expected.image.grid());
}
