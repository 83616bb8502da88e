//! Labels that grow from seeds over a scan until they meet (GrowCut, as the shortest paths of Zhu et al., 2014).

use super::ImageVolume;

/// Where and how labels grow.
#[derive(Debug, Clone, Copy)]
pub struct GrowCut<'a> {
    /// The scan.
    pub scan: &'a ImageVolume,
    /// For each voxel of the scan whether a label may grow there; seeds count as open.
    pub is_open: &'a [bool],
    /// What a millimetre of a path costs, in values of the scan.
    pub cost_per_mm: f64,
}

impl GrowCut<'_> {
    /// Gives each open voxel to the label whose cheapest path to it costs least; the steps of a path lead to one of 26
    /// neighbours, and cost the difference of the values and the way. `labels` holds the seeds, 0 where there is none;
    /// voxels that no path reaches stay 0. Of equal costs the path of fewer steps wins, then the one from the seed that
    /// comes first in the array.
    ///
    /// # Panics
    /// If the labels or the open voxels are not as many as the scan has.
    pub fn grow(&self, labels: &mut [u16]) {
        let grid = self.scan.grid();
        assert_eq!((labels.len(), self.is_open.len()), (grid.len(), grid.len()));
        let levels = Levels::of(self.scan);
        let steps = self.steps(levels.values_per_level);
        let dearest = steps.iter().map(|s| s.cost).max().unwrap_or(0);
        let mut front = Front::new(dearest as usize + usize::from(u16::MAX) + 1);
        let mut costs = vec![u32::MAX; labels.len()];
        for (at, _) in labels.iter().enumerate().filter(|&(_, &l)| l != 0) {
            costs[at] = 0;
            front.push(0, at);
        }
        let [ni, nj, nk] = grid.dims;
        while let Some((cost, at)) = front.next() {
            if costs[at] != cost {
                continue;
            }
            let place = [at % ni, at / ni % nj, at / (ni * nj)];
            for step in &steps {
                let inside = (0..3).all(|d| {
                    let index = place[d] as i64 + step.by[d];
                    (0..[ni, nj, nk][d] as i64).contains(&index)
                });
                let to = at.wrapping_add_signed(step.offset);
                if !inside || !self.is_open[to] {
                    continue;
                }
                let there = cost
                    .saturating_add(step.cost)
                    .saturating_add(u32::from(levels.levels[at].abs_diff(levels.levels[to])));
                if there < costs[to] {
                    costs[to] = there;
                    labels[to] = labels[at];
                    front.push(there, to);
                }
            }
        }
    }

    fn steps(&self, values_per_level: f64) -> Vec<Step> {
        let grid = self.scan.grid();
        let all = (0..27).map(|n| [n % 3 - 1, n / 3 % 3 - 1, n / 9 - 1]);
        let [ni, nj, _] = grid.dims.map(|n| n as isize);
        all.filter(|by| by != &[0; 3])
            .map(|by: [i64; 3]| {
                let column = |d: usize| grid.affine.column(d) * by[d] as f64;
                let mm = (column(0) + column(1) + column(2)).length();
                let cost = self.cost_per_mm * mm / values_per_level;
                let [i, j, k] = by.map(|b| b as isize);
                Step {
                    by,
                    offset: i + ni * (j + nj * k),
                    cost: cost.round().min(f64::from(MOST)) as u32,
                }
            })
            .collect()
    }
}

/// The dearest way to a neighbour: dearer ones are as good as none.
const MOST: u32 = 1 << 20;

/// A step to a neighbour.
struct Step {
    by: [i64; 3],
    offset: isize,
    cost: u32,
}

/// The scan's values in 65536 levels; whole numbers that fit are kept apart as they are.
struct Levels {
    levels: Vec<u16>,
    values_per_level: f64,
}

impl Levels {
    fn of(scan: &ImageVolume) -> Self {
        let (low, high) = scan.value_range().unwrap_or((0.0, 0.0));
        let slope = scan.rescale().slope.abs();
        let finest = (high - low) / f64::from(u16::MAX);
        let is_whole = !scan.voxels().dtype().starts_with("float");
        let values_per_level = match is_whole && slope >= finest {
            true => slope,
            false if finest > 0.0 => finest,
            false => 1.0,
        };
        // No number is as the lowest.
        let level = |value: f64| ((value - low) / values_per_level).round() as u16;
        Self {
            levels: scan.map_values(level),
            values_per_level,
        }
    }
}

/// Voxels to go on from, cheapest first, of equal costs in the order they came: a bucket for each cost (Dial, 1969), used
/// in turn, since no step costs more than there are buckets.
struct Front {
    buckets: Vec<Vec<u32>>,
    cost: u32,
    /// How many of the bucket of this cost were taken.
    taken: usize,
    waiting: usize,
}

impl Front {
    fn new(buckets: usize) -> Self {
        Self {
            buckets: vec![Vec::new(); buckets],
            cost: 0,
            taken: 0,
            waiting: 0,
        }
    }

    fn push(&mut self, cost: u32, at: usize) {
        let bucket = cost as usize % self.buckets.len();
        self.buckets[bucket].push(at as u32);
        self.waiting += 1;
    }

    fn next(&mut self) -> Option<(u32, usize)> {
        if self.waiting == 0 {
            return None;
        }
        loop {
            let buckets = self.buckets.len();
            let bucket = &mut self.buckets[self.cost as usize % buckets];
            if let Some(&at) = bucket.get(self.taken) {
                self.taken += 1;
                self.waiting -= 1;
                return Some((self.cost, at as usize));
            }
            bucket.clear();
            self.taken = 0;
            self.cost += 1;
        }
    }
}
