//! Whether the body region of a structure is there at all.
//!
//! A network that has only seen heads finds parts of heads everywhere. What it finds in an abdomen is rarely as large as
//! the structure, of its density, and in its place among the others; so a structure is believed where it agrees with
//! what was measured of it in the training patients, and where enough others of its region lie to it as they should.
//! None of this depends on the weights. `benches/anatomy.py` writes the limits, a file for each region.

mod judge;
mod limits;
mod signs;

use std::sync::LazyLock;

use crate::volume::Modality;

pub use judge::{is_of_paired_organ, may_be_there, remove_misplaced};
use limits::BodyRegion;

const FILES: [&str; 2] = [
    include_str!("head_neck.toml"),
    include_str!("hippocampus.toml"),
];

/// The regions that are known, by file.
static REGIONS: LazyLock<Vec<BodyRegion>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|text| toml::from_str(text).expect("the limits are part of the program and tested"))
        .collect()
});

/// The regions whose structures are looked for in a kind of scan.
fn regions_in(modality: Modality) -> impl Iterator<Item = &'static BodyRegion> {
    REGIONS.iter().filter(move |r| r.modality == modality)
}
