//! Where values fall into two classes.

/// The value that divides sorted finite values best into two classes (Otsu: the largest variance between them), the lower
/// one included, and the share of their variance that the classes explain; `None` where all are the same.
pub(super) fn best_cut(sorted: &[f64]) -> Option<(f64, f64)> {
    let count = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / count;
    let variance = sorted.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
    let mut below = 0.0;
    let mut best: Option<(f64, f64)> = None;
    for (n, pair) in sorted.windows(2).enumerate() {
        // From the mean, so that large values cost no digits.
        below += pair[0] - mean;
        if pair[0] == pair[1] {
            continue;
        }
        let share = (n as f64 + 1.0) / count;
        let between = (below / count).powi(2) / (share * (1.0 - share));
        if best.is_none_or(|(_, most)| between > most) {
            best = Some((pair[0], between));
        }
    }
    best.map(|(cut, between)| (cut, between / variance))
}
