//! The user of the prompted path: how they start, and what they do about a wrong answer. They err, as people do: boxes
//! are loose, shifted or cut, clicks lie off the centre, at the border or beside the target, and masks are damaged.

mod boxes;
mod clicks;
mod damage;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::models::prosector1::prompt_channels::RegionPrompts;
use crate::prompt::Polarity;
use crate::volume::metrics::dice;

use super::augment::log_uniform;
use super::field::VOXELS;
use boxes::BoxStyle;

/// Most corrections in a row.
const MOST_ROUNDS: usize = 9;

/// How a user starts, decided before it is known where: it says how much of the scan the network looks at.
pub(super) struct FirstMove {
    kind: Kind,
    /// Length of the region relative to the target's.
    pub relative: f64,
}

enum Kind {
    Box(BoxStyle),
    Click,
    Scribble,
    Correction,
}

impl FirstMove {
    /// A random start.
    pub fn random(rng: &mut ChaCha8Rng) -> Self {
        let kind = match rng.random_range(0..100) {
            0..42 => Kind::Box(BoxStyle::random(rng)),
            42..82 => Kind::Click,
            82..87 => Kind::Scribble,
            _ => Kind::Correction,
        };
        let relative = match &kind {
            Kind::Box(style) => rng.random_range(1.45..1.8) * style.length(),
            // Nothing is known of the target's size yet: it may fill the region or be a small part of it.
            Kind::Click | Kind::Scribble if rng.random_bool(0.25) => log_uniform(rng, 0.6, 1.4),
            Kind::Click | Kind::Scribble => log_uniform(rng, 1.3, 6.0),
            Kind::Correction => rng.random_range(1.3..2.2),
        };
        Self { kind, relative }
    }

    /// Whether the region lies around what was marked, and not around the target's box.
    pub fn looks_at_mark(&self) -> bool {
        matches!(self.kind, Kind::Click | Kind::Scribble)
    }

    /// Whether a part of a structure is a fair target: what was marked says which part.
    pub fn shows_extent(&self) -> bool {
        matches!(self.kind, Kind::Box(_) | Kind::Correction)
    }

    /// The first prompts for a target, `truth` being how much of each voxel it covers; `None` where the region does not
    /// show it.
    pub fn prompts(&self, rng: &mut ChaCha8Rng, truth: &[f32]) -> Option<RegionPrompts> {
        let target: Vec<u8> = truth.iter().map(|&t| u8::from(t > 0.5)).collect();
        let mut prompts = RegionPrompts::default();
        match &self.kind {
            Kind::Box(style) => prompts.target_box = Some(style.draw(&target)?),
            Kind::Click => {
                let at = clicks::first(rng, &target)?;
                prompts.clicks.push((at, Polarity::Positive));
            }
            Kind::Scribble => {
                let line = clicks::scribble(rng, &target)?;
                let marks = line.into_iter().map(|at| (at, Polarity::Positive));
                prompts.clicks.extend(marks);
            }
            Kind::Correction => {
                let wrong = damage::damaged(rng, truth);
                prompts
                    .clicks
                    .extend(clicks::correction(rng, &wrong, &target));
                prompts.previous = Some(wrong);
            }
        }
        Some(prompts)
    }
}

/// How many answers the user asks for: one correction most often, up to eight.
pub(super) fn rounds(rng: &mut ChaCha8Rng) -> usize {
    let mut rounds = 2;
    while rounds < MOST_ROUNDS && rng.random_bool(0.45) {
        rounds += 1;
    }
    rounds
}

/// What the user does on an answer, a probability per voxel: clicks on its largest error, and hands it over as the
/// previous mask, mostly without doubts, as the program does. Returns the answer's Dice.
pub(super) fn correct(
    rng: &mut ChaCha8Rng,
    truth: &[f32],
    prompts: &mut RegionPrompts,
    probability: &[f32],
) -> f32 {
    debug_assert_eq!(truth.len(), VOXELS);
    let target: Vec<u8> = truth.iter().map(|&t| u8::from(t > 0.5)).collect();
    let answer: Vec<u8> = probability.iter().map(|&p| u8::from(p > 0.5)).collect();
    let click = clicks::correction(rng, probability, &target);
    prompts.clicks.extend(click);
    let is_mask = rng.random_bool(0.75);
    let handed = |&p: &f32| if is_mask { p.round() } else { p };
    prompts.previous = Some(probability.iter().map(handed).collect());
    dice(&answer, &target) as f32
}
