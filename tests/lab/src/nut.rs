//! What a client of the lab's UPS server needs to know.

/// A user of `upsd`.
#[derive(Debug, Clone, Copy)]
pub struct NutUser {
    /// Its name.
    pub name: &'static str,
    /// Its password; the lab guards nothing with it.
    pub password: &'static str,
}

/// May set variables and the forced-shutdown flag, and use every instant command.
pub const ADMIN: NutUser = NutUser { name: "admin", password: "lab-admin" };
/// `upsmon` of the host that commands a supply.
pub const PRIMARY: NutUser = NutUser { name: "primary", password: "lab-primary" };
/// `upsmon` of any other host.
pub const SECONDARY: NutUser = NutUser { name: "secondary", password: "lab-secondary" };
