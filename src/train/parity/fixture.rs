//! A recording: weights, inputs and expectations with the configuration that made them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::models::checkpoint::{HostTensor, TensorFile, WeightMap};

use super::ParityError;

/// What names of weights and inputs begin with in a recording. Names in PyTorch's checkpoints have no such beginnings.
const GIVEN: [&str; 3] = ["w/", "pth/", "in/"];

/// An opened recording.
pub struct Fixture {
    file: Arc<TensorFile>,
    config: Value,
}

impl Fixture {
    /// Opens a file of a folder of recordings; PyTorch files have no configuration.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open(path: &Path) -> Result<Self, ParityError> {
        let file = TensorFile::open(path)?;
        let config = file
            .metadata()
            .get("config")
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or(Value::Null);
        Ok(Self {
            file: Arc::new(file),
            config,
        })
    }

    /// The file.
    pub fn file(&self) -> &Arc<TensorFile> {
        &self.file
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// File name without its extensions.
    pub fn stem(&self) -> String {
        super::file_name(self.path())
            .split('.')
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// Another file of the same folder.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.path().with_file_name(name)
    }

    /// The whole `config` of the header.
    pub fn config(&self) -> &Value {
        &self.config
    }

    /// A value of the configuration, by JSON pointer: `/encoder/depth`.
    ///
    /// # Errors
    /// Not there, or of another type.
    pub fn setting<T: DeserializeOwned>(&self, pointer: &str) -> Result<T, ParityError> {
        let value = self.config.pointer(pointer).cloned();
        value
            .and_then(|value| serde_json::from_value(value).ok())
            .ok_or_else(|| {
                ParityError::NotUnderstood(format!("its configuration lacks a usable {pointer}"))
            })
    }

    /// A text entry of the header beside `config`.
    pub fn note(&self, key: &str) -> Option<&str> {
        self.file.metadata().get(key).map(String::as_str)
    }

    /// A text entry of the header, read as JSON.
    ///
    /// # Errors
    /// Not there, or of another type.
    pub fn note_json<T: DeserializeOwned>(&self, key: &str) -> Result<T, ParityError> {
        self.note(key)
            .and_then(|text| serde_json::from_str(text).ok())
            .ok_or_else(|| ParityError::NotUnderstood(format!("its header lacks a usable '{key}'")))
    }

    /// The tensors under a prefix such as `w/`.
    pub fn weights(&self, prefix: &str) -> WeightMap {
        WeightMap::of_file(&self.file, prefix)
    }

    /// Whether the recording has this tensor.
    pub fn contains(&self, name: &str) -> bool {
        self.file.contains(name)
    }

    /// Names that start with `prefix`.
    pub fn names<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.file
            .names()
            .filter(move |name| name.starts_with(prefix))
    }

    /// Names of what is there to be compared: all that is neither weights nor input.
    pub fn expectations(&self) -> Vec<String> {
        let is_given = |name: &str| GIVEN.iter().any(|prefix| name.starts_with(prefix));
        let recorded = self.file.names().filter(|name| name.contains('/'));
        recorded
            .filter(|name| !is_given(name))
            .map(str::to_owned)
            .collect()
    }

    /// A recorded tensor in main memory.
    ///
    /// # Errors
    /// Not there.
    pub fn host(&self, name: &str) -> Result<HostTensor, ParityError> {
        Ok(self.file.read(name)?)
    }

    /// A recorded tensor on a device.
    ///
    /// # Errors
    /// Not there, or of another rank.
    pub fn tensor<const D: usize>(
        &self,
        name: &str,
        device: &Device,
    ) -> Result<Tensor<D>, ParityError> {
        let host = self.file.read(name)?;
        let Ok(shape) = <[usize; D]>::try_from(host.shape.as_slice()) else {
            let axes = host.shape.len();
            let reason = format!("{name} has {axes} axes, not {D}");
            return Err(ParityError::NotUnderstood(reason));
        };
        Ok(Tensor::from_data(TensorData::new(host.data, shape), device))
    }
}
