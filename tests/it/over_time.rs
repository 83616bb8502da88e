//! Scans whose third axis is time: folders of pictures, films of DICOM, slices of 4D scans.

use std::fs;
use std::path::Path;

use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use image::{GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use prosector::geometry::VoxelIndex;
use prosector::io::{self, IoError, OpenOptions, Scan};
use prosector::util::JobContext;
use prosector::volume::window::default_window;
use prosector::volume::{ThirdAxis, luminance};

use crate::dicom_made::{folder_of, set_number, set_text, slice, values};
use crate::slice_systems::Workplace;
use crate::support::shared;

fn open(path: &Path, options: &OpenOptions) -> Result<Scan, IoError> {
    io::open_scan(path, options, &JobContext::silent())
}

pub fn opened(path: &Path) -> Scan {
    open(path, &OpenOptions::default()).unwrap()
}

fn refusal(path: &Path, options: &OpenOptions) -> String {
    let refusal = open(path, options).unwrap_err().to_string();
    assert!(!refusal.contains('\n'), "{refusal}");
    refusal
}

fn frames_of(slice: usize) -> OpenOptions {
    OpenOptions {
        frames_of_slice: Some(slice),
        ..OpenOptions::default()
    }
}

fn says(scan: &Scan, what: &str) -> bool {
    scan.info
        .warnings
        .iter()
        .any(|w| w.to_string().contains(what))
}

/// The colour of a pixel of a frame.
pub fn colour(frame: usize, x: u32, y: u32) -> [u8; 3] {
    [20 * frame as u8, 3 * x as u8, 200 - 5 * y as u8]
}

/// A folder with `count` pictures of 20x16 pixels, whose names sort wrongly by letters.
pub fn film(count: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for frame in 0..count {
        let picture = RgbImage::from_fn(20, 16, |x, y| Rgb(colour(frame, x, y)));
        let name = format!("frame_{}.png", frame + 1);
        picture.save(folder.path().join(name)).unwrap();
    }
    folder
}

#[test]
fn a_folder_of_pictures_is_a_scan_over_time_in_colour() {
    let folder = film(12);
    let scan = opened(folder.path());
    let image = &scan.image;
    assert_eq!(image.grid().dims, [20, 16, 12]);
    assert_eq!(image.third_axis(), ThirdAxis::Time { frame_ms: None });
    assert_eq!(scan.info.frames, Some(1));
    assert_eq!(scan.info.dtype.as_deref(), Some("rgb24"));
    let time = scan.info.time.unwrap();
    assert!(!time.has_scale && !time.has_position);
    assert!(says(&scan, "the third axis is time: 12 frames"));
    let colours = image.colours().unwrap();
    for frame in [0, 1, 9, 11] {
        let offset = image.grid().offset(7, 3, frame);
        assert_eq!(colours[offset], colour(frame, 7, 3));
        assert_eq!(image.value(offset), f64::from(luminance(colours[offset])));
    }
    let window = default_window(image);
    assert_eq!((window.low(), window.high()), (0.0, 255.0));
    let [lower, upper] = [VoxelIndex([0, 0, 0]), VoxelIndex([0, 15, 0])]
        .map(|v| image.grid().world_from_voxel(v.center()).0);
    assert!(lower.y > upper.y, "rows run down the screen");
}

#[test]
fn one_picture_of_a_folder_can_be_chosen() {
    let folder = film(3);
    let options = OpenOptions {
        frame: Some(2),
        ..OpenOptions::default()
    };
    let scan = open(folder.path(), &options).unwrap();
    assert_eq!(
        (scan.info.dims, scan.info.frames),
        (Some([20, 16, 1]), Some(3))
    );
    assert_eq!(scan.image.colours().unwrap()[5], colour(2, 5, 0));
    assert!(scan.info.time.is_none());
    let options = OpenOptions {
        frame: Some(3),
        ..OpenOptions::default()
    };
    assert!(refusal(folder.path(), &options).contains("--frame 0 to 2"));
    assert!(refusal(folder.path(), &frames_of(1)).contains("--frames-of-slice 0 to 0"));
}

#[test]
fn grey_pictures_keep_their_bits_and_jpeg_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let deep = |n: u16| ImageBuffer::from_fn(16, 12, |x, _| Luma([1000 * n + x as u16]));
    for n in 0..2 {
        deep(n)
            .save(folder.path().join(format!("{n}.png")))
            .unwrap();
    }
    let scan = opened(folder.path());
    assert!(scan.image.colours().is_none());
    assert_eq!(scan.info.dtype.as_deref(), Some("uint16"));
    assert_eq!(scan.image.value(scan.image.grid().offset(3, 2, 1)), 1003.0);

    let shallow = GrayImage::from_fn(16, 12, |x, _| Luma([x as u8]));
    shallow.save(folder.path().join("2.png")).unwrap();
    let mixed = opened(folder.path());
    assert_eq!(
        mixed.image.value(mixed.image.grid().offset(3, 2, 2)),
        3.0 * 257.0
    );

    let jpeg = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/frame.jpg");
    fs::copy(jpeg, folder.path().join("3.jpg")).unwrap();
    let scan = opened(folder.path());
    let colours = scan.image.colours().unwrap();
    let near = |found: [u8; 3], meant: [u8; 3]| (0..3).all(|c| found[c].abs_diff(meant[c]) < 6);
    assert!(near(
        colours[scan.image.grid().offset(2, 5, 3)],
        [200, 40, 30]
    ));
    assert!(near(
        colours[scan.image.grid().offset(13, 5, 3)],
        [20, 60, 180]
    ));
    assert_eq!(colours[scan.image.grid().offset(9, 5, 2)], [9; 3]);
}

#[test]
fn folders_that_are_no_film_are_refused_by_name() {
    let folder = film(3);
    let other = RgbImage::new(8, 16);
    other.save(folder.path().join("frame_2.png")).unwrap();
    let sizes = refusal(folder.path(), &OpenOptions::default());
    assert!(
        sizes.contains("frame_2.png") && sizes.contains("8x16"),
        "{sizes}"
    );

    let whole = fs::read(folder.path().join("frame_1.png")).unwrap();
    fs::write(folder.path().join("frame_2.png"), &whole[..60]).unwrap();
    let cut = refusal(folder.path(), &OpenOptions::default());
    assert!(
        cut.contains("frame_2.png") && cut.contains("is damaged"),
        "{cut}"
    );
    fs::write(
        folder.path().join("frame_2.png"),
        [0xff, 0xd8, 0xff, 0xe0, 0],
    )
    .unwrap();
    let cut = refusal(folder.path(), &OpenOptions::default());
    assert!(
        cut.contains("frame_2.png") && cut.contains("is damaged"),
        "{cut}"
    );

    let alone = refusal(&folder.path().join("frame_1.png"), &OpenOptions::default());
    assert!(alone.contains("folder of pictures"), "{alone}");
}

#[test]
fn other_files_among_pictures_are_left_out_and_said() {
    let folder = film(2);
    fs::write(folder.path().join("notes.txt"), "seen on Monday").unwrap();
    fs::write(folder.path().join(".hidden"), "no file of the user's").unwrap();
    let scan = opened(folder.path());
    assert_eq!(scan.info.dims, Some([20, 16, 2]));
    assert!(says(
        &scan,
        "1 files of the folder are no PNG or JPEG pictures"
    ));
    assert!(says(&scan, "notes.txt"));
}

#[test]
fn pictures_beside_dicom_are_previews() {
    let folder = folder_of(vec![slice(0.0, [0; 12])]);
    RgbImage::new(8, 8)
        .save(folder.path().join("preview.png"))
        .unwrap();
    assert_eq!(opened(folder.path()).info.dims, Some([4, 3, 1]));
}

/// A film of `frames` in colour, with no position, `kind` telling its timing.
fn coloured(frames: usize, timing: Option<(dicom_core::Tag, VR, &str)>) -> InMemDicomObject {
    let mut object = slice(0.0, [0; 12]);
    for tag in [
        tags::IMAGE_POSITION_PATIENT,
        tags::IMAGE_ORIENTATION_PATIENT,
        tags::PIXEL_SPACING,
        tags::SLICE_THICKNESS,
    ] {
        object.remove_element(tag);
    }
    set_text(&mut object, tags::MODALITY, VR::CS, "ES");
    set_text(
        &mut object,
        tags::NUMBER_OF_FRAMES,
        VR::IS,
        &frames.to_string(),
    );
    set_text(&mut object, tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB");
    set_number(&mut object, tags::SAMPLES_PER_PIXEL, 3);
    set_number(&mut object, tags::PLANAR_CONFIGURATION, 0);
    for (tag, bits) in [
        (tags::BITS_ALLOCATED, 8),
        (tags::BITS_STORED, 8),
        (tags::HIGH_BIT, 7),
    ] {
        set_number(&mut object, tag, bits);
    }
    if let Some((tag, vr, value)) = timing {
        set_text(&mut object, tag, vr, value);
    }
    let bytes = (0..frames).flat_map(|n| [n as u8 * 10, 100, 50].repeat(12));
    let pixels = PrimitiveValue::U8(bytes.collect());
    object.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
    object
}

#[test]
fn the_sides_of_a_film_are_not_known_in_one_frame_of_it_either() {
    let timed = coloured(5, Some((tags::FRAME_TIME, VR::DS, "40")));
    let folder = folder_of(vec![timed]);
    for frame in [None, Some(1)] {
        let options = OpenOptions {
            frame,
            ..OpenOptions::default()
        };
        let scan = open(folder.path(), &options).unwrap_or_else(|e| panic!("{e}"));
        assert!(scan.image.grid().sides_assumed, "{frame:?}");
        let said = |w: &&io::Warning| w.to_string().contains("right and left are assumed");
        assert_eq!(scan.info.warnings.iter().filter(said).count(), 1);
    }
}

#[test]
fn a_dicom_film_in_colour_opens_over_time() {
    let timed = coloured(5, Some((tags::FRAME_TIME, VR::DS, "40")));
    let folder = folder_of(vec![timed]);
    let scan = opened(folder.path());
    assert_eq!(scan.info.dims, Some([4, 3, 5]));
    assert_eq!(
        scan.image.third_axis(),
        ThirdAxis::Time {
            frame_ms: Some(40.0)
        }
    );
    assert_eq!(scan.info.series[0].dims, [4, 3, 5]);
    assert!(says(&scan, "5 frames, 40 ms apart"));
    let colours = scan.image.colours().unwrap();
    assert_eq!((colours[0], colours[12 * 4]), ([0, 100, 50], [40, 100, 50]));
    let options = OpenOptions {
        frame: Some(3),
        ..OpenOptions::default()
    };
    let frame = open(folder.path(), &options).unwrap();
    assert_eq!(
        (frame.info.dims, frame.info.frames),
        (Some([4, 3, 1]), Some(5))
    );
    assert_eq!(frame.image.colours().unwrap()[0], [30, 100, 50]);
}

#[test]
fn films_of_a_series_are_listed_one_by_one() {
    let rate = |frames| coloured(frames, Some((tags::CINE_RATE, VR::IS, "25")));
    let folder = folder_of(vec![rate(3), rate(4)]);
    let (info, image) = io::inspect(
        folder.path(),
        &OpenOptions::default(),
        &JobContext::silent(),
    )
    .unwrap();
    assert!(image.is_none());
    let frames: Vec<usize> = info.series.iter().map(|s| s.images).collect();
    assert_eq!(frames, [3, 4]);
    let options = OpenOptions {
        series: Some(info.series[1].uid.clone()),
        ..OpenOptions::default()
    };
    let scan = open(folder.path(), &options).unwrap();
    assert_eq!(scan.info.time.unwrap().frame_ms, Some(40.0));
    assert_eq!(scan.image.grid().dims, [4, 3, 4]);
}

/// A film in grey whose position in the patient is known.
#[test]
fn a_grey_film_needs_a_timing_and_keeps_its_place() {
    let film = |timing: Option<&str>| {
        let mut object = slice(7.0, [0; 12]);
        set_text(&mut object, tags::NUMBER_OF_FRAMES, VR::IS, "3");
        if let Some(vector) = timing {
            set_text(&mut object, tags::FRAME_TIME_VECTOR, VR::DS, vector);
        }
        let words = (0..36u16).map(|n| n / 12);
        let pixels = PrimitiveValue::U16(words.collect());
        object.put(DataElement::new(tags::PIXEL_DATA, VR::OW, pixels));
        folder_of(vec![object])
    };
    let scan = opened(film(Some("0\\30\\50")).path());
    assert_eq!(
        scan.image.third_axis(),
        ThirdAxis::Time {
            frame_ms: Some(40.0)
        }
    );
    let frames: Vec<f64> = values(&scan).into_iter().step_by(12).collect();
    assert_eq!(frames, [0.0, 1.0, 2.0]);
    assert_eq!(scan.info.spacing_mm, Some([1.0, 2.0, 1.0]));
    let origin = scan
        .image
        .grid()
        .world_from_voxel(VoxelIndex([0; 3]).center());
    assert_eq!(origin.0.to_array(), [-10.0, -20.0, 7.0]);
    let unknown = refusal(film(None).path(), &OpenOptions::default());
    assert!(unknown.contains("without a position for each"), "{unknown}");
}

#[test]
fn frames_that_follow_each_other_in_something_else_are_no_film() {
    for (step, is_film) in [(tags::FRAME_TIME, true), (tags::SLICE_VECTOR, false)] {
        let mut object = coloured(3, Some((tags::FRAME_TIME, VR::DS, "40")));
        let pointer = PrimitiveValue::Tags([step].into_iter().collect());
        object.put(DataElement::new(
            tags::FRAME_INCREMENT_POINTER,
            VR::AT,
            pointer,
        ));
        let folder = folder_of(vec![object]);
        let scan = open(folder.path(), &OpenOptions::default());
        assert_eq!(scan.is_ok(), is_film, "{step}");
    }
}

#[test]
fn the_frames_of_a_slice_of_a_4d_scan_become_the_third_axis() {
    for (name, frame_ms) in [
        ("nifti/itksnap/img4d_11f.nii.gz", None),
        ("nifti/nibabel/functional.nii", Some(2000.0)),
        ("dicom/dicom2nifti/ge_dti_001", None),
    ] {
        let Some(path) = shared(&format!("data/{name}")) else {
            return;
        };
        let first = opened(&path);
        let frames = first.info.frames.unwrap();
        let [ni, nj, nk] = first.image.grid().dims;
        let slice = nk / 2;
        let scan = open(&path, &frames_of(slice)).unwrap();
        let grid = *scan.image.grid();
        assert_eq!(grid.dims, [ni, nj, frames], "{name}");
        assert_eq!(
            scan.image.third_axis(),
            ThirdAxis::Time { frame_ms },
            "{name}"
        );
        assert!(says(&scan, "the third axis is time"));
        for frame in [0, frames / 2, frames - 1] {
            let options = OpenOptions {
                frame: Some(frame),
                ..OpenOptions::default()
            };
            let volume = open(&path, &options).unwrap().image;
            let start = volume.grid().offset(0, 0, slice);
            for pixel in 0..ni * nj {
                let over_time = scan.image.value(frame * ni * nj + pixel);
                assert_eq!(over_time, volume.value(start + pixel), "{name}");
            }
        }
        let corner =
            |grid: &prosector::volume::Grid, at| grid.world_from_voxel(VoxelIndex(at).center()).0;
        let last = [ni as i64 - 1, nj as i64 - 1];
        let there = corner(first.image.grid(), [last[0], last[1], slice as i64]);
        assert!(corner(&grid, [last[0], last[1], 0]).distance(there) < 1e-9);
        assert!((grid.spacing_mm()[2] - 1.0).abs() < 1e-9);
        let beyond = refusal(&path, &frames_of(nk));
        assert!(
            beyond.contains(&format!("--frames-of-slice 0 to {}", nk - 1)),
            "{beyond}"
        );
    }
}

#[test]
fn frames_of_a_scan_without_frames_are_refused() {
    let Some(path) = shared("data/nifti/derived_ts/int16.nii.gz") else {
        return;
    };
    assert!(refusal(&path, &frames_of(0)).contains("one frame only"));
}

#[test]
fn colours_of_a_volume_are_kept() {
    for name in ["derived_ts/rgb24.nii.gz", "nifti_rs_rgba/4D.nii"] {
        let Some(path) = shared(&format!("data/nifti/{name}")) else {
            return;
        };
        let image = opened(&path).image;
        let colours = image.colours().unwrap();
        assert_eq!(colours.len(), image.grid().len());
        let bright = (0..colours.len()).all(|n| image.value(n) == f64::from(luminance(colours[n])));
        assert!(bright, "{name}: voxels are the colours' luminance");
        assert!(colours.iter().any(|c| c[0] != c[1]), "{name}: not grey");
        let part = image.cropped(image.grid().bounds()).unwrap();
        assert_eq!(part, image);
        let folder = tempfile::tempdir().unwrap();
        let saved = folder.path().join("colours.nii.gz");
        io::save_image(&saved, &image).unwrap();
        assert_eq!(opened(&saved).image.colours(), Some(colours));
    }
}

#[test]
fn a_film_is_segmented_over_time_from_the_command_line() {
    let (Some(file), Some(base)) = (
        shared("golden/masam/masam_small.pth"),
        shared("golden/masam/masam_base_sam.pth"),
    ) else {
        return;
    };
    let place = Workplace::new();
    let settings = place.path("settings.toml");
    fs::write(&settings, "image_side = 80\n[network]\nscale = 0.7\n").unwrap();
    let [file, base, settings] = [&file, &base, &settings].map(|p| p.to_str().unwrap());
    place.succeed(&[
        "models", "import", file, "--base", base, "--system", "masam", "--as", "film", "--preset",
        "frames", "--config", settings,
    ]);
    let folder = film(7);
    let out = place.path("labels.nii.gz");
    let [folder, out] = [folder.path(), out.as_path()].map(|p| p.to_str().unwrap());
    let segment = [
        "segment", folder, "-o", out, "--auto", "--model", "film", "--json",
    ];
    let report = place.succeed(&segment).stdout;
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let labels = report["labels"].as_array().unwrap();
    assert!(labels.iter().all(|label| label["volume_ml"].is_null()));
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("the third axis is time"), "{warnings}");
    assert!(
        !warnings.contains("takes the third axis for space"),
        "{warnings}"
    );
    let (map, _, _) = io::open_labels(Path::new(out), &JobContext::silent()).unwrap();
    assert_eq!(map.grid.dims, [20, 16, 7]);

    let Some(scan) = shared("data/nifti/itksnap/img4d_11f.nii.gz") else {
        return;
    };
    let scan = scan.to_str().unwrap();
    let segment = ["segment", scan, "-o", out, "--auto", "--model", "film"];
    place.succeed(&[&segment[..], &["--frames-of-slice", "19"]].concat());
    let (map, _, _) = io::open_labels(Path::new(out), &JobContext::silent()).unwrap();
    let over_time = open(Path::new(scan), &frames_of(19)).unwrap().image;
    assert!(map.grid.is_same(over_time.grid(), 0.01));

    // The model in the box looks at volumes, and says so.
    let segment = ["segment", scan, "-o", out, "--click", "19,17,5", "--json"];
    let report = place.succeed(&[&segment[..], &["--frames-of-slice", "19"]].concat());
    let report = String::from_utf8(report.stdout).unwrap();
    assert!(
        report.contains("takes the third axis for space"),
        "{report}"
    );
}
