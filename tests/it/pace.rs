//! How often the window is drawn where the processor draws it.

use eframe::egui::{
    Context, Event, Modifiers, MouseWheelSource, MouseWheelUnit, RawInput, TouchPhase, Vec2,
};
use prosector::ui::pace;

/// What is scrolled in each of some frames after a notch of the wheel, in points.
fn scrolled(calm: bool) -> Vec<f32> {
    let ctx = Context::default();
    let notch = Event::MouseWheel {
        unit: MouseWheelUnit::Line,
        delta: Vec2::new(0.0, 1.0),
        modifiers: Modifiers::NONE,
        phase: TouchPhase::Move,
        source: MouseWheelSource::Wheel,
    };
    let frame = |events: Vec<Event>, n: usize| {
        let mut input = RawInput {
            events,
            time: Some(n as f64 * 0.02),
            ..RawInput::default()
        };
        if calm {
            pace::without_smooth_wheel(&mut input);
        }
        let mut by = 0.0;
        let mut output = ctx.run_ui(input, |ui| by = ui.input(|i| i.smooth_scroll_delta().y));
        output.textures_delta.clear();
        by
    };
    frame(Vec::new(), 0);
    let mut frames = vec![frame(vec![notch], 1)];
    frames.extend((2..12).map(|n| frame(Vec::new(), n)));
    frames
}

#[test]
fn a_notch_of_the_wheel_takes_one_frame_and_goes_as_far() {
    let (calm, smooth) = (scrolled(true), scrolled(false));
    let frames = |moved: &[f32]| moved.iter().filter(|by| by.abs() > 0.2).count();
    assert!(frames(&smooth) > 3, "egui scrolls smoothly: {smooth:?}");
    assert_eq!(frames(&calm), 1, "{calm:?}");
    let sum = |moved: &[f32]| moved.iter().sum::<f32>();
    assert!((sum(&calm) - sum(&smooth)).abs() < 1.0);
}

#[test]
fn calm_styles_have_nothing_that_moves() {
    let ctx = Context::default();
    pace::calm(&ctx);
    ctx.all_styles_mut(|style| {
        assert_eq!(style.animation_time, 0.0);
        assert!(!style.visuals.text_cursor.blink);
    });
}
