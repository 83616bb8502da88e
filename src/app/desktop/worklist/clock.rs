//! The time that somebody spends on a case.

use std::time::{Duration, Instant};

/// Nobody looks at one picture for longer without touching anything: such a pause does not count.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Counts the time between things that the user does, but for long pauses.
#[derive(Debug, Default)]
pub(super) struct Clock {
    spent: Duration,
    last: Option<Instant>,
}

impl Clock {
    /// The user did something.
    pub fn active(&mut self, now: Instant) {
        let pause = self.last.map(|last| now.duration_since(last));
        self.spent += pause.filter(|p| *p <= LONGEST_PAUSE).unwrap_or_default();
        self.last = Some(now);
    }

    /// Seconds so far.
    pub fn seconds(&self) -> f64 {
        self.spent.as_secs_f64()
    }

    /// These seconds were written down.
    pub fn written(&mut self, seconds: f64) {
        self.spent = self
            .spent
            .saturating_sub(Duration::try_from_secs_f64(seconds).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_pauses_do_not_count_and_what_was_written_is_not_counted_again() {
        let (mut clock, start) = (Clock::default(), Instant::now());
        for second in [0, 10, 25, 200, 230] {
            clock.active(start + Duration::from_secs(second));
        }
        assert_eq!(clock.seconds(), 55.0);
        clock.written(55.0);
        clock.active(start + Duration::from_secs(231));
        assert_eq!(clock.seconds(), 1.0);
    }
}
