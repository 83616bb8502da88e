//! Binary glTF 2.0: a node, a mesh and a material a label. The standard's metre is not used: positions are millimetres,
//! and the asset says so.

use serde_json::{Value, json};

use super::{Scene, remark};

/// Of the standard: little-endian float and unsigned int, and what a buffer's part is for.
const FLOAT: u32 = 5126;
const UNSIGNED_INT: u32 = 5125;
const ARRAY_BUFFER: u32 = 34962;
const ELEMENT_ARRAY_BUFFER: u32 = 34963;

pub(super) fn encode(scene: &Scene) -> Vec<u8> {
    let mut binary = Vec::new();
    let (mut views, mut accessors) = (Vec::new(), Vec::new());
    let (mut meshes, mut materials, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
    for (n, surface) in scene.surfaces.iter().enumerate() {
        let mesh = &surface.mesh;
        let start = binary.len();
        binary.extend_from_slice(bytemuck::cast_slice(&mesh.vertices));
        views.push(view(start, binary.len(), ARRAY_BUFFER));
        let start = binary.len();
        binary.extend_from_slice(bytemuck::cast_slice(&mesh.triangles));
        views.push(view(start, binary.len(), ELEMENT_ARRAY_BUFFER));
        let [low, high] = bounds(&mesh.vertices);
        accessors.push(json!({
            "bufferView": 2 * n, "componentType": FLOAT, "count": mesh.vertices.len(), "type": "VEC3",
            "min": low, "max": high,
        }));
        accessors.push(json!({
            "bufferView": 2 * n + 1, "componentType": UNSIGNED_INT, "count": 3 * mesh.triangles.len(),
            "type": "SCALAR",
        }));
        let primitive =
            json!({"attributes": {"POSITION": 2 * n}, "indices": 2 * n + 1, "material": n});
        meshes.push(json!({"name": surface.name, "primitives": [primitive]}));
        let [r, g, b] = surface.color.map(linear);
        materials.push(json!({
            "name": surface.name,
            "pbrMetallicRoughness": {
                "baseColorFactor": [r, g, b, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.7,
            },
        }));
        nodes.push(json!({"name": surface.name, "mesh": n}));
    }
    let numbers: Vec<usize> = (0..nodes.len()).collect();
    let document = json!({
        "asset": {
            "version": "2.0", "generator": remark(scene.space),
            "extras": {"unit": "millimetre", "space": scene.space.name()},
        },
        "scene": 0, "scenes": [{"nodes": numbers}],
        "nodes": nodes, "meshes": meshes, "materials": materials,
        "accessors": accessors, "bufferViews": views, "buffers": [{"byteLength": binary.len()}],
    });
    container(&document, &binary)
}

fn view(start: usize, end: usize, target: u32) -> Value {
    json!({"buffer": 0, "byteOffset": start, "byteLength": end - start, "target": target})
}

fn bounds(vertices: &[[f32; 3]]) -> [[f32; 3]; 2] {
    let (mut low, mut high) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
    for vertex in vertices {
        for d in 0..3 {
            low[d] = low[d].min(vertex[d]);
            high[d] = high[d].max(vertex[d]);
        }
    }
    [low, high]
}

/// Linear light from sRGB.
fn linear(value: u8) -> f64 {
    let value = f64::from(value) / 255.0;
    match value <= 0.04045 {
        true => value / 12.92,
        false => ((value + 0.055) / 1.055).powf(2.4),
    }
}

/// Header, a chunk of JSON and a chunk of bytes, each a multiple of four long.
fn container(document: &Value, binary: &[u8]) -> Vec<u8> {
    let mut text = document.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(4), b' ');
    let padded = binary.len().next_multiple_of(4);
    let total = 12 + 8 + text.len() + 8 + padded;
    let mut out = Vec::with_capacity(total);
    out.extend_from_slice(b"glTF");
    out.extend(2_u32.to_le_bytes());
    out.extend((total as u32).to_le_bytes());
    out.extend((text.len() as u32).to_le_bytes());
    out.extend_from_slice(b"JSON");
    out.extend(text);
    out.extend((padded as u32).to_le_bytes());
    out.extend_from_slice(b"BIN\0");
    out.extend_from_slice(binary);
    out.resize(total, 0);
    out
}
