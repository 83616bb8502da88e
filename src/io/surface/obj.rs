//! Wavefront OBJ: an object a label, colours at the vertices, so that no second file of materials is needed.

use std::fmt::Write;

use super::{Scene, remark, word};

pub(super) fn encode(scene: &Scene) -> Vec<u8> {
    let mut text = format!("# {}\n", remark(scene.space));
    // Vertices are counted from 1 through the whole file.
    let mut first = 1;
    for surface in &scene.surfaces {
        let [r, g, b] = surface.color.map(|c| f32::from(c) / 255.0);
        // Writing into a string cannot fail.
        let _ = writeln!(text, "o {}", word(&surface.name));
        for [x, y, z] in &surface.mesh.vertices {
            let _ = writeln!(text, "v {x} {y} {z} {r:.4} {g:.4} {b:.4}");
        }
        for triangle in &surface.mesh.triangles {
            let [a, b, c] = triangle.map(|n| n + first);
            let _ = writeln!(text, "f {a} {b} {c}");
        }
        first += surface.mesh.vertices.len() as u32;
    }
    text.into_bytes()
}
