//! Inflating a deflated data set.

use std::io::Read;

use flate2::read::DeflateDecoder;

/// No data set of a scan is larger; a deflated one that claims to be is an attack or a mistake.
const MAX_BYTES: u64 = 4 << 30;

/// The data set, or as much of it as is sound: what is missing shows when it is read.
pub(super) fn inflate(deflated: &[u8]) -> Vec<u8> {
    let mut data = Vec::new();
    // An error leaves what came before it in `data`; the walk over it finds the end.
    let _ = DeflateDecoder::new(deflated)
        .take(MAX_BYTES)
        .read_to_end(&mut data);
    data
}
