//! Binary STL: triangles alone, all labels in one.

use glam::Vec3;

use super::{Scene, remark};

const HEADER_BYTES: usize = 80;

pub(super) fn encode(scene: &Scene) -> Vec<u8> {
    let mut header = remark(scene.space).into_bytes();
    header.resize(HEADER_BYTES, b' ');
    let count: usize = scene.surfaces.iter().map(|s| s.mesh.triangles.len()).sum();
    let mut out = header;
    out.extend((count as u32).to_le_bytes());
    for surface in &scene.surfaces {
        let at = |n: u32| Vec3::from_array(surface.mesh.vertices[n as usize]);
        for &[a, b, c] in &surface.mesh.triangles {
            let corners = [at(a), at(b), at(c)];
            let normal = (corners[1] - corners[0]).cross(corners[2] - corners[0]);
            for vector in [normal.normalize_or_zero()].iter().chain(&corners) {
                out.extend(vector.to_array().iter().flat_map(|x| x.to_le_bytes()));
            }
            out.extend([0; 2]);
        }
    }
    out
}
