//! A 3D adapter beside every 3×3×3 convolution (as in AutoProSAM and 3DSAM-adapter, without their activation, so that it
//! becomes part of the convolution), and the layers that answer.

use crate::models::taught::forms::DEPTHWISE;

use super::{Method, whole};

const RANK: usize = 16;
/// Taps of a 3×3×3 convolution.
const TAPS: usize = 27;

pub(super) const METHOD: Method = Method {
    name: "adapter",
    rate: 2.0e-3,
    form: |role, shape| match shape {
        _ if role.answers => whole(),
        [TAPS, _, _] => Some((&DEPTHWISE, RANK)),
        _ => None,
    },
};
