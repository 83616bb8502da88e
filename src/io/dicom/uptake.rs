//! What SUV the values of a PET series stand for: units, decay and dose, or why that cannot be known.
//!
//! After QIBA's vendor-neutral procedure. Weight and dose are all that is read of the patient.

use dicom_core::Tag;
use dicom_dictionary_std::tags;

use super::attributes::Attributes;
use super::series::Plane;
use crate::volume::statistics::{SuvScale, Tracer};

/// More half-lives than this between injection and scan are an error of a clock or a date.
const MOST_HALF_LIVES: f64 = 10.0;

/// A dose of fewer becquerels than this was written in another unit.
const LEAST_DOSE_BQ: f64 = 1e4;

const DAY_S: f64 = 86_400.0;

const PHILIPS_GROUP: u16 = 0x7053;
const PHILIPS_CREATOR: &str = "Philips PET Private Group";
const GE_GROUP: u16 = 0x0009;
const GE_CREATOR: &str = "GEMS_PETD_01";

/// What one image says of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Uptake {
    units: String,
    suv_type: String,
    corrections: Vec<String>,
    decay_correction: String,
    weight_kg: Option<f64>,
    dose_bq: Option<f64>,
    half_life_s: Option<f64>,
    injected: Moment,
    series_s: Option<f64>,
    acquired_s: Option<f64>,
    /// GE's own time of the scan's start.
    ge_start_s: Option<f64>,
    philips_suv: Option<f64>,
    philips_bq_per_ml: Option<f64>,
}

/// A time, on its day or on an unknown one.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Moment {
    Known { seconds: f64 },
    TimeOfDay { seconds: f64 },
    Missing,
}

impl Uptake {
    /// Reads the attributes of an image; `None` unless it is PET.
    pub fn read(attributes: Attributes) -> Option<Box<Self>> {
        if !attributes.text(tags::MODALITY)?.eq_ignore_ascii_case("PT") {
            return None;
        }
        let word = |tag| {
            let text = attributes.text(tag).unwrap_or_default();
            text.to_ascii_uppercase()
        };
        let tracer = attributes.item(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE);
        let of_tracer = |tag| tracer.and_then(|t| t.number(tag));
        let private = |group, creator, element| attributes.private(group, creator, element);
        let philips = |element| {
            let tag = private(PHILIPS_GROUP, PHILIPS_CREATOR, element)?;
            let text = attributes.raw_text(tag)?;
            let number = text.trim_matches(['\0', ' ']).parse::<f64>().ok()?;
            positive(Some(number))
        };
        let ge = private(GE_GROUP, GE_CREATOR, 0x0D);
        Some(Box::new(Self {
            units: word(tags::UNITS),
            suv_type: word(tags::SUV_TYPE),
            corrections: attributes.texts(tags::CORRECTED_IMAGE),
            decay_correction: word(tags::DECAY_CORRECTION),
            weight_kg: positive(attributes.number(tags::PATIENT_WEIGHT)),
            dose_bq: positive(of_tracer(tags::RADIONUCLIDE_TOTAL_DOSE)),
            half_life_s: positive(of_tracer(tags::RADIONUCLIDE_HALF_LIFE)),
            injected: tracer.map_or(Moment::Missing, Moment::of_injection),
            series_s: date_and_time(attributes, tags::SERIES_DATE, tags::SERIES_TIME),
            acquired_s: date_and_time(attributes, tags::ACQUISITION_DATE, tags::ACQUISITION_TIME),
            ge_start_s: ge
                .and_then(|tag| attributes.raw_text(tag))
                .and_then(|text| seconds_of(&text)),
            philips_suv: philips(0x00),
            philips_bq_per_ml: philips(0x09),
        }))
    }

    /// The same of all images of a series.
    fn is_like(&self, other: &Self) -> bool {
        let without_place = |u: &Self| Self {
            acquired_s: None,
            ..u.clone()
        };
        without_place(self) == without_place(other)
    }

    /// The scale, the earliest acquisition of the series being `first_s`.
    fn scale(&self, first_s: Option<f64>) -> Result<SuvScale, String> {
        let direct = |per_value| Ok(SuvScale { per_value });
        let bq_per_ml = match self.units.as_str() {
            "GML" if matches!(self.suv_type.as_str(), "" | "BW") => return direct(1.0),
            "GML" => {
                return Err(format!(
                    "its values are SUV by {}, not by body weight",
                    self.suv_type
                ));
            }
            "CNTS" => match (self.philips_suv, self.philips_bq_per_ml) {
                (Some(factor), _) => return direct(factor),
                (None, Some(factor)) => factor,
                _ => {
                    return Err(
                        "its values are counts, without Philips' factor for SUV or Bq/ml".into(),
                    );
                }
            },
            "BQML" => 1.0,
            "KBQML" => 1000.0,
            "" => return Err("it does not tell the units of its values (Units)".into()),
            other => return Err(format!("its values are in {other}, not in Bq/ml")),
        };
        Ok(self.tracer(first_s)?.scale(bq_per_ml))
    }

    fn tracer(&self, first_s: Option<f64>) -> Result<Tracer, String> {
        let is_corrected = |names: &[&str]| {
            let mut corrections = self.corrections.iter();
            corrections.any(|c| names.iter().any(|name| c.eq_ignore_ascii_case(name)))
        };
        if !is_corrected(&["ATTN"]) || !is_corrected(&["DECY", "DECAY"]) {
            return Err("its values are not said to be corrected for attenuation and decay".into());
        }
        let weight_kg = self
            .weight_kg
            .ok_or("it does not tell the patient's weight")?;
        let dose_bq = self.dose_bq.ok_or("it does not tell the injected dose")?;
        if dose_bq < LEAST_DOSE_BQ {
            return Err(format!("an injected dose of {dose_bq} Bq is impossible"));
        }
        let half_life_s = self.half_life_s.ok_or("it does not tell the half-life")?;
        let elapsed_s = match self.decay_correction.as_str() {
            "ADMIN" => 0.0,
            "START" => self.elapsed_s(first_s)?,
            _ => return Err("it does not tell to which time decay is corrected".into()),
        };
        if !(0.0..=MOST_HALF_LIVES * half_life_s).contains(&elapsed_s) {
            return Err(format!(
                "the scan starts {:.0} minutes after the injection, which cannot be",
                elapsed_s / 60.0
            ));
        }
        Ok(Tracer {
            weight_g: weight_kg * 1000.0,
            dose_bq,
            half_life_s,
            elapsed_s,
        })
    }

    /// From the injection to the start of the scan.
    fn elapsed_s(&self, first_s: Option<f64>) -> Result<f64, String> {
        let start_s = self
            .start_s(first_s)
            .ok_or("it does not tell when the scan started")?;
        match self.injected {
            Moment::Known { seconds } => Ok(start_s - seconds),
            // On the day of the scan, or before midnight.
            Moment::TimeOfDay { seconds } => Ok((start_s - seconds).rem_euclid(DAY_S)),
            Moment::Missing => Err("it does not tell when the dose was injected".into()),
        }
    }

    /// The time of the series, unless it is that of later processing: then GE's own, or the first acquisition.
    fn start_s(&self, first_s: Option<f64>) -> Option<f64> {
        match (self.series_s, first_s) {
            (Some(series_s), Some(first_s)) if series_s > first_s => {
                Some(self.ge_start_s.unwrap_or(first_s))
            }
            (series_s, first_s) => series_s.or(first_s),
        }
    }
}

/// What SUV the values of these slices stand for; `None` unless they are PET.
pub(super) fn suv_scale(slices: &[Plane], all: &[Plane]) -> Option<Result<SuvScale, String>> {
    let first = slices.first()?.instance.uptake.as_deref()?;
    let of_slices = || slices.iter().map(|p| p.instance.uptake.as_deref());
    if !of_slices().all(|other| other.is_some_and(|o| first.is_like(o))) {
        return Some(Err("its slices tell different doses, times or units".into()));
    }
    let acquired = all
        .iter()
        .filter_map(|p| p.instance.uptake.as_ref()?.acquired_s);
    Some(first.scale(acquired.reduce(f64::min)))
}

impl Moment {
    /// The injection: the time with its date where that is given.
    fn of_injection(tracer: Attributes) -> Self {
        let dated = tracer.text(tags::RADIOPHARMACEUTICAL_START_DATE_TIME);
        if let Some(seconds) = dated.and_then(|text| seconds_of(&text)) {
            return Self::Known { seconds };
        }
        let time = tracer.text(tags::RADIOPHARMACEUTICAL_START_TIME);
        let time = time.and_then(|text| time_of_day(&text));
        time.map_or(Self::Missing, |seconds| Self::TimeOfDay { seconds })
    }
}

fn positive(number: Option<f64>) -> Option<f64> {
    number.filter(|&n| n.is_finite() && n > 0.0)
}

fn date_and_time(attributes: Attributes, date: Tag, time: Tag) -> Option<f64> {
    let days = days_of(&attributes.text(date)?)?;
    Some(days * DAY_S + time_of_day(&attributes.text(time)?)?)
}

/// Seconds since 1970 of a date with time, `YYYYMMDDHHMMSS.FFFFFF&ZZXX`; the zone is left out, as the scan's own times
/// have none.
fn seconds_of(text: &str) -> Option<f64> {
    let text = text.trim_matches(['\0', ' ']);
    let local = text.split(['+', '-']).next()?;
    Some(days_of(local.get(..8)?)? * DAY_S + time_of_day(local.get(8..)?)?)
}

/// Days from 1970 to a date, `YYYYMMDD` or with stops or hyphens in between.
fn days_of(text: &str) -> Option<f64> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let part = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (part(0..4)?, part(4..6)?, part(6..8)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years that begin in March have the leap day at their end.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some((365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468) as f64)
}

/// Seconds since midnight of a time, `HHMMSS.FFFFFF` (the end may lack) or with colons in between.
fn time_of_day(text: &str) -> Option<f64> {
    let text: String = text.chars().filter(|&c| c != ':').collect();
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let part = |range: std::ops::Range<usize>| match whole.get(range) {
        Some(digits) => digits.parse::<u32>().ok(),
        None => Some(0),
    };
    if whole.len() < 2 {
        return None;
    }
    let (hours, minutes, seconds) = (part(0..2)?, part(2..4)?, part(4..6)?);
    let fraction: f64 = format!("0.{fraction}0").parse().ok()?;
    let is_time = hours < 24 && minutes < 60 && seconds <= 60;
    is_time.then(|| f64::from(hours * 3600 + minutes * 60 + seconds) + fraction)
}
