//! Where the voxels are: choosing between qform, sform and neither, and writing both.

use glam::{DMat3, DQuat, DVec3};

use crate::geometry::Affine;
use crate::io::Warning;
use crate::volume::Grid;

use super::header::{Header, Version};

/// Forms that differ by more of a voxel than this at a corner of the volume are said to disagree.
const AGREEMENT_VOXELS: f64 = 1e-3;

/// A qform is written when it is this close to the sform at every corner. A quaternion in 32-bit floats
/// near half a turn cannot always be closer; what shear moves is far more.
const ROUNDING_VOXELS: f64 = 0.02;

/// The position of a volume, as nibabel chooses it: the sform if its code says so, else the qform, else
/// the spacing alone, centred, with x flipped: its sides are assumed then. The second value holds doubts to show.
///
/// # Errors
/// A reason, when the chosen form is no position in space and no other form is there.
pub(super) fn read(header: &Header, dims: [usize; 3]) -> Result<(Grid, Vec<Warning>), String> {
    let mut warnings = Vec::new();
    let mm = mm_per_unit(header, &mut warnings);
    let spacing = checked_spacing(header, &mut warnings);
    let sound_spacing = spacing == spacing_fields(header);
    let sform = is_known_code(header.sform_code)
        .then(|| sform(header, mm))
        .transpose();
    let qform = is_known_code(header.qform_code)
        .then(|| qform(header, spacing, mm))
        .transpose();
    let known = |affine| Grid::new(dims, affine);
    let grid = match (sform, qform) {
        (Ok(Some(s)), Ok(Some(q))) => {
            if sound_spacing {
                warnings.extend(disagreement(header, dims, &s, &q));
            }
            known(s)
        }
        (Ok(Some(s)), _) => known(s),
        (Err(reason), Ok(Some(q))) => {
            warnings.push(Warning::SformUnusable { reason });
            known(q)
        }
        (Ok(None), Ok(Some(q))) => known(q),
        (Err(reason), _) | (Ok(None), Err(reason)) => return Err(reason),
        (Ok(None), Ok(None)) => {
            warnings.push(Warning::NoOrientation);
            known(centred(dims, spacing, mm)?).with_sides_assumed(true)
        }
    };
    Ok((grid, warnings))
}

/// Fills in the header's position fields for a grid: qform and sform with code 1, or the sform alone
/// where a qform cannot say it (shear). A grid that a file without orientation gave is written without it: what nobody
/// knows does not become certain by being copied.
pub(super) fn write(header: &mut Header, grid: &Grid) {
    let rows = grid.affine.to_rows();
    if is_without_orientation(grid) {
        header.xyzt_units = MILLIMETRE | SECOND;
        header.pixdim = [1.0; 8];
        header.pixdim[1..4].copy_from_slice(&grid.spacing_mm());
        return;
    }
    header.srow = [rows[0], rows[1], rows[2]];
    header.sform_code = 1;
    header.xyzt_units = MILLIMETRE | SECOND;
    let spacing = grid.spacing_mm();
    let (quaternion, handedness) = quaternion_of(&grid.affine);
    header.pixdim = [1.0; 8];
    header.pixdim[0] = handedness;
    header.pixdim[1..4].copy_from_slice(&spacing);
    header.quaternion = quaternion;
    header.qoffset = [rows[0][3], rows[1][3], rows[2][3]];
    if header.version == Version::One {
        let rounded = |v: f64| f64::from(v as f32);
        header.pixdim = header.pixdim.map(rounded);
        header.quaternion = header.quaternion.map(rounded);
        header.qoffset = header.qoffset.map(rounded);
        header.srow = header.srow.map(|row| row.map(rounded));
    }
    let pixdim = spacing_fields(header);
    let same = qform(header, pixdim, 1.0)
        .is_ok_and(|q| grid.is_same(&Grid::new(grid.dims, q), ROUNDING_VOXELS));
    header.qform_code = i32::from(same);
}

/// Whether dims and spacing alone give this grid back.
fn is_without_orientation(grid: &Grid) -> bool {
    let alone = centred(grid.dims, grid.spacing_mm(), 1.0);
    let gives_it = |affine| grid.is_same(&Grid::new(grid.dims, affine), AGREEMENT_VOXELS);
    grid.sides_assumed && alone.is_ok_and(gives_it)
}

/// `xyzt_units` codes.
const METRE: i32 = 1;
const MILLIMETRE: i32 = 2;
const MICROMETRE: i32 = 3;
const SECOND: i32 = 8;

fn mm_per_unit(header: &Header, warnings: &mut Vec<Warning>) -> f64 {
    let (unit, mm) = match header.xyzt_units & 7 {
        METRE => ("metres", 1000.0),
        MICROMETRE => ("micrometres", 1e-3),
        _ => return 1.0,
    };
    warnings.push(Warning::Unit { unit });
    mm
}

/// Codes that NIfTI defines; others count as 0, as in nibabel.
fn is_known_code(code: i32) -> bool {
    (1..=5).contains(&code)
}

fn spacing_fields(header: &Header) -> [f64; 3] {
    [header.pixdim[1], header.pixdim[2], header.pixdim[3]]
}

/// The spacings with nibabel's repairs: 0 (or no number) means 1, a negative one its absolute value.
fn checked_spacing(header: &Header, warnings: &mut Vec<Warning>) -> [f64; 3] {
    let used = header.dim[0].clamp(0, 3) as usize;
    let stored = spacing_fields(header);
    let repaired = stored.map(|v| {
        if v == 0.0 || !v.is_finite() {
            1.0
        } else {
            v.abs()
        }
    });
    if stored[..used] != repaired[..used] {
        warnings.push(Warning::Spacing {
            stored,
            used: repaired,
        });
    }
    repaired
}

fn sform(header: &Header, mm: f64) -> Result<Affine, String> {
    Affine::from_rows(&header.srow.map(|row| row.map(|v| v * mm)))
        .map_err(|singular| format!("the sform gives no position: {singular}"))
}

fn qform(header: &Header, spacing: [f64; 3], mm: f64) -> Result<Affine, String> {
    let [b, c, d] = header.quaternion;
    let w_squared = 1.0 - (b * b + c * c + d * d);
    // A quaternion near half a turn: rounding leaves no meaning in w.
    let w = if w_squared < 3.0 * quaternion_epsilon(header) {
        0.0
    } else {
        w_squared.sqrt()
    };
    let length = (w * w + b * b + c * c + d * d).sqrt();
    let rotation = DMat3::from_quat(DQuat::from_xyzw(b, c, d, w) * (1.0 / length));
    let handedness = if header.pixdim[0] == -1.0 { -1.0 } else { 1.0 };
    Affine::from_columns(
        rotation.x_axis * (spacing[0] * mm),
        rotation.y_axis * (spacing[1] * mm),
        rotation.z_axis * (spacing[2] * mm * handedness),
        DVec3::from_array(header.qoffset) * mm,
    )
    .map_err(|singular| format!("the qform gives no position: {singular}"))
}

/// nibabel's position without orientation: the volume's centre is the world's, x runs to the left.
fn centred(dims: [usize; 3], spacing: [f64; 3], mm: f64) -> Result<Affine, String> {
    let step = [-spacing[0] * mm, spacing[1] * mm, spacing[2] * mm];
    let origin: [f64; 3] = std::array::from_fn(|d| -(dims[d] as f64 - 1.0) / 2.0 * step[d]);
    Affine::from_columns(
        DVec3::X * step[0],
        DVec3::Y * step[1],
        DVec3::Z * step[2],
        DVec3::from_array(origin),
    )
    .map_err(|e| e.to_string())
}

fn disagreement(header: &Header, dims: [usize; 3], s: &Affine, q: &Affine) -> Option<Warning> {
    let shift_voxels = Grid::new(dims, *s).shift_voxels(&Grid::new(dims, *q));
    let rounding = shift_voxels <= ROUNDING_VOXELS && has_quaternion_of(header, s);
    (shift_voxels > AGREEMENT_VOXELS && !rounding).then(|| Warning::FormsDisagree {
        mm: corner_distance_mm(dims, s, q),
    })
}

/// The unit quaternion's b, c, d (a is not negative) nearest to the directions of the axes, and their
/// handedness.
fn quaternion_of(affine: &Affine) -> ([f64; 3], f64) {
    let handedness = if affine.is_left_handed() { -1.0 } else { 1.0 };
    let [i, j, k] = std::array::from_fn(|d| affine.column(d).normalize_or_zero());
    let q = DQuat::from_mat3(&DMat3::from_cols(i, j, k * handedness)).normalize();
    let q = if q.w < 0.0 { -q } else { q };
    ([q.x, q.y, q.z], handedness)
}

/// Whether the stored quaternion is that of `affine` but for rounding: a is not stored but follows from
/// the rest, so near half a turn rounding alone turns the qform visibly.
fn has_quaternion_of(header: &Header, affine: &Affine) -> bool {
    let (own, _) = quaternion_of(affine);
    let near = |sign: f64| {
        (0..3).all(|d| {
            (own[d] - sign * header.quaternion[d]).abs() <= 4.0 * quaternion_epsilon(header)
        })
    };
    near(1.0) || near(-1.0)
}

fn corner_distance_mm(dims: [usize; 3], a: &Affine, b: &Affine) -> f64 {
    Grid::new(dims, *a)
        .corners()
        .iter()
        .map(|&c| a.world_from_voxel(c).0.distance(b.world_from_voxel(c).0))
        .fold(0.0, f64::max)
}

/// The rounding of a stored quaternion component.
fn quaternion_epsilon(header: &Header) -> f64 {
    match header.version {
        Version::One => f64::from(f32::EPSILON),
        Version::Two => f64::EPSILON,
    }
}
