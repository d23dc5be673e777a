//! Lines to the answer of one request, checked against what was asked.

use super::{CodecError, ErrCode, Request, Response, excerpt};

/// Most entries of a list that are read.
pub const MAX_LIST_ENTRIES: usize = 4096;

/// One device of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpsEntry {
    /// The name, as in ups.conf.
    pub name: String,
    /// The `desc` of ups.conf, or `Unavailable`.
    pub description: String,
}

/// The whole answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Done.
    Ok,
    /// Refused.
    Err(ErrCode),
    /// The value asked for.
    Var(String),
    /// How many connections have logged in.
    NumLogins(u32),
    /// The devices of the server.
    UpsList(Vec<UpsEntry>),
}

/// The answer to one request while it arrives.
#[derive(Debug)]
pub struct Expected<'a> {
    request: Request<'a>,
    list: Option<Vec<UpsEntry>>,
}

impl<'a> Expected<'a> {
    /// Waits for the answer to `request`.
    pub fn to(request: Request<'a>) -> Self {
        Self { request, list: None }
    }

    /// Takes one line. `None` means that the answer goes on. After an error the connection cannot
    /// be trusted any more: it may be out of step.
    pub fn accept(&mut self, line: &str) -> Result<Option<Answer>, CodecError> {
        match (self.request, Response::parse(line).map_err(|error| self.censored(error))?) {
            (Request::ListUps, response) => self.accept_list(line, response),
            (_, Response::Err(code)) => Ok(Some(Answer::Err(code))),
            (
                Request::GetVar { ups, variable },
                Response::Var { ups: device, variable: var, value },
            ) => {
                same_device(ups, &device)?;
                same_variable(variable, &var)?;
                Ok(Some(Answer::Var(value)))
            }
            (Request::GetNumLogins { ups }, Response::NumLogins { ups: device, count }) => {
                same_device(ups, &device)?;
                Ok(Some(Answer::NumLogins(count)))
            }
            (Request::GetVar { .. } | Request::GetNumLogins { .. }, _) => {
                Err(self.unexpected(line))
            }
            (_, Response::Ok) => Ok(Some(Answer::Ok)),
            _ => Err(self.unexpected(line)),
        }
    }

    /// Takes one line of `LIST UPS`.
    fn accept_list(
        &mut self,
        line: &str,
        response: Response,
    ) -> Result<Option<Answer>, CodecError> {
        match (response, self.list.as_mut()) {
            (Response::Err(code), None) => return Ok(Some(Answer::Err(code))),
            (Response::BeginListUps, None) => self.list = Some(Vec::new()),
            (Response::Ups { name, description }, Some(list)) => {
                if list.len() >= MAX_LIST_ENTRIES {
                    return Err(CodecError::ListTooLong);
                }
                list.push(UpsEntry { name, description });
            }
            (Response::EndListUps, Some(list)) => {
                return Ok(Some(Answer::UpsList(std::mem::take(list))));
            }
            _ => return Err(self.unexpected(line)),
        }
        Ok(None)
    }

    fn unexpected(&self, line: &str) -> CodecError {
        self.censored(CodecError::Unexpected { line: excerpt(line) })
    }

    /// A server that echoes the password must not put it into our log.
    fn censored(&self, error: CodecError) -> CodecError {
        match (self.request, error) {
            (Request::Password(_), CodecError::Unexpected { .. }) => {
                CodecError::Unexpected { line: "(hidden)".to_owned() }
            }
            (_, error) => error,
        }
    }
}

fn same_device(asked: &str, got: &str) -> Result<(), CodecError> {
    if asked == got {
        return Ok(());
    }
    Err(CodecError::WrongDevice { asked: excerpt(asked), got: excerpt(got) })
}

fn same_variable(asked: &str, got: &str) -> Result<(), CodecError> {
    if asked == got {
        return Ok(());
    }
    Err(CodecError::WrongVariable { asked: excerpt(asked), got: excerpt(got) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;
    use proptest::prelude::*;

    const STATUS: Request<'_> = Request::GetVar { ups: "dev", variable: "ups.status" };

    fn answer(request: Request<'_>, lines: &[&str]) -> Result<Option<Answer>, CodecError> {
        let mut expected = Expected::to(request);
        let mut answer = Ok(None);
        for line in lines {
            assert_eq!(answer, Ok(None), "a line after the answer");
            answer = expected.accept(line);
        }
        answer
    }

    #[test]
    fn a_variable_is_taken_only_from_the_device_and_name_asked_for() {
        assert_eq!(
            answer(STATUS, &["VAR dev ups.status \"OL\""]),
            Ok(Some(Answer::Var("OL".to_owned())))
        );
        assert_eq!(
            answer(STATUS, &["VAR other ups.status \"OB LB\""]),
            Err(CodecError::WrongDevice { asked: "dev".to_owned(), got: "other".to_owned() })
        );
        assert_eq!(
            answer(STATUS, &["VAR dev ups.load \"25\""]),
            Err(CodecError::WrongVariable {
                asked: "ups.status".to_owned(),
                got: "ups.load".to_owned()
            })
        );
        assert_eq!(
            answer(Request::GetNumLogins { ups: "dev" }, &["NUMLOGINS other 1"]),
            Err(CodecError::WrongDevice { asked: "dev".to_owned(), got: "other".to_owned() })
        );
    }

    #[test]
    fn an_err_is_an_answer_to_anything_that_is_not_a_list_under_way() {
        for request in [STATUS, Request::ListUps, Request::StartTls, Request::Login { ups: "dev" }]
        {
            assert_eq!(
                answer(request, &["ERR ACCESS-DENIED"]),
                Ok(Some(Answer::Err(ErrCode::AccessDenied)))
            );
        }
        assert!(answer(Request::ListUps, &["BEGIN LIST UPS", "ERR DATA-STALE"]).is_err());
    }

    #[test]
    fn an_answer_of_another_kind_is_an_error() {
        let rows = [
            (STATUS, "OK"),
            (STATUS, "NUMLOGINS dev 1"),
            (Request::GetNumLogins { ups: "dev" }, "VAR dev ups.status \"OL\""),
            (Request::StartTls, "VAR dev ups.status \"OL\""),
            (Request::Fsd { ups: "dev" }, "BEGIN LIST UPS"),
            (Request::ListUps, "OK"),
            (Request::ListUps, "UPS dev \"no begin\""),
            (Request::ListUps, "END LIST UPS"),
        ];
        for (request, line) in rows {
            let error = CodecError::Unexpected { line: excerpt(line) };
            assert_eq!(answer(request, &[line]), Err(error), "{request}");
        }
    }

    #[test]
    fn lists_are_collected_up_to_the_bound() {
        let list = |entries: usize| {
            let mut lines = vec!["BEGIN LIST UPS"];
            lines.resize(entries + 1, "UPS dev \"x\"");
            lines.push("END LIST UPS");
            answer(Request::ListUps, &lines)
        };
        assert_eq!(list(0), Ok(Some(Answer::UpsList(Vec::new()))));
        let Ok(Some(Answer::UpsList(longest))) = list(MAX_LIST_ENTRIES) else {
            panic!("the longest list was refused");
        };
        assert_eq!(longest.len(), MAX_LIST_ENTRIES);

        let mut expected = Expected::to(Request::ListUps);
        expected.accept("BEGIN LIST UPS").unwrap();
        for _ in 0..MAX_LIST_ENTRIES {
            assert_eq!(expected.accept("UPS dev \"x\""), Ok(None));
        }
        assert_eq!(expected.accept("UPS dev \"x\""), Err(CodecError::ListTooLong));
    }

    #[test]
    fn a_password_that_comes_back_is_not_shown() {
        let password = Secret::new("hunter2");
        for line in ["hunter2", "VAR dev hunter2 \"hunter2\"", "BEGIN LIST hunter2"] {
            let error = answer(Request::Password(&password), &[line]).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
    }

    proptest! {
        #[test]
        fn any_lines_end_in_an_answer_or_an_error(lines in prop::collection::vec(any::<String>(), 0..20)) {
            for request in [STATUS, Request::ListUps, Request::Logout, Request::GetNumLogins { ups: "dev" }] {
                let mut expected = Expected::to(request);
                for line in &lines {
                    if !matches!(expected.accept(line), Ok(None)) { break; }
                }
            }
        }
    }
}
