//! Messages over the views: what happened, what went wrong and what to do.

use egui::{Align2, Area, Context, Frame, Id, Order, RichText, Stroke, vec2};

use crate::session::Severity;
use crate::ui::texts::{self, tr};

use super::theme;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    /// The scan that is open: it goes with that.
    Scan,
    /// The program.
    Program,
}

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// How much it matters.
    pub severity: Severity,
    /// One line.
    pub text: String,
    subject: Subject,
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
/// The largest part of the window's width that messages take.
const WIDEST: f32 = 0.45;
/// How far above the window's lower edge they end: the status bar and the scale bar stay free, in points.
const ABOVE_SCALE_BAR: f32 = 76.0;

impl Messages {
    /// Shows a message about the program, a file or the window.
    pub fn push(&mut self, severity: Severity, text: impl Into<String>) {
        self.add(severity, texts::worded(&text.into()), Subject::Program);
    }

    /// Shows a message about the scan that is open.
    pub fn push_on_scan(&mut self, severity: Severity, text: impl Into<String>) {
        self.add(severity, texts::worded(&text.into()), Subject::Scan);
    }

    /// The same words again only start anew: nothing stands there twice.
    fn add(&mut self, severity: Severity, text: String, subject: Subject) {
        self.shown.retain(|m| m.text != text);
        self.shown.push(Message {
            severity,
            text,
            subject,
            number: self.next_number,
            shown_at: None,
        });
        self.next_number += 1;
        if self.shown.len() > MOST_SHOWN {
            self.shown.remove(0);
        }
    }

    /// Another scan is shown: what was said of the one before goes.
    pub fn scan_changed(&mut self) {
        self.shown.retain(|m| m.subject == Subject::Program);
    }

    /// The messages that are shown, the oldest first.
    pub fn shown(&self) -> &[Message] {
        &self.shown
    }

    /// The newest message.
    pub fn latest(&self) -> Option<&Message> {
        self.shown.last()
    }

    /// Draws the messages above the scale bar, right of `left` (points): nothing else that is pressed lies there.
    pub fn show(&mut self, ctx: &Context, left: f32) {
        let now = ctx.input(|i| i.time);
        self.expire(ctx, now);
        if self.shown.is_empty() {
            return;
        }
        let mut closed = None;
        Area::new(Id::unique("messages"))
            .order(Order::Foreground)
            .anchor(Align2::LEFT_BOTTOM, vec2(left + 12.0, -ABOVE_SCALE_BAR))
            .show(ctx, |ui| {
                ui.set_max_width((ctx.content_rect().width() * WIDEST).min(560.0));
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
            let left = shown_at + message.lifetime_s() - now;
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

impl Message {
    /// Long enough to be read twice: some seconds, and more for more words.
    fn lifetime_s(&self) -> f64 {
        /// Slower than most people read.
        const CHARACTERS_PER_S: f64 = 12.0;
        let least = match self.severity {
            Severity::Info => 4.0,
            Severity::Warning => 8.0,
            Severity::Error => 12.0,
        };
        least + self.text.chars().count() as f64 / CHARACTERS_PER_S
    }
}

impl Severity {
    fn color(self, colours: &theme::Colours) -> egui::Color32 {
        match self {
            Self::Info => theme::GOOD,
            Self::Warning => colours.warning,
            Self::Error => colours.error,
        }
    }
}

/// Draws one message; true when its button was pressed.
fn message_ui(ui: &mut egui::Ui, message: &Message) -> bool {
    let colours = theme::of(ui.ctx());
    let frame = Frame::popup(ui.style())
        .fill(colours.panel)
        .stroke(Stroke::new(1.0, message.severity.color(colours)));
    frame
        .show(ui, |ui| {
            ui.horizontal(|ui| {
                let text = RichText::new(&message.text).color(match message.severity {
                    Severity::Info => colours.text,
                    other => other.color(colours),
                });
                ui.add(egui::Label::new(text).wrap());
                ui.small_button(tr!("Close")).clicked()
            })
            .inner
        })
        .inner
}
