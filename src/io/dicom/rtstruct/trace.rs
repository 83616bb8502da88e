//! Outlines of a slice's pixels along their edges: exact, whatever fills them by the even-odd rule at pixel centres.

use std::collections::HashMap;

/// Directions from a corner to the next: right, down, left, up.
const STEPS: [[isize; 2]; 4] = [[1, 0], [0, 1], [-1, 0], [0, -1]];

/// A corner of pixels, counted from the outer corner of the first pixel.
type Corner = [i32; 2];

/// The closed outlines of the pixels that are inside (`columns` a row), the last point joined to the first, half a pixel
/// off centres: `[-0.5, -0.5]` is the outer corner of the first pixel.
///
/// Pixels that touch at a corner only have outlines of their own. A hole belongs to the outline around it, by a channel of
/// no width along the pixels' edges: programs that fill contour by contour see it too.
pub(super) fn outlines(inside: &[bool], columns: usize) -> Vec<Vec<[f64; 2]>> {
    let mut edges = Edges::of(inside, columns);
    let mut found = Vec::new();
    for start in 0..edges.leaving.len() {
        while edges.leaving[start] != 0 {
            found.push(edges.follow(start));
        }
    }
    join_holes(&mut found);
    let half_off = |&[x, y]: &Corner| [f64::from(x) - 0.5, f64::from(y) - 0.5];
    let found = found.iter().filter(|outline| !outline.is_empty());
    found
        .map(|outline| turns(outline).iter().map(half_off).collect())
        .collect()
}

/// The edges between inside and outside, by the corners that they leave. The inside lies on their right hand.
struct Edges {
    /// A bit for each direction.
    leaving: Vec<u8>,
    /// Corners in a row.
    across: usize,
}

impl Edges {
    fn of(inside: &[bool], columns: usize) -> Self {
        let rows = inside.len() / columns;
        let across = columns + 1;
        let mut leaving = vec![0_u8; across * (rows + 1)];
        let is_inside = |i: isize, j: isize| {
            let on_slice = (0..columns as isize).contains(&i) && (0..rows as isize).contains(&j);
            on_slice && inside[j as usize * columns + i as usize]
        };
        for j in 0..rows {
            for i in (0..columns).filter(|i| inside[j * columns + i]) {
                let (x, y) = (i as isize, j as isize);
                // Clockwise: top edge, right, bottom, left.
                let corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)];
                let beyond = [(x, y - 1), (x + 1, y), (x, y + 1), (x - 1, y)];
                let sides = corners.into_iter().zip(beyond).enumerate();
                for (direction, ((cx, cy), (bx, by))) in sides {
                    if !is_inside(bx, by) {
                        leaving[cy * across + cx] |= 1 << direction;
                    }
                }
            }
        }
        Self { leaving, across }
    }

    /// Takes the edges of one outline out: all the corners that it passes.
    fn follow(&mut self, start: usize) -> Vec<Corner> {
        let mut corners = Vec::new();
        let mut at = start;
        let mut direction = self.leaving[start].trailing_zeros() as usize;
        loop {
            corners.push([(at % self.across) as i32, (at / self.across) as i32]);
            self.leaving[at] &= !(1 << direction);
            let [dx, dy] = STEPS[direction];
            at = at.wrapping_add_signed(dx + dy * self.across as isize);
            // Right turn first: it stays with the pixel that it came along.
            let next = [1, 0, 3].map(|turn| (direction + turn) % 4);
            match next.into_iter().find(|d| self.leaving[at] >> d & 1 == 1) {
                Some(next) if at != start => direction = next,
                _ => return corners,
            }
        }
    }
}

/// Puts every hole into the outline that its first corner meets to the left, and leaves it empty.
fn join_holes(outlines: &mut [Vec<Corner>]) {
    let first = |outline: &[Corner]| outline.iter().map(|&[x, y]| [y, x]).min();
    let holes = outlines.iter().enumerate().filter(|(_, o)| area(o) < 0);
    let mut holes: Vec<(Corner, usize)> = holes
        .filter_map(|(n, outline)| Some((first(outline)?, n)))
        .collect();
    if holes.is_empty() {
        return;
    }
    let mut owner = HashMap::new();
    for (n, outline) in outlines.iter().enumerate() {
        owner.extend(outline.iter().map(|&corner| (corner, n)));
    }
    // What a hole meets begins before it, so that a hole has all its own holes when it is put into another outline.
    holes.sort_unstable_by(|a, b| b.cmp(a));
    for ([y, x], hole) in holes {
        let met = (0..x).rev().find_map(|left| {
            let corner = [left, y];
            let other = owner.get(&corner).filter(|&&other| other != hole)?;
            Some((corner, *other))
        });
        let Some((corner, other)) = met else {
            continue;
        };
        let Some(at) = outlines[other].iter().position(|c| *c == corner) else {
            continue;
        };
        let mut ring = std::mem::take(&mut outlines[hole]);
        let start = ring.iter().position(|c| *c == [x, y]).unwrap_or(0);
        ring.rotate_left(start);
        let there_and_back = ring.into_iter().chain([[x, y], corner]);
        outlines[other].splice(at + 1..at + 1, there_and_back);
    }
}

/// Twice the area; negative for holes.
fn area(outline: &[Corner]) -> i64 {
    let pairs = outline.iter().zip(outline.iter().cycle().skip(1));
    pairs
        .map(|(a, b)| i64::from(a[0]) * i64::from(b[1]) - i64::from(b[0]) * i64::from(a[1]))
        .sum()
}

/// The corners at which an outline turns.
fn turns(outline: &[Corner]) -> Vec<Corner> {
    let n = outline.len();
    let direction =
        |from: Corner, to: Corner| [(to[0] - from[0]).signum(), (to[1] - from[1]).signum()];
    (0..n)
        .filter(|&i| {
            let (before, at, after) = (outline[(i + n - 1) % n], outline[i], outline[(i + 1) % n]);
            direction(before, at) != direction(at, after)
        })
        .map(|i| outline[i])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::outlines;

    fn area(outline: &[[f64; 2]]) -> f64 {
        let pairs = outline.iter().zip(outline.iter().cycle().skip(1));
        pairs.map(|(a, b)| (a[0] * b[1] - b[0] * a[1]) / 2.0).sum()
    }

    fn areas(inside: &[u8], columns: usize) -> Vec<f64> {
        let inside: Vec<bool> = inside.iter().map(|&v| v == 1).collect();
        let mut areas: Vec<f64> = outlines(&inside, columns).iter().map(|o| area(o)).collect();
        areas.sort_by(f64::total_cmp);
        areas
    }

    #[test]
    fn holes_belong_to_the_outline_around_them() {
        // A ring, and a pixel that touches it at a corner.
        #[rustfmt::skip]
        let ring = [
            1, 1, 1, 0,
            1, 0, 1, 0,
            1, 1, 1, 0,
            0, 0, 0, 1,
        ];
        assert_eq!(areas(&ring, 4), [1.0, 8.0]);
        // Two holes side by side, of which the right one meets the left one; an island in a hole.
        #[rustfmt::skip]
        let nested = [
            1, 1, 1, 1, 1, 1, 1, 1, 1,
            1, 0, 1, 0, 0, 0, 0, 0, 1,
            1, 1, 1, 0, 1, 1, 1, 0, 1,
            1, 1, 1, 0, 1, 0, 1, 0, 1,
            1, 1, 1, 0, 1, 1, 1, 0, 1,
            1, 1, 1, 0, 0, 0, 0, 0, 1,
            1, 1, 1, 1, 1, 1, 1, 1, 1,
        ];
        assert_eq!(areas(&nested, 9), [8.0, 63.0 - 1.0 - 25.0]);
    }

    #[test]
    fn one_pixel_and_a_whole_slice() {
        let one = outlines(&[true], 1);
        let square = [[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]];
        assert_eq!(one, [square]);
        let whole = outlines(&[true; 12], 4);
        assert_eq!((whole.len(), whole[0].len(), area(&whole[0])), (1, 4, 12.0));
        assert!(outlines(&[false; 12], 4).is_empty());
    }
}
