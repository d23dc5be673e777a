//! What is sent.

use std::fmt;

use super::{QuoteError, quote};
use crate::Secret;

/// One request. [`Request::encode`] gives the line; `Display` gives the same for a log, without
/// the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// Asks to encrypt the connection.
    StartTls,
    /// Names the user. upsd checks nothing yet.
    Username(&'a str),
    /// Gives the password. upsd answers `OK` to a wrong one too.
    Password(&'a Secret),
    /// Counts this connection as a machine fed by the device.
    Login {
        /// The device, as in ups.conf.
        ups: &'a str,
    },
    /// Ends the connection.
    Logout,
    /// Asks whether this user may act as the primary of the device (NUT 2.8 and later).
    Primary {
        /// The device, as in ups.conf.
        ups: &'a str,
    },
    /// Sets "forced shutdown" on the device. It stays set until upsd is restarted.
    Fsd {
        /// The device, as in ups.conf.
        ups: &'a str,
    },
    /// Reads one variable.
    GetVar {
        /// The device, as in ups.conf.
        ups: &'a str,
        /// The variable, such as `ups.status`.
        variable: &'a str,
    },
    /// Counts the connections that have logged in.
    GetNumLogins {
        /// The device, as in ups.conf.
        ups: &'a str,
    },
    /// Lists the devices of the server.
    ListUps,
    /// Runs an instant command.
    InstCmd {
        /// The device, as in ups.conf.
        ups: &'a str,
        /// The command, such as `load.off.delay`.
        command: &'a str,
        /// Its parameter, if it takes one (NUT 2.8 and later).
        parameter: Option<&'a str>,
    },
    /// Writes one variable.
    SetVar {
        /// The device, as in ups.conf.
        ups: &'a str,
        /// The variable, such as `battery.charge.low`.
        variable: &'a str,
        /// Its new value.
        value: &'a str,
    },
}

impl<'a> Request<'a> {
    /// The words of the line, the password among them.
    fn words(self) -> Vec<&'a str> {
        match self {
            Self::StartTls => vec!["STARTTLS"],
            Self::Username(user) => vec!["USERNAME", user],
            Self::Password(password) => vec!["PASSWORD", password.expose()],
            Self::Login { ups } => vec!["LOGIN", ups],
            Self::Logout => vec!["LOGOUT"],
            Self::Primary { ups } => vec!["PRIMARY", ups],
            Self::Fsd { ups } => vec!["FSD", ups],
            Self::GetVar { ups, variable } => vec!["GET", "VAR", ups, variable],
            Self::GetNumLogins { ups } => vec!["GET", "NUMLOGINS", ups],
            Self::ListUps => vec!["LIST", "UPS"],
            Self::InstCmd { ups, command, parameter } => {
                ["INSTCMD", ups, command].into_iter().chain(parameter).collect()
            }
            Self::SetVar { ups, variable, value } => vec!["SET", "VAR", ups, variable, value],
        }
    }

    /// The device that the request is about.
    pub fn ups(self) -> Option<&'a str> {
        match self {
            Self::StartTls
            | Self::Username(_)
            | Self::Password(_)
            | Self::Logout
            | Self::ListUps => None,
            Self::Login { ups }
            | Self::Primary { ups }
            | Self::Fsd { ups }
            | Self::GetVar { ups, .. }
            | Self::GetNumLogins { ups }
            | Self::InstCmd { ups, .. }
            | Self::SetVar { ups, .. } => Some(ups),
        }
    }

    /// The line to send, with its end.
    pub fn encode(self) -> Result<String, QuoteError> {
        let mut line = String::new();
        for word in self.words() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&quote(word)?);
        }
        line.push('\n');
        Ok(line)
    }
}

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self, Self::Password(_)) {
            return f.write_str("PASSWORD (hidden)");
        }
        for (position, word) in self.words().into_iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            match quote(word) {
                Ok(quoted) => f.write_str(&quoted)?,
                Err(_) => write!(f, "{:?}", super::excerpt(word))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_its_line() {
        let password = Secret::new("p@ss w$rd");
        let ups = "dev";
        let rows = [
            (Request::StartTls, "STARTTLS\n"),
            (Request::Username("mon"), "USERNAME mon\n"),
            (Request::Password(&password), "PASSWORD \"p@ss w$rd\"\n"),
            (Request::Login { ups }, "LOGIN dev\n"),
            (Request::Logout, "LOGOUT\n"),
            (Request::Primary { ups }, "PRIMARY dev\n"),
            (Request::Fsd { ups }, "FSD dev\n"),
            (Request::GetVar { ups, variable: "ups.status" }, "GET VAR dev ups.status\n"),
            (Request::GetNumLogins { ups }, "GET NUMLOGINS dev\n"),
            (Request::ListUps, "LIST UPS\n"),
            (
                Request::InstCmd { ups, command: "load.off", parameter: None },
                "INSTCMD dev load.off\n",
            ),
            (
                Request::InstCmd { ups, command: "load.off.delay", parameter: Some("120") },
                "INSTCMD dev load.off.delay 120\n",
            ),
            (
                Request::SetVar { ups, variable: "ups.id", value: "My \"UPS\"" },
                "SET VAR dev ups.id \"My \\\"UPS\\\"\"\n",
            ),
        ];
        for (request, line) in rows {
            assert_eq!(request.encode().as_deref(), Ok(line));
        }
    }

    #[test]
    fn a_name_cannot_smuggle_a_second_request() {
        let request = Request::GetVar { ups: "dev\nFSD dev", variable: "ups.status" };
        assert_eq!(request.encode(), Err(QuoteError::ControlCharacter));
        assert!(!request.to_string().contains('\n'));
    }

    #[test]
    fn the_password_is_not_shown() {
        let password = Secret::new("hunter2");
        let request = Request::Password(&password);
        assert_eq!(request.to_string(), "PASSWORD (hidden)");
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}
