//! `host NAME maintenance on|off`.

use super::{
    args::{Args, Host, HostCommand, Switch},
    exit::{Exit, Failure},
    requests,
};
use crate::state::Request;

pub(crate) fn host(args: &Args, host: &Host) -> Result<Exit, Failure> {
    let HostCommand::Maintenance { switch } = host.what;
    let request = Request::Maintenance { host: host.name.clone(), on: switch == Switch::On };
    requests::ask(args, &request)
}
