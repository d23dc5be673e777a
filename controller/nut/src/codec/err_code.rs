//! The words after `ERR`.

use std::fmt;

use super::excerpt;

/// One row per code: what it means, its name here, its word on the wire, and what to do about it.
macro_rules! err_codes {
    ($($(#[doc = $doc:literal])+ $code:ident, $word:literal, $advice:literal;)+) => {
        /// Why upsd refused a request (`docs/net-protocol.txt`, "Error responses").
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        pub enum ErrCode {
            $($(#[doc = $doc])+ $code,)+
            /// A word that this crate does not know.
            Other(String),
        }

        impl ErrCode {
            /// Reads the word after `ERR`.
            pub fn from_word(word: &str) -> Self {
                match word {
                    $($word => Self::$code,)+
                    other => Self::Other(other.to_owned()),
                }
            }

            /// The word on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$code => $word,)+
                    Self::Other(word) => word,
                }
            }

            /// What a person can do about it.
            pub fn advice(&self) -> &'static str {
                match self {
                    $(Self::$code => $advice,)+
                    Self::Other(_) => "see the log of upsd",
                }
            }

            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$code),+];
        }
    };
}

err_codes! {
    /// User, password or host do not allow the request. Also what a wrong password gives, but not
    /// before the first request that needs it.
    AccessDenied, "ACCESS-DENIED",
        "check the password file and the user's rights in upsd.users";
    /// No such device in ups.conf.
    UnknownUps, "UNKNOWN-UPS",
        "check the name of the UPS against `upsc -l` on that host";
    /// The device has no such variable.
    VarNotSupported, "VAR-NOT-SUPPORTED",
        "this UPS or its driver does not report that variable, see `upsc`";
    /// The device has no such instant command.
    CmdNotSupported, "CMD-NOT-SUPPORTED",
        "see `upscmd -l` for the commands of this UPS";
    /// An argument is missing or not understood.
    InvalidArgument, "INVALID-ARGUMENT",
        "the version of upsd may be too old or too new for this request";
    /// The command did not reach the driver.
    InstcmdFailed, "INSTCMD-FAILED",
        "the driver of this UPS is dead or stuck, restart it";
    /// The value did not reach the driver.
    SetFailed, "SET-FAILED",
        "the driver of this UPS is dead or stuck, restart it";
    /// The variable cannot be written.
    Readonly, "READONLY",
        "see `upsrw` for the variables of this UPS that can be written";
    /// The value is too long.
    TooLong, "TOO-LONG",
        "see `upsrw` for the longest value";
    /// This upsd was built without TLS.
    FeatureNotSupported, "FEATURE-NOT-SUPPORTED",
        "this upsd was built without TLS";
    /// This upsd has no certificate.
    FeatureNotConfigured, "FEATURE-NOT-CONFIGURED",
        "give upsd a certificate (CERTFILE, or CERTPATH and CERTIDENT, in upsd.conf)";
    /// The connection is encrypted already.
    AlreadySslMode, "ALREADY-SSL-MODE",
        "the connection is encrypted already";
    /// upsd has no connection to the driver.
    DriverNotConnected, "DRIVER-NOT-CONNECTED",
        "start the driver of this UPS (upsdrvctl, or its nut-driver unit)";
    /// The driver gives no fresh data.
    DataStale, "DATA-STALE",
        "the driver lost the UPS: check its cable or network, then the driver's log";
    /// This connection has logged in already.
    AlreadyLoggedIn, "ALREADY-LOGGED-IN",
        "upsd allows one LOGIN per connection";
    /// The password is not acceptable, perhaps empty.
    InvalidPassword, "INVALID-PASSWORD",
        "check the password file";
    /// A password was sent already.
    AlreadySetPassword, "ALREADY-SET-PASSWORD",
        "upsd takes one password per connection";
    /// The user name is not acceptable.
    InvalidUsername, "INVALID-USERNAME",
        "check the user name against upsd.users";
    /// A user name was sent already.
    AlreadySetUsername, "ALREADY-SET-USERNAME",
        "upsd takes one user name per connection";
    /// The request needs a user.
    UsernameRequired, "USERNAME-REQUIRED",
        "configure a user of upsd.users";
    /// The request needs a password.
    PasswordRequired, "PASSWORD-REQUIRED",
        "configure the password of the user";
    /// upsd does not know the request.
    UnknownCommand, "UNKNOWN-COMMAND",
        "this upsd may be older than NUT 2.8";
    /// The value is not one of those allowed.
    InvalidValue, "INVALID-VALUE",
        "see `upsrw` for the values that are allowed";
}

impl ErrCode {
    /// True if the code speaks of the whole device, not of one variable or command: nothing that
    /// is asked about the device now will be answered.
    pub const fn is_about_device(&self) -> bool {
        matches!(self, Self::DataStale | Self::DriverNotConnected | Self::UnknownUps)
    }
}

impl fmt::Display for ErrCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&excerpt(self.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_from_its_word_and_has_advice() {
        for code in ErrCode::ALL {
            assert_eq!(&ErrCode::from_word(code.as_str()), code);
            assert!(!code.advice().is_empty());
        }
        assert_eq!(ErrCode::ALL.len(), 23);
    }

    #[test]
    fn unknown_words_are_kept() {
        let code = ErrCode::from_word("ON-FIRE\u{1b}");
        assert_eq!(code, ErrCode::Other("ON-FIRE\u{1b}".to_owned()));
        assert_eq!(code.to_string(), "ON-FIRE\\u{1b}");
    }
}
