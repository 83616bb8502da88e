//! Grids are told apart in voxels, whatever their size; axes in another order are put right; dims and frames.

use std::fs;
use std::path::{Path, PathBuf};

use glam::DVec3;
use prosector::geometry::{Affine, VoxelPoint};
use prosector::io::{self, OpenOptions};
use prosector::util::JobContext;
use prosector::volume::resample::at_right_angles;
use prosector::volume::{
    Grid, ImageVolume, LabelMap, LabelTable, Modality, Reordering, Rescale, VoxelData,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{assert_refused, program, said, shared};

const DIMS: [usize; 3] = [12, 10, 8];

fn grid(spacing_mm: f64) -> Grid {
    let spacing = [spacing_mm, spacing_mm * 1.5, spacing_mm * 3.0];
    Grid::new(DIMS, Affine::from_spacing(spacing, [-7.0, 30.0, 110.0]))
}

/// Two structures that no turning brings back onto themselves.
fn labels(grid: Grid) -> LabelMap {
    let mut labels = LabelMap::empty(grid);
    for (offset, value) in labels.voxels.iter_mut().enumerate() {
        let [i, j, k] = grid.voxel_at(offset).0;
        *value = u16::from((2..7).contains(&i) && (1..4).contains(&j) && k < 3);
        if (8..11).contains(&i) && j > 5 && k > 4 {
            *value = 2;
        }
    }
    labels
}

fn save(folder: &TempDir, name: &str, labels: &LabelMap) -> PathBuf {
    let path = folder.path().join(name);
    io::save_labels(&path, labels, &LabelTable::default()).unwrap();
    path
}

fn save_scan(folder: &TempDir, name: &str, grid: Grid) -> PathBuf {
    let voxels = (0..grid.len()).map(|n| (n % 1700) as i16 - 1000).collect();
    let voxels = VoxelData::I16(voxels);
    let image = ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct);
    let path = folder.path().join(name);
    io::save_image(&path, &image).unwrap();
    path
}

fn evaluate(folder: &TempDir) -> std::process::Output {
    let pair = ["--pred", "pred.nii", "--truth", "truth.nii", "--json"];
    program(folder.path(), &[&["evaluate"], &pair[..]].concat())
}

fn dice(output: &std::process::Output) -> f64 {
    assert!(output.status.success(), "{}", said(output));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["mean"]["dice"].as_f64().unwrap()
}

#[test]
fn a_mask_is_refused_by_how_many_voxels_it_is_off() {
    let folder = tempfile::tempdir().unwrap();
    for spacing_mm in [0.001, 0.02, 0.5, 5.0] {
        let truth = grid(spacing_mm);
        save(&folder, "truth.nii", &labels(truth));
        save_scan(&folder, "scan.nii", truth);
        for (shift, taken) in [(0.0, true), (0.05, true), (0.3, false), (4.0, false)] {
            let moved = truth.affine.stepped([shift, 0.0, 0.0], [1.0; 3]);
            save(&folder, "pred.nii", &labels(Grid::new(DIMS, moved)));
            let screenshot = [
                "screenshot",
                "scan.nii",
                "--labels",
                "pred.nii",
                "-o",
                "o.png",
            ];
            let prior = "segment scan.nii --click 4,2,1 --device cpu --prior pred.nii -o o.nii";
            let prior: Vec<&str> = prior.split_whitespace().collect();
            let mut outputs = vec![evaluate(&folder), program(folder.path(), &screenshot)];
            // The model need not run for each of them.
            if !taken || spacing_mm == 0.5 {
                outputs.push(program(folder.path(), &prior));
            }
            for output in outputs {
                if !taken {
                    assert_refused(&output, "on another grid");
                    continue;
                }
                assert!(output.status.success(), "{}", said(&output));
                let warned = said(&output).contains("0.050 of a voxel");
                assert_eq!(warned, shift > 0.0, "{}", said(&output));
            }
        }
    }
}

#[test]
fn the_mask_of_f42_four_voxels_off_is_refused() {
    let Some(folder) = shared("data/public_cases") else {
        return;
    };
    let moved = "F42_micro_m_off4vox.nii.gz";
    let pair = ["evaluate", "--pred", moved, "--truth", "micro_m.nii.gz"];
    assert_refused(&program(&folder, &pair), "lies elsewhere in space");
}

/// The grid and the labels with axes `axes` of the old ones, those marked running the other way.
fn turned(labels: &LabelMap, axes: [usize; 3], reversed: [bool; 3]) -> LabelMap {
    let from = &labels.grid;
    let old = |v: [i64; 3]| {
        let mut old = [0; 3];
        for d in 0..3 {
            let last = from.dims[axes[d]] as i64 - 1;
            old[axes[d]] = if reversed[d] { last - v[d] } else { v[d] };
        }
        old
    };
    let at = |v: [i64; 3]| {
        let p = old(v).map(|n| n as f64);
        from.world_from_voxel(VoxelPoint(p.into())).0
    };
    let origin = at([0; 3]);
    let step = |d: usize| at(std::array::from_fn(|e| i64::from(e == d))) - origin;
    let affine = Affine::from_columns(step(0), step(1), step(2), origin).unwrap();
    let grid = Grid::new(axes.map(|axis| from.dims[axis]), affine);
    let mut turned = LabelMap::empty(grid);
    for (offset, value) in turned.voxels.iter_mut().enumerate() {
        let [i, j, k] = old(grid.voxel_at(offset).0).map(|n| n as usize);
        *value = labels.voxels[from.offset(i, j, k)];
    }
    turned
}

#[test]
fn axes_in_another_order_are_put_in_the_scans() {
    let straight = labels(grid(0.7));
    for axes in [[0, 1, 2], [1, 0, 2], [2, 0, 1], [2, 1, 0]] {
        for flips in 0..8_u8 {
            let other = turned(&straight, axes, [0, 1, 2].map(|d| flips >> d & 1 == 1));
            let reordering = Reordering::between(&other.grid, &straight.grid).unwrap();
            assert_eq!(
                reordering.apply(other.voxels),
                straight.voxels,
                "{axes:?} {flips}"
            );
        }
    }
}

#[test]
fn commands_take_a_turned_label_map_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let straight = labels(grid(0.7));
    save(&folder, "truth.nii", &straight);
    save(
        &folder,
        "pred.nii",
        &turned(&straight, [2, 0, 1], [true, false, true]),
    );
    let output = evaluate(&folder);
    assert_eq!(dice(&output), 1.0);
    assert!(
        said(&output).contains("reordered onto the scan"),
        "{}",
        said(&output)
    );
    // The same array on the scan's own axes is another map.
    let mirrored = turned(&straight, [0, 1, 2], [true, false, false]);
    let mirrored = LabelMap {
        grid: straight.grid,
        ..mirrored
    };
    save(&folder, "pred.nii", &mirrored);
    assert!(dice(&evaluate(&folder)) < 0.5);
}

#[test]
fn a_prior_is_turned_too() {
    let folder = tempfile::tempdir().unwrap();
    let straight = labels(grid(1.5));
    save_scan(&folder, "scan.nii", straight.grid);
    let mut answers = Vec::new();
    for prior in [
        straight.clone(),
        turned(&straight, [1, 0, 2], [false, true, true]),
    ] {
        save(&folder, "prior.nii", &prior);
        let line = "segment scan.nii --click 4,2,1 --device cpu --prior prior.nii -o out.nii";
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = program(folder.path(), &words);
        assert!(output.status.success(), "{}", said(&output));
        answers.push(fs::read(folder.path().join("out.nii")).unwrap());
    }
    assert_eq!(answers[0], answers[1]);
}

fn opened(path: &Path) -> io::Scan {
    io::open_scan(path, &OpenOptions::default(), &JobContext::silent()).unwrap()
}

#[test]
fn grids_of_any_size_are_written_where_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    // A ten-thousandth of a millimetre, a metre from the origin, is beyond single precision.
    for (spacing_mm, origin_mm) in [(1e-4, 1000.0), (1e-3, 10.0), (0.02, 100.0), (97.6, 5000.0)] {
        let affine = Affine::from_spacing([spacing_mm; 3], [origin_mm, -origin_mm, 0.0]);
        let grid = Grid::new(DIMS, affine);
        let path = save_scan(&folder, "scan.nii", grid);
        let read = *opened(&path).image.grid();
        assert!(read.is_same(&grid, 0.01), "{spacing_mm} mm");
    }
    let flat = Affine::from_columns(DVec3::X, DVec3::X, DVec3::Z, DVec3::ZERO);
    assert!(flat.is_err(), "two axes that are one give no volume");
}

#[test]
fn forms_that_disagree_are_told_apart_in_voxels() {
    let folder = tempfile::tempdir().unwrap();
    for (spacing_mm, apart_mm, told) in [(0.01, 5e-4, true), (5.0, 5e-4, false)] {
        let path = save_scan(
            &folder,
            "scan.nii",
            Grid::new(DIMS, Affine::from_spacing([spacing_mm; 3], [0.0; 3])),
        );
        let mut bytes = fs::read(&path).unwrap();
        // qoffset_x
        bytes[268..272].copy_from_slice(&(apart_mm as f32).to_ne_bytes());
        fs::write(&path, bytes).unwrap();
        let warnings = opened(&path).info.warnings;
        let disagree = warnings.iter().any(|w| w.to_string().contains("disagree"));
        assert_eq!(disagree, told, "{spacing_mm} mm: {warnings:?}");
    }
}

/// The scan's dims, with what the header says in the place of 12x10x8 voxels.
fn dims_of(folder: &TempDir, dim: &[i16]) -> Result<(io::ScanInfo, Vec<u8>), io::IoError> {
    let path = save_scan(folder, "scan.nii", grid(1.0));
    let mut bytes = fs::read(&path).unwrap();
    for (n, size) in dim.iter().enumerate() {
        bytes[40 + 2 * n..][..2].copy_from_slice(&size.to_ne_bytes());
    }
    fs::write(&path, &bytes).unwrap();
    let (info, _) = io::inspect(&path, &OpenOptions::default(), &JobContext::silent())?;
    Ok((info, bytes))
}

#[test]
fn sizes_below_one_count_as_one_where_nothing_follows_them() {
    let folder = tempfile::tempdir().unwrap();
    for (dim, dims, frames) in [
        (&[4, 12, 10, 8, 0][..], [12, 10, 8], 1),
        (&[4, 12, 10, 8, -1], [12, 10, 8], 1),
        (&[7, 12, 10, 8, 0, 0, -3, 0], [12, 10, 8], 1),
        (&[5, 12, 10, 4, 0, 2], [12, 10, 4], 2),
        (&[3, 12, 80, 0], [12, 80, 1], 1),
        (&[4, 12, 80, 0, 0], [12, 80, 1], 1),
        (&[3, 960, 0, -1], [960, 1, 1], 1),
    ] {
        let (info, _) = dims_of(&folder, dim).unwrap();
        assert_eq!(
            (info.dims, info.frames),
            (Some(dims), Some(frames)),
            "{dim:?}"
        );
        let said = info
            .warnings
            .iter()
            .any(|w| w.to_string().contains("read as 1"));
        assert!(said, "{dim:?}: {:?}", info.warnings);
    }
    for dim in [
        &[4, 12, 0, 8, 1][..],
        &[4, 12, 10, 0, 3],
        &[4, 0, 10, 8, 0],
        &[4, -2, 0, 0, 0],
    ] {
        let error = dims_of(&folder, dim).unwrap_err();
        assert!(error.to_string().contains("impossible"), "{dim:?}: {error}");
    }
}

#[test]
fn the_scan_of_f49_has_the_dims_of_its_space() {
    let Some(path) = shared("data/public_cases/F49_dim4_0.nii") else {
        return;
    };
    let scan = opened(&path);
    assert_eq!(scan.info.dims, Some([48, 48, 32]));
    assert_eq!(scan.info.frames, Some(1));
}

#[test]
fn a_prior_of_several_frames_is_refused_as_evaluate_does() {
    let folder = tempfile::tempdir().unwrap();
    save_scan(
        &folder,
        "scan.nii",
        Grid::new([12, 10, 4], grid(1.0).affine),
    );
    let path = save(&folder, "onehot.nii", &labels(grid(1.0)));
    let mut bytes = fs::read(&path).unwrap();
    for (n, size) in [4_i16, 12, 10, 4, 2].iter().enumerate() {
        bytes[40 + 2 * n..][..2].copy_from_slice(&size.to_ne_bytes());
    }
    fs::write(&path, bytes).unwrap();
    let line = "segment scan.nii --click 4,2,1 --prior onehot.nii -o out.nii";
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_refused(&program(folder.path(), &words), "it has 2 frames");
    let pair = ["evaluate", "--pred", "onehot.nii", "--truth", "onehot.nii"];
    assert_refused(&program(folder.path(), &pair), "it has 2 frames");
    assert!(!folder.path().join("out.nii").exists());
}

#[test]
fn the_one_hot_prior_of_f44_is_refused() {
    let Some(cases) = shared("data/public_cases") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| cases.join(name).display().to_string();
    let (scan, onehot) = (path("base.nii.gz"), path("F44_lab_onehot.nii.gz"));
    let click = ["--click", "24,24,16", "-o", "out.nii.gz"];
    let line = [&["segment", &scan, "--prior", &onehot], &click[..]].concat();
    assert_refused(&program(folder.path(), &line), "it has 2 frames");
}

#[test]
fn one_label_map_for_all_frames_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = save_scan(
        &folder,
        "scan.nii",
        Grid::new([12, 10, 8], grid(1.0).affine),
    );
    let mut bytes = fs::read(&path).unwrap();
    for (n, size) in [4_i16, 12, 10, 4, 2].iter().enumerate() {
        bytes[40 + 2 * n..][..2].copy_from_slice(&size.to_ne_bytes());
    }
    fs::write(&path, bytes).unwrap();
    let small = Grid::new([12, 10, 4], opened(&path).image.grid().affine);
    save(&folder, "labels.nii", &labels(small));
    for line in [
        "segment scan.nii --frame 1 --click 4,2,1 --device cpu -o out.nii",
        "screenshot scan.nii --frame 1 --labels labels.nii -o out.png",
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = program(folder.path(), &words);
        assert!(output.status.success(), "{}", said(&output));
        let told = "one label map stands for all 2 frames of the scan: it goes with frame 1";
        assert!(said(&output).contains(told), "{}", said(&output));
    }
}

#[test]
fn voxels_that_are_no_number_are_counted_and_kept() {
    let Some(path) = shared("data/public_cases/F46_nanvol.nii.gz") else {
        return;
    };
    let scan = opened(&path);
    let (_, missing) = scan.image.finite_range();
    assert!(missing > 0);
    let told = format!("{missing} voxels are no finite numbers");
    assert!(
        scan.info
            .warnings
            .iter()
            .any(|w| w.to_string().contains(&told))
    );
    let (low, high) = scan.info.value_range.unwrap();
    assert!(low.is_finite() && high.is_finite());
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.nii.gz");
    io::save_image(&copy, &scan.image).unwrap();
    assert_eq!(opened(&copy).image.finite_range().1, missing);
    let path = path.display().to_string();
    let output = program(folder.path(), &["screenshot", &path, "-o", "out.png"]);
    assert!(output.status.success(), "{}", said(&output));
}

/// A scan of a tilted gantry whose values are three times its millimetres from left to right.
fn tilted() -> ImageVolume {
    let k = DVec3::new(0.0, 1.2, 3.0);
    let affine = Affine::from_columns(DVec3::X, DVec3::Y, k, DVec3::new(5.0, 6.0, 7.0)).unwrap();
    let grid = Grid::new([16, 14, 9], affine);
    let value = |offset: usize| {
        let at = grid.world_from_voxel(grid.voxel_at(offset).center()).0;
        (3.0 * at.x + 2.0 * at.y).round() as i16
    };
    let voxels = VoxelData::I16((0..grid.len()).map(value).collect());
    ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct)
}

#[test]
fn a_sheared_scan_is_resampled_onto_right_angles() {
    let sheared = tilted();
    let upright = at_right_angles(&sheared).unwrap();
    let grid = upright.grid();
    assert!(!grid.is_sheared());
    // Eight slices lean by 1.2 mm each, and 9.6 mm more rows hold them.
    assert_eq!(grid.dims, [16, 24, 9]);
    assert_eq!(grid.spacing_mm(), [1.0, 1.0, 3.0]);
    let mut inside = 0;
    for offset in 0..grid.len() {
        let at = grid.world_from_voxel(grid.voxel_at(offset).center());
        let there = sheared.grid().voxel_from_world(at).0;
        let last = DVec3::new(15.0, 13.0, 8.0);
        if there.cmpge(DVec3::splat(-1e-6)).all() && there.cmple(last + 1e-6).all() {
            let expected = 3.0 * at.0.x + 2.0 * at.0.y;
            assert!((upright.value(offset) - expected).abs() <= 1.01, "{at:?}");
            inside += 1;
        }
    }
    assert!(inside > 1500, "{inside}");
    assert_eq!(upright.value_range(), sheared.value_range());
}

#[test]
fn a_sheared_export_says_who_refuses_it_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    io::save_image(&folder.path().join("tilted.nii"), &tilted()).unwrap();
    let run = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let output = program(folder.path(), &words);
        assert!(output.status.success(), "{line}: {}", said(&output));
        said(&output)
    };
    for line in [
        "convert tilted.nii -o out.nii.gz",
        "segment tilted.nii --click 8,7,4 --device cpu -o out.nii.gz",
    ] {
        let told = run(line);
        assert!(
            told.contains("ITK") && told.contains("--right-angles"),
            "{told}"
        );
    }
    let told = run("convert tilted.nii --right-angles -o upright.nii.gz");
    assert!(
        told.contains("interpolated") && !told.contains("ITK"),
        "{told}"
    );
    let upright = opened(&folder.path().join("upright.nii.gz"));
    assert!(!upright.image.grid().is_sheared());
}
