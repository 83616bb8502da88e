//! Closed surfaces of labels as triangles.
//!
//! Marching tetrahedra (each cube of eight voxel centres is six of them, split alike everywhere) over the mask, in which
//! everything outside of the volume is empty: the surface is closed, and every edge belongs to two triangles, whatever the
//! mask. Then Taubin's smoothing, which takes the steps away and keeps the volume (Taubin, SIGGRAPH 1995).

use std::collections::HashMap;

use glam::{DAffine3, DVec3};

use crate::util::short_debug;

use super::LabelMap;
use super::morphology::label_bounds;

/// Steps of Taubin's smoothing: how often, how far inward, and how far outward again.
const ROUNDS: usize = 15;
const INWARD: f64 = 0.5;
const OUTWARD: f64 = -0.53;

/// The tetrahedra of a cube by its corners, of which bit 0 is i, bit 1 j and bit 2 k: all share the diagonal from 0 to 7,
/// and neighbouring cubes split the face between them alike.
const TETRAHEDRA: [[usize; 4]; 6] = [
    [0, 1, 3, 7],
    [0, 3, 2, 7],
    [0, 2, 6, 7],
    [0, 6, 4, 7],
    [0, 4, 5, 7],
    [0, 5, 1, 7],
];

/// A closed surface of triangles, counter-clockwise as seen from outside.
#[derive(Clone, PartialEq)]
pub struct Mesh {
    /// Positions in mm.
    pub vertices: Vec<[f32; 3]>,
    /// Three vertices each.
    pub triangles: Vec<[u32; 3]>,
}

short_debug! {
    Mesh: |mesh| format_args!("{} triangles", mesh.triangles.len());
}

impl Mesh {
    /// The smoothed surface of a label in mm, RAS; without triangles where the label has no voxel.
    pub fn of_label(labels: &LabelMap, value: u16) -> Self {
        let mut march = March::new(labels, value);
        if let Some(bounds) = label_bounds(labels, value) {
            // Cubes of eight voxels, the first of which begin one voxel before the label, maybe outside of the volume.
            march.over([bounds.min.map(|n| n - 1), bounds.max]);
        }
        let matrix = labels.grid.affine.matrix();
        march.smoothed(matrix)
    }

    /// The same surface with x and y the other way: LPS from RAS. Triangles still face outward.
    #[must_use]
    pub fn turned(mut self) -> Self {
        for vertex in &mut self.vertices {
            *vertex = [-vertex[0], -vertex[1], vertex[2]];
        }
        self
    }

    /// The enclosed volume in mm³, negative if the triangles face inward.
    pub fn volume_mm3(&self) -> f64 {
        let at = |n: u32| DVec3::from_array(self.vertices[n as usize].map(f64::from));
        let six = |t: &[u32; 3]| at(t[0]).dot(at(t[1]).cross(at(t[2])));
        self.triangles.iter().map(six).sum::<f64>() / 6.0
    }
}

/// Marching through a label map.
struct March<'a> {
    labels: &'a LabelMap,
    value: u16,
    /// Vertices in voxels, each in the middle of an edge of tetrahedra, and which edge that is.
    vertices: Vec<DVec3>,
    by_edge: HashMap<[[i64; 3]; 2], u32>,
    triangles: Vec<[u32; 3]>,
}

impl<'a> March<'a> {
    fn new(labels: &'a LabelMap, value: u16) -> Self {
        Self {
            labels,
            value,
            vertices: Vec::new(),
            by_edge: HashMap::new(),
            triangles: Vec::new(),
        }
    }

    fn is_inside(&self, at: [i64; 3]) -> bool {
        let dims = self.labels.grid.dims;
        let is_there = (0..3).all(|d| at[d] >= 0 && at[d] < dims[d] as i64);
        let [i, j, k] = at.map(|n| n as usize);
        is_there && self.labels.voxels[self.labels.grid.offset(i, j, k)] == self.value
    }

    fn over(&mut self, [low, high]: [[i64; 3]; 2]) {
        for k in low[2]..=high[2] {
            for j in low[1]..=high[1] {
                for i in low[0]..=high[0] {
                    self.cube([i, j, k]);
                }
            }
            // Edges that end below the next layer are never met again.
            self.by_edge.retain(|edge, _| edge[1][2] > k);
        }
    }

    fn cube(&mut self, at: [i64; 3]) {
        let corner = |n: usize| {
            let bit = |d: usize| (n >> d & 1) as i64;
            [at[0] + bit(0), at[1] + bit(1), at[2] + bit(2)]
        };
        let corners: [[i64; 3]; 8] = std::array::from_fn(corner);
        let inside = corners.map(|c| self.is_inside(c));
        if inside.iter().all(|&is| is == inside[0]) {
            return;
        }
        for tetrahedron in TETRAHEDRA {
            let (within, without): (Vec<usize>, Vec<usize>) =
                tetrahedron.iter().partition(|&&n| inside[n]);
            if within.is_empty() || without.is_empty() {
                continue;
            }
            let middle = |of: &[usize]| {
                let sum: DVec3 = of.iter().map(|&n| point(corners[n])).sum();
                sum / of.len() as f64
            };
            let outward = middle(&without) - middle(&within);
            let mut edge = |a: usize, b: usize| self.vertex(corners[a], corners[b]);
            match (within.as_slice(), without.as_slice()) {
                (&[a, b], &[c, d]) => {
                    let ring = [edge(a, c), edge(a, d), edge(b, d), edge(b, c)];
                    self.triangle([ring[0], ring[1], ring[2]], outward);
                    self.triangle([ring[0], ring[2], ring[3]], outward);
                }
                (&[a], &[b, c, d]) | (&[b, c, d], &[a]) => {
                    let three = [edge(a, b), edge(a, c), edge(a, d)];
                    self.triangle(three, outward);
                }
                _ => {}
            }
        }
    }

    /// The vertex in the middle of an edge.
    fn vertex(&mut self, a: [i64; 3], b: [i64; 3]) -> u32 {
        // By height first, so that the second end is the upper one.
        let by_height = |p: &[i64; 3]| [p[2], p[1], p[0]];
        let edge = match by_height(&a) <= by_height(&b) {
            true => [a, b],
            false => [b, a],
        };
        let vertices = &mut self.vertices;
        *self.by_edge.entry(edge).or_insert_with(|| {
            vertices.push((point(a) + point(b)) / 2.0);
            vertices.len() as u32 - 1
        })
    }

    fn triangle(&mut self, [a, b, c]: [u32; 3], outward: DVec3) {
        let at = |n: u32| self.vertices[n as usize];
        let normal = (at(b) - at(a)).cross(at(c) - at(a));
        self.triangles.push(match normal.dot(outward) > 0.0 {
            true => [a, b, c],
            false => [a, c, b],
        });
    }

    /// The surface in mm, smoothed there.
    fn smoothed(self, world_from_voxel: DAffine3) -> Mesh {
        let place = |p: &DVec3| world_from_voxel.transform_point3(*p);
        let mut points: Vec<DVec3> = self.vertices.iter().map(place).collect();
        let mut triangles = self.triangles;
        if world_from_voxel.matrix3.determinant() < 0.0 {
            triangles.iter_mut().for_each(|t| t.swap(1, 2));
        }
        for _ in 0..ROUNDS {
            for step in [INWARD, OUTWARD] {
                relax(&mut points, &triangles, step);
            }
        }
        Mesh {
            vertices: points.iter().map(|p| p.as_vec3().to_array()).collect(),
            triangles,
        }
    }
}

/// Moves every point by a part of the way to the middle of its neighbours. Each edge is met in two triangles, once in each
/// direction, so that each neighbour counts once.
fn relax(points: &mut [DVec3], triangles: &[[u32; 3]], step: f64) {
    let mut sums = vec![(DVec3::ZERO, 0_u32); points.len()];
    for &[a, b, c] in triangles {
        for [from, to] in [[a, b], [b, c], [c, a]] {
            let (sum, count) = &mut sums[from as usize];
            *sum += points[to as usize];
            *count += 1;
        }
    }
    for (point, (sum, count)) in points.iter_mut().zip(sums) {
        if count > 0 {
            *point += (sum / f64::from(count) - *point) * step;
        }
    }
}

fn point(at: [i64; 3]) -> DVec3 {
    DVec3::from_array(at.map(|n| n as f64))
}
