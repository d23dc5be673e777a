//! What one line from the server says.

use super::{CodecError, ErrCode, excerpt, tokenize};

/// One line from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// `OK`, with whatever follows it (`OK FSD-SET`), and the `Goodbye...` of old servers.
    Ok,
    /// `ERR`. Words after the code are for people and are dropped.
    Err(ErrCode),
    /// `VAR`: the value of a variable.
    Var {
        /// The device.
        ups: String,
        /// The variable.
        variable: String,
        /// Its value, unquoted.
        value: String,
    },
    /// `NUMLOGINS`: how many connections have logged in.
    NumLogins {
        /// The device.
        ups: String,
        /// The number of connections.
        count: u32,
    },
    /// `UPS`: one entry of `LIST UPS`.
    Ups {
        /// The device.
        name: String,
        /// The `desc` of ups.conf, or `Unavailable`.
        description: String,
    },
    /// `BEGIN LIST UPS`.
    BeginListUps,
    /// `END LIST UPS`.
    EndListUps,
}

impl Response {
    /// Reads one line.
    pub fn parse(line: &str) -> Result<Self, CodecError> {
        let words = tokenize(line)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let response = match words.as_slice() {
            ["OK", ..] | ["Goodbye..."] => Some(Self::Ok),
            ["ERR", code, ..] => Some(Self::Err(ErrCode::from_word(code))),
            ["VAR", ups, variable, value] => Some(Self::Var {
                ups: (*ups).to_owned(),
                variable: (*variable).to_owned(),
                value: (*value).to_owned(),
            }),
            ["NUMLOGINS", ups, count] => {
                count.parse().ok().map(|count| Self::NumLogins { ups: (*ups).to_owned(), count })
            }
            ["UPS", name, description] => {
                Some(Self::Ups { name: (*name).to_owned(), description: (*description).to_owned() })
            }
            ["BEGIN", "LIST", "UPS"] => Some(Self::BeginListUps),
            ["END", "LIST", "UPS"] => Some(Self::EndListUps),
            _ => None,
        };
        response.ok_or_else(|| CodecError::Unexpected { line: excerpt(line) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::QuoteError;
    use proptest::prelude::*;

    #[test]
    fn lines_of_a_real_upsd_are_read() {
        let var = |value: &str| Response::Var {
            ups: "dev".to_owned(),
            variable: "ups.status".to_owned(),
            value: value.to_owned(),
        };
        let rows = [
            ("OK", Response::Ok),
            ("OK Goodbye", Response::Ok),
            ("Goodbye...", Response::Ok),
            ("OK PRIMARY-GRANTED", Response::Ok),
            ("OK TRACKING 98C489FD-821C-4132-9D93-4F6590B55E63", Response::Ok),
            ("ERR DATA-STALE", Response::Err(ErrCode::DataStale)),
            ("ERR ACCESS-DENIED go away", Response::Err(ErrCode::AccessDenied)),
            ("VAR dev ups.status \"OB DISCHRG LB\"", var("OB DISCHRG LB")),
            ("VAR dev ups.status \"\"", var("")),
            (r#"VAR dev ups.status "a \"b\" \\""#, var(r#"a "b" \"#)),
            ("NUMLOGINS dev 3", Response::NumLogins { ups: "dev".to_owned(), count: 3 }),
            ("BEGIN LIST UPS", Response::BeginListUps),
            (
                "UPS dev \"test UPS\"",
                Response::Ups { name: "dev".to_owned(), description: "test UPS".to_owned() },
            ),
            ("END LIST UPS", Response::EndListUps),
        ];
        for (line, response) in rows {
            assert_eq!(Response::parse(line), Ok(response), "{line}");
        }
    }

    #[test]
    fn everything_else_is_an_error() {
        for line in [
            "",
            "ERR",
            "ok",
            "VAR dev ups.status",
            "VAR dev ups.status OB LB",
            "NUMLOGINS dev -1",
            "NUMLOGINS dev 99999999999",
            "BEGIN LIST VAR dev",
            "SSH-2.0-OpenSSH_9.2",
            "HTTP/1.1 400 Bad Request",
        ] {
            assert_eq!(Response::parse(line), Err(CodecError::Unexpected { line: line.into() }));
        }
        assert_eq!(
            Response::parse("VAR dev ups.status \"OB"),
            Err(CodecError::Quoting(QuoteError::Unterminated))
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_response_or_an_error(
            start in prop_oneof!["", "OK ", "ERR ", "VAR ", "UPS ", "NUMLOGINS ", "BEGIN LIST "],
            rest in any::<String>(),
        ) {
            let _ = Response::parse(&format!("{start}{rest}"));
        }
    }
}
