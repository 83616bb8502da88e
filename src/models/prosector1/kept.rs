//! What was made of parts of scans last, so that a further click need not make it again.

use crate::models::ScanKey;
use crate::models::recent::Recent;
use crate::volume::Grid;

/// Results by scan and grid. What previews alone have asked for is apart, so that after them the same is found as before.
#[derive(Debug)]
pub(super) struct Kept<T> {
    asked: Recent<(ScanKey, Grid), T>,
    glimpsed: Recent<(ScanKey, Grid), T>,
}

impl<T: Clone> Kept<T> {
    /// Room for so many results that were asked for, and so many of previews.
    pub fn new(asked: usize, glimpsed: usize) -> Self {
        Self {
            asked: Recent::new(asked),
            glimpsed: Recent::new(glimpsed),
        }
    }

    /// The result of a grid; what a preview has made is taken over by the click that it was the preview of.
    pub fn find(&self, key: &(ScanKey, Grid), is_preview: bool) -> Option<T> {
        if is_preview {
            let known = self.asked.peek_where(|k| k == key);
            return known.or_else(|| self.glimpsed.find(key));
        }
        self.asked.find(key).or_else(|| {
            let known = self.glimpsed.find(key)?;
            self.asked.insert(*key, known.clone());
            Some(known)
        })
    }

    /// A result of the scan on whose grid `fits` holds; never one that only previews have seen.
    pub fn find_where(
        &self,
        scan: ScanKey,
        is_preview: bool,
        fits: impl Fn(&Grid) -> bool,
    ) -> Option<T> {
        let fits = |(of, grid): &(ScanKey, Grid)| *of == scan && fits(grid);
        match is_preview {
            true => self.asked.peek_where(fits),
            false => self.asked.find_where(fits),
        }
    }

    /// Keeps a result.
    pub fn insert(&self, key: (ScanKey, Grid), is_preview: bool, result: T) {
        let of = if is_preview {
            &self.glimpsed
        } else {
            &self.asked
        };
        of.insert(key, result);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.asked.clear();
        self.glimpsed.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::Affine;

    #[test]
    fn what_a_preview_made_is_found_by_its_click_and_by_nothing_else() {
        let grid = |side| Grid::new([side; 3], Affine::from_spacing([1.0; 3], [0.0; 3]));
        let (scan, kept) = (ScanKey(1), Kept::new(2, 2));
        kept.insert((scan, grid(4)), true, "glimpsed");
        assert_eq!(kept.find_where(scan, false, |_| true), None);
        assert_eq!(kept.find_where(scan, true, |_| true), None);
        assert_eq!(kept.find(&(scan, grid(4)), true), Some("glimpsed"));
        assert_eq!(
            kept.find(&(ScanKey(2), grid(4)), false),
            None,
            "another scan"
        );
        assert_eq!(kept.find(&(scan, grid(4)), false), Some("glimpsed"));
        let now = kept.find_where(scan, false, |g| g.dims[0] < 5);
        assert_eq!(now, Some("glimpsed"), "the click has taken it over");
        kept.clear();
        assert_eq!(kept.find(&(scan, grid(4)), false), None);
    }
}
