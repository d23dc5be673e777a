//! The tokio driver: one connection to one upsd.
//!
//! Every call has a deadline. A call that fails other than by a refusal of upsd, or whose future is
//! dropped before it is done, closes the connection, and all later calls give
//! [`NutError::Poisoned`]: an answer that comes late can never be read as the answer to something
//! else. upsd ends a connection that asks nothing for about a minute; a client that polls more
//! often keeps it.

mod connect;
mod endpoint;
mod link;
mod tls;

use std::fmt;

use tokio::time::{Duration, Instant, sleep, timeout_at};

use self::link::{Fault, Link};
use crate::codec::{Answer, CodecError, ErrCode, Request, UpsEntry, excerpt};
use crate::error::NutError;

pub use self::endpoint::{Ca, Credentials, Endpoint, Tls};

/// Between two looks at who has left.
const LEAVING: Duration = Duration::from_millis(500);

/// A connection to one upsd.
pub struct Client {
    /// `None` while an exchange is under way and after one failed.
    link: Option<Link>,
    endpoint: String,
    encrypted: bool,
    user: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint)
            .field("encrypted", &self.encrypted)
            .field("user", &self.user)
            .field("connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}

impl Client {
    /// True if what is sent, the password among it, is encrypted.
    pub const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// False once the connection was given up.
    pub const fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// Names the user of this connection. upsd checks neither name nor password here: a wrong one
    /// shows at the first request that needs it, such as [`Client::login`].
    pub async fn authenticate(
        &mut self,
        credentials: &Credentials,
        deadline: Instant,
    ) -> Result<(), NutError> {
        let requests =
            [Request::Username(&credentials.username), Request::Password(&credentials.password)];
        let answers = self.exchange(&requests, deadline).await?;
        self.user = Some(credentials.username.clone());
        for (request, answer) in requests.iter().zip(answers) {
            self.done(*request, answer)?;
        }
        Ok(())
    }

    /// Counts this connection as a machine that `ups` feeds, for as long as it lives. Whether as
    /// primary or secondary is a matter of upsd.users.
    pub async fn login(&mut self, ups: &str, deadline: Instant) -> Result<(), NutError> {
        self.command(Request::Login { ups }, deadline).await
    }

    /// Takes leave and closes the connection. Dropping the client does as well as far as upsd's
    /// count of logins goes.
    pub async fn logout(mut self, deadline: Instant) -> Result<(), NutError> {
        self.command(Request::Logout, deadline).await?;
        if let Some(link) = self.link.take() {
            // Taken leave of already: how the connection ends makes no difference.
            let _ = timeout_at(deadline, link.shutdown()).await;
        }
        Ok(())
    }

    /// Reads variables, all in one round trip; the answers are in the order of `variables`. A
    /// variable that upsd refuses is a value. That the data are stale, the driver is gone or the
    /// device is unknown is an error of the whole.
    pub async fn get_vars(
        &mut self,
        ups: &str,
        variables: &[&str],
        deadline: Instant,
    ) -> Result<Vec<(String, Result<String, ErrCode>)>, NutError> {
        let requests: Vec<_> =
            variables.iter().map(|variable| Request::GetVar { ups, variable }).collect();
        let answers = self.exchange(&requests, deadline).await?;
        let mut values = Vec::with_capacity(answers.len());
        for (variable, answer) in variables.iter().zip(answers) {
            let value = match answer {
                Answer::Var(value) => Ok(value),
                Answer::Err(code) if !code.is_about_device() => Err(code),
                Answer::Err(code) => {
                    return Err(self.refused(Request::GetVar { ups, variable }, code));
                }
                other => return Err(self.mismatch(Request::GetVar { ups, variable }, &[other])),
            };
            values.push(((*variable).to_owned(), value));
        }
        Ok(values)
    }

    /// Lists the devices of the server.
    pub async fn list_ups(&mut self, deadline: Instant) -> Result<Vec<UpsEntry>, NutError> {
        let request = Request::ListUps;
        match self.ask(request, deadline).await? {
            Answer::UpsList(list) => Ok(list),
            other => Err(self.mismatch(request, &[other])),
        }
    }

    /// Counts the connections that have logged in to `ups`.
    pub async fn num_logins(&mut self, ups: &str, deadline: Instant) -> Result<u32, NutError> {
        let request = Request::GetNumLogins { ups };
        match self.ask(request, deadline).await? {
            Answer::NumLogins(count) => Ok(count),
            other => Err(self.mismatch(request, &[other])),
        }
    }

    /// Asks whether this user may act as the primary of `ups`. Needs NUT 2.8 or later.
    pub async fn primary(&mut self, ups: &str, deadline: Instant) -> Result<(), NutError> {
        self.command(Request::Primary { ups }, deadline).await
    }

    /// Sets "forced shutdown" on `ups`: all its secondaries power off. It cannot be taken back but
    /// by a restart of upsd.
    pub async fn fsd(&mut self, ups: &str, deadline: Instant) -> Result<(), NutError> {
        self.command(Request::Fsd { ups }, deadline).await
    }

    /// What `upsmon` does on a primary before it halts: sets "forced shutdown" on `ups`, and gives the
    /// others that are logged in there until `deadline` to leave. This connection must be logged in.
    /// Once it is set nothing is an error: that others are slow does not take it back.
    pub async fn force_shutdown(&mut self, ups: &str, deadline: Instant) -> Result<(), NutError> {
        self.primary(ups, deadline).await?;
        self.fsd(ups, deadline).await?;
        while Instant::now() + LEAVING < deadline
            && self.num_logins(ups, deadline).await.is_ok_and(|logins| logins > 1)
        {
            sleep(LEAVING).await;
        }
        Ok(())
    }

    /// Runs an instant command, such as `load.off.delay` with the parameter `120`. Success means
    /// that the driver was told, not that the device obeyed.
    pub async fn instcmd(
        &mut self,
        ups: &str,
        command: &str,
        parameter: Option<&str>,
        deadline: Instant,
    ) -> Result<(), NutError> {
        self.command(Request::InstCmd { ups, command, parameter }, deadline).await
    }

    /// Writes a variable. Success means that the driver was told, not that the device obeyed: read
    /// it back. upsd 2.8.0 loses `"`, `\` and `#` on the way to the driver (measured, also with
    /// NUT's own `upsrw`).
    pub async fn set_var(
        &mut self,
        ups: &str,
        variable: &str,
        value: &str,
        deadline: Instant,
    ) -> Result<(), NutError> {
        self.command(Request::SetVar { ups, variable, value }, deadline).await
    }

    /// A request that is answered by `OK`.
    async fn command(&mut self, request: Request<'_>, deadline: Instant) -> Result<(), NutError> {
        let answer = self.ask(request, deadline).await?;
        self.done(request, answer)
    }

    /// A single request. Its refusal is an error.
    async fn ask(&mut self, request: Request<'_>, deadline: Instant) -> Result<Answer, NutError> {
        match self.exchange(&[request], deadline).await?.pop() {
            Some(Answer::Err(code)) => Err(self.refused(request, code)),
            Some(answer) => Ok(answer),
            None => Err(self.mismatch(request, &[])),
        }
    }

    /// Sends `requests` and reads their answers. The link is out of `self` meanwhile and comes back
    /// only when it is known to be in step, so an error, a timeout and a dropped future all close
    /// it.
    async fn exchange(
        &mut self,
        requests: &[Request<'_>],
        deadline: Instant,
    ) -> Result<Vec<Answer>, NutError> {
        let text = self.encode(requests)?;
        let Some(mut link) = self.link.take() else {
            return Err(NutError::Poisoned { endpoint: self.endpoint.clone() });
        };
        let started = Instant::now();
        let answers = timeout_at(deadline, link.exchange(requests, &text))
            .await
            .map_err(|_| NutError::Timeout {
                endpoint: self.endpoint.clone(),
                asked: describe(requests),
                waited: started.elapsed(),
            })?
            .map_err(|(request, fault)| self.failed(request, fault))?;
        self.link = Some(link);
        Ok(answers)
    }

    fn encode(&self, requests: &[Request<'_>]) -> Result<String, NutError> {
        let mut text = String::new();
        for request in requests {
            text.push_str(&request.encode().map_err(|error| NutError::Unsendable {
                endpoint: self.endpoint.clone(),
                asked: request.to_string(),
                source: error.into(),
            })?);
        }
        Ok(text)
    }

    fn done(&self, request: Request<'_>, answer: Answer) -> Result<(), NutError> {
        match answer {
            Answer::Ok => Ok(()),
            Answer::Err(code) => Err(self.refused(request, code)),
            other => Err(self.mismatch(request, &[other])),
        }
    }

    fn failed(&self, request: Request<'_>, fault: Fault) -> NutError {
        let (endpoint, asked) = (self.endpoint.clone(), request.to_string());
        match fault {
            Fault::Closed => NutError::Closed { endpoint, asked },
            Fault::Io(source) => NutError::Io { endpoint, asked, source },
            Fault::Codec(source) => NutError::Protocol { endpoint, asked, source },
        }
    }

    /// The error for an answer of the wrong kind.
    fn mismatch(&self, request: Request<'_>, answer: &[Answer]) -> NutError {
        let line = excerpt(&format!("{answer:?}"));
        self.failed(request, Fault::Codec(CodecError::Unexpected { line }))
    }

    /// The error for a refusal of `request`.
    fn refused(&self, request: Request<'_>, code: ErrCode) -> NutError {
        let endpoint = self.endpoint.clone();
        match (request.ups().map(str::to_owned), code) {
            (Some(ups), ErrCode::DataStale) => NutError::DataStale { endpoint, ups },
            (Some(ups), ErrCode::DriverNotConnected) => {
                NutError::DriverNotConnected { endpoint, ups }
            }
            (Some(ups), ErrCode::UnknownUps) => NutError::UnknownUps { endpoint, ups },
            (Some(ups), ErrCode::AccessDenied) if matches!(request, Request::Login { .. }) => {
                NutError::LoginRefused {
                    endpoint,
                    user: self.user.clone().unwrap_or_default(),
                    ups,
                }
            }
            (Some(ups), ErrCode::AccessDenied)
                if matches!(request, Request::Primary { .. } | Request::Fsd { .. }) =>
            {
                NutError::NotPrimary { endpoint, user: self.user.clone().unwrap_or_default(), ups }
            }
            (_, code) => NutError::Refused { endpoint, asked: request.to_string(), code },
        }
    }
}

/// The first request, and how many more went with it.
fn describe(requests: &[Request<'_>]) -> String {
    match requests {
        [] => String::new(),
        [only] => only.to_string(),
        [first, more @ ..] => format!("{first} (and {} more)", more.len()),
    }
}
