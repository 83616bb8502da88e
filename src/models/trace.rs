//! Activations of a forward pass by name, for those who ask: parity runners and tests.

use std::cell::RefCell;
use std::collections::BTreeMap;

use burn::tensor::Tensor;

/// An activation: its shape and its values.
pub type Activation = (Vec<usize>, Tensor<1>);

/// Keeps the activations of one forward pass.
#[derive(Default)]
pub struct Recorder {
    kept: RefCell<BTreeMap<String, Activation>>,
}

impl Recorder {
    /// What was kept.
    pub fn into_kept(self) -> BTreeMap<String, Activation> {
        self.kept.into_inner()
    }

    /// Keeps what is kept under `name` under another name too.
    pub fn again(&self, name: &str, other: &str) {
        let found = self.kept.borrow().get(name).cloned();
        if let Some(found) = found {
            self.kept.borrow_mut().insert(other.to_owned(), found);
        }
    }

    /// Names start here.
    pub fn trace(&self) -> Trace<'_> {
        Trace {
            recorder: Some(self),
            prefix: String::new(),
        }
    }
}

/// A place in the network where activations may be kept; passed down the forward pass, and free when it is off.
#[derive(Clone, Default)]
pub struct Trace<'a> {
    recorder: Option<&'a Recorder>,
    prefix: String,
}

impl Trace<'_> {
    /// Keeps nothing.
    pub fn off() -> Self {
        Self::default()
    }

    /// Whether activations are kept.
    pub fn is_on(&self) -> bool {
        self.recorder.is_some()
    }

    /// The place below, as with names of parameters.
    #[must_use]
    pub fn child(&self, name: impl std::fmt::Display) -> Self {
        let prefix = match self.recorder {
            Some(_) => format!("{}{name}.", self.prefix),
            None => String::new(),
        };
        Self {
            recorder: self.recorder,
            prefix,
        }
    }

    /// Keeps `x` under this name; an empty name is the place itself.
    pub fn keep<const D: usize>(&self, name: &str, x: &Tensor<D>) {
        if let Some(recorder) = self.recorder {
            let full = format!("{}{name}", self.prefix);
            let full = full.trim_end_matches('.').to_owned();
            let flat: Tensor<1> = x.clone().flatten(0, D - 1);
            let shape = x.dims().to_vec();
            recorder.kept.borrow_mut().insert(full, (shape, flat));
        }
    }
}
