//! `prosector statistics`: numbers of NumPy and SciPy (`tests/make_statistics_expectations.py`), or first principles.

use std::path::Path;

use dicom_core::value::DataSetSequence;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use glam::DVec3;
use prosector::geometry::{Affine, Plane};
use prosector::io::{OpenOptions, save_image, save_labels};
use prosector::volume::statistics::{Asked, SuvAsked, SuvScale, bounds_by_label, measure};
use prosector::volume::{Grid, ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData};
use serde_json::Value;

use crate::dicom::open;
use crate::dicom_made::{folder_of, set_text, slice};
use crate::support::{assert_refused, program, said, shared};

const DIMS: [usize; 3] = [20, 18, 12];

/// Turned about the patient's axis, and anisotropic.
fn grid() -> Grid {
    let affine = Affine::from_columns(
        DVec3::new(0.72, 0.96, 0.0),
        DVec3::new(-0.64, 0.48, 0.0),
        DVec3::new(0.0, 0.0, 2.5),
        DVec3::new(-30.0, 12.5, 7.0),
    );
    Grid::new(DIMS, affine.expect("a sound grid"))
}

fn each_voxel<T>(grid: &Grid, value: impl Fn([i64; 3]) -> T) -> Vec<T> {
    (0..grid.len()).map(|o| value(grid.voxel_at(o).0)).collect()
}

fn image_of(grid: Grid, values: Vec<f64>) -> ImageVolume {
    ImageVolume::new(
        grid,
        VoxelData::F64(values),
        Rescale::IDENTITY,
        Modality::Mr,
    )
}

fn scan() -> ImageVolume {
    let value = |[i, j, k]: [i64; 3]| ((i * i * 7 + j * 13 + k * 29) % 101) as f64 * 0.5 - 10.0;
    image_of(grid(), each_voxel(&grid(), value))
}

fn labels() -> LabelMap {
    let value = |[i, j, k]: [i64; 3]| {
        let part = |at: i64, middle: i64, half: f64| ((at - middle) as f64 / half).powi(2);
        let is_bar = j == 15 && (2..=18).contains(&i) && k == 9;
        let is_bend = i == 18 && (12..=15).contains(&j) && k >= 9;
        let is_inside = part(i, 8, 7.0) + part(j, 7, 5.0) + part(k, 5, 4.0) <= 1.0;
        match (is_bar || is_bend, is_inside && !(i > 10 && j > 8)) {
            (true, _) => 2,
            (false, inside) => u16::from(inside),
        }
    };
    LabelMap {
        grid: grid(),
        voxels: each_voxel(&grid(), value),
    }
}

fn table() -> LabelTable {
    let mut table = LabelTable::default();
    table.add(1, "larynx");
    table.add(2, "bar, \"bent\"");
    table
}

fn statistics(folder: &Path, arguments: &[&str]) -> Value {
    let output = program(folder, &[&["statistics"], arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).expect("JSON and nothing else on stdout")
}

fn written(image: &ImageVolume, labels: &LabelMap) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    save_image(&folder.path().join("scan.nii.gz"), image).expect("a scan");
    save_labels(&folder.path().join("labels.nii.gz"), labels, &table()).expect("labels");
    folder
}

#[track_caller]
fn assert_near(found: &Value, expected: f64) {
    let found = found.as_f64().expect("a number");
    let close = (found - expected).abs() <= 2e-6 * expected.abs().max(1.0);
    assert!(close, "{found} is not {expected}");
}

const PAIR: [&str; 3] = ["scan.nii.gz", "--labels", "labels.nii.gz"];

#[test]
fn labels_are_measured_as_numpy_and_scipy_do() {
    let folder = written(&scan(), &labels());
    let report = statistics(folder.path(), &PAIR);
    let rows = report["labels"].as_array().expect("rows");
    assert_eq!(rows.len(), 2);
    assert_eq!(
        (&rows[0]["value"], &rows[0]["name"]),
        (&1.into(), &"larynx".into())
    );
    let expected = [
        (
            540,
            1.296,
            15.212962962962964,
            14.53136261860383,
            40.0,
            15.0,
            20.0,
        ),
        (
            28,
            0.0672,
            12.821428571428571,
            16.08266509015581,
            39.0,
            11.75,
            19.98499437077729,
        ),
    ];
    for (row, (voxels, ml, mean, sd, max, median, longest)) in rows.iter().zip(expected) {
        assert_eq!(row["layer"], 0);
        assert_eq!(row["voxels"], voxels);
        assert_near(&row["volume_ml"], ml);
        assert_near(&row["mean"], mean);
        assert_near(&row["sd"], sd);
        assert_near(&row["min"], -10.0);
        assert_near(&row["max"], max);
        assert_near(&row["median"], median);
        assert_near(&row["longest_diameter_mm"], longest);
        assert_eq!(row["suv"], Value::Null);
    }
    let expected = [(5, 16.8, 8.0), (9, 19.349418595916518, 2.381466904112804)];
    for (row, (slice, long_mm, short_mm)) in rows.iter().zip(expected) {
        assert_eq!(row["recist"]["plane"], "axial");
        assert_eq!(row["recist"]["slice"], slice);
        assert_near(&row["recist"]["long_mm"], long_mm);
        assert_near(&row["recist"]["short_mm"], short_mm);
    }
    let expected = [
        [-28.803407407407407, 23.194222222222222, 19.5],
        [-29.725714285714286, 32.00857142857143, 30.571428571428573],
    ];
    for (row, centroid) in rows.iter().zip(expected) {
        for (d, mm) in centroid.into_iter().enumerate() {
            assert_near(&row["centroid_mm"][d], mm);
        }
    }
}

#[test]
fn a_csv_has_a_header_and_a_row_for_each_label() {
    let folder = written(&scan(), &labels());
    let output = program(
        folder.path(),
        &[&["statistics"], &PAIR[..], &["--csv"]].concat(),
    );
    assert!(output.status.success(), "{}", said(&output));
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with("value,name,layer,voxels,volume_ml,mean,sd,"));
    assert_eq!(lines[0].split(',').count(), lines[1].split(',').count());
    assert!(lines[1].starts_with("1,larynx,0,540,1.29"), "{}", lines[1]);
    assert!(
        lines[2].starts_with("2,\"bar, \"\"bent\"\"\",0,28,"),
        "{}",
        lines[2]
    );
    let both = program(
        folder.path(),
        &[&["statistics"], &PAIR[..], &["--csv", "--json"]].concat(),
    );
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn voxels_that_are_no_number_are_left_out_and_counted() {
    let grid = Grid::new([5, 1, 1], Affine::from_spacing([1.0, 2.0, 3.0], [0.0; 3]));
    let values = vec![1.0, f64::NAN, 4.0, f64::INFINITY, f64::NAN];
    let labels = LabelMap {
        grid,
        voxels: vec![1, 1, 1, 0, 2],
    };
    let report = statistics(written(&image_of(grid, values), &labels).path(), &PAIR);
    let rows = &report["labels"];
    assert_eq!(rows[0]["voxels"], 3);
    assert_near(&rows[0]["mean"], 2.5);
    assert_near(&rows[0]["sd"], 4.5_f64.sqrt());
    assert_near(&rows[0]["median"], 2.5);
    for measure in ["mean", "sd", "min", "max", "median"] {
        assert_eq!(rows[1][measure], Value::Null, "{measure}");
    }
    assert_near(&rows[1]["longest_diameter_mm"], 0.0);
    assert_near(&rows[1]["recist"]["short_mm"], 0.0);
    let warnings = report["warnings"].to_string();
    assert!(
        warnings.contains("2 labelled voxels hold no finite number"),
        "{warnings}"
    );
}

#[test]
fn an_empty_map_is_said_and_another_grid_refused() {
    let folder = written(&scan(), &LabelMap::empty(grid()));
    let report = statistics(folder.path(), &PAIR);
    assert_eq!(report["labels"], Value::Array(Vec::new()));
    assert!(
        report["warnings"]
            .to_string()
            .contains("the label map is empty")
    );

    let smaller = Grid::new([3, 3, 3], grid().affine);
    let path = folder.path().join("other.nii.gz");
    save_labels(&path, &LabelMap::empty(smaller), &table()).expect("labels");
    let arguments = [
        "statistics",
        "scan.nii.gz",
        "--labels",
        "other.nii.gz",
        "--json",
    ];
    assert_refused(&program(folder.path(), &arguments), "another grid");
}

/// A box of voxels in a volume of the same size, on a grid of this spacing.
fn filled_box(dims: [usize; 3], spacing_mm: [f64; 3]) -> LabelMap {
    let grid = Grid::new(dims, Affine::from_spacing(spacing_mm, [0.0; 3]));
    LabelMap {
        voxels: vec![1; grid.len()],
        grid,
    }
}

fn measured(labels: &LabelMap, plane: Plane) -> prosector::volume::statistics::LabelStatistics {
    let image = image_of(labels.grid, vec![0.0; labels.grid.len()]);
    let label = bounds_by_label(labels)[0];
    measure(&image, labels, label, &Asked { plane, suv: None }).expect("voxels")
}

#[test]
fn a_box_has_the_surface_and_axes_of_its_sides() {
    let (dims, spacing_mm) = ([6, 4, 3], [1.0, 1.5, 4.0]);
    let found = measured(&filled_box(dims, spacing_mm), Plane::Axial);
    let shape = found.shape.expect("space");
    let [x, y, z] = [0, 1, 2].map(|d| (dims[d] - 1) as f64 * spacing_mm[d]);
    assert!((shape.longest_diameter_mm - DVec3::new(x, y, z).length()).abs() < 1e-12);
    // Faces from centre to centre of the voxels, bevels half a voxel wide along the edges, and cut corners.
    let [a, b, c] = spacing_mm;
    let faces = 2.0 * (x * y + y * z + x * z);
    let bevels = 2.0 * (x * b.hypot(c) + y * a.hypot(c) + z * a.hypot(b));
    let corners = DVec3::new(b * c, a * c, a * b).length();
    assert!((shape.surface_mm2 - (faces + bevels + corners)).abs() < 1e-9);
    for (plane, u, v, short_mm) in [
        (Plane::Axial, x, y, 6.689647316224497),
        (Plane::Coronal, x, z, 6.35998728003816),
        (Plane::Sagittal, y, z, 5.883134875590708),
    ] {
        let recist = measured(&filled_box(dims, spacing_mm), plane)
            .recist
            .expect("space");
        assert_eq!((recist.plane, recist.slice), (plane, 0));
        assert!((recist.long_mm - u.hypot(v)).abs() < 1e-12, "{plane:?}");
        assert!((recist.short_mm - short_mm).abs() < 1e-9, "{plane:?}");
    }
    // A cross has equal axes at right angles.
    let mut cross = filled_box([9, 9, 1], [1.0; 3]);
    for (offset, voxel) in cross.voxels.iter_mut().enumerate() {
        *voxel = u16::from(offset % 9 == 4 || offset / 9 == 4);
    }
    let recist = measured(&cross, Plane::Axial).recist.expect("space");
    assert_eq!((recist.long_mm, recist.short_mm), (8.0, 8.0));
}

#[test]
fn the_longest_diameter_is_exact_and_quick_for_a_million_voxels() {
    let grid = Grid::new([130, 130, 130], Affine::from_spacing([1.0; 3], [0.0; 3]));
    let is_ball = |v: [i64; 3]| v.iter().map(|x| (x - 64) * (x - 64)).sum::<i64>() <= 62 * 62;
    let ball = LabelMap {
        voxels: each_voxel(&grid, |v| u16::from(is_ball(v))),
        grid,
    };
    let start = std::time::Instant::now();
    let found = measured(&ball, Plane::Axial);
    let seconds = start.elapsed().as_secs_f64();
    assert!(found.voxels > 990_000);
    assert_eq!(found.shape.expect("space").longest_diameter_mm, 124.0);
    assert!(seconds < 10.0, "{seconds} s, even unoptimised");
}

#[test]
fn uptake_is_that_of_numpy() {
    let labels = labels();
    let image = scan();
    let expected = [
        [
            40.0,
            15.981707317073171,
            15.212962962962964,
            0.6168,
            17.5032,
            16.4,
        ],
        [
            39.0,
            15.382022471910112,
            12.821428571428571,
            0.0288,
            0.8328,
            15.99,
        ],
    ];
    for (label, expected) in bounds_by_label(&labels).into_iter().zip(expected) {
        let suv = |per_value, threshold| {
            let asked = Asked {
                plane: Plane::Axial,
                suv: Some(SuvAsked {
                    scale: SuvScale { per_value },
                    threshold,
                }),
            };
            let found = measure(&image, &labels, label, &asked).expect("voxels");
            found.suv.expect("uptake")
        };
        let found = suv(1.0, None);
        let own = [
            found.max,
            found.peak,
            found.mean,
            found.mtv_ml,
            found.tlg,
            found.threshold,
        ];
        for (own, expected) in own.into_iter().zip(expected) {
            assert!((own - expected).abs() < 1e-9, "{own} is not {expected}");
        }
        // SUV is linear in the values, and so is a share of it; a fixed one is not.
        let half = suv(0.5, None);
        assert!(
            (half.mtv_ml - found.mtv_ml).abs() < 1e-12 && (half.tlg - found.tlg / 2.0).abs() < 1e-9
        );
        assert_eq!(suv(1.0, Some(1e6)).mtv_ml, 0.0);
    }
}

/// Three PET slices with 100, 200 and 300 in all pixels, changed by `change`.
fn pet(change: impl Fn(&mut InMemDicomObject, &mut InMemDicomObject)) -> tempfile::TempDir {
    let slices = (0..3_u16).map(|n| {
        let mut object = slice(f64::from(n) * 5.0, [100 * (n + 1); 12]);
        for (tag, vr, text) in [
            (tags::MODALITY, VR::CS, "PT"),
            (tags::UNITS, VR::CS, "BQML"),
            (tags::CORRECTED_IMAGE, VR::CS, "DECY\\ATTN\\SCAT"),
            (tags::DECAY_CORRECTION, VR::CS, "START"),
            (tags::PATIENT_WEIGHT, VR::DS, "70"),
            (tags::SERIES_DATE, VR::DA, "20240301"),
            (tags::SERIES_TIME, VR::TM, "110000.00"),
            (tags::ACQUISITION_DATE, VR::DA, "20240301"),
        ] {
            set_text(&mut object, tag, vr, text);
        }
        // Beds follow each other.
        set_text(
            &mut object,
            tags::ACQUISITION_TIME,
            VR::TM,
            &format!("110{n}00"),
        );
        let mut tracer = InMemDicomObject::new_empty();
        set_text(
            &mut tracer,
            tags::RADIONUCLIDE_TOTAL_DOSE,
            VR::DS,
            "370000000",
        );
        set_text(&mut tracer, tags::RADIONUCLIDE_HALF_LIFE, VR::DS, "6586.2");
        set_text(
            &mut tracer,
            tags::RADIOPHARMACEUTICAL_START_TIME,
            VR::TM,
            "100000",
        );
        change(&mut object, &mut tracer);
        let sequence = DataSetSequence::from(vec![tracer]);
        let tag = tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE;
        object.put(DataElement::new(tag, VR::SQ, sequence));
        object
    });
    folder_of(slices.collect())
}

fn scale_of(folder: &tempfile::TempDir) -> Result<f64, String> {
    let scan = open(folder.path(), &OpenOptions::default()).expect("a scan");
    let suv = scan.info.suv.expect("PET");
    suv.map(|scale| scale.per_value)
}

/// SUV of 1 Bq/ml in these tests, so long after the injection.
fn after_minutes(minutes: f64) -> f64 {
    70_000.0 / (3.7e8 * (-minutes * 60.0 / 6586.2).exp2())
}

#[test]
fn suv_comes_from_dose_weight_and_decay() {
    let near = |change: &dyn Fn(&mut InMemDicomObject, &mut InMemDicomObject), expected: f64| {
        let found = scale_of(&pet(change)).expect("a scale");
        assert!(
            (found / expected - 1.0).abs() < 1e-9,
            "{found} is not {expected}"
        );
    };
    let text = |tag: Tag, vr: VR, value: &'static str| {
        move |object: &mut InMemDicomObject, _: &mut InMemDicomObject| {
            set_text(object, tag, vr, value);
        }
    };
    near(&|_, _| {}, after_minutes(60.0));
    near(
        &text(tags::DECAY_CORRECTION, VR::CS, "ADMIN"),
        after_minutes(0.0),
    );
    near(&text(tags::UNITS, VR::CS, "GML"), 1.0);
    near(
        &text(tags::UNITS, VR::CS, "KBQML"),
        1000.0 * after_minutes(60.0),
    );
    // A series made later than its first acquisition.
    near(
        &text(tags::SERIES_TIME, VR::TM, "154500"),
        after_minutes(60.0),
    );
    // Midnight in between, with and without a date.
    near(
        &|_, tracer| {
            set_text(
                tracer,
                tags::RADIOPHARMACEUTICAL_START_TIME,
                VR::TM,
                "235000",
            );
        },
        after_minutes(670.0),
    );
    near(
        &|_, tracer| {
            let time = "20240229230000.000000+0100";
            set_text(
                tracer,
                tags::RADIOPHARMACEUTICAL_START_DATE_TIME,
                VR::DT,
                time,
            );
        },
        after_minutes(720.0),
    );
    let counts = |factor: Tag| {
        move |object: &mut InMemDicomObject, _: &mut InMemDicomObject| {
            set_text(object, tags::UNITS, VR::CS, "CNTS");
            set_text(
                object,
                Tag(0x7053, 0x0010),
                VR::LO,
                "Philips PET Private Group",
            );
            set_text(object, factor, VR::DS, "0.002");
        }
    };
    near(&counts(Tag(0x7053, 0x1000)), 0.002);
    near(&counts(Tag(0x7053, 0x1009)), 0.002 * after_minutes(60.0));
}

#[test]
fn where_suv_cannot_be_known_the_reason_is_told() {
    let refused = |tag: Tag, vr: VR, value: &'static str, reason: &str| {
        let folder = pet(|object, tracer| {
            let is_of_tracer = tag.group() == 0x0018 && tag != tags::ACQUISITION_TIME;
            set_text(if is_of_tracer { tracer } else { object }, tag, vr, value);
        });
        let told = scale_of(&folder).expect_err("no scale");
        assert!(told.contains(reason), "{told} does not say {reason}");
    };
    refused(tags::PATIENT_WEIGHT, VR::DS, "0", "weight");
    refused(tags::RADIONUCLIDE_TOTAL_DOSE, VR::DS, "", "dose");
    refused(tags::RADIONUCLIDE_TOTAL_DOSE, VR::DS, "370", "impossible");
    refused(tags::RADIONUCLIDE_HALF_LIFE, VR::DS, "", "half-life");
    refused(tags::CORRECTED_IMAGE, VR::CS, "ATTN", "corrected");
    refused(tags::DECAY_CORRECTION, VR::CS, "NONE", "decay");
    refused(tags::RADIOPHARMACEUTICAL_START_TIME, VR::TM, "", "injected");
    refused(
        tags::RADIOPHARMACEUTICAL_START_DATE_TIME,
        VR::DT,
        "20240302100000",
        "cannot be",
    );
    refused(tags::UNITS, VR::CS, "CNTS", "counts");
    refused(tags::UNITS, VR::CS, "PROPCPS", "PROPCPS");
    refused(tags::UNITS, VR::CS, "", "units");
}

#[test]
fn the_command_tells_suv_or_why_not() {
    let folder = pet(|_, _| {});
    let scan = open(folder.path(), &OpenOptions::default()).expect("a scan");
    let mut labels = LabelMap::empty(*scan.image.grid());
    labels.voxels[12..36].fill(1);
    let out = tempfile::tempdir().expect("a temporary folder");
    save_labels(&out.path().join("labels.nii.gz"), &labels, &table()).expect("labels");
    let path = folder.path().to_str().expect("a plain path");
    let pair = [path, "--labels", "labels.nii.gz"];
    let report = statistics(
        out.path(),
        &[&pair[..], &["--suv-threshold", "0.08"]].concat(),
    );
    let suv = &report["labels"][0]["suv"];
    let factor = after_minutes(60.0);
    assert_near(&suv["max"], 300.0 * factor);
    assert_near(&suv["mean"], 250.0 * factor);
    assert_near(&suv["threshold"], 0.08);
    // 300 Bq/ml is 0.083, 200 is 0.055: twelve voxels of 10 mm3.
    assert_near(&suv["mtv_ml"], 0.12);
    assert_near(&suv["tlg"], 0.12 * 300.0 * factor);

    let folder = pet(|object, _| set_text(object, tags::PATIENT_WEIGHT, VR::DS, ""));
    let path = folder.path().to_str().expect("a plain path");
    let report = statistics(out.path(), &[path, "--labels", "labels.nii.gz"]);
    assert_eq!(report["labels"][0]["suv"], Value::Null);
    assert!(
        report["warnings"]
            .to_string()
            .contains("the patient's weight")
    );
}

#[test]
fn a_real_pet_in_suv_is_taken_as_it_is() {
    let Some(folder) = shared("data/labelled/sts_dicom_rtstruct/STS_002/PET/image") else {
        return;
    };
    let scan = open(&folder, &OpenOptions::default()).expect("a scan");
    assert_eq!(scan.info.suv, Some(Ok(SuvScale { per_value: 1.0 })));
}
