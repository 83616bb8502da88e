//! Objects without labels: voxels merged across weak edges (Felzenszwalb and Huttenlocher 2004), on a region.

use crate::models::prosector1::region::SIDE;
use crate::train::field::VOXELS;

/// Steps of an edge's strength.
const LEVELS: usize = 1024;

/// Labels connected voxels that no strong edge parts, a number per voxel from 0 on, and the size of each label.
///
/// `values` are in 0..=1; a larger `scale` merges more: a part of `n` voxels tolerates edges that are `scale / n` stronger
/// than those within it.
pub(super) fn merge(values: &[f32], scale: f32) -> (Vec<u32>, Vec<usize>) {
    let mut forest = Forest::new();
    for (a, b, strength) in edges_by_strength(values) {
        let (a, b) = (forest.root(a), forest.root(b));
        if a != b && strength <= forest.tolerance(a, scale).min(forest.tolerance(b, scale)) {
            forest.join(a, b, strength);
        }
    }
    forest.labels()
}

/// Pairs of neighbours and the difference of their values, weakest first.
fn edges_by_strength(values: &[f32]) -> Vec<(u32, u32, f32)> {
    let level = |a: usize, b: usize| {
        let strength = (values[a] - values[b]).abs().min(1.0);
        (strength * (LEVELS - 1) as f32) as usize
    };
    let pairs = || {
        (0..VOXELS).flat_map(|v| {
            let forward = [1, SIDE, SIDE * SIDE];
            forward
                .into_iter()
                .filter(move |stride| v / stride % SIDE + 1 < SIDE)
                .map(move |stride| (v, v + stride))
        })
    };
    let mut starts = [0usize; LEVELS + 1];
    for (a, b) in pairs() {
        starts[level(a, b) + 1] += 1;
    }
    for l in 0..LEVELS {
        starts[l + 1] += starts[l];
    }
    let mut sorted = vec![(0, 0, 0.0); starts[LEVELS]];
    for (a, b) in pairs() {
        let level = level(a, b);
        let strength = level as f32 / (LEVELS - 1) as f32;
        sorted[starts[level]] = (a as u32, b as u32, strength);
        starts[level] += 1;
    }
    sorted
}

/// Disjoint sets of voxels, with the strongest edge within each.
struct Forest {
    parent: Vec<u32>,
    size: Vec<u32>,
    strongest: Vec<f32>,
}

impl Forest {
    fn new() -> Self {
        Self {
            parent: (0..VOXELS as u32).collect(),
            size: vec![1; VOXELS],
            strongest: vec![0.0; VOXELS],
        }
    }

    fn root(&mut self, mut v: u32) -> u32 {
        while self.parent[v as usize] != v {
            let above = self.parent[self.parent[v as usize] as usize];
            self.parent[v as usize] = above;
            v = above;
        }
        v
    }

    fn tolerance(&self, root: u32, scale: f32) -> f32 {
        self.strongest[root as usize] + scale / self.size[root as usize] as f32
    }

    fn join(&mut self, a: u32, b: u32, strength: f32) {
        let (large, small) = if self.size[a as usize] >= self.size[b as usize] {
            (a, b)
        } else {
            (b, a)
        };
        self.parent[small as usize] = large;
        self.size[large as usize] += self.size[small as usize];
        self.strongest[large as usize] = strength;
    }

    fn labels(mut self) -> (Vec<u32>, Vec<usize>) {
        let mut label_of_root = vec![u32::MAX; VOXELS];
        let mut sizes = Vec::new();
        let labels = (0..VOXELS as u32)
            .map(|v| {
                let root = self.root(v) as usize;
                if label_of_root[root] == u32::MAX {
                    label_of_root[root] = sizes.len() as u32;
                    sizes.push(self.size[root] as usize);
                }
                label_of_root[root]
            })
            .collect();
        (labels, sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bright_ball_is_one_part_and_its_surroundings_another() {
        let middle = SIDE as f32 / 2.0;
        let in_ball = |v: usize| {
            let p = crate::train::field::position(v);
            p.iter().map(|x| (x - middle).powi(2)).sum::<f32>() < 100.0
        };
        let values: Vec<f32> = (0..VOXELS)
            .map(|v| {
                let grain = (v * 7919 % 13) as f32 / 13.0 * 0.05;
                if in_ball(v) { 0.8 + grain } else { 0.2 + grain }
            })
            .collect();
        let (labels, sizes) = merge(&values, 20.0);
        assert_eq!(sizes.len(), 2);
        let ball = labels[(SIDE.pow(3) + SIDE.pow(2) + SIDE) / 2];
        assert!((0..VOXELS).all(|v| (labels[v] == ball) == in_ball(v)));
    }

    #[test]
    fn a_larger_scale_leaves_fewer_parts() {
        let values: Vec<f32> = (0..VOXELS)
            .map(|v| (v * 7919 % 101) as f32 / 101.0)
            .collect();
        let count = |scale| merge(&values, scale).1.len();
        assert!(count(0.5) > count(5.0) && count(5.0) > count(50.0));
    }
}
