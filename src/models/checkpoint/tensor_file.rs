//! Files of named tensors: safetensors, PyTorch's own formats, and burnpack.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use super::{CheckpointError, burnpack, pickle_globals};

/// A tensor in main memory, row-major f32 whatever it was stored as.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Length of each axis; empty for a scalar.
    pub shape: Vec<usize>,
    /// Row-major values.
    pub data: Vec<f32>,
}

impl HostTensor {
    /// A tensor of these values.
    ///
    /// # Panics
    /// When the shape does not hold as many values.
    pub fn new(shape: impl Into<Vec<usize>>, data: Vec<f32>) -> Self {
        let shape = shape.into();
        assert_eq!(
            shape.iter().product::<usize>(),
            data.len(),
            "as many values as its shape holds"
        );
        Self { shape, data }
    }
}

enum Entry {
    Torch(pytorch_reader::Tensor),
    Pack(burn::store::burn_pack::Tensor),
    Safe {
        dtype: Dtype,
        shape: Vec<usize>,
        range: std::ops::Range<usize>,
    },
}

/// An opened file: its tensors' names and shapes; values are read when asked for.
pub struct TensorFile {
    path: PathBuf,
    entries: BTreeMap<String, Entry>,
    bytes: Arc<Vec<u8>>,
    metadata: BTreeMap<String, String>,
}

impl std::fmt::Debug for TensorFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TensorFile({} tensors)", self.entries.len())
    }
}

impl TensorFile {
    /// Opens `.safetensors`, `.bpk`, `.pth`, `.pt` or `.pth.tar` (zip or legacy pickle), told apart by content.
    ///
    /// Nested dictionaries and lists become dotted names: `encoder_dict.pos_embed`, `feature_dict.3.…`. Nothing in
    /// a pickle is ever executed, and one that names anything but the harmless rebuilding of tensors is refused.
    ///
    /// # Errors
    /// A file that cannot be read, is cut short, or is none of these.
    pub fn open(path: &Path) -> Result<Self, CheckpointError> {
        if is_safetensors(path) {
            Self::open_safetensors(path)
        } else if path.extension().is_some_and(|e| e == "bpk") {
            Self::open_burnpack(path)
        } else {
            Self::open_torch(path)
        }
    }

    fn open_safetensors(path: &Path) -> Result<Self, CheckpointError> {
        let bytes = std::fs::read(path).map_err(|e| CheckpointError::file(path, e.to_string()))?;
        let refuse = |e: safetensors::SafeTensorError| {
            CheckpointError::file(path, format!("not a whole safetensors file: {e}"))
        };
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(refuse)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let file = SafeTensors::deserialize(&bytes).map_err(refuse)?;
        let start = bytes.as_ptr() as usize;
        let entries = file
            .iter()
            .map(|(name, view)| {
                let offset = view.data().as_ptr() as usize - start;
                let entry = Entry::Safe {
                    dtype: view.dtype(),
                    shape: view.shape().to_vec(),
                    range: offset..offset + view.data().len(),
                };
                (name.to_owned(), entry)
            })
            .collect();
        Ok(Self {
            path: path.to_owned(),
            entries,
            bytes: Arc::new(bytes),
            metadata: metadata.into_iter().collect(),
        })
    }

    fn open_burnpack(path: &Path) -> Result<Self, CheckpointError> {
        let tensors = burnpack::read_burnpack(path)?;
        Ok(Self::of_pack(path, tensors))
    }

    /// The tensors of a burnpack file's bytes; `path` names it in messages.
    ///
    /// # Errors
    /// Bytes that are no whole burnpack file.
    pub fn of_burnpack(path: &Path, bytes: Vec<u8>) -> Result<Self, CheckpointError> {
        let tensors = burnpack::unpack(path, bytes)?;
        Ok(Self::of_pack(path, tensors))
    }

    fn of_pack(path: &Path, tensors: Vec<burn::store::burn_pack::Tensor>) -> Self {
        let tensors = tensors.into_iter();
        Self {
            path: path.to_owned(),
            entries: tensors.map(|t| (t.name.clone(), Entry::Pack(t))).collect(),
            bytes: Arc::default(),
            metadata: BTreeMap::new(),
        }
    }

    fn open_torch(path: &Path) -> Result<Self, CheckpointError> {
        pickle_globals::check(path)?;
        let reader = pytorch_reader::PytorchReader::new(path)
            .map_err(|e| CheckpointError::file(path, format!("not a whole PyTorch file: {e}")))?;
        let entries = reader
            .into_tensors()
            .into_iter()
            .map(|(name, tensor)| (name, Entry::Torch(tensor)))
            .collect();
        Ok(Self {
            path: path.to_owned(),
            entries,
            bytes: Arc::default(),
            metadata: BTreeMap::new(),
        })
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The header's text entries; empty for PyTorch files.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// All tensor names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Whether the file holds this tensor.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The shape of a tensor, without reading it.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.entries.get(name).map(|entry| match entry {
            Entry::Torch(tensor) => tensor.shape(),
            Entry::Pack(tensor) => &tensor.shape,
            Entry::Safe { shape, .. } => shape,
        })
    }

    /// Whether a safetensors file holds a tensor in half precision.
    pub fn is_half(&self, name: &str) -> bool {
        let entry = self.entries.get(name);
        entry.is_some_and(|e| {
            matches!(
                e,
                Entry::Safe {
                    dtype: Dtype::F16,
                    ..
                }
            )
        })
    }

    /// Reads a tensor as f32.
    ///
    /// # Errors
    /// No such tensor, a type that is no number, bytes that cannot be read.
    pub fn read(&self, name: &str) -> Result<HostTensor, CheckpointError> {
        let refuse =
            |reason: &str| CheckpointError::file(&self.path, format!("tensor {name}: {reason}"));
        match self.entries.get(name) {
            None => Err(refuse("not in the file")),
            Some(Entry::Torch(tensor)) => {
                let bytes = tensor.read().map_err(|e| refuse(&e.to_string()))?;
                Ok(HostTensor::new(
                    tensor.shape(),
                    torch_values(tensor.dtype(), &bytes),
                ))
            }
            Some(Entry::Pack(tensor)) => {
                let data = burnpack::values(tensor).map_err(|e| refuse(&e.to_string()))?;
                let data = data.ok_or_else(|| refuse("its type is not understood"))?;
                Ok(HostTensor::new(tensor.shape.to_vec(), data))
            }
            Some(Entry::Safe {
                dtype,
                shape,
                range,
            }) => {
                let data = safe_values(*dtype, &self.bytes[range.clone()])
                    .ok_or_else(|| refuse(&format!("type {dtype:?} is not understood")))?;
                Ok(HostTensor::new(shape.as_slice(), data))
            }
        }
    }
}

/// A safetensors file starts with the length of its JSON header, then the header.
fn is_safetensors(path: &Path) -> bool {
    use std::io::Read as _;
    let mut start = [0; 9];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut start))
        .is_ok()
        && start[8] == b'{'
        || path.extension().is_some_and(|e| e == "safetensors")
}

fn values<const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes
        .as_chunks::<N>()
        .0
        .iter()
        .map(|chunk| read(*chunk))
        .collect()
}

fn torch_values(dtype: pytorch_reader::DType, bytes: &[u8]) -> Vec<f32> {
    use pytorch_reader::DType;
    match dtype {
        DType::F64 => values(bytes, |b| f64::from_le_bytes(b) as f32),
        DType::F32 => values(bytes, f32::from_le_bytes),
        DType::F16 => values(bytes, |b| f16::from_le_bytes(b).to_f32()),
        DType::BF16 => values(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        DType::I64 => values(bytes, |b| i64::from_le_bytes(b) as f32),
        DType::I32 => values(bytes, |b| i32::from_le_bytes(b) as f32),
        DType::I16 => values(bytes, |b| f32::from(i16::from_le_bytes(b))),
        DType::I8 => values(bytes, |b| f32::from(i8::from_le_bytes(b))),
        DType::U64 => values(bytes, |b| u64::from_le_bytes(b) as f32),
        DType::U32 => values(bytes, |b| u32::from_le_bytes(b) as f32),
        DType::U16 => values(bytes, |b| f32::from(u16::from_le_bytes(b))),
        DType::U8 | DType::Bool => values(bytes, |[b]: [u8; 1]| f32::from(b)),
    }
}

fn safe_values(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        Dtype::F64 => values(bytes, |b| f64::from_le_bytes(b) as f32),
        Dtype::F32 => values(bytes, f32::from_le_bytes),
        Dtype::F16 => values(bytes, |b| f16::from_le_bytes(b).to_f32()),
        Dtype::BF16 => values(bytes, |b| bf16::from_le_bytes(b).to_f32()),
        Dtype::I64 => values(bytes, |b| i64::from_le_bytes(b) as f32),
        Dtype::I32 => values(bytes, |b| i32::from_le_bytes(b) as f32),
        Dtype::I16 => values(bytes, |b| f32::from(i16::from_le_bytes(b))),
        Dtype::I8 => values(bytes, |b| f32::from(i8::from_le_bytes(b))),
        Dtype::U8 | Dtype::BOOL => values(bytes, |[b]: [u8; 1]| f32::from(b)),
        _ => return None,
    })
}
