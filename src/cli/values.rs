//! The values that options take, read from text.

use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::geometry::Plane;
use crate::models::{FoldChoice, TrainingState};
use crate::volume::{ColourMap, Modality};

/// One `--click`: a position and whether it is outside the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClickArg {
    /// Voxel indices, or millimetres with `--world`.
    pub position: [f64; 3],
    /// The target is not here.
    pub negative: bool,
}

/// One `--scribble`, `--lasso` or `--diameter`: points, and whether they are outside the target.
#[derive(Debug, Clone, PartialEq)]
pub struct LineArg {
    /// Voxel indices, or millimetres with `--world`; one at least.
    pub points: Vec<[f64; 3]>,
    /// The target is not here.
    pub negative: bool,
}

/// One `--box`: two corners.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxArg {
    /// Two corners as voxel indices, or millimetres with `--world`; both included.
    pub corners: [[f64; 3]; 2],
}

/// A voxel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoxelArg(pub [i64; 3]);

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeArg {
    /// Pixels per line.
    pub width: u32,
    /// Lines.
    pub height: u32,
}

/// One of several parts of a list of cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardArg {
    /// Which part, from 1.
    pub number: usize,
    /// How many parts there are.
    pub of: usize,
}

impl FromStr for ShardArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/');
        let parts = parts.and_then(|(n, of)| Some((n.parse().ok()?, of.parse().ok()?)));
        let shard = parts.map(|(number, of)| Self { number, of });
        shard
            .filter(|s| (1..=s.of).contains(&s.number))
            .ok_or_else(|| "give which part of how many, counted from 1, such as 2/8".to_owned())
    }
}

/// The grid that labels are edited on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GridArg {
    /// The scan's own.
    Scan,
    /// That of the label map.
    Labels,
    /// The scan's voxels, divided until none is longer than this.
    LongestMm(f64),
}

/// Label layers that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayersArg {
    /// All of them.
    All,
    /// One, by its number from 0, the lowest.
    One(usize),
}

/// One `--channel`: what the model calls an image, and its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelArg {
    /// The model's name for it.
    pub name: String,
    /// The file.
    pub path: PathBuf,
}

/// A value of the prediction and the value of the truth that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ValuePair {
    /// Value in the prediction.
    pub pred: u16,
    /// Value in the truth.
    pub truth: u16,
}

impl FromStr for ChannelArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok(Self {
                name: name.to_owned(),
                path: path.into(),
            }),
            _ => Err("give NAME=FILE".to_owned()),
        }
    }
}

/// `--folds`: numbers, or all.
pub(super) fn folds(text: &str) -> Result<FoldChoice, String> {
    if text == "all" {
        return Ok(FoldChoice::All);
    }
    let numbers = text.split(',').map(str::parse).collect::<Result<_, _>>();
    numbers
        .map(FoldChoice::Numbered)
        .map_err(|_no_number| "give numbers as 0,1, or all".to_owned())
}

/// `--checkpoint`.
pub(super) fn training_state(text: &str) -> Result<TrainingState, String> {
    match text {
        "final" => Ok(TrainingState::Final),
        "best" => Ok(TrainingState::Best),
        _ => Err("give final or best".to_owned()),
    }
}

impl FromStr for LayersArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = || text.parse().map(Self::One);
        match text {
            "all" => Ok(Self::All),
            _ => number().map_err(|_no_number| "give all, or a layer's number from 0".to_owned()),
        }
    }
}

impl FromStr for GridArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let length = || {
            let mm = text.parse().ok().filter(|mm| (0.001..=1000.0).contains(mm));
            mm.map(Self::LongestMm)
        };
        match text {
            "scan" => Ok(Self::Scan),
            "labels" => Ok(Self::Labels),
            _ => length().ok_or_else(|| {
                "give scan, labels, or the longest side of a voxel in mm (0.001 to 1000), such as 1".to_owned()
            }),
        }
    }
}

impl FromStr for ClickArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (numbers, negative) = match text.rsplit_once(',') {
            Some((numbers, "neg")) => (numbers, true),
            _ => (text, false),
        };
        let position = coordinates_of(numbers).ok_or("give I,J,K or I,J,K,neg, such as 12,30,7")?;
        Ok(Self { position, negative })
    }
}

impl FromStr for LineArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (numbers, negative) = match text.rsplit_once(',') {
            Some((numbers, "neg")) => (numbers, true),
            _ => (text, false),
        };
        let read = |n: &str| n.trim().parse::<f64>().ok().filter(|v| v.is_finite());
        let numbers: Option<Vec<f64>> = numbers.split(',').map(read).collect();
        let points = numbers.filter(|numbers| numbers.len() % 3 == 0);
        let points = points.ok_or("give points I,J,K,I,J,K,.., such as 12,30,7,15,32,7")?;
        Ok(Self {
            points: points.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect(),
            negative,
        })
    }
}

/// A range of steps, `FIRST..LAST`, the last not included.
pub(super) fn steps(text: &str) -> Result<Range<usize>, String> {
    let ends = text.split_once("..").and_then(|(first, last)| {
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first < last).then_some(first..last)
    });
    ends.ok_or_else(|| "give FIRST..LAST, such as 0..1000".to_owned())
}

impl FromStr for BoxArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let [a, b, c, d, e, f] = coordinates_of(text)
            .ok_or("give two corners I0,J0,K0,I1,J1,K1, such as 10,20,5,40,60,9")?;
        Ok(Self {
            corners: [[a, b, c], [d, e, f]],
        })
    }
}

impl FromStr for VoxelArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        numbers_of(text)
            .map(Self)
            .ok_or_else(|| "give a voxel I,J,K, such as 12,30,7".to_owned())
    }
}

impl FromStr for SizeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('x').and_then(|(width, height)| {
            Some(Self {
                width: width.parse().ok()?,
                height: height.parse().ok()?,
            })
        });
        parsed
            .filter(|s| (16..=16384).contains(&s.width) && (16..=16384).contains(&s.height))
            .ok_or_else(|| {
                "give width x height in pixels from 16 to 16384, such as 1500x500".into()
            })
    }
}

impl FromStr for ValuePair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('=').and_then(|(pred, truth)| {
            Some(Self {
                pred: pred.trim().parse().ok()?,
                truth: truth.trim().parse().ok()?,
            })
        });
        parsed.ok_or_else(|| "give PRED=TRUTH, such as 1=7".to_owned())
    }
}

/// Exactly `N` numbers between commas.
fn numbers_of<T: FromStr, const N: usize>(text: &str) -> Option<[T; N]> {
    let numbers: Option<Vec<T>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    numbers?.try_into().ok()
}

/// Exactly `N` finite coordinates between commas.
fn coordinates_of<const N: usize>(text: &str) -> Option<[f64; N]> {
    numbers_of(text).filter(|numbers: &[f64; N]| numbers.iter().all(|n| n.is_finite()))
}

/// Colour maps by name.
pub(super) fn colour_map() -> impl TypedValueParser<Value = ColourMap> {
    let names = ColourMap::ALL.map(ColourMap::name);
    PossibleValuesParser::new(names).map(|name| {
        let named = ColourMap::ALL.into_iter().find(|map| map.name() == name);
        named.unwrap_or_default()
    })
}

/// A part of one, 0 to 1.
pub(super) fn part<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    let within = T::from(0)..=T::from(1);
    let part = text.parse().ok().filter(|part| within.contains(part));
    part.ok_or_else(|| "give a number from 0 to 1, such as 0.5".to_owned())
}

/// The name of a modality.
pub(super) fn modality() -> impl TypedValueParser<Value = Modality> {
    PossibleValuesParser::new(["ct", "mr", "pet"]).map(|name| match name.as_str() {
        "mr" => Modality::Mr,
        "pet" => Modality::Pet,
        _ => Modality::Ct,
    })
}

/// A plane, by its name in lower case.
pub(super) fn plane() -> impl TypedValueParser<Value = Plane> {
    PossibleValuesParser::new(["axial", "coronal", "sagittal"]).map(|name| match name.as_str() {
        "coronal" => Plane::Coronal,
        "sagittal" => Plane::Sagittal,
        _ => Plane::Axial,
    })
}

/// An SUV above zero.
pub(super) fn suv(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok();
    let value = value.filter(|v| v.is_finite() && *v > 0.0);
    value.ok_or_else(|| "give an SUV above 0, such as 2.5".to_owned())
}

/// A percentage.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    number_within(text, 0.0..=1000.0).ok_or_else(|| "give a percentage from 0 to 1000".to_owned())
}

/// A length in millimetres.
pub(super) fn tolerance(text: &str) -> Result<f64, String> {
    number_within(text, 0.0..=1e6).ok_or_else(|| "give millimetres, 0 or more".to_owned())
}

/// The width of a line in millimetres.
pub(super) fn width(text: &str) -> Result<f64, String> {
    number_within(text, 0.1..=50.0).ok_or_else(|| "give millimetres, 0.1 to 50".to_owned())
}

/// Seconds.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    number_within(text, 0.0..=1e8).ok_or_else(|| "give seconds, 0 or more".to_owned())
}

fn number_within(text: &str, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
    text.parse().ok().filter(|v| range.contains(v))
}
