//! `hold` and `release`.

use super::{
    args::{Args, Hold},
    client, config,
    exit::{Exit, Failure},
    output::say,
};
use crate::state::Request;

pub(crate) fn hold(args: &Args, hold: &Hold) -> Result<Exit, Failure> {
    let request =
        Request::Hold { reason: hold.reason.clone(), even_on_battery: hold.even_on_battery };
    ask(args, &request)
}

pub(crate) fn release(args: &Args) -> Result<Exit, Failure> {
    ask(args, &Request::Release)
}

/// Asks, and prints the answer.
pub(crate) fn ask(args: &Args, request: &Request) -> Result<Exit, Failure> {
    let config = config::load(args)?;
    say!("{}", client::ask(&config, request)?);
    Ok(Exit::Done)
}
