//! Lengths in messages.

/// A length with so many decimals, or more where it would vanish.
pub(super) fn digits(mm: f64, decimals: usize) -> String {
    precise(mm, mm, decimals)
}

/// A number with so many decimals, or as many as show a length of `size_mm` by two digits.
pub(super) fn precise(mm: f64, size_mm: f64, decimals: usize) -> String {
    let needed = (1.0 - size_mm.abs().max(1e-9).log10().floor()).max(0.0) as usize;
    let decimals = match size_mm.abs() < 0.1 {
        true => decimals.max(needed),
        false => decimals,
    };
    format!("{mm:.decimals$}")
}
