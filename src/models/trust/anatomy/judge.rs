//! Which of the structures found are believed: the most that agree with each other.

use crate::geometry::{VoxelBox, VoxelIndex};
use crate::models::Structure;
use crate::volume::components::{Connectivity, connected_components};
use crate::volume::{Grid, ImageVolume, LabelMap, Modality, morphology};

use super::limits::BodyRegion;
use super::regions_in;
use super::signs::Signs;

/// Most structures of a region that are weighed against each other: all subsets are tried.
const MOST_MEMBERS: usize = 16;

/// Whether enough of the structures that were `sought` were found, by name, for their region to be there; true of
/// structures of no known region.
pub fn may_be_there(modality: Modality, sought: &[&str], found: &[&str]) -> bool {
    let is_of_region = |name: &&str| regions_in(modality).any(|r| r.has(name));
    found.iter().any(|name| !is_of_region(name))
        || regions_in(modality).any(|region| {
            let members = |names: &[&str]| names.iter().filter(|name| region.has(name)).count();
            let least = region.least_members.min(members(sought)).max(1);
            members(found) >= least
        })
}

/// Whether a scan may show a structure more than once: as part of an organ on either side.
pub fn is_of_paired_organ(modality: Modality, name: &str) -> bool {
    regions_in(modality).any(|r| r.apart && r.has(name))
}

/// Removes from `labels`, a part of the scan that begins at its voxel `first`, what cannot be the structure that it is
/// taken for: of `sought`, those whose body region is not there or that lie elsewhere in it.
pub fn remove_misplaced(
    image: &ImageVolume,
    labels: &mut LabelMap,
    first: VoxelIndex,
    sought: &[&Structure],
) {
    for region in regions_in(image.modality()) {
        let members: Vec<&Structure> = sought
            .iter()
            .copied()
            .filter(|s| region.has(&s.name))
            .take(MOST_MEMBERS)
            .collect();
        let pieces = pieces(region, labels, &members);
        for (piece, within) in (1..).zip(bounds_of(&pieces, &labels.grid)) {
            let group = Group {
                region,
                image,
                labels,
                pieces: &pieces,
                piece,
                within,
                first,
            };
            let kept = group.believed(&members);
            let is_wrong = |value: u16| {
                let member = members.iter().position(|m| m.value == value);
                member.is_some_and(|m| !kept.contains(&m))
            };
            for row in morphology::rows(labels.grid.dims, within) {
                for (label, &own) in labels.voxels[row.clone()].iter_mut().zip(&pieces[row]) {
                    if own == piece && is_wrong(*label) {
                        *label = 0;
                    }
                }
            }
        }
    }
}

/// For each voxel the number, from 1, of the organ that it may belong to; one for all where a region has them all over it.
fn pieces(region: &BodyRegion, labels: &LabelMap, members: &[&Structure]) -> Vec<u32> {
    let is_member = |v: &u16| u8::from(members.iter().any(|m| m.value == *v));
    let mask: Vec<u8> = labels.voxels.iter().map(is_member).collect();
    if region.apart {
        connected_components(&mask, labels.grid.dims, Connectivity::TwentySix).0
    } else {
        mask.into_iter().map(u32::from).collect()
    }
}

/// The boxes that hold the pieces 1, 2, ..., which are numbered by their first voxels.
fn bounds_of(pieces: &[u32], grid: &Grid) -> Vec<VoxelBox> {
    let mut found: Vec<VoxelBox> = Vec::new();
    for (offset, &piece) in pieces.iter().enumerate().filter(|(_, p)| **p > 0) {
        let at = grid.voxel_at(offset);
        let own = VoxelBox::from_corners(at, at);
        match found.get_mut(piece as usize - 1) {
            Some(bounds) => *bounds = bounds.union(own),
            None => found.push(own),
        }
    }
    found
}

/// Structures that are judged together.
struct Group<'a> {
    region: &'a BodyRegion,
    image: &'a ImageVolume,
    labels: &'a LabelMap,
    pieces: &'a [u32],
    piece: u32,
    /// Where the piece is in `labels`.
    within: VoxelBox,
    first: VoxelIndex,
}

impl Group<'_> {
    /// Places in `members` of those that are believed.
    fn believed(&self, members: &[&Structure]) -> Vec<usize> {
        let candidates: Vec<(usize, &str, Signs)> = members
            .iter()
            .enumerate()
            .filter_map(|(m, s)| Some((m, s.name.as_str(), self.signs(|v| v == s.value)?)))
            .filter(|(_, name, signs)| self.region.allows(name, signs))
            .collect();
        let agreeing = self.most_agreeing(&candidates);
        let least = self.region.least_members.min(members.len());
        let whole_fits = || {
            let whole = self.signs(|v| members.iter().any(|m| m.value == v));
            !self.region.apart || whole.is_some_and(|w| self.region.allows_whole(&w))
        };
        if agreeing.len() < least || !whole_fits() {
            return Vec::new();
        }
        agreeing.into_iter().map(|c| candidates[c].0).collect()
    }

    /// The largest set of candidates that all lie to each other as they should; of equals that of most volume.
    fn most_agreeing(&self, candidates: &[(usize, &str, Signs)]) -> Vec<usize> {
        let agree = |a: usize, b: usize| {
            let named = |c: usize| (candidates[c].1, &candidates[c].2);
            self.region.agree(named(a), named(b))
        };
        let volume_ml = |set: &[usize]| -> f64 {
            let volumes = set.iter().map(|&c| candidates[c].2.volume_ml());
            volumes.sum()
        };
        (0u32..1 << candidates.len())
            .map(|bits| -> Vec<usize> {
                let is_in = |c: &usize| bits >> c & 1 == 1;
                (0..candidates.len()).filter(is_in).collect()
            })
            .filter(|set| {
                let later = |n: usize| &set[n + 1..];
                (0..set.len()).all(|n| later(n).iter().all(|&b| agree(set[n], b)))
            })
            .max_by(|a, b| {
                let by_count = a.len().cmp(&b.len());
                by_count.then_with(|| volume_ml(a).total_cmp(&volume_ml(b)))
            })
            .unwrap_or_default()
    }

    fn signs(&self, is_value: impl Fn(u16) -> bool) -> Option<Signs> {
        let moved = |v: [i64; 3]| std::array::from_fn(|d| self.first.0[d] + v[d]);
        let within = VoxelBox {
            min: moved(self.within.min),
            max: moved(self.within.max),
        };
        Signs::of(self.image, within, |voxel| {
            let local = VoxelIndex(std::array::from_fn(|d| voxel.0[d] - self.first.0[d]));
            let offset = self.labels.grid.offset_of(local);
            offset.is_some_and(|o| self.pieces[o] == self.piece && is_value(self.labels.voxels[o]))
        })
    }
}
