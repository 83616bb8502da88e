//! How often the window is drawn where the processor draws it, and the model waits for every frame.

use std::time::{Duration, Instant};

use egui::style::ScrollAnimation;
use egui::{Context, Event, MouseWheelUnit, RawInput, TouchPhase, Vec2};

/// Leaves out everything that moves without having changed: fading, scrolling and blinking.
pub fn calm(ctx: &Context) {
    ctx.all_styles_mut(|style| {
        style.animation_time = 0.0;
        style.scroll_animation = ScrollAnimation::none();
        style.visuals.text_cursor.blink = false;
    });
}

/// The least time between two frames.
const FRAME: Duration = Duration::from_millis(33);
/// The same while the model computes.
const FRAME_BESIDE_MODEL: Duration = Duration::from_millis(100);

/// Spreads frames out: what a moving pointer asks for in between comes with the next one.
#[derive(Debug, Default)]
pub struct Pace {
    last: Option<Instant>,
}

impl Pace {
    /// Waits until the next frame may begin; not at all when the last one is long ago.
    pub fn wait(&mut self, is_busy: bool) {
        let least = if is_busy { FRAME_BESIDE_MODEL } else { FRAME };
        if let Some(last) = self.last {
            std::thread::sleep(least.saturating_sub(last.elapsed()));
        }
        self.last = Some(Instant::now());
    }
}

/// Lets a notch of the wheel take effect in one frame: egui spreads it over ten, except while a finger is on a pad.
pub fn without_smooth_wheel(input: &mut RawInput) {
    let is_notch = |event: &Event| {
        matches!(
            event,
            Event::MouseWheel {
                unit: MouseWheelUnit::Line | MouseWheelUnit::Page,
                phase: TouchPhase::Move,
                ..
            }
        )
    };
    let Some(first) = input.events.iter().position(is_notch) else {
        return;
    };
    if let Event::MouseWheel {
        unit,
        modifiers,
        source,
        ..
    } = input.events[first]
    {
        let begin = Event::MouseWheel {
            unit,
            delta: Vec2::ZERO,
            modifiers,
            phase: TouchPhase::Start,
            source,
        };
        input.events.insert(first, begin);
    }
}
