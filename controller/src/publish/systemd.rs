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

    /// One turn of the loop: a loop that is stuck pets no watchdog, and systemd starts it anew. With
    /// what is going on in a sentence, where it was told anew.
    pub(super) fn turn(&mut self, complete: bool, sentence: Option<&str>) {
        let mut states = vec![NotifyState::Watchdog];
        if complete && !self.ready {
            self.ready = true;
            states.push(NotifyState::Ready);
        }
        if let Some(sentence) = sentence.filter(|sentence| self.told != *sentence) {
            sentence.clone_into(&mut self.told);
            states.push(NotifyState::Status(sentence));
        }
        if let Err(error) = sd_notify::notify(&states) {
            tracing::debug!("systemd was not told: {error}");
        }
    }
}
