//! Labels edited on a grid that is not the scan's: finer, rotated, coarser, and what is saved, undone and recovered of it.

use std::path::Path;
use std::sync::Arc;

use glam::{DQuat, DVec3};
use prosector::geometry::{Affine, VoxelIndex, VoxelPoint};
use prosector::io::{open_labels, save_image, save_labels};
use prosector::session::journal::{Recorded, Replay};
use prosector::session::{
    Command, EditCommand, Effect, HistoryCommand, LabelFit, LabelOrigin, OpenedLabels, Regridded,
    ScanCommand, Session, Severity,
};
use prosector::util::JobContext;
use prosector::volume::resample::image_on_grid;
use prosector::volume::{
    Grid, ImageVolume, LabelLayers, LabelMap, LabelTable, Modality, Rescale, VoxelData,
};

use crate::session::{Desk, notice, paint};
use crate::support::{assert_refused, program, said};

const DIMS: [usize; 3] = [12, 10, 8];

/// Thick slices: 1 x 1 x 5 mm.
fn thick() -> Grid {
    Grid::new(
        [20, 16, 6],
        Affine::from_spacing([1.0, 1.0, 5.0], [-4.0, 7.0, 30.0]),
    )
}

/// Values that are linear in the world, so that what is resampled linearly is known exactly.
fn linear(grid: Grid) -> ImageVolume {
    let values = (0..grid.len()).map(|offset| {
        let mm = grid.world_from_voxel(grid.voxel_at(offset).center()).0;
        (3.0 * mm.x - 2.0 * mm.y + 5.0 * mm.z) as f32
    });
    let voxels = VoxelData::F32(values.collect());
    ImageVolume::new(grid, voxels, Rescale::IDENTITY, Modality::Ct)
}

/// Every voxel within a radius of a point in the world.
fn ball(grid: Grid, centre_mm: DVec3, radius_mm: f64) -> LabelMap {
    let mut labels = LabelMap::empty(grid);
    for offset in 0..grid.len() {
        let mm = grid.world_from_voxel(grid.voxel_at(offset).center()).0;
        labels.voxels[offset] = u16::from(mm.distance(centre_mm) <= radius_mm);
    }
    labels
}

fn table() -> LabelTable {
    let mut table = LabelTable::default();
    table.add(1, "tumour");
    table
}

/// A grid turned about all axes, with unequal spacing, inside the desk's scan.
fn turned(desk: &Desk) -> Grid {
    let scan = desk.case().grid();
    let turn = DQuat::from_euler(glam::EulerRot::XYZ, 0.4, -0.3, 0.2);
    let [i, j, k] = [DVec3::X * 0.8, DVec3::Y * 1.3, DVec3::Z * 0.6].map(|v| turn * v);
    let middle = scan.dims.map(|n| (n as f64 - 1.0) / 2.0);
    let middle = scan
        .world_from_voxel(VoxelPoint(DVec3::from_array(middle)))
        .0;
    let dims = [8, 5, 9];
    let to_middle = i * 3.5 + j * 2.0 + k * 4.0;
    Grid::new(
        dims,
        Affine::from_columns(i, j, k, middle - to_middle).expect("regular"),
    )
}

fn opened(layers: LabelMap) -> OpenedLabels {
    OpenedLabels {
        layers: layers.into(),
        table: table(),
        measurements: Vec::new(),
        path: "own.nii.gz".into(),
    }
}

fn work_on(desk: &mut Desk, labels: LabelMap) -> Vec<Effect> {
    let scan = Arc::clone(desk.case().scan_image());
    let regridded = Regridded::opened(&scan, opened(labels)).expect("it fits");
    desk.apply(ScanCommand::WorkOn(Box::new(regridded)))
}

/// The labels so far, taken along to voxels no longer than this.
fn finer(desk: &Desk, longest_mm: f64) -> Regridded {
    let case = desk.case();
    let grid = case.scan_image().grid().divided_to(longest_mm);
    let layers = case.document().layers();
    Regridded::taken_along(
        case.scan_image(),
        &grid,
        layers,
        case.table().clone(),
        case.revision(),
    )
    .expect("it fits")
}

fn save(desk: &mut Desk) {
    let revision = desk.case().revision();
    let path = "labels.nii.gz".into();
    desk.apply(ScanCommand::MarkSaved { revision, path });
}

#[test]
fn divided_voxels_fill_the_same_space() {
    let grid = thick();
    let fine = grid.divided_to(1.0);
    assert_eq!(fine.dims, [20, 16, 30]);
    let [si, sj, sk] = fine.spacing_mm();
    assert!((si - 1.0).abs() < 1e-12 && (sj - 1.0).abs() < 1e-12 && (sk - 1.0).abs() < 1e-12);
    let border = |grid: &Grid, end: bool| {
        let at = |d: usize| if end { grid.dims[d] as f64 - 0.5 } else { -0.5 };
        grid.world_from_voxel(VoxelPoint(DVec3::from_array(std::array::from_fn(at))))
            .0
    };
    for end in [false, true] {
        assert!(border(&grid, end).distance(border(&fine, end)) < 1e-9);
    }
    // The middle part of five is the slice itself.
    let middle = fine.world_from_voxel(VoxelIndex([3, 4, 12]).center()).0;
    assert!(middle.distance(grid.world_from_voxel(VoxelIndex([3, 4, 2]).center()).0) < 1e-9);
    assert_eq!(
        grid.divided_to(4.999).dims,
        grid.dims,
        "rounded spacings divide nothing"
    );
    assert_eq!(grid.divided_to(2.4).dims, [20, 16, 18]);
}

#[test]
fn labels_come_back_unchanged_from_divided_voxels() {
    let centre = DVec3::new(5.0, 14.0, 42.0);
    let layers = LabelLayers::from(ball(thick(), centre, 6.5));
    for longest_mm in [0.3, 0.5, 1.0, 2.4, 2.6] {
        let fine = thick().divided_to(longest_mm);
        let there = layers.resampled(&fine);
        let parts = fine.len() / thick().len();
        assert_eq!(there.counts()[&1], layers.counts()[&1] * parts);
        assert!(there.resampled(&thick()) == layers, "{longest_mm} mm");
    }
}

#[test]
fn a_scan_is_resampled_linearly_onto_any_grid() {
    let scan = linear(thick());
    for grid in [thick().divided_to(1.0), {
        let turn = DQuat::from_rotation_y(0.3);
        let [i, j, k] = [DVec3::X, DVec3::Y, DVec3::Z * 2.0].map(|v| turn * v);
        let corner = DVec3::new(3.0, 11.0, 38.0);
        Grid::new(
            [6, 5, 4],
            Affine::from_columns(i, j, k, corner).expect("regular"),
        )
    }] {
        let there = image_on_grid(&scan, &grid).expect("it can be");
        let wanted = linear(grid);
        let last = thick().dims.map(|n| n as f64 - 1.0);
        for offset in 0..grid.len() {
            let mm = grid.world_from_voxel(grid.voxel_at(offset).center());
            let at = thick().voxel_from_world(mm).0;
            if (0..3).all(|d| (0.0..=last[d]).contains(&at[d])) {
                let (got, wanted) = (there.value(offset), wanted.value(offset));
                assert!((got - wanted).abs() < 1e-3, "{got} {wanted}");
            }
        }
    }
}

#[test]
fn thick_slices_are_edited_between_slices() {
    let mut desk = Desk::new(DIMS);
    let scan = Arc::clone(desk.case().scan_image());
    let spacing_mm = scan.grid().spacing_mm();
    let third = spacing_mm.into_iter().fold(f64::INFINITY, f64::min) / 3.0;
    let regridded = finer(&desk, third);
    let dims = regridded.image.grid().dims;
    let effects = desk.apply(ScanCommand::WorkOn(Box::new(regridded)));
    assert!(effects.iter().any(|e| matches!(e, Effect::ScanChanged)));
    let case = desk.case();
    assert!(!case.is_on_scan_grid() && case.grid().dims == dims);
    assert!(!case.is_dirty(), "nothing is drawn yet");
    assert!(Arc::ptr_eq(case.scan_image(), &scan));
    // One slice of the new voxels, thinner than any of the scan's.
    paint(&mut desk, [10.0, 10.0, 11.0]);
    let drawn = desk.case().labels().clone();
    let slices: Vec<i64> = (0..drawn.voxels.len())
        .filter(|&offset| drawn.voxels[offset] != 0)
        .map(|offset| drawn.grid.voxel_at(offset).0[2])
        .collect();
    assert!(
        !slices.is_empty() && slices.iter().all(|&k| k == 11),
        "{slices:?}"
    );
    desk.apply(HistoryCommand::Undo);
    assert_eq!(desk.case().voxel_count(1), 0);
    desk.apply(HistoryCommand::Redo);
    assert_eq!(desk.case().labels().voxels, drawn.voxels);
    // Back on the scan's grid only with work that is saved.
    let case = desk.case();
    let back = || {
        let layers = case.document().layers();
        let (table, revision) = (case.table().clone(), case.revision());
        Regridded::taken_along(&scan, scan.grid(), layers, table, revision).expect("it fits")
    };
    let (first, wanted) = (back(), case.document().layers().resampled(scan.grid()));
    let effects = desk.apply(ScanCommand::WorkOn(Box::new(first.clone())));
    assert!(
        notice(&effects, Severity::Error)
            .expect("refused")
            .contains("save the labels first")
    );
    assert_eq!(desk.case().grid().dims, dims);
    save(&mut desk);
    desk.apply(ScanCommand::WorkOn(Box::new(first)));
    let case = desk.case();
    assert!(case.is_on_scan_grid() && Arc::ptr_eq(case.image(), &scan));
    assert!(*case.document().layers() == wanted);
    assert!(
        case.labels_path().is_none(),
        "the finer file is not saved over"
    );
    assert_eq!(case.active().map(|l| l.value), Some(1));
}

#[test]
fn what_changed_meanwhile_is_not_lost() {
    let mut desk = Desk::new(DIMS);
    let early = finer(&desk, 0.4);
    paint(&mut desk, [3.0, 3.0, 3.0]);
    save(&mut desk);
    let effects = desk.apply(ScanCommand::WorkOn(Box::new(early)));
    assert!(
        notice(&effects, Severity::Error)
            .expect("refused")
            .contains("changed meanwhile")
    );
    assert!(desk.case().is_on_scan_grid() && desk.case().voxel_count(1) > 0);
    // Another image of the same place was shown meanwhile.
    let late = finer(&desk, 0.4);
    let other = crate::session::scan(DIMS, 2);
    desk.apply(ScanCommand::ReplaceImage(Box::new(other)));
    let effects = desk.apply(ScanCommand::WorkOn(Box::new(late)));
    assert!(
        notice(&effects, Severity::Error)
            .expect("refused")
            .contains("another scan")
    );
}

#[test]
fn a_turned_label_grid_keeps_its_voxels_and_its_place() {
    let mut desk = Desk::new(DIMS);
    let grid = turned(&desk);
    let middle = grid.world_from_voxel(VoxelIndex([4, 2, 4]).center()).0;
    let labels = ball(grid, middle, 2.0);
    assert_eq!(desk.case().fit_of(&grid), LabelFit::Own);
    let refused = desk.apply(ScanCommand::OpenLabels(Box::new(opened(labels.clone()))));
    assert!(
        notice(&refused, Severity::Error).is_some(),
        "not without being asked"
    );
    let before = desk.case().cross_hair().center();
    let before = desk.case().grid().world_from_voxel(before).0;
    work_on(&mut desk, labels.clone());
    let case = desk.case();
    assert_eq!(case.labels().voxels, labels.voxels);
    assert!(!case.is_dirty() && case.labels_path() == Some(Path::new("own.nii.gz")));
    let after = case.grid().world_from_voxel(case.cross_hair().center()).0;
    assert!(
        after.distance(before) < 1.0,
        "the cross-hair stays: {before} {after}"
    );
    assert_eq!(case.fit_of(case.scan_image().grid()), LabelFit::Scan);
    // Sizes are those of its own voxels: 0.8 x 1.3 x 0.6 mm.
    let wanted = case.voxel_count(1) as f64 * 0.8 * 1.3 * 0.6 / 1000.0;
    assert!((case.volume_ml(1) - wanted).abs() < 1e-9);
    // Values are those of the scan at the place in the world.
    let voxel = VoxelIndex([4, 2, 4]);
    let readout = case.readout(voxel).expect("inside");
    assert!(readout.world.expect("in space").0.distance(middle) < 1e-9);
    let value = image_on_grid(case.scan_image(), &grid).expect("it can be");
    let offset = grid.offset_of(voxel).expect("inside");
    assert_eq!(readout.value, value.value(offset));
    // And so for operations: a threshold over everything takes every voxel of this grid.
    let (low, high) = value.value_range().expect("values");
    let threshold = format!("threshold label=1 low={low} high={high}");
    desk.apply(Command::Edit(
        EditCommand::parse(&threshold).expect("known"),
    ));
    assert_eq!(desk.case().voxel_count(1), grid.len());
}

#[test]
fn labels_beside_the_scan_are_refused() {
    let desk = Desk::new(DIMS);
    let far = Affine::from_spacing([1.0; 3], [900.0, 0.0, 0.0]);
    let labels = LabelMap::empty(Grid::new([4, 4, 4], far));
    assert_eq!(desk.case().fit_of(&labels.grid), LabelFit::Elsewhere);
    let refused = Regridded::opened(desk.case().scan_image(), opened(labels));
    assert!(refused.expect_err("refused").contains("beside the scan"));
    let too_fine = desk.case().grid().divided_to(0.001);
    let refused = Regridded::without_labels(desk.case().scan_image(), &too_fine);
    assert!(refused.expect_err("refused").contains("too many"));
}

#[test]
fn the_same_grid_shares_the_scan() {
    let mut desk = Desk::new(DIMS);
    let scan = Arc::clone(desk.case().scan_image());
    let labels = LabelMap::empty(*scan.grid());
    work_on(&mut desk, labels);
    assert!(desk.case().is_on_scan_grid() && Arc::ptr_eq(desk.case().image(), &scan));
}

#[test]
fn recovered_work_on_its_own_grid_is_exactly_the_same() {
    let journal = Arc::new(Recorded::default());
    let mut desk = Desk::with(Session::default().with_archive(journal.clone()), DIMS);
    let grid = turned(&desk);
    work_on(&mut desk, LabelMap::empty(grid));
    paint(&mut desk, [4.0, 2.0, 4.0]);
    paint(&mut desk, [2.0, 3.0, 6.0]);
    desk.apply(HistoryCommand::Undo);
    let replay = Replay::of(journal.bytes(), 1 << 20).expect("a journal");
    assert!(replay.layers == *desk.case().document().layers());
    assert!(replay.layers.grid() == &grid, "to the last bit");

    let mut again = Desk::new(DIMS);
    let scan = Arc::clone(again.case().scan_image());
    let there = Regridded::without_labels(&scan, replay.layers.grid()).expect("it fits");
    assert!(there.origin == LabelOrigin::Nowhere);
    again.apply(ScanCommand::WorkOn(Box::new(there)));
    again.apply(ScanCommand::Resume(Box::new(replay)));
    let (case, before) = (again.case(), desk.case());
    assert!(case.document().layers() == before.document().layers());
    assert_eq!(case.history().undo_len(), before.history().undo_len());
    again.apply(HistoryCommand::Redo);
    desk.apply(HistoryCommand::Redo);
    assert!(again.case().document().layers() == desk.case().document().layers());
    again.apply(HistoryCommand::JumpTo(0));
    assert!(again.case().document().layers().counts().is_empty());
}

/// A folder with a scan of thick slices and a ball that was drawn on 1 mm voxels turned against it.
fn folder() -> (tempfile::TempDir, LabelMap) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    save_image(&folder.path().join("scan.nii.gz"), &linear(thick())).expect("a scan");
    let turn = DQuat::from_rotation_x(0.25);
    let [i, j, k] = [DVec3::X, DVec3::Y, DVec3::Z].map(|v| turn * v);
    let corner = DVec3::new(0.0, 12.0, 34.0);
    let grid = Grid::new(
        [10, 9, 12],
        Affine::from_columns(i, j, k, corner).expect("regular"),
    );
    let centre = grid.world_from_voxel(VoxelIndex([5, 4, 6]).center()).0;
    let labels = ball(grid, centre, 3.2);
    save_labels(&folder.path().join("own.nii.gz"), &labels, &table()).expect("labels");
    (folder, labels)
}

fn edit(folder: &Path, options: &[&str]) -> std::process::Output {
    let before = [
        "edit",
        "scan.nii.gz",
        "--labels",
        "own.nii.gz",
        "-o",
        "out.nii.gz",
    ];
    let arguments: Vec<&str> = before.iter().chain(options).copied().collect();
    program(folder, &arguments)
}

fn written(folder: &Path) -> LabelMap {
    open_labels(&folder.join("out.nii.gz"), &JobContext::silent())
        .expect("labels")
        .0
}

#[test]
fn the_command_line_edits_and_saves_on_either_grid() {
    let (folder, labels) = folder();
    let folder = folder.path();
    let nothing = ["--do", "keep_largest label=1"];
    // As ever: another grid is refused unless it is asked for.
    assert_refused(&edit(folder, &nothing), "is on another grid");
    assert!(!folder.join("out.nii.gz").exists());

    let output = edit(folder, &[&["--grid", "labels"][..], &nothing].concat());
    assert!(output.status.success(), "{}", said(&output));
    let same = written(folder);
    assert_eq!(same.voxels, labels.voxels);
    assert!(same.grid.is_same(&labels.grid, 1e-4));

    let on_scan = [&["--grid", "labels", "--save-grid", "scan"][..], &nothing].concat();
    let output = edit(folder, &on_scan);
    assert!(output.status.success(), "{}", said(&output));
    let coarse = written(folder);
    let wanted = LabelLayers::from(labels.clone()).resampled(&thick());
    assert_eq!(coarse.grid.dims, thick().dims);
    assert_eq!(coarse.voxels, wanted.maps()[0].voxels);

    let output = edit(folder, &[&["--grid", "scan"][..], &nothing].concat());
    assert!(output.status.success() && said(&output).contains("label at its centre"));
    assert_eq!(written(folder).voxels, wanted.maps()[0].voxels);

    // A margin of 2 mm on voxels of 1 mm reaches what one on slices of 5 mm cannot.
    let output = edit(folder, &["--grid", "1", "--do", "margin label=1 mm=2"]);
    assert!(output.status.success(), "{}", said(&output));
    let grown = written(folder);
    assert_eq!(grown.grid.dims, [20, 16, 30]);
    let spans = |map: &LabelMap| {
        let slices = (0..map.voxels.len()).filter(|&o| map.voxels[o] != 0);
        let mm = slices.map(|o| map.grid.world_from_voxel(map.grid.voxel_at(o).center()).0.z);
        mm.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), z| {
            (a.min(z), b.max(z))
        })
    };
    let before = LabelLayers::from(labels).resampled(&grown.grid);
    let (low, high) = spans(&before.maps()[0]);
    let (lower, higher) = spans(&grown);
    assert!((low - lower - 2.0).abs() < 1e-3 && (higher - high - 2.0).abs() < 1e-3);
}

#[test]
fn measures_are_of_the_grid_that_is_asked_for() {
    let (folder, labels) = folder();
    let measure = |options: &[&str]| {
        let before = [
            "statistics",
            "scan.nii.gz",
            "--labels",
            "own.nii.gz",
            "--json",
        ];
        let arguments: Vec<&str> = before.iter().chain(options).copied().collect();
        program(folder.path(), &arguments)
    };
    assert_refused(&measure(&[]), "is on another grid");
    let output = measure(&["--grid", "labels"]);
    assert!(output.status.success(), "{}", said(&output));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let row = &report["labels"][0];
    let voxels = labels.voxels.iter().filter(|&&v| v != 0).count();
    assert_eq!(row["voxels"], voxels);
    assert!((row["volume_ml"].as_f64().expect("ml") - voxels as f64 / 1000.0).abs() < 1e-6);
    // The scan is linear in the world, and the ball symmetric: its mean is the value at its centre.
    let centre = labels
        .grid
        .world_from_voxel(VoxelIndex([5, 4, 6]).center())
        .0;
    let wanted = 3.0 * centre.x - 2.0 * centre.y + 5.0 * centre.z;
    assert!((row["mean"].as_f64().expect("mean") - wanted).abs() < 0.01);
}

#[test]
fn a_grid_that_makes_no_sense_is_bad_usage() {
    let (folder, _) = folder();
    let options = ["--grid", "0", "--do", "keep_largest label=1"];
    assert_eq!(edit(folder.path(), &options).status.code(), Some(2));
    let arguments = [
        "edit",
        "scan.nii.gz",
        "-o",
        "out.nii.gz",
        "--grid",
        "labels",
        "--do",
        "clear label=1",
    ];
    assert_eq!(program(folder.path(), &arguments).status.code(), Some(2));
}
