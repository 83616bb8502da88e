//! Frames of one bit a pixel: one stream of bits, the lowest first, without padding between rows or frames.

/// Sets the bits of a frame's pixels that belong to a segment.
pub(super) fn pack(stream: &mut [u8], frame: usize, pixels: impl ExactSizeIterator<Item = bool>) {
    let start = frame * pixels.len();
    for (n, _) in pixels.enumerate().filter(|p| p.1) {
        let at = start + n;
        stream[at / 8] |= 1 << (at % 8);
    }
}

/// The bytes of a stream of so many bits, filled up to an even number.
pub(super) fn stream_bytes(bits: usize) -> usize {
    bits.div_ceil(8).next_multiple_of(2)
}

/// The bytes that hold a frame of `pixels`, and which bit of the first is its first.
pub(super) fn span(frame: usize, pixels: usize) -> (std::ops::Range<u64>, usize) {
    let (first, last) = (
        frame as u64 * pixels as u64,
        (frame as u64 + 1) * pixels as u64,
    );
    (first / 8..last.div_ceil(8), (first % 8) as usize)
}

/// Whether each pixel is set, from the bytes of [`span`].
pub(super) fn unpack(bytes: &[u8], first: usize, pixels: usize) -> impl Iterator<Item = bool> {
    (first..first + pixels).map(|at| bytes[at / 8] >> (at % 8) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::{pack, span, stream_bytes, unpack};

    #[test]
    fn frames_follow_each_other_within_bytes() {
        // Frames of 5 pixels: bits 0-4, 5-9, 10-14.
        let frames = [0b1_0011_u8, 0b0_1110, 0b1_0101];
        let mut stream = vec![0; stream_bytes(15)];
        for (n, frame) in frames.iter().enumerate() {
            pack(&mut stream, n, (0..5).map(|i| frame >> i & 1 == 1));
        }
        assert_eq!(stream, [0b1101_0011, 0b0101_0101]);
        for (n, frame) in frames.iter().enumerate() {
            let (range, first) = span(n, 5);
            let bytes = &stream[range.start as usize..range.end as usize];
            let read: Vec<bool> = unpack(bytes, first, 5).collect();
            let expected: Vec<bool> = (0..5).map(|i| frame >> i & 1 == 1).collect();
            assert_eq!(read, expected);
        }
        assert_eq!(stream_bytes(17), 4);
    }
}
