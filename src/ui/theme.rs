//! Colours, sizes and fonts of the window. Nothing is hard-coded elsewhere.
//!
//! Made for a dark reading room: views are black, panels a little above black, text is a soft grey, and
//! only what the user should notice has colour.

use std::sync::Arc;

use egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Stroke,
    TextStyle, Theme, Visuals,
};

/// Behind the scan.
pub const VIEW_BACKGROUND: Color32 = Color32::BLACK;
/// Behind panels and bars.
pub const PANEL: Color32 = Color32::from_rgb(24, 26, 29);
/// Behind text fields and lists.
pub const SUNKEN: Color32 = Color32::from_rgb(15, 16, 18);
/// Buttons at rest.
pub const BUTTON: Color32 = Color32::from_rgb(43, 47, 52);
/// Buttons under the pointer.
pub const BUTTON_HOVERED: Color32 = Color32::from_rgb(56, 62, 69);
/// Lines between panels and around windows.
pub const LINE: Color32 = Color32::from_rgb(50, 54, 60);
/// Text.
pub const TEXT: Color32 = Color32::from_rgb(205, 209, 214);
/// Text of less weight.
pub const TEXT_WEAK: Color32 = Color32::from_rgb(139, 146, 155);
/// What is switched off.
pub const FAINT: Color32 = Color32::from_rgb(82, 88, 96);
/// What is chosen, and the main button.
pub const ACCENT: Color32 = Color32::from_rgb(46, 120, 158);
/// Lines and text on black in the colour of [`ACCENT`], lighter to be read.
pub const ACCENT_BRIGHT: Color32 = Color32::from_rgb(108, 190, 226);
/// Accepting.
pub const GOOD: Color32 = Color32::from_rgb(52, 128, 82);
/// Lines in the colour of [`GOOD`], lighter to be seen on a button.
pub const GOOD_BRIGHT: Color32 = Color32::from_rgb(110, 205, 140);
/// Needs attention.
pub const WARNING: Color32 = Color32::from_rgb(226, 175, 84);
/// Went wrong.
pub const ERROR: Color32 = Color32::from_rgb(226, 106, 98);

/// Letters, slice numbers and scale bar over the scan.
pub const VIEW_TEXT: Color32 = Color32::from_rgb(196, 202, 150);
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
    ctx.set_theme(Theme::Dark);
    ctx.style_mut_of(Theme::Dark, |style| {
        style.visuals = visuals();
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
    });
}

fn visuals() -> Visuals {
    let mut v = Visuals::dark();
    v.panel_fill = PANEL;
    v.window_fill = PANEL;
    v.window_stroke = Stroke::new(1.0, LINE);
    v.extreme_bg_color = SUNKEN;
    v.faint_bg_color = Color32::from_rgb(29, 31, 35);
    v.weak_text_color = Some(TEXT_WEAK);
    v.warn_fg_color = WARNING;
    v.error_fg_color = ERROR;
    v.hyperlink_color = ACCENT_BRIGHT;
    v.selection.bg_fill = ACCENT;
    v.selection.stroke = Stroke::new(1.0, Color32::from_rgb(235, 240, 244));
    v.slider_trailing_fill = true;
    let radius = CornerRadius::same(4);
    v.window_corner_radius = CornerRadius::same(6);
    v.menu_corner_radius = radius;
    let w = &mut v.widgets;
    w.noninteractive.bg_stroke = Stroke::new(1.0, LINE);
    w.noninteractive.fg_stroke = Stroke::new(1.0, TEXT);
    w.noninteractive.bg_fill = PANEL;
    w.inactive.fg_stroke = Stroke::new(1.0, TEXT);
    w.inactive.bg_fill = BUTTON;
    w.inactive.weak_bg_fill = BUTTON;
    w.hovered.fg_stroke = Stroke::new(1.0, Color32::from_rgb(228, 231, 235));
    w.hovered.bg_fill = BUTTON_HOVERED;
    w.hovered.weak_bg_fill = BUTTON_HOVERED;
    w.hovered.bg_stroke = Stroke::new(1.0, Color32::from_rgb(84, 92, 102));
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
