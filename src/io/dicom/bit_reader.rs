//! Reading bits of JPEG-LS scan data, stuffed bits removed.

/// Most significant bit first. The byte after 0xFF carries seven bits; 0xFF before a byte above 0x7F
/// is a marker and ends the data.
#[derive(Debug)]
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    at: usize,
    /// Bits read ahead, the next one topmost.
    cache: u64,
    cached: u32,
}

impl<'a> BitReader<'a> {
    /// Reads from the first byte of the scan data.
    pub fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            cache: 0,
            cached: 0,
        }
    }

    fn fill(&mut self) {
        while self.cached <= 56 {
            let Some(&byte) = self.data.get(self.at) else {
                return;
            };
            let after_ff = self.at > 0 && self.data[self.at - 1] == 0xFF;
            let next = self.data.get(self.at + 1).copied();
            if byte == 0xFF && next.is_none_or(|n| n > 0x7F) {
                return;
            }
            let width = if after_ff { 7 } else { 8 };
            self.cache |= u64::from(byte) << (64 - width - self.cached);
            self.cached += width;
            self.at += 1;
        }
    }

    /// The next `count` bits (at most 32); `None` when the data ends.
    pub fn bits(&mut self, count: u32) -> Option<u32> {
        if count == 0 {
            return Some(0);
        }
        if self.cached < count {
            self.fill();
        }
        self.cached = self.cached.checked_sub(count)?;
        let value = (self.cache >> (64 - count)) as u32;
        self.cache <<= count;
        Some(value)
    }

    /// The next bit.
    pub fn bit(&mut self) -> Option<bool> {
        self.bits(1).map(|b| b == 1)
    }

    /// A Golomb code of order `k` and limited length (A.5.3); an escape has `escape_bits`.
    pub fn golomb(&mut self, k: u32, limit: u32, escape_bits: u32) -> Option<i32> {
        let longest = limit.checked_sub(escape_bits + 1)?;
        let mut prefix = 0;
        while !self.bit()? {
            prefix += 1;
            if prefix > longest {
                return None;
            }
        }
        match prefix < longest {
            true => Some(((prefix << k) + self.bits(k)?) as i32),
            false => Some(self.bits(escape_bits)? as i32 + 1),
        }
    }
}
