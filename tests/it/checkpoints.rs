//! Checkpoint files: what is read, and what is refused before anything of it is used.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::Device;
use prosector::models::checkpoint::{
    HostTensor, Init, Loader, Precision, TensorFile, WeightMap, write_burnpack,
};
use tempfile::TempDir;

use super::support::shared;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A zip as `torch.save` writes it, around any pickle.
pub(super) fn torch_zip(path: &Path, pickle: &[u8]) {
    let file = std::fs::File::create(path).expect("a file");
    let mut zip = zip::ZipWriter::new(file);
    let stored =
        zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in [("archive/data.pkl", pickle), ("archive/version", b"3\n")] {
        zip.start_file(name, stored).expect("an entry");
        zip.write_all(bytes).expect("its bytes");
    }
    zip.finish().expect("a whole zip");
}

fn refusal(path: &Path) -> String {
    let error = TensorFile::open(path)
        .expect_err("it is refused")
        .to_string();
    assert!(!error.contains('\n'), "one line: {error}");
    error
}

#[test]
fn a_pickle_that_would_run_a_command_is_refused_by_the_name_of_the_command() {
    let folder = folder();
    let path = folder.path().join("evil.pth");
    torch_zip(
        &path,
        b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R.",
    );
    assert!(refusal(&path).contains("posix.system"));
    // The same in the newer protocol, where the name is put together from two strings, one of them remembered.
    torch_zip(
        &path,
        b"\x80\x04\x8c\x05posix\x94h\x00\x8c\x06system\x93\x8c\x04true\x85R.",
    );
    assert!(refusal(&path).contains("posix.system"));
    // The same as a bare pickle, as old files begin.
    std::fs::write(&path, b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.").expect("a file");
    let text = refusal(&path);
    assert!(
        text.contains("builtins.eval") || text.contains("whole"),
        "{text}"
    );
}

#[test]
fn a_name_that_is_chosen_while_reading_is_refused() {
    let folder = folder();
    let path = folder.path().join("evil.pth");
    torch_zip(&path, b"\x80\x04\x8c\x05posixK\x01\x93.");
    assert!(refusal(&path).contains("chosen while it is read"));
}

#[test]
fn a_cut_file_is_refused() {
    let Some(whole) = shared("golden/masam/sam_small.pth") else {
        return;
    };
    let bytes = std::fs::read(whole).expect("readable");
    let folder = folder();
    for (name, length) in [
        ("half.pth", bytes.len() / 2),
        ("most.pth", bytes.len() - 40),
        ("start.pth", 100),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes[..length]).expect("a file");
        refusal(&path);
    }
}

#[test]
fn text_and_nothing_are_refused() {
    let folder = folder();
    for (name, bytes) in [
        ("text.pth", &b"these are not weights"[..]),
        ("empty.pth", b""),
        ("a.safetensors", b"{}"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        refusal(&path);
    }
    refusal(&PathBuf::from("nowhere/at_all.pth"));
}

fn weights(tensors: &[(&str, &[usize], Vec<f32>)]) -> WeightMap {
    let mut map = WeightMap::default();
    for (name, shape, data) in tensors {
        map.insert(*name, HostTensor::new(*shape, data.clone()));
    }
    map
}

#[test]
fn the_loader_lists_everything_that_does_not_fit() {
    let map = weights(&[
        ("layer.weight", &[2, 2], vec![0.0; 4]),
        ("layer.bias", &[2], vec![f32::NAN, 0.0]),
        ("stray", &[1], vec![0.0]),
    ]);
    let loader = Loader::new(map, &Device::flex());
    let scope = loader.root().child("layer");
    scope.param("weight", [2, 3], Init::Zeros);
    scope.param("bias", [2], Init::Zeros);
    scope.param("scale", [2], Init::Ones);
    let text = loader
        .finish("a network", |_| false)
        .expect_err("four things do not fit")
        .to_string();
    for part in [
        "layer.weight is [2, 2] instead of [2, 3]",
        "layer.bias holds values that are not numbers",
        "layer.scale [2] is missing",
        "stray is unexpected",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn fresh_parameters_are_the_same_for_the_same_seed() {
    let drawn = |seed| {
        let loader = Loader::new(WeightMap::default(), &Device::flex()).with_fresh(seed, |_| true);
        let param = loader.root().param("w", [50], Init::Normal(2.0));
        param.val().try_into_vec_as::<f32>().expect("values")
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
}

#[test]
fn what_is_kept_as_burnpack_comes_back() {
    let folder = folder();
    let values = vec![0.1, -2.5, 3.0e-5, 70.0, 0.0, 1.0 / 3.0];
    let map = weights(&[
        ("a.weight", &[2, 3], values.clone()),
        ("a.scalar", &[], vec![1.5]),
    ]);
    for (precision, tolerance) in [(Precision::Single, 0.0), (Precision::Half, 1e-3)] {
        let path = folder.path().join(format!("{precision:?}.bpk"));
        write_burnpack(&path, &map, precision).expect("written");
        let back = WeightMap::of_file(&Arc::new(TensorFile::open(&path).expect("readable")), "");
        assert_eq!(back.shape("a.scalar"), Some(&[][..]));
        let tensor = back.read("a.weight").expect("it is there");
        assert_eq!(tensor.shape, [2, 3]);
        for (a, b) in tensor.data.iter().zip(&values) {
            assert!((a - b).abs() <= tolerance * b.abs(), "{a} {b}");
        }
    }
}
