//! Label maps and masks as runs: how many there are, and of each how many voxels it lies behind the one before, its length
//! and its value, packed.

use std::io::{BufReader, Read};

use flate2::read::ZlibDecoder;

use crate::volume::Runs;

use super::super::failure::Broken;
use super::packed;

const DAMAGED: Broken = Broken::Nonsense("damaged runs of voxels");

/// The voxels that are not zero.
pub(in super::super) fn coded<T: Copy + Into<u16>>(voxels: &[T]) -> Vec<u8> {
    of_runs(&Runs::of_nonzero(voxels))
}

/// Runs.
pub(in super::super) fn of_runs(runs: &Runs<u16>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut end = 0;
    put(&mut bytes, runs.iter().len() as u64);
    for run in runs.iter() {
        put(&mut bytes, (run.start - end) as u64);
        put(&mut bytes, u64::from(run.len));
        put(&mut bytes, u64::from(run.value));
        end = run.range().end;
    }
    packed(&bytes)
}

/// The `count` voxels of an array; others than those of the runs are 0.
///
/// # Errors
/// Runs that are damaged or reach beyond the array, values that no voxel of it has.
pub(in super::super) fn decoded<T: Copy + Default + TryFrom<u16>>(
    coded: &[u8],
    count: usize,
) -> Result<Vec<T>, Broken> {
    let mut from = BufReader::new(ZlibDecoder::new(coded));
    let mut voxels = vec![T::default(); count];
    let mut end = 0usize;
    for _ in 0..take(&mut from)? {
        let gap = take(&mut from)?;
        let length = take(&mut from)?;
        let value = u16::try_from(take(&mut from)?).ok();
        let value = value.and_then(|v| T::try_from(v).ok()).ok_or(DAMAGED)?;
        let start = end.checked_add(gap).ok_or(DAMAGED)?;
        end = start.checked_add(length).ok_or(DAMAGED)?;
        let run = voxels.get_mut(start..end).ok_or(DAMAGED)?;
        if run.is_empty() {
            return Err(DAMAGED);
        }
        run.fill(value);
    }
    Ok(voxels)
}

/// Seven bits a byte, the lowest first; all but the last byte have the eighth.
fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(from: &mut impl Read) -> Result<usize, Broken> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let mut byte = [0];
        from.read_exact(&mut byte).ok().ok_or(DAMAGED)?;
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return usize::try_from(value).ok().ok_or(DAMAGED);
        }
    }
    Err(DAMAGED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voxels_come_back_and_damage_is_refused() {
        let mut voxels = vec![0u16; 5000];
        voxels[0] = 3;
        voxels[7..900].fill(1);
        voxels[900..1300].fill(60_000);
        voxels[4999] = 2;
        let bytes = coded(&voxels);
        assert!(bytes.len() < 40, "{}", bytes.len());
        assert_eq!(decoded::<u16>(&bytes, 5000).unwrap(), voxels);
        assert!(decoded::<u16>(&bytes, 4999).is_err(), "beyond the end");
        assert!(decoded::<u8>(&bytes, 5000).is_err(), "no value of a mask");
        assert!(decoded::<u16>(&bytes[..bytes.len() / 2], 5000).is_err());
        assert_eq!(decoded::<u8>(&coded(&[0u8; 9]), 9).unwrap(), [0; 9]);
        let mut endless = Vec::new();
        (0..3).for_each(|_| put(&mut endless, u64::MAX >> 1));
        assert!(decoded::<u16>(&packed(&endless), 5000).is_err());
        let nothing = packed(&[1, 1, 0, 1]);
        assert!(decoded::<u16>(&nothing, 5000).is_err(), "a run of no voxel");
    }
}
