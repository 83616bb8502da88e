//! Adaptive binary arithmetic coding: a bit takes as much space as it is a surprise.

/// How likely a bit is 1, in 1/65536, learnt from those before: the mean of an estimate that follows quickly and one that
/// follows slowly.
#[derive(Clone, Copy)]
pub(super) struct Chance {
    quick: u16,
    slow: u16,
    seen: u8,
}

/// Both estimates start fast and slow down to a step of 2⁻⁴ and 2⁻⁷.
const QUICK: u8 = 4;
const SLOW: u8 = 7;

impl Chance {
    /// Before any bit was seen.
    pub const UNKNOWN: Self = Self {
        quick: 1 << 15,
        slow: 1 << 15,
        seen: 0,
    };

    /// The estimates never reach the ends, so neither does their mean.
    fn of_one(self) -> u64 {
        (u64::from(self.quick) + u64::from(self.slow)) / 2
    }

    fn learn(&mut self, bit: bool) {
        self.seen = (self.seen + 1).min(SLOW);
        for (estimate, slowest) in [(&mut self.quick, QUICK), (&mut self.slow, SLOW)] {
            let shift = self.seen.min(slowest);
            if bit {
                *estimate += (u16::MAX - *estimate) >> shift;
            } else {
                *estimate -= *estimate >> shift;
            }
        }
    }
}

/// Codes bits one way: a model that is written once both writes and reads.
pub(super) trait BitCoder {
    /// Writes `bit`, or reads one and ignores `bit`; the one written or read.
    fn code(&mut self, chance: &mut Chance, bit: bool) -> bool;
}

/// The numbers that begin like all that was coded so far.
struct Interval {
    low: u32,
    high: u32,
}

impl Interval {
    const WHOLE: Self = Self {
        low: 0,
        high: u32::MAX,
    };

    /// The last number of the part that stands for 1, which comes first.
    fn last_of_one(&self, chance: Chance) -> u32 {
        self.low + ((u64::from(self.high - self.low) * chance.of_one()) >> 16) as u32
    }

    fn narrow(&mut self, bit: bool, last_of_one: u32) {
        if bit {
            self.high = last_of_one;
        } else {
            self.low = last_of_one + 1;
        }
    }

    /// Drops and gives the first byte, if all numbers share it.
    fn shared_byte(&mut self) -> Option<u8> {
        if (self.low ^ self.high) >> 24 != 0 {
            return None;
        }
        let byte = (self.high >> 24) as u8;
        self.low <<= 8;
        self.high = self.high << 8 | 0xff;
        Some(byte)
    }
}

/// Writes bits.
pub(super) struct BitWriter {
    interval: Interval,
    bytes: Vec<u8>,
}

impl BitWriter {
    pub fn new() -> Self {
        Self {
            interval: Interval::WHOLE,
            bytes: Vec::new(),
        }
    }

    /// The bytes; whoever reads them takes what follows for zeros.
    pub fn finish(mut self) -> Vec<u8> {
        // Ends of the interval differ in their first byte, so this one and zeros lie in it.
        self.bytes.push((self.interval.low >> 24) as u8 + 1);
        self.bytes
    }
}

impl BitCoder for BitWriter {
    fn code(&mut self, chance: &mut Chance, bit: bool) -> bool {
        let last_of_one = self.interval.last_of_one(*chance);
        self.interval.narrow(bit, last_of_one);
        self.bytes
            .extend(std::iter::from_fn(|| self.interval.shared_byte()));
        chance.learn(bit);
        bit
    }
}

/// Reads bits.
pub(super) struct BitReader<'a> {
    interval: Interval,
    number: u32,
    bytes: std::slice::Iter<'a, u8>,
}

impl<'a> BitReader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let mut reader = Self {
            interval: Interval::WHOLE,
            number: 0,
            bytes: bytes.iter(),
        };
        for _ in 0..4 {
            reader.take_byte();
        }
        reader
    }

    fn take_byte(&mut self) {
        let byte = self.bytes.next().copied().unwrap_or(0);
        self.number = self.number << 8 | u32::from(byte);
    }
}

impl BitCoder for BitReader<'_> {
    fn code(&mut self, chance: &mut Chance, _: bool) -> bool {
        let last_of_one = self.interval.last_of_one(*chance);
        let bit = self.number <= last_of_one;
        self.interval.narrow(bit, last_of_one);
        while self.interval.shared_byte().is_some() {
            self.take_byte();
        }
        chance.learn(bit);
        bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn bits_come_back_and_take_what_their_surprise_takes() {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
        let bits: Vec<bool> = (0..40_000).map(|_| rng.random_bool(0.03)).collect();
        let (mut writer, mut chance) = (BitWriter::new(), Chance::UNKNOWN);
        for &bit in &bits {
            writer.code(&mut chance, bit);
        }
        let bytes = writer.finish();
        let entropy = -(0.03 * 0.03f64.log2() + 0.97 * 0.97f64.log2()) * 40_000.0 / 8.0;
        assert!((bytes.len() as f64) < 1.1 * entropy, "{}", bytes.len());
        let (mut reader, mut chance) = (BitReader::new(&bytes), Chance::UNKNOWN);
        let read: Vec<bool> = bits
            .iter()
            .map(|_| reader.code(&mut chance, false))
            .collect();
        assert_eq!(read, bits);
    }
}
