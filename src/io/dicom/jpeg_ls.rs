//! A JPEG-LS decoder (ISO/IEC 14495-1) for one grey component, lossless and near-lossless.
//!
//! Names follow the standard: `Ra` left, `Rb` above, `Rc` above left, `Rd` above right.

use super::bit_reader::BitReader;

/// Orders of run lengths (table A.1).
const J: [u32; 32] = [
    0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13,
    14, 15,
];

/// Number of regular contexts after merging signs.
const CONTEXTS: usize = 365;

/// Coding parameters of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parameters {
    columns: usize,
    rows: usize,
    max_value: i32,
    near: i32,
    thresholds: [i32; 3],
    reset: i32,
}

/// Decodes a stream to 16-bit little-endian samples, row by row.
///
/// # Errors
/// A reason: damaged, or of a kind that medical images do not use.
pub(super) fn decode(data: &[u8]) -> Result<Vec<u8>, String> {
    let (parameters, scan) = read_header(data).ok_or("its header is damaged or not read")??;
    let mut bytes = Vec::with_capacity(parameters.columns * parameters.rows * 2);
    let mut decoder = Decoder::new(parameters, BitReader::new(scan));
    let (mut previous, mut current) = (
        vec![0; parameters.columns + 2],
        vec![0; parameters.columns + 2],
    );
    for _ in 0..parameters.rows {
        // Samples have index 1..=columns; outside stands what the standard puts there (A.2.1).
        current[0] = previous[1];
        previous[parameters.columns + 1] = previous[parameters.columns];
        decoder
            .line(&previous, &mut current)
            .ok_or("its data ends early")?;
        let samples = current[1..=parameters.columns].iter();
        bytes.extend(samples.flat_map(|&v| (v as u16).to_le_bytes()));
        std::mem::swap(&mut previous, &mut current);
    }
    Ok(bytes)
}

/// Reads the segments up to the scan data; `None` where they break off.
fn read_header(data: &[u8]) -> Option<Result<(Parameters, &[u8]), String>> {
    let word = |i: usize| {
        Some(i32::from(u16::from_be_bytes([
            *data.get(i)?,
            *data.get(i + 1)?,
        ])))
    };
    let (mut size, mut bits, mut preset) = (None, 0, [0; 5]);
    let mut at = 2;
    loop {
        let marker = word(at)?;
        let length = word(at + 2)? as usize;
        let end = at + 2 + length;
        match marker {
            0xFFF7 => {
                bits = i32::from(*data.get(at + 4)?);
                size = Some((word(at + 5)? as usize, word(at + 7)? as usize));
                if *data.get(at + 9)? != 1 || !(2..=16).contains(&bits) {
                    return Some(Err("it has several components, which are not read".into()));
                }
            }
            0xFFF8 => match data.get(at + 4)? {
                1 => preset = std::array::from_fn(|i| word(at + 5 + 2 * i).unwrap_or(0)),
                _ => return Some(Err("it has a palette, which is not read".into())),
            },
            0xFFDD => return Some(Err("it has restart intervals, which are not read".into())),
            0xFFDA => {
                let near = i32::from(*data.get(at + 7)?);
                if *data.get(at + 9)? != 0 {
                    return Some(Err("it has a point transform, which is not read".into()));
                }
                let (rows, columns) = size?;
                let max_value = match preset[0] {
                    0 => (1 << bits) - 1,
                    declared => declared,
                };
                let parameters = Parameters {
                    columns,
                    rows,
                    max_value,
                    near,
                    thresholds: thresholds(max_value, near, [preset[1], preset[2], preset[3]]),
                    reset: if preset[4] == 0 { 64 } else { preset[4] },
                };
                return Some(Ok((parameters, data.get(end..)?)));
            }
            0xFF00.. => {}
            _ => return None,
        }
        at = end;
    }
}

/// Thresholds of the gradient quantiser: the preset ones, else the defaults (C.2.4.1.1).
fn thresholds(max_value: i32, near: i32, preset: [i32; 3]) -> [i32; 3] {
    const BASIC: [i32; 3] = [3, 7, 21];
    let mut lowest = near + 1;
    std::array::from_fn(|i| {
        let (floor, nears) = (i as i32 + 2, [3, 5, 7][i] * near);
        let default = if max_value >= 128 {
            let factor = (max_value.min(4095) + 128) / 256;
            factor * (BASIC[i] - floor) + floor + nears
        } else {
            let factor = 256 / (max_value + 1);
            floor.max(BASIC[i] / factor + nears)
        };
        let clamped = match (lowest..=max_value).contains(&default) {
            true => default,
            false => lowest,
        };
        lowest = if preset[i] == 0 { clamped } else { preset[i] };
        lowest
    })
}

/// Statistics of a regular context (A.2).
#[derive(Debug, Clone, Copy)]
struct Context {
    a: i32,
    b: i32,
    c: i32,
    n: i32,
}

/// Statistics of a run interruption context (A.7).
#[derive(Debug, Clone, Copy)]
struct RunContext {
    a: i32,
    n: i32,
    negative: i32,
}

struct Decoder<'a> {
    p: Parameters,
    bits: BitReader<'a>,
    /// Number of quantised error values.
    range: i32,
    /// Bits of a mapped error value after an escape.
    error_bits: u32,
    /// Longest code.
    limit: u32,
    contexts: Vec<Context>,
    run_contexts: [RunContext; 2],
    run_index: usize,
}

impl<'a> Decoder<'a> {
    fn new(p: Parameters, bits: BitReader<'a>) -> Self {
        let range = (p.max_value + 2 * p.near) / (2 * p.near + 1) + 1;
        let value_bits = bits_for(p.max_value + 1).max(2);
        let a = ((range + 32) / 64).max(2);
        let context = Context {
            a,
            b: 0,
            c: 0,
            n: 1,
        };
        let run_context = RunContext {
            a,
            n: 1,
            negative: 0,
        };
        Self {
            p,
            bits,
            range,
            error_bits: bits_for(range),
            limit: 2 * (value_bits + value_bits.max(8)),
            contexts: vec![context; CONTEXTS],
            run_contexts: [run_context; 2],
            run_index: 0,
        }
    }

    /// Decodes one line; `None` when the data ends.
    fn line(&mut self, previous: &[i32], current: &mut [i32]) -> Option<()> {
        let mut at = 1;
        while at <= self.p.columns {
            let (ra, rb) = (current[at - 1], previous[at]);
            let (rc, rd) = (previous[at - 1], previous[at + 1]);
            let q = [rd - rb, rb - rc, rc - ra].map(|d| self.quantise(d));
            if q == [0; 3] {
                at = self.run(previous, current, at)?;
            } else {
                current[at] = self.regular(q, ra, rb, rc)?;
                at += 1;
            }
        }
        Some(())
    }

    fn quantise(&self, d: i32) -> i32 {
        let [t1, t2, t3] = self.p.thresholds;
        let size = d.abs();
        let level = match () {
            () if size <= self.p.near => 0,
            () if size < t1 => 1,
            () if size < t2 => 2,
            () if size < t3 => 3,
            () => 4,
        };
        level * d.signum()
    }

    /// A sample in regular mode (A.4 to A.6).
    fn regular(&mut self, q: [i32; 3], ra: i32, rb: i32, rc: i32) -> Option<i32> {
        let index = 81 * q[0] + 9 * q[1] + q[2];
        let sign = index.signum();
        let context = self.contexts[index.unsigned_abs() as usize];
        let predicted = match () {
            () if rc >= ra.max(rb) => ra.min(rb),
            () if rc <= ra.min(rb) => ra.max(rb),
            () => ra + rb - rc,
        };
        let predicted = (predicted + sign * context.c).clamp(0, self.p.max_value);
        let k = golomb_order(context.a, context.n);
        let mapped = self.bits.golomb(k, self.limit, self.error_bits)?;
        let swapped = self.p.near == 0 && k == 0 && 2 * context.b <= -context.n;
        let error = match (mapped & 1 == 1, swapped) {
            (false, false) => mapped / 2,
            (true, false) => -(mapped + 1) / 2,
            (true, true) => (mapped - 1) / 2,
            (false, true) => -(mapped / 2) - 1,
        };
        let step = 2 * self.p.near + 1;
        self.contexts[index.unsigned_abs() as usize].update(error, step, self.p.reset);
        Some(self.reconstruct(predicted, sign * error))
    }

    /// A run of equal samples and the one that interrupts it (A.7); the position after them.
    fn run(&mut self, previous: &[i32], current: &mut [i32], start: usize) -> Option<usize> {
        let ra = current[start - 1];
        let end = self.p.columns + 1;
        let mut at = start;
        while self.bits.bit()? {
            let length = 1 << J[self.run_index];
            let stop = (at + length).min(end);
            current[at..stop].fill(ra);
            if at + length <= end {
                self.run_index = (self.run_index + 1).min(31);
            }
            at = stop;
            if at == end {
                return Some(end);
            }
        }
        let rest = self.bits.bits(J[self.run_index])? as usize;
        let stop = at + rest;
        // A run that is interrupted leaves room for the sample that does so.
        current.get_mut(at..stop).filter(|_| stop < end)?.fill(ra);
        current[stop] = self.interruption(ra, previous[stop])?;
        self.run_index = self.run_index.saturating_sub(1);
        Some(stop + 1)
    }

    fn interruption(&mut self, ra: i32, rb: i32) -> Option<i32> {
        let equal = (ra - rb).abs() <= self.p.near;
        let kind = i32::from(equal);
        let context = &self.run_contexts[equal as usize];
        let weight = context.a + if equal { context.n >> 1 } else { 0 };
        let k = golomb_order(weight, context.n);
        let limit = self.limit - J[self.run_index] - 1;
        let mapped = self.bits.golomb(k, limit, self.error_bits)?;
        let context = &mut self.run_contexts[equal as usize];
        let doubled = mapped + kind;
        let odd = doubled & 1 == 1;
        let size = (doubled + i32::from(odd)) / 2;
        let expects_negative = k != 0 || 2 * context.negative >= context.n;
        let error = if expects_negative == odd { -size } else { size };
        context.update(error, mapped, kind, self.p.reset);
        let (predicted, sign) = match (equal, ra > rb) {
            (true, _) => (ra, 1),
            (false, true) => (rb, -1),
            (false, false) => (rb, 1),
        };
        Some(self.reconstruct(predicted, sign * error))
    }

    /// A sample from its prediction and error, modulo the range (A.4.5).
    fn reconstruct(&self, predicted: i32, error: i32) -> i32 {
        let step = 2 * self.p.near + 1;
        let value = predicted + error * step;
        let wrapped = match () {
            () if value < -self.p.near => value + self.range * step,
            () if value > self.p.max_value + self.p.near => value - self.range * step,
            () => value,
        };
        wrapped.clamp(0, self.p.max_value)
    }
}

impl Context {
    fn update(&mut self, error: i32, step: i32, reset: i32) {
        self.b += error * step;
        self.a += error.abs();
        if self.n == reset {
            self.a >>= 1;
            self.b >>= 1;
            self.n >>= 1;
        }
        self.n += 1;
        if self.b <= -self.n {
            self.b = (self.b + self.n).max(1 - self.n);
            self.c = (self.c - 1).max(-128);
        } else if self.b > 0 {
            self.b = (self.b - self.n).min(0);
            self.c = (self.c + 1).min(127);
        }
    }
}

impl RunContext {
    fn update(&mut self, error: i32, mapped: i32, kind: i32, reset: i32) {
        self.negative += i32::from(error < 0);
        self.a += (mapped + 1 - kind) >> 1;
        if self.n == reset {
            self.a >>= 1;
            self.n >>= 1;
            self.negative >>= 1;
        }
        self.n += 1;
    }
}

/// The smallest k with n·2^k at least `a`.
fn golomb_order(a: i32, n: i32) -> u32 {
    (0..24).find(|&k| n << k >= a).unwrap_or(24)
}

/// Bits that number `values` different values.
fn bits_for(values: i32) -> u32 {
    (values - 1).checked_ilog2().map_or(0, |b| b + 1)
}
