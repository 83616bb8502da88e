//! Messages over the views: what happened, what went wrong and what to do.

use egui::{Align2, Area, Context, Frame, Id, Order, RichText, Stroke, vec2};

use super::theme;

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something was done; goes away by itself.
    Done,
    /// The user should know; goes away by itself, later.
    Warning,
    /// Something was refused or failed; stays until it is closed.
    Error,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// How much it matters.
    pub severity: Severity,
    /// One line.
    pub text: String,
    number: u64,
    /// Seconds of egui's clock; set when first shown.
    shown_at: Option<f64>,
}

/// The messages that are shown.
#[derive(Debug, Default)]
pub struct Messages {
    shown: Vec<Message>,
    next_number: u64,
}

/// More would hide the scan; the oldest go first.
const MOST_SHOWN: usize = 5;

impl Messages {
    /// Shows a message.
    pub fn push(&mut self, severity: Severity, text: impl Into<String>) {
        let text = text.into();
        self.shown.retain(|m| m.text != text);
        self.shown.push(Message {
            severity,
            text,
            number: self.next_number,
            shown_at: None,
        });
        self.next_number += 1;
        if self.shown.len() > MOST_SHOWN {
            self.shown.remove(0);
        }
    }

    /// The messages that are shown, the oldest first.
    pub fn shown(&self) -> &[Message] {
        &self.shown
    }

    /// The newest message.
    pub fn latest(&self) -> Option<&Message> {
        self.shown.last()
    }

    /// Draws the messages at the bottom left of the window, above the status bar.
    pub fn show(&mut self, ctx: &Context) {
        let now = ctx.input(|i| i.time);
        self.expire(ctx, now);
        let mut closed = None;
        Area::new(Id::unique("messages"))
            .order(Order::Foreground)
            .anchor(Align2::LEFT_BOTTOM, vec2(12.0, -34.0))
            .show(ctx, |ui| {
                ui.set_max_width(560.0);
                for message in &self.shown {
                    if message_ui(ui, message) {
                        closed = Some(message.number);
                    }
                }
            });
        if let Some(number) = closed {
            self.shown.retain(|m| m.number != number);
        }
    }

    fn expire(&mut self, ctx: &Context, now: f64) {
        let mut wake_in = f64::INFINITY;
        self.shown.retain_mut(|message| {
            let shown_at = *message.shown_at.get_or_insert(now);
            let Some(lifetime) = message.severity.lifetime_s() else {
                return true;
            };
            let left = shown_at + lifetime - now;
            if left > 0.0 {
                wake_in = wake_in.min(left);
            }
            left > 0.0
        });
        if wake_in.is_finite() {
            ctx.request_repaint_after_secs(wake_in as f32 + 0.05);
        }
    }
}

impl Severity {
    fn lifetime_s(self) -> Option<f64> {
        match self {
            Self::Done => Some(5.0),
            Self::Warning => Some(12.0),
            Self::Error => None,
        }
    }

    fn color(self) -> egui::Color32 {
        match self {
            Self::Done => theme::GOOD,
            Self::Warning => theme::WARNING,
            Self::Error => theme::ERROR,
        }
    }
}

/// Draws one message; true when its button was pressed.
fn message_ui(ui: &mut egui::Ui, message: &Message) -> bool {
    let frame = Frame::popup(ui.style())
        .fill(theme::PANEL)
        .stroke(Stroke::new(1.0, message.severity.color()));
    frame
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                let text = RichText::new(&message.text).color(match message.severity {
                    Severity::Done => theme::TEXT,
                    other => other.color(),
                });
                ui.add(egui::Label::new(text).wrap());
                ui.small_button("Close").clicked()
            })
            .inner
        })
        .inner
}
