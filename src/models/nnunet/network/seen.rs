//! Activations under the authors' names and with their axes.

use burn::tensor::Tensor;

use crate::models::trace::Trace;

use super::channels_first;

/// A [`Trace`] of channels-last maps, kept as PyTorch has them.
#[derive(Clone)]
pub struct Seen<'a> {
    trace: Trace<'a>,
    flat: bool,
}

impl<'a> Seen<'a> {
    /// Keeps maps of a network that sees slices (`flat`), or volumes.
    pub(super) fn new(trace: &Trace<'a>, flat: bool) -> Self {
        Self {
            trace: trace.clone(),
            flat,
        }
    }

    pub(super) fn is_on(&self) -> bool {
        self.trace.is_on()
    }

    pub(super) fn child(&self, name: impl std::fmt::Display) -> Seen<'_> {
        Seen {
            trace: self.trace.child(name),
            flat: self.flat,
        }
    }

    pub(super) fn keep(&self, name: &str, x: &Tensor<5>) {
        if !self.is_on() {
            return;
        }
        let x = channels_first(x.clone());
        if self.flat {
            self.trace.keep::<4>(name, &x.squeeze_dim(2));
        } else {
            self.trace.keep(name, &x);
        }
    }
}
