//! Looking for the rigid map with the most information: everywhere first, then uphill.

use crate::util::{Cancelled, JobContext};

/// A place of the search: degrees about x, y, z, then mm along them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) parameters: [f64; 6],
    pub(super) information: f64,
}

/// Measures a place; `None` where it cannot be one.
type Measure<'a> = dyn Fn(&[f64; 6]) -> Option<f64> + 'a;

/// Places along each axis for moving, and about each for turning.
const MOVES: i32 = 2;
const TURNS: i32 = 1;

/// Turns at the outermost place, of the reach: what lies beyond is found uphill.
const OUTERMOST_TURN: f64 = 0.8;

/// A lattice of places within reach, the best first.
pub(super) fn everywhere(
    (reach_mm, reach_deg): (f64, f64),
    information: &Measure<'_>,
    ctx: &JobContext,
) -> Result<Vec<Candidate>, Cancelled> {
    let moves: Vec<f64> = places(MOVES, reach_mm);
    let turns: Vec<f64> = places(TURNS, reach_deg * OUTERMOST_TURN);
    let mut found = Vec::new();
    for &x in &moves {
        for &y in &moves {
            ctx.check()?;
            for &z in &moves {
                for &a in &turns {
                    for &b in &turns {
                        for &c in &turns {
                            let parameters = [a, b, c, x, y, z];
                            let measured = information(&parameters);
                            found.extend(measured.map(|information| Candidate {
                                parameters,
                                information,
                            }));
                        }
                    }
                }
            }
        }
    }
    found.sort_by(|a, b| b.information.total_cmp(&a.information));
    Ok(found)
}

fn places(each_way: i32, reach: f64) -> Vec<f64> {
    let step = reach / f64::from(each_way);
    (-each_way..=each_way)
        .map(|n| f64::from(n) * step)
        .collect()
}

/// Goes uphill (Hooke and Jeeves): along one parameter after the other, then on in the direction that this took, by shorter and
/// shorter steps, of at first so many degrees and mm, at last of no more than `last`.
pub(super) fn climb(
    from: Candidate,
    (degrees, mm): (f64, f64),
    last: f64,
    information: &Measure<'_>,
    ctx: &JobContext,
) -> Result<Candidate, Cancelled> {
    // What was measured on another level means nothing here.
    let mut base = Candidate {
        information: information(&from.parameters).unwrap_or(f64::NEG_INFINITY),
        ..from
    };
    let mut steps = [degrees, degrees, degrees, mm, mm, mm];
    while steps.iter().any(|&step| step > last) {
        ctx.check()?;
        let mut at = explored(base, &steps, information);
        if at.information <= base.information {
            steps = steps.map(|step| step / 2.0);
            continue;
        }
        // As long as it pays, the same way again, and around there.
        while at.information > base.information {
            ctx.check()?;
            let further = std::array::from_fn(|d| 2.0 * at.parameters[d] - base.parameters[d]);
            base = at;
            let there = information(&further).map(|information| Candidate {
                parameters: further,
                information,
            });
            at = there.map_or(base, |there| explored(there, &steps, information));
        }
    }
    Ok(base)
}

/// The best that steps along one parameter after the other find.
fn explored(from: Candidate, steps: &[f64; 6], information: &Measure<'_>) -> Candidate {
    let mut at = from;
    for (d, &size) in steps.iter().enumerate() {
        for step in [size, -size] {
            let mut parameters = at.parameters;
            parameters[d] += step;
            let measured = information(&parameters);
            if let Some(information) = measured.filter(|&m| m > at.information) {
                at = Candidate {
                    parameters,
                    information,
                };
                break;
            }
        }
    }
    at
}
