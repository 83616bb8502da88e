//! Colours, sizes and fonts of the window. Nothing is hard-coded elsewhere.
//!
//! Made for a dark reading room: views are black, panels a little above black, text is a soft grey, and only what the user
//! should notice has colour. In a bright room panels may be light; the views stay black.

use std::sync::Arc;

use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Stroke,
    Style, TextStyle, Theme, Visuals,
};

/// Behind the scan.
pub const VIEW_BACKGROUND: Color32 = Color32::BLACK;
/// Colours of panels and of what stands on them.
pub struct Colours {
    /// Behind panels and bars.
    pub panel: Color32,
    /// Behind text fields and lists.
    pub sunken: Color32,
    /// Behind every other row of a table.
    pub striped: Color32,
    /// Buttons at rest.
    pub button: Color32,
    /// Buttons under the pointer.
    pub button_hovered: Color32,
    /// Around buttons under the pointer.
    pub button_line: Color32,
    /// Lines between panels and around windows.
    pub line: Color32,
    /// Text.
    pub text: Color32,
    /// Text under the pointer.
    pub text_hovered: Color32,
    /// Text of less weight.
    pub text_weak: Color32,
    /// What is switched off.
    pub faint: Color32,
    /// Lines and text in the colour of [`ACCENT`], to be read.
    pub accent_bright: Color32,
    /// Lines in the colour of [`GOOD`], to be seen on a button.
    pub good_bright: Color32,
    /// Needs attention.
    pub warning: Color32,
    /// Went wrong.
    pub error: Color32,
}

/// For a dark room; of what lies over the views too, which are black in every theme.
pub const DARK: Colours = Colours {
    panel: Color32::from_rgb(24, 26, 29),
    sunken: Color32::from_rgb(15, 16, 18),
    striped: Color32::from_rgb(29, 31, 35),
    button: Color32::from_rgb(43, 47, 52),
    button_hovered: Color32::from_rgb(56, 62, 69),
    button_line: Color32::from_rgb(84, 92, 102),
    line: Color32::from_rgb(50, 54, 60),
    text: Color32::from_rgb(205, 209, 214),
    text_hovered: Color32::from_rgb(228, 231, 235),
    text_weak: Color32::from_rgb(139, 146, 155),
    faint: Color32::from_rgb(82, 88, 96),
    accent_bright: Color32::from_rgb(108, 190, 226),
    good_bright: Color32::from_rgb(110, 205, 140),
    warning: Color32::from_rgb(226, 175, 84),
    error: Color32::from_rgb(226, 106, 98),
};

/// For a bright room.
pub const LIGHT: Colours = Colours {
    panel: Color32::from_rgb(238, 240, 243),
    sunken: Color32::from_rgb(252, 253, 254),
    striped: Color32::from_rgb(230, 233, 237),
    button: Color32::from_rgb(219, 223, 229),
    button_hovered: Color32::from_rgb(204, 210, 218),
    button_line: Color32::from_rgb(150, 159, 170),
    line: Color32::from_rgb(194, 200, 208),
    text: Color32::from_rgb(33, 37, 42),
    text_hovered: Color32::from_rgb(10, 12, 14),
    text_weak: Color32::from_rgb(86, 94, 104),
    faint: Color32::from_rgb(142, 150, 159),
    accent_bright: Color32::from_rgb(18, 92, 131),
    good_bright: Color32::from_rgb(22, 108, 56),
    warning: Color32::from_rgb(138, 84, 0),
    error: Color32::from_rgb(176, 38, 30),
};

/// The colours of the theme that a window has.
pub fn of(ctx: &Context) -> &'static Colours {
    match ctx.theme() {
        Theme::Dark => &DARK,
        Theme::Light => &LIGHT,
    }
}

/// What is chosen, and the main button; the same in every theme.
pub const ACCENT: Color32 = Color32::from_rgb(46, 120, 158);
/// Accepting; the same in every theme.
pub const GOOD: Color32 = Color32::from_rgb(52, 128, 82);
/// Text on [`ACCENT`] and [`GOOD`].
pub const ON_ACCENT: Color32 = Color32::from_rgb(250, 252, 253);

/// Letters, slice numbers and scale bar over the scan.
pub const VIEW_TEXT: Color32 = Color32::from_rgb(196, 202, 150);
/// Behind what is written over the scan: dark enough for [`VIEW_TEXT`] on white, and what lies below still shows.
pub const VIEW_TEXT_GROUND: Color32 = Color32::from_black_alpha(175);
/// Cross-hair lines; translucent, so that they do not hide the voxel.
pub const CROSSHAIR: Color32 = Color32::from_rgba_premultiplied(46, 96, 112, 130);
/// The border of the view under the pointer.
pub const VIEW_ACTIVE: Color32 = Color32::from_rgb(62, 86, 100);
/// The border of the other views.
pub const VIEW_IDLE: Color32 = Color32::from_rgb(34, 36, 40);
/// A click that says "this is it".
pub const CLICK_POSITIVE: Color32 = Color32::from_rgb(92, 214, 120);
/// A click that says "this is not".
pub const CLICK_NEGATIVE: Color32 = Color32::from_rgb(240, 96, 88);
/// The 3D box and its handles.
pub const PROMPT_BOX: Color32 = Color32::from_rgb(250, 214, 92);
/// What is drawn to be measured.
pub const MEASURE: Color32 = Color32::from_rgb(244, 150, 214);
/// The words beside the pointer.
pub const POINTER_TEXT: Color32 = Color32::from_rgb(236, 238, 240);
/// The brush's outline.
pub const BRUSH: Color32 = Color32::from_rgb(236, 238, 240);
/// The eraser's outline.
pub const ERASER: Color32 = Color32::from_rgb(240, 150, 130);

/// Width of the panel on the right, in points.
pub const SIDE_PANEL_WIDTH: f32 = 314.0;
/// Gap between views, in points.
pub const VIEW_GAP: f32 = 2.0;
/// Side of the handle in a pane's corner, in points.
pub const PANE_HANDLE: f32 = 18.0;
/// How near the pointer must be to grab a handle of the box, in points.
pub const GRAB_RADIUS: f32 = 9.0;

/// The font of the letters over the scan.
pub fn view_font() -> FontId {
    FontId::new(13.0, FontFamily::Proportional)
}

/// The font of the anatomical letters.
pub fn letter_font() -> FontId {
    FontId::new(16.0, FontFamily::Proportional)
}

/// Chinese characters: those of GB 2312, for the window's texts and the names that users give.
const CHINESE: (&str, &[u8]) = (
    "Noto Sans SC",
    include_bytes!("../../assets/fonts/NotoSansSC-GB2312.otf"),
);

/// egui's fonts, and after them the one that has what they lack.
fn fonts() -> FontDefinitions {
    let (name, data) = CHINESE;
    let mut fonts = FontDefinitions::default();
    let data = Arc::new(FontData::from_static(data));
    fonts.font_data.insert(name.to_owned(), data);
    for family in fonts.families.values_mut() {
        family.push(name.to_owned());
    }
    fonts
}

/// Sets the look of the whole window.
pub fn apply(ctx: &Context) {
    ctx.set_fonts(fonts());
    for (theme, visuals) in [
        (Theme::Dark, visuals(Visuals::dark(), &DARK)),
        (Theme::Light, visuals(Visuals::light(), &LIGHT)),
    ] {
        ctx.style_mut_of(theme, |style| set_style(style, visuals));
    }
}

fn set_style(style: &mut Style, visuals: Visuals) {
    style.visuals = visuals;
    // Each step of an animation draws the views anew, which workstations without a GPU feel.
    style.animation_time = 0.0;
    style.spacing.item_spacing = [6.0, 5.0].into();
    style.spacing.button_padding = [8.0, 3.5].into();
    style.spacing.menu_margin = Margin::same(6);
    style.spacing.slider_width = 120.0;
    style.spacing.combo_width = 110.0;
    let sizes = [
        (TextStyle::Small, 11.0),
        (TextStyle::Body, 13.0),
        (TextStyle::Button, 13.0),
        (TextStyle::Heading, 16.0),
    ];
    for (text_style, size) in sizes {
        style
            .text_styles
            .insert(text_style, FontId::new(size, FontFamily::Proportional));
    }
    style.text_styles.insert(
        TextStyle::Monospace,
        FontId::new(12.0, FontFamily::Monospace),
    );
}

/// egui's visuals in these colours.
fn visuals(mut v: Visuals, colours: &Colours) -> Visuals {
    v.panel_fill = colours.panel;
    v.window_fill = colours.panel;
    v.window_stroke = Stroke::new(1.0, colours.line);
    v.extreme_bg_color = colours.sunken;
    v.faint_bg_color = colours.striped;
    v.weak_text_color = Some(colours.text_weak);
    v.warn_fg_color = colours.warning;
    v.error_fg_color = colours.error;
    v.hyperlink_color = colours.accent_bright;
    v.selection.bg_fill = ACCENT;
    v.selection.stroke = Stroke::new(1.0, ON_ACCENT);
    v.slider_trailing_fill = true;
    let radius = CornerRadius::same(4);
    v.window_corner_radius = CornerRadius::same(6);
    v.menu_corner_radius = radius;
    let w = &mut v.widgets;
    w.noninteractive.bg_stroke = Stroke::new(1.0, colours.line);
    w.noninteractive.fg_stroke = Stroke::new(1.0, colours.text);
    w.noninteractive.bg_fill = colours.panel;
    w.inactive.fg_stroke = Stroke::new(1.0, colours.text);
    w.inactive.bg_fill = colours.button;
    w.inactive.weak_bg_fill = colours.button;
    w.hovered.fg_stroke = Stroke::new(1.0, colours.text_hovered);
    w.hovered.bg_fill = colours.button_hovered;
    w.hovered.weak_bg_fill = colours.button_hovered;
    w.hovered.bg_stroke = Stroke::new(1.0, colours.button_line);
    for state in [
        &mut w.noninteractive,
        &mut w.inactive,
        &mut w.hovered,
        &mut w.active,
        &mut w.open,
    ] {
        state.corner_radius = radius;
    }
    v
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance and contrast as the Web Content Accessibility Guidelines (WCAG 2.1) define them.
    fn contrast(a: Color32, b: Color32) -> f64 {
        let linear = |channel: u8| match f64::from(channel) / 255.0 {
            c if c <= 0.03928 => c / 12.92,
            c => ((c + 0.055) / 1.055).powf(2.4),
        };
        let luminance =
            |c: Color32| 0.2126 * linear(c.r()) + 0.7152 * linear(c.g()) + 0.0722 * linear(c.b());
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn text_is_readable_in_every_theme() {
        for (name, c) in [("dark", &DARK), ("light", &LIGHT)] {
            for (text, what) in [
                (c.text, "text"),
                (c.text_weak, "weak text"),
                (c.accent_bright, "headings"),
                (c.warning, "warnings"),
                (c.error, "errors"),
            ] {
                for (behind, place) in [
                    (c.panel, "panels"),
                    (c.sunken, "lists"),
                    (c.striped, "tables"),
                ] {
                    let ratio = contrast(text, behind);
                    assert!(ratio >= 4.5, "{name}: {what} on {place} {ratio:.1}");
                }
            }
            for (sign, behind) in [(c.text, c.button), (c.text_hovered, c.button_hovered)] {
                assert!(contrast(sign, behind) >= 4.5, "{name}: buttons");
            }
            for sign in [c.good_bright, c.error] {
                assert!(contrast(sign, c.button) >= 3.0, "{name}: signs on buttons");
            }
            assert!(contrast(c.faint, c.panel) >= 2.0, "{name}: what is off");
        }
        // On a white voxel, gamma-blended as it is drawn.
        let white = 255 - VIEW_TEXT_GROUND.a();
        let ratio = contrast(VIEW_TEXT, Color32::from_gray(white));
        assert!(ratio >= 4.5, "texts over the scan {ratio:.1}");
        for fill in [ACCENT, GOOD] {
            assert!(
                contrast(ON_ACCENT, fill) >= 4.5,
                "the chosen and the main button"
            );
        }
    }
}
