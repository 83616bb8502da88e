//! Which Python names a pickle mentions, and whether all of them are harmless.
//!
//! The reader of PyTorch files never executes anything, but it skips what it does not understand. A file that
//! names more than the rebuilding of tensors is not a plain checkpoint, so it is refused before it is read.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use super::CheckpointError;

/// What plain checkpoints name: containers, tensors, and the numpy scalars beside them.
const HARMLESS: [&str; 27] = [
    "collections.OrderedDict",
    "collections.defaultdict",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch.nn.parameter.Parameter",
    "torch.Size",
    "torch.device",
    "torch.FloatStorage",
    "torch.DoubleStorage",
    "torch.HalfStorage",
    "torch.BFloat16Storage",
    "torch.LongStorage",
    "torch.IntStorage",
    "torch.ShortStorage",
    "torch.CharStorage",
    "torch.ByteStorage",
    "torch.BoolStorage",
    "torch.cuda.FloatStorage",
    "torch.cuda.HalfStorage",
    "torch.cuda.LongStorage",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    "_codecs.encode",
    "torch.float32",
];

/// Legacy files are this many pickles in a row before the storages: magic number, protocol, system, object, keys.
const LEGACY_PICKLES: usize = 5;
/// The crate's limit for a zip's pickle.
const LONGEST_PICKLE: u64 = pytorch_reader::MAX_PICKLE_SIZE;

/// Refuses a PyTorch file whose pickle names anything but harmless things.
pub(super) fn check(path: &Path) -> Result<(), CheckpointError> {
    let refuse = |reason: String| CheckpointError::file(path, reason);
    let mut file = File::open(path).map_err(|e| refuse(e.to_string()))?;
    let mut start = [0; 2];
    let read = file.read(&mut start).map_err(|e| refuse(e.to_string()))?;
    let names = if read == 2 && start == *b"PK" {
        let file = File::open(path).map_err(|e| refuse(e.to_string()))?;
        zip_globals(file)
    } else if start[0] == PROTO {
        let file = File::open(path).map_err(|e| refuse(e.to_string()))?;
        stream_globals(&mut BufReader::new(file), LEGACY_PICKLES)
    } else {
        Err("it is neither a safetensors nor a PyTorch file (zip or pickle)".to_owned())
    };
    let unknown = names
        .map_err(|reason| refuse(format!("not a whole PyTorch file: {reason}")))?
        .into_iter()
        .find(|name| !HARMLESS.contains(&name.as_str()));
    match unknown {
        None => Ok(()),
        Some(name) => Err(refuse(format!(
            "it names the Python object '{name}', which is no part of a plain checkpoint, so it was not read: save only the state dict and try again"
        ))),
    }
}

/// Refuses a plain pickle that names anything but `functions`.
pub(super) fn check_pickle(path: &Path, functions: &[&str]) -> Result<(), CheckpointError> {
    let refuse = |reason: String| CheckpointError::file(path, reason);
    let file = File::open(path).map_err(|e| refuse(e.to_string()))?;
    let names = stream_globals(&mut BufReader::new(file).take(LONGEST_PICKLE), 1);
    let names = names.map_err(|reason| refuse(format!("not a whole pickle: {reason}")))?;
    let unknown = names
        .iter()
        .find(|name| !functions.contains(&name.as_str()));
    match unknown {
        None => Ok(()),
        Some(name) => Err(refuse(format!(
            "it names the Python object '{name}', which does not belong there, so it was not read: take the file away to go without it"
        ))),
    }
}

fn zip_globals(file: File) -> Result<Vec<String>, String> {
    let mut archive = zip::ZipArchive::new(BufReader::new(file)).map_err(|e| e.to_string())?;
    let pickle = archive
        .file_names()
        .filter_map(Result::ok)
        .find(|name| *name == "data.pkl" || name.ends_with("/data.pkl"))
        .map(|name| name.into_owned())
        .ok_or("there is no data.pkl inside")?;
    let entry = archive.by_name(&pickle).map_err(|e| e.to_string())?;
    stream_globals(&mut entry.take(LONGEST_PICKLE), 1)
}

const PROTO: u8 = 0x80;
const STOP: u8 = b'.';

/// The names in up to `pickles` pickles that follow each other.
fn stream_globals(stream: &mut impl Read, pickles: usize) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for _ in 0..pickles {
        Walk::new(stream).run(&mut names)?;
    }
    Ok(names)
}

/// Walks over the opcodes of one pickle (Python's `pickletools` lists them) without building anything.
struct Walk<'a, R> {
    stream: &'a mut R,
    /// The last two values pushed, where they are strings: what STACK_GLOBAL names.
    recent: [Option<String>; 2],
    memo: HashMap<u32, String>,
    memoized: u32,
}

impl<'a, R: Read> Walk<'a, R> {
    fn new(stream: &'a mut R) -> Self {
        Self {
            stream,
            recent: [None, None],
            memo: HashMap::new(),
            memoized: 0,
        }
    }

    fn run(mut self, names: &mut Vec<String>) -> Result<(), String> {
        loop {
            let [opcode] = self.bytes::<1>()?;
            if opcode == STOP {
                return Ok(());
            }
            self.step(opcode, names)?;
        }
    }

    fn step(&mut self, opcode: u8, names: &mut Vec<String>) -> Result<(), String> {
        match opcode {
            // GLOBAL, INST: module and name, a line each.
            b'c' | b'i' => {
                let name = format!("{}.{}", self.line()?, self.line()?);
                names.push(name);
                self.push(None);
            }
            // STACK_GLOBAL: module and name are the two values on top.
            0x93 => {
                let [module, name] = self.recent.clone();
                let module = module.ok_or("it names an object that is chosen while it is read")?;
                let name = name.ok_or("it names an object that is chosen while it is read")?;
                names.push(format!("{module}.{name}"));
                self.push(None);
            }
            // EXT1, EXT2, EXT4: names from a registry that only Python has.
            0x82..=0x84 => return Err("it uses Python's extension registry".to_owned()),
            // Strings with a length: SHORT_BINUNICODE, BINUNICODE, BINUNICODE8, SHORT_BINSTRING, BINSTRING.
            0x8c | b'U' => {
                let [length] = self.bytes::<1>()?;
                self.string(u64::from(length))?;
            }
            b'X' | b'T' => {
                let length = u32::from_le_bytes(self.bytes()?);
                self.string(u64::from(length))?;
            }
            0x8d => {
                let length = u64::from_le_bytes(self.bytes()?);
                self.string(length)?;
            }
            // UNICODE, STRING: a line.
            b'V' | b'S' => {
                let text = self.line()?;
                self.push(Some(text.trim_matches(['\'', '"']).to_owned()));
            }
            // BINPUT, LONG_BINPUT, MEMOIZE, PUT: remember what is on top.
            b'q' => {
                let [key] = self.bytes::<1>()?;
                self.remember(u32::from(key));
            }
            b'r' => {
                let key = u32::from_le_bytes(self.bytes()?);
                self.remember(key);
            }
            0x94 => self.remember(self.memoized),
            b'p' => {
                let key = self.line()?.parse().unwrap_or(u32::MAX);
                self.remember(key);
            }
            // BINGET, LONG_BINGET, GET: push what was remembered.
            b'h' => {
                let [key] = self.bytes::<1>()?;
                self.recall(u32::from(key));
            }
            b'j' => {
                let key = u32::from_le_bytes(self.bytes()?);
                self.recall(key);
            }
            b'g' => {
                let key = self.line()?.parse().unwrap_or(u32::MAX);
                self.recall(key);
            }
            _ => {
                self.skip_argument(opcode)?;
                self.push(None);
            }
        }
        Ok(())
    }

    /// Reads over the argument of an opcode that names nothing.
    fn skip_argument(&mut self, opcode: u8) -> Result<(), String> {
        match opcode {
            // Lines: INT, LONG, FLOAT, PERSID.
            b'I' | b'L' | b'F' | b'P' => self.line().map(drop),
            // PROTO, BININT1.
            PROTO | b'K' => self.bytes::<1>().map(drop),
            b'M' => self.bytes::<2>().map(drop),
            b'J' => self.bytes::<4>().map(drop),
            // FRAME, BINFLOAT.
            0x95 | b'G' => self.bytes::<8>().map(drop),
            // LONG1, SHORT_BINBYTES.
            0x8a | b'C' => {
                let [length] = self.bytes::<1>()?;
                self.skip(u64::from(length))
            }
            // LONG4, BINBYTES.
            0x8b | b'B' => {
                let length = u32::from_le_bytes(self.bytes()?);
                self.skip(u64::from(length))
            }
            // BINBYTES8, BYTEARRAY8.
            0x8e | 0x96 => {
                let length = u64::from_le_bytes(self.bytes()?);
                self.skip(length)
            }
            // Everything without an argument.
            b'('
            | b'0'
            | b'1'
            | b'2'
            | b'N'
            | b'Q'
            | b'R'
            | b'a'
            | b'b'
            | b'd'
            | b'}'
            | b'e'
            | b'l'
            | b']'
            | b'o'
            | b's'
            | b't'
            | b')'
            | b'u'
            | 0x81
            | 0x85..=0x89
            | 0x8f
            | 0x90
            | 0x91
            | 0x92
            | 0x97
            | 0x98 => Ok(()),
            unknown => Err(format!("0x{unknown:02x} is no pickle instruction")),
        }
    }

    fn push(&mut self, value: Option<String>) {
        self.recent.swap(0, 1);
        self.recent[1] = value;
    }

    fn remember(&mut self, key: u32) {
        self.memoized += 1;
        if let Some(text) = &self.recent[1] {
            self.memo.insert(key, text.clone());
        }
    }

    fn recall(&mut self, key: u32) {
        let value = self.memo.get(&key).cloned();
        self.push(value);
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.stream
            .read_exact(&mut bytes)
            .map_err(|e| e.to_string())?;
        Ok(bytes)
    }

    fn string(&mut self, length: u64) -> Result<(), String> {
        let mut bytes = Vec::new();
        let read = self.stream.by_ref().take(length).read_to_end(&mut bytes);
        if read.map_err(|e| e.to_string())? as u64 != length {
            return Err("it is cut short".to_owned());
        }
        self.push(Some(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(())
    }

    fn skip(&mut self, length: u64) -> Result<(), String> {
        let copied = std::io::copy(&mut self.stream.by_ref().take(length), &mut std::io::sink());
        if copied.map_err(|e| e.to_string())? != length {
            return Err("it is cut short".to_owned());
        }
        Ok(())
    }

    fn line(&mut self) -> Result<String, String> {
        const LONGEST: usize = 4096;
        let mut bytes = Vec::new();
        loop {
            let [byte] = self.bytes::<1>()?;
            if byte == b'\n' {
                return Ok(String::from_utf8_lossy(&bytes).into_owned());
            }
            if bytes.len() == LONGEST {
                return Err("a line of it does not end".to_owned());
            }
            bytes.push(byte);
        }
    }
}
