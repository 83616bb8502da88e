//! Surfaces of labels for 3D programs: STL, OBJ, PLY and binary glTF, in millimetres.
//!
//! To add a format: a file with a function that lays a scene out, and a line in [`FORMATS`]. None of them but glTF says
//! what its axes are; 3D Slicer, which takes files for LPS, heeds `SPACE=RAS` in the comment, and so it is there.

mod glb;
mod obj;
mod ply;
mod stl;

use std::fs;
use std::io::Write;
use std::path::Path;

use rayon::prelude::*;

use crate::util::short_debug;
use crate::volume::mesh::Mesh;
use crate::volume::{LabelLayers, LabelTable};

use super::{IoError, Warning, atomic};

/// Which way the axes of a surface point.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Space {
    /// Right, anterior, superior: those of Prosector and NIfTI.
    #[default]
    Ras,
    /// Left, posterior, superior: DICOM's.
    Lps,
}

impl Space {
    fn name(self) -> &'static str {
        match self {
            Self::Ras => "RAS",
            Self::Lps => "LPS",
        }
    }
}

/// The surface of a label.
struct Surface {
    name: String,
    color: [u8; 3],
    mesh: Mesh,
}

/// What a file holds.
struct Scene {
    space: Space,
    surfaces: Vec<Surface>,
}

short_debug! {
    Scene: |scene| format_args!("{} surfaces", scene.surfaces.len());
}

/// A format of surfaces.
struct Format {
    ending: &'static str,
    encode: fn(&Scene) -> Vec<u8>,
    /// Whether labels keep their names and colours.
    holds_names: bool,
}

static FORMATS: &[Format] = &[
    Format {
        ending: ".stl",
        encode: stl::encode,
        holds_names: false,
    },
    Format {
        ending: ".obj",
        encode: obj::encode,
        holds_names: true,
    },
    Format {
        ending: ".ply",
        encode: ply::encode,
        holds_names: true,
    },
    Format {
        ending: ".glb",
        encode: glb::encode,
        holds_names: true,
    },
];

fn format_of(path: &Path) -> Option<&'static Format> {
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    FORMATS.iter().find(|f| name.ends_with(f.ending))
}

/// Whether a file of this name holds surfaces.
pub fn is_surface_name(path: &Path) -> bool {
    format_of(path).is_some()
}

/// Writes the surface of each label that has voxels: beside the target, re-read, compared, then renamed. Gives what the
/// format could not keep.
///
/// # Errors
/// [`IoError::Output`]: labels without a voxel, and whatever keeps the file from being written.
pub(super) fn save(
    path: &Path,
    layers: &LabelLayers,
    table: &LabelTable,
    space: Space,
) -> Result<Vec<Warning>, IoError> {
    let format = format_of(path).ok_or_else(|| {
        IoError::output(
            path,
            "surfaces are .stl, .obj, .ply or .glb: give a name that ends so",
        )
    })?;
    let surface = |label: &crate::volume::Label| {
        let mesh = Mesh::of_label(layers.get(label.layer)?, label.value);
        let is_there = !mesh.triangles.is_empty();
        is_there.then(|| Surface {
            name: label.name.clone(),
            color: label.color,
            mesh: match space {
                Space::Ras => mesh,
                Space::Lps => mesh.turned(),
            },
        })
    };
    let surfaces: Vec<Surface> = table.labels().par_iter().filter_map(surface).collect();
    if surfaces.is_empty() {
        let reason = "no voxel is labelled, so there is no surface; draw a label first";
        return Err(IoError::output(path, reason));
    }
    let scene = Scene { space, surfaces };
    let bytes = (format.encode)(&scene);
    atomic::replace_file(
        path,
        |file| file.write_all(&bytes),
        |written| match fs::read(written) {
            Ok(read) if read == bytes => Ok(()),
            Ok(_) => Err("a byte differs".into()),
            Err(e) => Err(e.to_string()),
        },
    )?;
    Ok(match format.holds_names {
        true => Vec::new(),
        false => vec![Warning::NamesLeftOut],
    })
}

/// A name as formats of lines and words can hold it.
fn word(name: &str) -> String {
    let plain = |c: char| {
        if c.is_whitespace() || c.is_control() {
            '_'
        } else {
            c
        }
    };
    match name.trim() {
        "" => "label".to_owned(),
        name => name.chars().map(plain).collect(),
    }
}

/// Said where a format has room for a remark.
fn remark(space: Space) -> String {
    format!(
        "Prosector, millimetres, SPACE={}, not for clinical use",
        space.name()
    )
}
