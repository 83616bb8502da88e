//! What was measured of a body region in the training patients.

use std::collections::BTreeMap;

use glam::DVec3;
use serde::Deserialize;

use crate::volume::Modality;

use super::signs::{EXTENTS, Signs, VOLUME};

/// Lowest and highest value of a trait.
type Limits = BTreeMap<String, [f64; 2]>;

/// A body region: the structures in it, and how they lie to each other.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BodyRegion {
    pub modality: Modality,
    /// Whether the structures touch and form one organ, of which a scan may show several.
    pub apart: bool,
    /// Structures that must agree with each other before any is believed.
    pub least_members: usize,
    /// Of the organ that the structures form.
    #[serde(default)]
    whole: Limits,
    structures: BTreeMap<String, Limits>,
    pairs: Vec<Pair>,
}

/// Where the middle of one structure lies as seen from that of another.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    from: String,
    to: String,
    low_mm: [f64; 3],
    high_mm: [f64; 3],
}

impl BodyRegion {
    /// Whether the structure is one of the region.
    pub fn has(&self, name: &str) -> bool {
        self.structures.contains_key(name)
    }

    /// Whether what was found can be the structure, seen alone.
    pub fn allows(&self, name: &str, signs: &Signs) -> bool {
        let limits = self.structures.get(name);
        limits.is_none_or(|limits| hold(limits, signs, name))
    }

    /// Whether what was found can be the organ that the structures form.
    pub fn allows_whole(&self, signs: &Signs) -> bool {
        hold(&self.whole, signs, "all of it")
    }

    /// Whether two structures lie to each other as they should; true of those that were never seen together.
    pub fn agree(&self, (a, signs_a): (&str, &Signs), (b, signs_b): (&str, &Signs)) -> bool {
        let pair = |from: &str, to: &str| self.pairs.iter().find(|p| p.from == from && p.to == to);
        if let Some(pair) = pair(a, b) {
            let slack = self.shift_mm(a, signs_a) + self.shift_mm(b, signs_b);
            pair.holds(signs_b.centre_mm - signs_a.centre_mm, slack)
        } else if pair(b, a).is_some() {
            self.agree((b, signs_b), (a, signs_a))
        } else {
            true
        }
    }

    /// How far the middle of a structure may lie from its own one where the scan's border cuts it.
    fn shift_mm(&self, name: &str, signs: &Signs) -> DVec3 {
        DVec3::from_array(std::array::from_fn(|axis| {
            let own = self.structures.get(name);
            let longest = own.and_then(|limits| limits.get(EXTENTS[axis]));
            match longest {
                Some([_, longest]) if signs.is_cut[axis] => {
                    (longest - signs.extent_mm[axis]).max(0.0) / 2.0
                }
                _ => 0.0,
            }
        }))
    }
}

impl Pair {
    fn holds(&self, displacement_mm: DVec3, slack_mm: DVec3) -> bool {
        let [low_mm, high_mm] = [self.low_mm, self.high_mm].map(DVec3::from_array);
        displacement_mm.cmpge(low_mm - slack_mm).all()
            && displacement_mm.cmple(high_mm + slack_mm).all()
    }
}

/// Whether each trait is within its limits. What the scan's border cuts may be as small as it likes.
fn hold(limits: &Limits, signs: &Signs, name: &str) -> bool {
    let is_cut = signs.is_cut.contains(&true);
    limits.iter().all(|(own, &[low, high])| {
        let Some(value) = signs.traits.get(own) else {
            return true;
        };
        let is_size = own == VOLUME || EXTENTS.contains(&own.as_str());
        let holds = value <= high && (value >= low || is_size && is_cut);
        if !holds {
            tracing::debug!("{name}: {own} is {value:.2}, not {low:.2} to {high:.2}");
        }
        holds
    })
}
