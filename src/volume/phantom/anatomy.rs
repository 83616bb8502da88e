//! The phantom's anatomy as solids in RAS millimetres; the origin is the middle of the mandible.
//!
//! Positions, sizes and densities follow the averages of clinical head-and-neck CT.

use glam::{DVec2, DVec3};

/// What the phantom's truth names; values as in the model card, and then the lesion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Structure {
    /// Brainstem.
    Brainstem,
    /// Spinal cord.
    SpinalCord,
    /// Right parotid gland.
    RightParotid,
    /// Left parotid gland.
    LeftParotid,
    /// Oesophagus.
    Esophagus,
    /// Larynx.
    Larynx,
    /// Mandible.
    Mandible,
    /// An enhancing tumour in the left neck.
    Lesion,
}

impl Structure {
    /// Every structure by ascending value.
    pub const ALL: [Self; 8] = [
        Self::Brainstem,
        Self::SpinalCord,
        Self::RightParotid,
        Self::LeftParotid,
        Self::Esophagus,
        Self::Larynx,
        Self::Mandible,
        Self::Lesion,
    ];

    /// Value in the truth.
    pub fn value(self) -> u16 {
        match self {
            Self::Brainstem => 1,
            Self::SpinalCord => 2,
            Self::RightParotid => 3,
            Self::LeftParotid => 4,
            Self::Esophagus => 5,
            Self::Larynx => 6,
            Self::Mandible => 7,
            Self::Lesion => 10,
        }
    }

    /// Name in the truth.
    pub fn name(self) -> &'static str {
        match self {
            Self::Brainstem => "brainstem",
            Self::SpinalCord => "spinal_cord",
            Self::RightParotid => "right_parotid",
            Self::LeftParotid => "left_parotid",
            Self::Esophagus => "esophagus",
            Self::Larynx => "larynx",
            Self::Mandible => "mandible",
            Self::Lesion => "lesion",
        }
    }
}

/// What is at a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tissue {
    /// Density in Hounsfield units.
    pub hu: f64,
    /// The structure of the truth.
    pub structure: Option<Structure>,
}

const AIR: f64 = -1000.0;
const LUNG: f64 = -850.0;
const FAT: f64 = -95.0;
const GLAND: f64 = 0.0;
const FLUID: f64 = 8.0;
const BRAIN: f64 = 35.0;
const MUSCLE: f64 = 58.0;
const DISC: f64 = 90.0;
const CARTILAGE: f64 = 120.0;
const LESION: f64 = 125.0;
const VESSEL: f64 = 170.0;
const MARROW: f64 = 320.0;
const BONE: f64 = 780.0;
const CORTEX: f64 = 1150.0;
const TOOTH: f64 = 1900.0;

/// The tissue at a point: inner parts are looked up before what surrounds them.
pub fn tissue_at(p: DVec3) -> Tissue {
    let depth = depth_in_body(p);
    if depth <= 0.0 {
        return plain(AIR);
    }
    lesion(p)
        .or_else(|| airway(p))
        .or_else(|| mandible(p))
        .or_else(|| neck_organs(p))
        .or_else(|| spine(p))
        .or_else(|| skull(p))
        .or_else(|| face(p))
        .or_else(|| chest(p))
        .unwrap_or_else(|| soft_tissue(p, depth))
}

fn plain(hu: f64) -> Tissue {
    Tissue {
        hu,
        structure: None,
    }
}

fn organ(hu: f64, structure: Structure) -> Tissue {
    Tissue {
        hu,
        structure: Some(structure),
    }
}

/// How far a point is inside an ellipsoid: 1 at the centre, 0 on the surface, negative outside.
fn ellipsoid(p: DVec3, center: [f64; 3], radii: [f64; 3]) -> f64 {
    1.0 - ((p - DVec3::from_array(center)) / DVec3::from_array(radii)).length()
}

/// The same for an ellipse in an axial plane.
fn ellipse(p: DVec3, center: [f64; 2], radii: [f64; 2]) -> f64 {
    1.0 - ((p.truncate() - DVec2::from_array(center)) / DVec2::from_array(radii)).length()
}

/// The point with its left half folded onto the right.
fn folded(p: DVec3) -> DVec3 {
    DVec3::new(p.x.abs(), p.y, p.z)
}

/// Where the spinal cord runs: its anterior-posterior position at a height.
fn cord_y(z: f64) -> f64 {
    -80.0 - 0.001_64 * (17.0 - z).max(0.0).powi(2)
}

/// Depth below the skin, roughly in mm; negative outside the body.
fn depth_in_body(p: DVec3) -> f64 {
    let head = 80.0 * ellipsoid(p, [0.0, -68.0, 72.0], [82.0, 100.0, 104.0]);
    let jaw = 62.0 * ellipsoid(p, [0.0, -42.0, 8.0], [80.0, 78.0, 72.0]);
    let nose = 14.0 * ellipsoid(p, [0.0, 26.0, 42.0], [15.0, 22.0, 22.0]);
    let top = head.max(jaw).max(nose);
    if p.z > 30.0 {
        return top;
    }
    // The neck widens into the shoulders between 70 and 125 mm below the jaw.
    let widening = ((-70.0 - p.z) / 55.0).clamp(0.0, 1.0);
    let smooth = widening * widening * (3.0 - 2.0 * widening);
    let half_width = 60.0 + 98.0 * smooth;
    let half_depth = 62.0 + 16.0 * smooth;
    let center_y = -74.0 + (cord_y(p.z) + 92.0) * 0.6;
    let trunk = half_depth * ellipse(p, [0.0, center_y], [half_width, half_depth]);
    top.max(trunk)
}

/// Fat under the skin and between the muscles, muscle below.
fn soft_tissue(p: DVec3, depth: f64) -> Tissue {
    if depth < 2.0 {
        return plain(20.0);
    }
    if depth < 7.0 {
        return plain(FAT);
    }
    // Fat planes between muscles: bent sheets, broken up along the body.
    let bend = 1.6 * (p.y * 0.07).sin() + 1.1 * (p.z * 0.045 + p.x * 0.03).cos();
    let streaks = (p.x * 0.13 + bend).sin() * (p.y * 0.11 + 1.3 * bend + p.z * 0.02).cos();
    plain(if streaks > 0.8 { FAT } else { MUSCLE })
}

/// A lobulated mass under the left sternocleidomastoid muscle, with a rim of fat.
fn lesion(p: DVec3) -> Option<Tissue> {
    let lobes = [
        ellipsoid(p, [-36.0, -56.0, -36.0], [15.0, 17.0, 18.0]),
        ellipsoid(p, [-42.0, -46.0, -26.0], [11.0, 12.0, 12.0]),
        ellipsoid(p, [-31.0, -66.0, -50.0], [11.0, 10.0, 13.0]),
    ];
    let inside = lobes.into_iter().fold(f64::NEG_INFINITY, f64::max);
    if inside > 0.0 {
        return Some(organ(LESION, Structure::Lesion));
    }
    (inside > -0.22).then(|| plain(FAT))
}

/// Nose, sinuses, pharynx and trachea. The airway through the larynx is part of that structure.
fn airway(p: DVec3) -> Option<Tissue> {
    let half = folded(p);
    let is_air = ellipsoid(half, [7.0, -2.0, 44.0], [4.5, 26.0, 16.0]) > 0.0
        || ellipsoid(half, [27.0, -8.0, 42.0], [13.0, 14.0, 15.0]) > 0.0
        || ellipsoid(p, [0.0, -42.0, 30.0], [13.0, 9.0, 20.0]) > 0.0
        || ((-45.0..25.0).contains(&p.z) && ellipse(p, [0.0, -48.0], [11.0, 5.0]) > 0.0);
    if is_air {
        return Some(plain(AIR));
    }
    if p.z < -70.0 {
        let wall = ellipse(p, [0.0, cord_y(p.z) + 53.0], [11.0, 10.0]);
        return (wall > 0.0).then(|| plain(if wall > 0.16 { AIR } else { CARTILAGE }));
    }
    None
}

/// A horseshoe with two rami, cortex around marrow, and the teeth of both jaws.
fn mandible(p: DVec3) -> Option<Tissue> {
    let half = folded(p);
    // The arch: an ellipse open to the back.
    let from_arch = ellipse(p, [0.0, -38.0], [45.0, 68.0]).abs() * 48.0;
    let is_arch = p.y > -40.0 && (-22.0..5.0).contains(&p.z);
    let arch = if is_arch { 6.0 - from_arch } else { -1.0 };
    let lean = -36.0 - 0.15 * p.z;
    let ramus_wall = 4.8 - (half.x - (45.0 + 0.07 * p.z)).abs();
    let is_ramus = (p.y - lean).abs() < 15.0 && (-14.0..44.0).contains(&p.z);
    let ramus = if is_ramus { ramus_wall } else { -1.0 };
    let depth = arch.max(ramus);
    if depth > 0.0 {
        let hu = if depth > 2.6 { MARROW + 120.0 } else { CORTEX };
        return Some(organ(hu, Structure::Mandible));
    }
    let is_tooth = from_arch < 4.0 && p.y > -14.0 && (5.0..21.0).contains(&p.z);
    is_tooth.then(|| plain(TOOTH))
}

/// The organs at risk that are not bone, and the great vessels.
fn neck_organs(p: DVec3) -> Option<Tissue> {
    if ellipsoid(folded(p), [57.0, -49.0, 12.0], [13.0, 18.0, 28.0]) > 0.0 {
        let side = if p.x > 0.0 {
            Structure::RightParotid
        } else {
            Structure::LeftParotid
        };
        return Some(organ(GLAND, side));
    }
    if (-70.0..-44.0).contains(&p.z) {
        let wall = ellipse(p, [0.0, -34.0], [17.0, 15.0]);
        if wall > 0.0 {
            let lumen = ellipse(p, [0.0, -36.0], [6.0, 9.0]) > 0.0;
            let hu = match wall {
                _ if lumen => AIR,
                w if w < 0.2 => CARTILAGE + 40.0,
                _ => MUSCLE - 8.0,
            };
            return Some(organ(hu, Structure::Larynx));
        }
    }
    if (-163.0..-85.0).contains(&p.z) && ellipse(p, [-2.0, cord_y(p.z) + 37.0], [9.0, 5.5]) > 0.0 {
        return Some(organ(MUSCLE - 26.0, Structure::Esophagus));
    }
    let half = folded(p);
    let is_vessel = p.z < 15.0
        && (ellipse(half, [25.0, -58.0], [4.0, 4.0]) > 0.0
            || ellipse(half, [35.0, -63.0], [5.5, 5.0]) > 0.0);
    is_vessel.then(|| plain(VESSEL))
}

/// Vertebrae with discs around a canal that holds the cord.
fn spine(p: DVec3) -> Option<Tissue> {
    if p.z >= 17.0 {
        return None;
    }
    let y = cord_y(p.z);
    if ellipse(p, [0.0, y], [7.2, 6.4]) > 0.0 {
        return Some(organ(BRAIN, Structure::SpinalCord));
    }
    if ellipse(p, [0.0, y], [10.5, 8.5]) > 0.0 {
        return Some(plain(FLUID));
    }
    let is_disc = (p.z + 400.0).rem_euclid(20.0) < 4.5;
    let body = ellipse(p, [0.0, y + 20.0], [14.0, 11.0]);
    if body > 0.0 {
        let bone = if body > 0.16 { MARROW - 60.0 } else { BONE };
        return Some(plain(if is_disc { DISC } else { bone }));
    }
    let arch = ellipse(p, [0.0, y], [16.5, 14.0]) > 0.0;
    let process = p.x.abs() < 4.0 && (y - 34.0..y).contains(&p.y);
    (!is_disc && (arch || process)).then(|| plain(BONE - 200.0))
}

/// The skull with brain, brainstem and the fluid around it.
fn skull(p: DVec3) -> Option<Tissue> {
    const CENTER: [f64; 3] = [0.0, -72.0, 78.0];
    // The skull base rises towards the front.
    let above_base = p.z - (26.0 + 0.35 * (p.y + 90.0).max(0.0));
    let outer = ellipsoid(p, CENTER, [74.0, 91.0, 90.0]);
    if outer <= 0.0 || above_base < -6.0 {
        let is_stem_below = ellipse(p, [0.0, -78.0], [10.0, 9.0]) > 0.0;
        let is_foramen = (17.0..30.0).contains(&p.z) && is_stem_below;
        return is_foramen.then(|| organ(BRAIN - 5.0, Structure::Brainstem));
    }
    if let Some(stem) = brainstem(p) {
        return Some(stem);
    }
    let inner = ellipsoid(p, CENTER, [68.0, 85.0, 84.0]);
    if inner <= 0.0 || above_base < 0.0 {
        return Some(plain(BONE + 150.0));
    }
    let falx = p.x.abs() < 2.0 && p.z > 70.0;
    let is_fluid = inner < 0.04 || above_base < 3.0 || falx;
    Some(plain(if is_fluid { FLUID } else { BRAIN }))
}

fn brainstem(p: DVec3) -> Option<Tissue> {
    if !(17.0..72.0).contains(&p.z) {
        return None;
    }
    // The pons bulges to the front half way up.
    let bulge = 1.0 - ((p.z - 50.0) / 30.0).powi(2).min(1.0);
    let half = ellipse(
        p,
        [0.0, -77.0 + 3.0 * bulge],
        [11.0 + 5.0 * bulge, 10.0 + 5.0 * bulge],
    );
    if half > 0.0 {
        return Some(organ(BRAIN - 6.0, Structure::Brainstem));
    }
    (half > -0.25).then(|| plain(FLUID))
}

/// Maxilla, palate and the eyes' orbits.
fn face(p: DVec3) -> Option<Tissue> {
    let half = folded(p);
    if ellipsoid(half, [31.0, 2.0, 66.0], [14.0, 14.0, 13.0]) > 0.0 {
        return Some(plain(FLUID));
    }
    if ellipsoid(half, [31.0, -6.0, 66.0], [18.0, 22.0, 17.0]) > 0.0 {
        return Some(plain(FAT));
    }
    let is_maxilla = ellipsoid(p, [0.0, -12.0, 40.0], [46.0, 36.0, 30.0]);
    (is_maxilla > 0.0 && p.z > 21.0).then(|| {
        let is_wall = is_maxilla < 0.12 || p.z < 25.0;
        plain(if is_wall { BONE - 100.0 } else { MUSCLE })
    })
}

/// Lungs, clavicles and the heads of the humeri.
fn chest(p: DVec3) -> Option<Tissue> {
    let half = folded(p);
    if ellipsoid(half, [58.0, -100.0, -178.0], [38.0, 48.0, 62.0]) > 0.0 {
        return Some(plain(LUNG));
    }
    let humerus = ellipsoid(half, [128.0, -96.0, -134.0], [21.0, 21.0, 21.0]);
    if humerus > 0.0 {
        return Some(plain(if humerus > 0.2 { MARROW - 80.0 } else { BONE }));
    }
    let clavicle_z = -118.0 - 0.08 * (half.x - 20.0);
    let across = DVec2::new(p.y + 52.0 + 0.25 * half.x, p.z - clavicle_z).length();
    ((18.0..112.0).contains(&half.x) && across < 6.0).then(|| plain(BONE - 150.0))
}
