//! Surfaces of labels, and MetaImage in two files.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use prosector::geometry::{Affine, VoxelPoint};
use prosector::io::{open_labels, save_image, save_labels};
use prosector::util::JobContext;
use prosector::volume::mesh::Mesh;
use prosector::volume::{Grid, ImageVolume, LabelMap, LabelTable, Modality, Rescale, VoxelData};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{assert_refused, program, said};

const RADIUS_MM: f64 = 12.0;
const CENTRE_RAS: [f64; 3] = [40.0, -10.0, 25.0];

/// Label 1 is a ball, label 2 a single layer of voxels on the border; anisotropic, left-handed.
fn map() -> LabelMap {
    let affine = Affine::from_rows(&[
        [-1.0, 0.0, 0.0, 60.0],
        [0.0, 0.8, 0.0, -30.0],
        [0.0, 0.0, 2.5, 0.0],
    ]);
    let grid = Grid::new([44, 50, 20], affine.unwrap());
    let voxels = (0..grid.len()).map(|n| {
        let v = grid.voxel_at(n);
        let p = grid
            .world_from_voxel(VoxelPoint(glam::DVec3::from_array(v.0.map(|n| n as f64))))
            .0;
        let squared: f64 = (0..3).map(|d| (p[d] - CENTRE_RAS[d]).powi(2)).sum();
        match squared <= RADIUS_MM * RADIUS_MM {
            true => 1,
            false => 2 * u16::from(v.0[0] == 0),
        }
    });
    LabelMap {
        grid,
        voxels: voxels.collect(),
    }
}

/// How often each edge is met in its direction.
fn directed_edges(triangles: &[[u32; 3]]) -> HashMap<[u32; 2], usize> {
    let mut edges = HashMap::new();
    for &[a, b, c] in triangles {
        for edge in [[a, b], [b, c], [c, a]] {
            *edges.entry(edge).or_default() += 1;
        }
    }
    edges
}

fn assert_closed(mesh: &Mesh) {
    let edges = directed_edges(&mesh.triangles);
    for (&[a, b], &count) in &edges {
        assert_eq!(count, 1);
        assert_eq!(
            edges.get(&[b, a]),
            Some(&1),
            "the neighbour runs the other way"
        );
    }
}

#[test]
fn a_ball_has_a_closed_surface_outward_of_its_volume() {
    let labels = map();
    let voxels = labels.voxels.iter().filter(|&&v| v == 1).count();
    let expected = voxels as f64 * labels.grid.affine.voxel_volume_mm3();
    let mesh = Mesh::of_label(&labels, 1);
    assert_closed(&mesh);
    let volume = mesh.volume_mm3();
    assert!(
        (volume / expected - 1.0).abs() < 0.02,
        "{volume} for {expected}"
    );
    for vertex in &mesh.vertices {
        let squared: f64 = (0..3)
            .map(|d| (f64::from(vertex[d]) - CENTRE_RAS[d]).powi(2))
            .sum();
        assert!((squared.sqrt() - RADIUS_MM).abs() < 1.5, "{vertex:?}");
    }
    // At the border of the volume it is closed too, and it faces outward in either frame.
    let layer = Mesh::of_label(&labels, 2);
    assert_closed(&layer);
    assert!(layer.volume_mm3() > 0.0 && layer.turned().volume_mm3() > 0.0);
    assert!(Mesh::of_label(&labels, 3).triangles.is_empty());
}

#[test]
fn noise_has_a_closed_surface_too() {
    let grid = Grid::new([9, 8, 7], Affine::from_spacing([1.0; 3], [0.0; 3]));
    let noise = |n: usize| u16::from(((n * 2_654_435_761) >> 7) % 5 < 2);
    let labels = LabelMap {
        grid,
        voxels: (0..grid.len()).map(noise).collect(),
    };
    assert!(labels.voxels.contains(&1) && labels.voxels.contains(&0));
    assert_closed(&Mesh::of_label(&labels, 1));
}

fn desk() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let labels = map();
    let voxels = VoxelData::I16(vec![0; labels.grid.len()]);
    let image = ImageVolume::new(labels.grid, voxels, Rescale::IDENTITY, Modality::Ct);
    save_image(&folder.path().join("scan.nii.gz"), &image).unwrap();
    let mut table = LabelTable::default();
    table.add(1, "the ball");
    table.add(2, "wall");
    save_labels(&folder.path().join("labels.nii.gz"), &labels, &table).unwrap();
    folder
}

fn write(folder: &Path, out: &str, more: &[&str]) -> std::process::Output {
    let arguments = [
        "labels",
        "labels.nii.gz",
        "--scan",
        "scan.nii.gz",
        "-o",
        out,
    ];
    program(folder, &[&arguments, more].concat())
}

fn f32_at(bytes: &[u8], at: usize) -> f32 {
    f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[test]
fn every_format_holds_the_triangles_where_they_are() {
    let folder = desk();
    for out in ["a.stl", "a.obj", "a.ply", "a.glb"] {
        let done = write(folder.path(), out, &[]);
        assert!(done.status.success(), "{}", said(&done));
        assert_eq!(
            said(&done).contains("names"),
            out == "a.stl",
            "{}",
            said(&done)
        );
    }
    let labels = map();
    let meshes = [1, 2].map(|value| Mesh::of_label(&labels, value));
    let triangles: usize = meshes.iter().map(|m| m.triangles.len()).sum();
    let [first, ..] = meshes[0].triangles[0];
    let corner = meshes[0].vertices[first as usize];
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();

    let stl = read("a.stl");
    assert_eq!(stl.len(), 84 + 50 * triangles);
    assert!(String::from_utf8_lossy(&stl[..80]).contains("SPACE=RAS"));
    assert_eq!([96, 100, 104].map(|at| f32_at(&stl, at)), corner);
    let done = write(folder.path(), "lps.stl", &["--space", "lps"]);
    assert!(done.status.success());
    let lps = read("lps.stl");
    assert_eq!(
        [96, 100, 104].map(|at| f32_at(&lps, at)),
        [-corner[0], -corner[1], corner[2]]
    );

    let obj = String::from_utf8(read("a.obj")).unwrap();
    let lines = |start: &str| obj.lines().filter(|l| l.starts_with(start)).count();
    assert!(obj.contains("o the_ball\n") && obj.contains("o wall\n"));
    assert_eq!(
        (lines("f "), lines("v ")),
        (triangles, meshes.iter().map(|m| m.vertices.len()).sum())
    );
    let highest = obj
        .lines()
        .filter_map(|l| l.strip_prefix("f "))
        .flat_map(|l| l.split(' '));
    assert_eq!(
        highest.map(|n| n.parse::<usize>().unwrap()).max(),
        Some(lines("v "))
    );

    let glb = read("a.glb");
    let text = u32::from_le_bytes(glb[12..16].try_into().unwrap()) as usize;
    let document: Value = serde_json::from_slice(&glb[20..20 + text]).unwrap();
    assert_eq!(document["nodes"][0]["name"], "the ball");
    assert_eq!(
        document["accessors"][1]["count"],
        3 * meshes[0].triangles.len()
    );
    assert_eq!(document["asset"]["extras"]["unit"], "millimetre");
    assert_eq!(f32_at(&glb, 20 + text + 8), meshes[0].vertices[0][0]);
    assert!(
        String::from_utf8_lossy(&read("a.ply")).contains(&format!("element face {triangles}\n"))
    );
}

#[test]
fn surfaces_of_nothing_and_axes_of_no_surface_are_refused() {
    let folder = desk();
    let empty = LabelMap::empty(map().grid);
    save_labels(
        &folder.path().join("labels.nii.gz"),
        &empty,
        &LabelTable::default(),
    )
    .unwrap();
    assert_refused(&write(folder.path(), "a.stl", &[]), "no voxel is labelled");
    assert!(!folder.path().join("a.stl").exists());
    let done = write(folder.path(), "a.nrrd", &["--space", "lps"]);
    assert_eq!(done.status.code(), Some(2));
    assert_refused(
        &write(folder.path(), "a.xyz", &[]),
        "give a name that ends so",
    );
}

#[test]
fn a_header_file_has_its_voxels_beside_it() {
    let folder = desk();
    let done = write(folder.path(), "a.mhd", &[]);
    assert!(done.status.success(), "{}", said(&done));
    let header = fs::read_to_string(folder.path().join("a.mhd")).unwrap();
    assert!(header.ends_with("ElementDataFile = a.zraw\n"));
    let (read, ..) = open_labels(&folder.path().join("a.mhd"), &JobContext::silent()).unwrap();
    assert!(read.voxels == map().voxels && read.grid.is_same(&map().grid, 1e-6));
    // Voxels that are read are not written over.
    fs::copy(
        folder.path().join("labels.nii.gz"),
        folder.path().join("b.zraw"),
    )
    .unwrap();
    let arguments = ["labels", "b.zraw", "--scan", "scan.nii.gz", "-o", "b.mhd"];
    assert_refused(&program(folder.path(), &arguments), "would be lost");
}
