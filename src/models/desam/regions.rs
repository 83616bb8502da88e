//! Small holes and islands of a 2D mask, as SAM's `remove_small_regions` finds them.

/// Takes out what is smaller than `least` pixels: holes are filled first, then islands dropped; where all islands are
/// small the largest stays. Returns whether anything was small.
pub fn remove_small_regions(mask: &mut [bool], width: usize, least: usize) -> bool {
    let filled = fill_small_holes(mask, width, least);
    let dropped = drop_small_islands(mask, width, least);
    filled || dropped
}

fn fill_small_holes(mask: &mut [bool], width: usize, least: usize) -> bool {
    let background: Vec<bool> = mask.iter().map(|m| !m).collect();
    let (regions, sizes) = eight_connected(&background, width);
    let small = |region: u32| region > 0 && sizes[region as usize - 1] < least;
    for (pixel, &region) in mask.iter_mut().zip(&regions) {
        *pixel |= small(region);
    }
    sizes.iter().any(|&size| size < least)
}

fn drop_small_islands(mask: &mut [bool], width: usize, least: usize) -> bool {
    let (regions, sizes) = eight_connected(mask, width);
    if sizes.iter().all(|&size| size >= least) {
        return false;
    }
    let any_large = sizes.iter().any(|&size| size >= least);
    let largest = sizes.iter().copied().max().unwrap_or(0);
    let first_largest = sizes.iter().position(|&size| size == largest);
    let kept = |region: usize| match any_large {
        true => sizes[region] >= least,
        false => Some(region) == first_largest,
    };
    for (pixel, &region) in mask.iter_mut().zip(&regions) {
        *pixel = region > 0 && kept(region as usize - 1);
    }
    true
}

/// 8-connected regions numbered from 1, and their sizes.
///
/// OpenCV numbers regions in the order in which a scan in blocks of 2×2 pixels meets them, and which of two equally
/// large islands is the first depends on it.
fn eight_connected(mask: &[bool], width: usize) -> (Vec<u32>, Vec<usize>) {
    let height = mask.len() / width.max(1);
    let mut regions = vec![0u32; mask.len()];
    let mut sizes = Vec::new();
    let mut open = Vec::new();
    for block in blocks(height, width) {
        for start in block {
            if !mask[start] || regions[start] > 0 {
                continue;
            }
            let number = sizes.len() as u32 + 1;
            let mut size = 0;
            regions[start] = number;
            open.push(start);
            while let Some(pixel) = open.pop() {
                size += 1;
                for next in neighbours(pixel, height, width) {
                    if mask[next] && regions[next] == 0 {
                        regions[next] = number;
                        open.push(next);
                    }
                }
            }
            sizes.push(size);
        }
    }
    (regions, sizes)
}

/// The pixels of each 2×2 block, row of blocks by row of blocks.
fn blocks(height: usize, width: usize) -> impl Iterator<Item = impl Iterator<Item = usize>> {
    let columns = width.div_ceil(2);
    (0..height.div_ceil(2) * columns).map(move |block| {
        let (row, column) = (2 * (block / columns), 2 * (block % columns));
        [(0, 0), (0, 1), (1, 0), (1, 1)]
            .into_iter()
            .map(move |(y, x)| (row + y, column + x))
            .filter(move |&(y, x)| y < height && x < width)
            .map(move |(y, x)| y * width + x)
    })
}

fn neighbours(pixel: usize, height: usize, width: usize) -> impl Iterator<Item = usize> {
    let (row, column) = (pixel / width, pixel % width);
    let rows = row.saturating_sub(1)..=(row + 1).min(height - 1);
    rows.flat_map(move |y| {
        let columns = column.saturating_sub(1)..=(column + 1).min(width - 1);
        columns.map(move |x| y * width + x)
    })
}
