//! Binary PLY: one mesh with colours at the vertices; names are in the comments, with the vertices they are of.

use super::{Scene, remark, word};

pub(super) fn encode(scene: &Scene) -> Vec<u8> {
    let vertices: usize = scene.surfaces.iter().map(|s| s.mesh.vertices.len()).sum();
    let triangles: usize = scene.surfaces.iter().map(|s| s.mesh.triangles.len()).sum();
    let mut comments = format!("comment {}\n", remark(scene.space));
    let mut first = 0;
    for surface in &scene.surfaces {
        let last = first + surface.mesh.vertices.len();
        let name = word(&surface.name);
        comments.push_str(&format!(
            "comment label {name} vertices {first} to {}\n",
            last - 1
        ));
        first = last;
    }
    let header = format!(
        "ply\nformat binary_little_endian 1.0\n{comments}element vertex {vertices}\n\
         property float x\nproperty float y\nproperty float z\n\
         property uchar red\nproperty uchar green\nproperty uchar blue\n\
         element face {triangles}\nproperty list uchar int vertex_indices\nend_header\n"
    );
    let mut out = header.into_bytes();
    for surface in &scene.surfaces {
        for vertex in &surface.mesh.vertices {
            out.extend(vertex.iter().flat_map(|x| x.to_le_bytes()));
            out.extend(surface.color);
        }
    }
    let mut first = 0;
    for surface in &scene.surfaces {
        for triangle in &surface.mesh.triangles {
            out.push(3);
            out.extend(triangle.iter().flat_map(|n| (n + first).to_le_bytes()));
        }
        first += surface.mesh.vertices.len() as u32;
    }
    out
}
