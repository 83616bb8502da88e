//! A choice of tensors under the names that a network expects.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{CheckpointError, HostTensor, TensorFile};

#[derive(Debug, Clone)]
enum Source {
    File(Arc<TensorFile>, String),
    Host(Arc<HostTensor>),
}

/// Tensors by name; those of a file are read only when they are taken.
#[derive(Debug, Clone, Default)]
pub struct WeightMap {
    sources: BTreeMap<String, Source>,
}

impl WeightMap {
    /// The tensors of a file whose names start with `prefix`, without it.
    pub fn of_file(file: &Arc<TensorFile>, prefix: &str) -> Self {
        let mut sources = BTreeMap::new();
        for name in file.names() {
            if let Some(rest) = name.strip_prefix(prefix) {
                let source = Source::File(file.clone(), name.to_owned());
                sources.insert(rest.to_owned(), source);
            }
        }
        Self { sources }
    }

    /// Takes the tensors of another map in, over those of the same name.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.sources.extend(other.sources);
        self
    }

    /// Gives every tensor a new name; `None` leaves it out.
    #[must_use]
    pub fn renamed(self, rename: impl Fn(&str) -> Option<String>) -> Self {
        let sources = self.sources.into_iter();
        Self {
            sources: sources
                .filter_map(|(name, source)| Some((rename(&name)?, source)))
                .collect(),
        }
    }

    /// The tensors whose names start with `prefix`, without it.
    pub fn under(&self, prefix: &str) -> Self {
        self.clone()
            .renamed(|name| name.strip_prefix(prefix).map(str::to_owned))
    }

    /// Puts a computed tensor in, over one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, tensor: HostTensor) {
        self.sources
            .insert(name.into(), Source::Host(Arc::new(tensor)));
    }

    /// Leaves a tensor out.
    pub fn remove(&mut self, name: &str) {
        self.sources.remove(name);
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// Whether there is a tensor of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.sources.contains_key(name)
    }

    /// The shape of a tensor, without reading it.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        match self.sources.get(name)? {
            Source::File(file, inner) => file.shape(inner),
            Source::Host(tensor) => Some(&tensor.shape),
        }
    }

    /// Reads a tensor.
    ///
    /// # Errors
    /// No such tensor, or one that cannot be read.
    pub fn read(&self, name: &str) -> Result<HostTensor, CheckpointError> {
        match self.sources.get(name) {
            Some(Source::File(file, inner)) => file.read(inner),
            Some(Source::Host(tensor)) => Ok(tensor.as_ref().clone()),
            None => Err(CheckpointError::Misfit {
                network: "the network".to_owned(),
                problems: vec![format!("{name} is missing")],
            }),
        }
    }
}
