//! systemd: READY after the first full look, STATUS as the sentence, WATCHDOG from the loop alone.

use sd_notify::NotifyState;

/// The service manager, if there is one.
pub(super) struct Systemd {
    ready: bool,
    told: String,
}

impl Systemd {
    pub(super) const fn new() -> Self {
        Self { ready: false, told: String::new() }
    }

    /// One turn of the loop: a loop that is stuck pets no watchdog, and systemd starts it anew.
    pub(super) fn turn(&mut self, complete: bool) {
        if complete && !self.ready {
            self.ready = true;
            notify(&[NotifyState::Watchdog, NotifyState::Ready]);
        } else {
            notify(&[NotifyState::Watchdog]);
        }
    }

    /// What is going on, in a sentence.
    pub(super) fn says(&mut self, sentence: &str) {
        if self.told != sentence {
            sentence.clone_into(&mut self.told);
            notify(&[NotifyState::Status(sentence)]);
        }
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!("systemd was not told: {error}");
    }
}
