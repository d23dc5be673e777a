//! The ports that touch hosts, for real: SSH, waking, this machine, its clock, its state directory.
//!
//! | port | here |
//! |---|---|
//! | `Hosts` | [`SshHosts`]: OpenSSH with pinned host keys, one configuration file of our own |
//! | `Wake` | [`HostWaker`]: Wake-on-LAN, or a command |
//! | `Machine` | [`LocalMachine`]: this host's systemd |
//! | `Clock` | [`BootClock`]: `CLOCK_BOOTTIME` |
//! | `Store` | [`FileStore`], one process at a time through [`StateLock`] |
//!
//! Every call is over by the deadline that it is given, and leaves no process behind that does not
//! end by itself within seconds.

mod clock;
mod machine;
mod probe;
mod process;
mod ssh;
mod store;
mod wake;

pub use clock::BootClock;
pub use machine::{LocalMachine, WAKE_ALARM};
pub use ssh::{SshHosts, SshSetupError};
pub use store::{
    FileStore, LockError, RESERVE, StateLock, journal_is_torn, journal_lines, lock_holder, room_in,
};
pub use wake::HostWaker;
