//! Numbers, texts and lists as bytes: LEB128 varints, little-endian floats.

/// What a record holds does not make sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonsense;

/// Something that is written as bytes and read back.
pub trait Coded: Sized {
    /// Appends it.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes it from the front.
    ///
    /// # Errors
    /// The bytes end too early or mean nothing.
    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense>;
}

/// Bytes that are read from the front.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    /// The next `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8], Nonsense> {
        let (front, rest) = self.0.split_at_checked(len).ok_or(Nonsense)?;
        self.0 = rest;
        Ok(front)
    }

    /// How many things follow: never more than there are bytes, so that no damaged count asks for much memory.
    pub fn count(&mut self) -> Result<usize, Nonsense> {
        let count = usize::read(self)?;
        (count <= self.0.len()).then_some(count).ok_or(Nonsense)
    }

    /// Nothing may be left over.
    pub fn end(self) -> Result<(), Nonsense> {
        self.0.is_empty().then_some(()).ok_or(Nonsense)
    }
}

impl Coded for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        let mut left = *self;
        while left >= 0x80 {
            out.push(left as u8 | 0x80);
            left >>= 7;
        }
        out.push(left as u8);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        let mut value = 0;
        for shift in (0..Self::BITS).step_by(7) {
            let byte = u8::read(input)?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(Nonsense);
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Nonsense)
    }
}

impl Coded for u8 {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        Ok(input.bytes(1)?[0])
    }
}

impl Coded for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        match u8::read(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Nonsense),
        }
    }
}

macro_rules! as_u64 {
    ($($number:ty),+) => {
        $(impl Coded for $number {
            fn put(&self, out: &mut Vec<u8>) {
                (*self as u64).put(out);
            }

            fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
                Self::try_from(u64::read(input)?).ok().ok_or(Nonsense)
            }
        })+
    };
}

as_u64!(u16, u32, usize);

impl Coded for i64 {
    /// Zigzag: small numbers of either sign are short.
    fn put(&self, out: &mut Vec<u8>) {
        (((*self << 1) ^ (*self >> 63)) as u64).put(out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        let coded = u64::read(input)?;
        Ok((coded >> 1) as Self ^ -((coded & 1) as Self))
    }
}

impl Coded for f32 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        let bytes = input.bytes(4)?.try_into().ok().ok_or(Nonsense)?;
        Ok(Self::from_le_bytes(bytes))
    }
}

impl Coded for f64 {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        let bytes = input.bytes(8)?.try_into().ok().ok_or(Nonsense)?;
        Ok(Self::from_le_bytes(bytes))
    }
}

impl Coded for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_text(self, out);
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        let len = input.count()?;
        let text = std::str::from_utf8(input.bytes(len)?)
            .ok()
            .ok_or(Nonsense)?;
        Ok(text.to_owned())
    }
}

/// Appends a text as [`String`] reads it.
pub fn put_text(text: &str, out: &mut Vec<u8>) {
    text.len().put(out);
    out.extend(text.as_bytes());
}

impl<T: Coded> Coded for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        Ok(match bool::read(input)? {
            true => Some(T::read(input)?),
            false => None,
        })
    }
}

impl<T: Coded> Coded for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        for value in self {
            value.put(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        (0..input.count()?).map(|_| T::read(input)).collect()
    }
}

impl<T: Coded, const N: usize> Coded for [T; N] {
    fn put(&self, out: &mut Vec<u8>) {
        for value in self {
            value.put(out);
        }
    }

    fn read(input: &mut Input<'_>) -> Result<Self, Nonsense> {
        let values: Vec<T> = (0..N).map(|_| T::read(input)).collect::<Result<_, _>>()?;
        values.try_into().ok().ok_or(Nonsense)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coded<T: Coded>(value: &T) -> Vec<u8> {
        let mut bytes = Vec::new();
        value.put(&mut bytes);
        bytes
    }

    #[test]
    fn numbers_are_as_short_as_leb128_says_and_come_back() {
        for (value, bytes) in [
            (0u64, vec![0]),
            (127, vec![0x7f]),
            (128, vec![0x80, 1]),
            (624_485, vec![0xe5, 0x8e, 0x26]),
            (u64::MAX, [vec![0xff; 9], vec![1]].concat()),
        ] {
            assert_eq!(coded(&value), bytes);
            assert_eq!(u64::read(&mut Input(&bytes)), Ok(value));
        }
        for (value, bytes) in [
            (0i64, vec![0]),
            (-1, vec![1]),
            (1, vec![2]),
            (-64, vec![0x7f]),
        ] {
            assert_eq!(coded(&value), bytes);
            assert_eq!(i64::read(&mut Input(&bytes)), Ok(value));
        }
        for value in [i64::MIN, i64::MAX] {
            assert_eq!(i64::read(&mut Input(&coded(&value))), Ok(value));
        }
    }

    #[test]
    fn what_is_too_large_too_long_or_cut_off_is_refused() {
        assert_eq!(u64::read(&mut Input(&[0xff; 10])), Err(Nonsense));
        assert_eq!(u64::read(&mut Input(&[0x80])), Err(Nonsense));
        assert_eq!(u16::read(&mut Input(&coded(&65_536u64))), Err(Nonsense));
        let many = [coded(&u64::MAX), vec![0; 8]].concat();
        assert_eq!(Vec::<u64>::read(&mut Input(&many)), Err(Nonsense));
        assert_eq!(String::read(&mut Input(&[2, 0xc3, 0x28])), Err(Nonsense));
        assert_eq!(bool::read(&mut Input(&[2])), Err(Nonsense));
        assert_eq!(Input(&[0]).end(), Err(Nonsense));
    }
}
