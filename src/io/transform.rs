//! Rigid transforms as ITK's text files (`.tfm`), which ITK, SimpleITK, 3D Slicer and ANTs read.
//!
//! Such a file is about points in LPS, and maps the fixed scan's world to the moving one's: what resampling the moving scan
//! onto the fixed one needs. Ours map the other way and in RAS.

use std::fs;
use std::io::Write;
use std::path::Path;

use glam::{DMat3, DQuat, DVec3, EulerRot};

use crate::geometry::RigidTransform;

use super::{IoError, atomic};

const HEADER: &str = "#Insight Transform File V1.0";

/// A text file of a transform is short.
const MOST_BYTES: u64 = 1 << 20;

/// What differs between the numbers written and those read back at most, in mm and as a part of a turn.
const ROUNDING: f64 = 1e-9;

/// Whether a path is named as a transform.
pub fn is_transform_name(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str());
    ending.is_some_and(|e| {
        ["tfm", "txt"]
            .iter()
            .any(|known| e.eq_ignore_ascii_case(known))
    })
}

/// Whether a transform could be written here, asked before the work starts.
///
/// # Errors
/// The name has another ending, or what is in the way of writing.
pub fn check_transform(path: &Path) -> Result<(), IoError> {
    if !is_transform_name(path) {
        let reason = "transforms are ITK text files: give a name that ends in .tfm";
        return Err(IoError::output(path, reason));
    }
    atomic::check_target(path)
}

/// Writes a transform, atomically and read back.
///
/// # Errors
/// [`IoError::Output`] with what is in the way.
pub fn save_transform(path: &Path, fixed_from_moving: &RigidTransform) -> Result<(), IoError> {
    check_transform(path)?;
    let text = text_of(fixed_from_moving);
    let verify = |written: &Path| {
        let read = fs::read_to_string(written).map_err(|e| e.to_string())?;
        let read = parse(&read)?;
        let off = read.after(&fixed_from_moving.inverse());
        let is_same = off.translation_mm().length() < ROUNDING * 1e3
            && off.rotation().xyz().length() < ROUNDING;
        is_same
            .then_some(())
            .ok_or_else(|| "another transform".to_owned())
    };
    atomic::replace_file(path, |file| file.write_all(text.as_bytes()), verify)
}

/// Reads a rigid transform: the map from the moving scan's world to the fixed one's, in RAS.
///
/// # Errors
/// It cannot be read, is no ITK text file, or its transform is not rigid.
pub fn open_transform(path: &Path) -> Result<RigidTransform, IoError> {
    let unreadable = |source| IoError::Unreadable {
        path: path.to_path_buf(),
        source,
    };
    let refuse = |reason: String| IoError::Unsupported {
        path: path.to_path_buf(),
        reason,
    };
    let size = fs::metadata(path).map_err(unreadable)?.len();
    if size > MOST_BYTES {
        return Err(refuse(
            "it is far too long for the text of a transform".to_owned(),
        ));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_binary| refuse(NO_TEXT.to_owned()))?;
    parse(&text).map_err(refuse)
}

const NO_TEXT: &str = "it is no ITK text file of one transform: save it as .tfm text";

fn text_of(fixed_from_moving: &RigidTransform) -> String {
    let map = fixed_from_moving.inverse();
    let q = map.rotation();
    // The versor has a real part that is not negative.
    let q = if q.w < 0.0 { -q } else { q };
    let t = flipped(map.translation_mm());
    let v = flipped(q.xyz());
    format!(
        "{HEADER}\n#Transform 0\nTransform: VersorRigid3DTransform_double_3_3\n\
         Parameters: {} {} {} {} {} {}\nFixedParameters: 0 0 0\n",
        v.x, v.y, v.z, t.x, t.y, t.z
    )
}

/// LPS from RAS, and back: half a turn about the third axis, which turns the axis of a rotation as well. No zero is negative.
fn flipped(v: DVec3) -> DVec3 {
    DVec3::new(-v.x, -v.y, v.z) + 0.0
}

fn parse(text: &str) -> Result<RigidTransform, String> {
    let is_itk = text.trim_start().starts_with("#Insight Transform File");
    let field = |name: &str| -> Vec<&str> {
        let lines = text.lines().map(str::trim);
        lines
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .collect()
    };
    let ([kind], [parameters], [centre]) = (
        &field("Transform")[..],
        &field("Parameters")[..],
        &field("FixedParameters")[..],
    ) else {
        return Err(NO_TEXT.to_owned());
    };
    let numbers = |text: &str| -> Option<Vec<f64>> {
        text.split_whitespace().map(|n| n.parse().ok()).collect()
    };
    let (Some(p), Some(fixed), true) = (numbers(parameters), numbers(centre), is_itk) else {
        return Err(NO_TEXT.to_owned());
    };
    let kind = kind.trim().split('_').next().unwrap_or_default();
    let rotation_and_shift = match (kind, &p[..]) {
        ("VersorRigid3DTransform", &[x, y, z, tx, ty, tz]) => {
            let w = (1.0 - x * x - y * y - z * z).max(0.0).sqrt();
            Some((DQuat::from_xyzw(x, y, z, w), DVec3::new(tx, ty, tz)))
        }
        ("Euler3DTransform", &[x, y, z, tx, ty, tz]) => {
            // ITK turns about y, x, z in this order, unless told to do z, y, x.
            let is_zyx = fixed.get(3).is_some_and(|&flag| flag != 0.0);
            let rotation = match is_zyx {
                true => DQuat::from_euler(EulerRot::ZYX, z, y, x),
                false => DQuat::from_euler(EulerRot::ZXY, z, x, y),
            };
            Some((rotation, DVec3::new(tx, ty, tz)))
        }
        (
            "AffineTransform" | "MatrixOffsetTransformBase",
            &[a, b, c, d, e, f, g, h, i, tx, ty, tz],
        ) => {
            // Row by row.
            let matrix = DMat3::from_cols_array(&[a, d, g, b, e, h, c, f, i]);
            let rigid = RigidTransform::from_matrix(matrix, DVec3::ZERO)
                .ok_or("its transform stretches or is not finite: a rigid one is needed")?;
            Some((rigid.rotation(), DVec3::new(tx, ty, tz)))
        }
        _ => None,
    };
    let Some((rotation, shift)) = rotation_and_shift else {
        return Err(format!(
            "{kind} is not understood: give a rigid transform as ITK text"
        ));
    };
    let centre = match fixed[..] {
        [x, y, z, ..] => DVec3::new(x, y, z),
        _ => DVec3::ZERO,
    };
    let translation_mm = rotation * -centre + centre + shift;
    let v = flipped(rotation.xyz());
    let in_ras = DQuat::from_xyzw(v.x, v.y, v.z, rotation.w);
    let moving_from_fixed = RigidTransform::from_parts(in_ras, flipped(translation_mm))
        .ok_or("its numbers are no rigid transform")?;
    Ok(moving_from_fixed.inverse())
}
