//! Which slices of the user's scans a network of slices learns from.

use super::super::teacher::Learned;

/// Which slices a network learns from.
#[derive(Clone, Copy)]
pub(super) struct Choice {
    /// Of a lesson at most: encoding or preparing more takes too long, and neighbours are alike.
    pub most: usize,
    /// Whether as many without the structure are shown as with it.
    pub others: bool,
}

/// The slices of a case out of those that may be shown, evenly spread; `cases` share what a lesson takes.
pub(super) fn chosen(
    learned: &Learned<'_>,
    is_shown: impl Fn(usize) -> bool,
    (choice, cases): (Choice, usize),
) -> Vec<usize> {
    let most = choice.most / cases.max(1);
    let with_most = if choice.others {
        most.div_ceil(2)
    } else {
        most
    };
    let target = learned.target();
    let [ni, nj, nk] = target.grid.dims;
    let shows = |k: &usize| target.voxels[k * ni * nj..][..ni * nj].contains(&1);
    let shown = (0..nk).filter(|&k| is_shown(k));
    let (with, without): (Vec<usize>, Vec<usize>) = shown.partition(shows);
    let with = spread(&with, with_most.max(1));
    let others = match choice.others {
        true => spread(&without, with.len().max(1)),
        false => Vec::new(),
    };
    let mut slices = [with, others].concat();
    slices.sort_unstable();
    slices
}

/// So many of some at most, evenly spread over them.
fn spread(all: &[usize], most: usize) -> Vec<usize> {
    let count = all.len().min(most);
    (0..count)
        .map(|n| all[(2 * n + 1) * all.len() / (2 * count)])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_spread_over_all() {
        let all: Vec<usize> = (10..20).collect();
        assert_eq!(spread(&all, 2), [12, 17]);
        assert_eq!(spread(&all, 20), all);
        assert_eq!(spread(&[], 3), [0usize; 0]);
    }
}
