//! The colours that labels are given.

use prosector::volume::LabelTable;

/// A colour in CIELAB under D65, from the definitions of sRGB and CIE 1976.
fn lab([r, g, b]: [u8; 3]) -> [f64; 3] {
    let linear = [r, g, b].map(|v| {
        let v = f64::from(v) / 255.0;
        if v <= 0.04045 {
            v / 12.92
        } else {
            ((v + 0.055) / 1.055).powf(2.4)
        }
    });
    const XYZ: [[f64; 3]; 3] = [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ];
    let white = [0.95047, 1.0, 1.08883];
    let [x, y, z]: [f64; 3] = std::array::from_fn(|row| {
        let sum: f64 = (0..3).map(|n| XYZ[row][n] * linear[n]).sum();
        let t = sum / white[row];
        let small = 6.0 / 29.0;
        if t > f64::powi(small, 3) {
            t.cbrt()
        } else {
            t / (3.0 * small * small) + 4.0 / 29.0
        }
    });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

#[test]
fn the_first_forty_colours_of_labels_are_told_apart() {
    let red = lab([255, 0, 0]);
    assert!(
        (red[0] - 53.24).abs() < 0.05 && (red[1] - 80.09).abs() < 0.05,
        "{red:?}"
    );
    let colours: Vec<_> = (1..=40)
        .map(|v| lab(LabelTable::palette_color(v)))
        .collect();
    let distance = |a: [f64; 3], b: [f64; 3]| {
        a.iter()
            .zip(b)
            .map(|(a, b)| (a - b).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    for (n, &a) in colours.iter().enumerate() {
        for &b in &colours[..n] {
            assert!(distance(a, b) > 25.0, "{n}: {}", distance(a, b));
        }
        assert!(a[0] > 40.0, "dark colours are not seen on a scan: {n}");
    }
}
