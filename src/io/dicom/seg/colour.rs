//! Recommended colours of segments: CIELab of the profile connection space (D50), 16 bits a component (PS3.3 C.10.7.1.1).

use glam::{DMat3, DVec3};

/// The white that CIELab is against.
const WHITE: DVec3 = DVec3::new(0.964_22, 1.0, 0.825_21);

/// Linear sRGB to XYZ under D50 (Bradford), by columns.
const XYZ_FROM_RGB: DMat3 = DMat3::from_cols(
    DVec3::new(0.436_074_7, 0.222_504_5, 0.013_932_2),
    DVec3::new(0.385_064_9, 0.716_878_6, 0.097_104_5),
    DVec3::new(0.143_080_4, 0.060_616_9, 0.714_173_3),
);

/// Where the cube root of CIELab gives way to a line.
const EPSILON: f64 = 216.0 / 24389.0;
const KAPPA: f64 = 24389.0 / 27.0;

/// What a component of 16 bits spans: L from 0 to 100, a and b from -128 to 127.
const FULL: f64 = 65535.0;

/// The stored components of an sRGB colour.
pub(super) fn lab_from_rgb(rgb: [u8; 3]) -> [u16; 3] {
    let linear = rgb.map(|c| {
        let c = f64::from(c) / 255.0;
        match c <= 0.04045 {
            true => c / 12.92,
            false => ((c + 0.055) / 1.055).powf(2.4),
        }
    });
    let xyz = XYZ_FROM_RGB * DVec3::from_array(linear) / WHITE;
    let [x, y, z] = xyz.to_array().map(|t| match t > EPSILON {
        true => t.cbrt(),
        false => (KAPPA * t + 16.0) / 116.0,
    });
    let (lightness, a, b) = (116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z));
    let stored = [lightness / 100.0, (a + 128.0) / 255.0, (b + 128.0) / 255.0];
    stored.map(|v| (v * FULL).round().clamp(0.0, FULL) as u16)
}

/// The sRGB colour of stored components.
pub(super) fn rgb_from_lab(stored: [u16; 3]) -> [u8; 3] {
    let [l, a, b] = stored.map(|v| f64::from(v) / FULL);
    let (lightness, a, b) = (l * 100.0, a * 255.0 - 128.0, b * 255.0 - 128.0);
    let y = (lightness + 16.0) / 116.0;
    let xyz = [y + a / 500.0, y, y - b / 200.0].map(|f| match f.powi(3) > EPSILON {
        true => f.powi(3),
        false => (116.0 * f - 16.0) / KAPPA,
    });
    let linear = XYZ_FROM_RGB.inverse() * (DVec3::from_array(xyz) * WHITE);
    linear.to_array().map(|c| {
        let c = match c <= 0.003_130_8 {
            true => 12.92 * c,
            false => 1.055 * c.powf(1.0 / 2.4) - 0.055,
        };
        (c * 255.0).round().clamp(0.0, 255.0) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::{lab_from_rgb, rgb_from_lab};

    #[test]
    fn colours_come_back() {
        for rgb in [
            [0, 0, 0],
            [255, 255, 255],
            [221, 130, 101],
            [0, 0, 255],
            [1, 2, 3],
        ] {
            assert_eq!(rgb_from_lab(lab_from_rgb(rgb)), rgb);
        }
        // White is L 100, a and b 0; red is L 54.29, a 80.81, b 69.89 under D50.
        assert_eq!(lab_from_rgb([255, 255, 255])[0], 65535);
        let red = lab_from_rgb([255, 0, 0]).map(f64::from);
        let expected = [
            54.29 / 100.0,
            (80.81 + 128.0) / 255.0,
            (69.89 + 128.0) / 255.0,
        ];
        for (value, expected) in red.into_iter().zip(expected) {
            assert!((value / 65535.0 - expected).abs() < 2e-4, "{red:?}");
        }
    }
}
