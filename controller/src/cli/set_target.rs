//! `set-target`: one scalar of the document, everything else kept.

use std::{
    fs,
    io::{BufRead as _, IsTerminal as _, Write as _},
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use ananke_crds::{
    edit::set_scalar,
    host_config::HostConfiguration,
    policy::{ConditionStatus, Target},
};

use super::{
    args::{Args, SetTarget},
    client, config,
    exit::{Exit, Failure},
    output::{say, tell},
    plan,
};
use crate::{publish::Published, state::Request, wiring::policy::InForce};

pub(crate) fn set_target(args: &Args, set: &SetTarget) -> Result<Exit, Failure> {
    let config = config::load(args)?;
    let file = file(args, &config)?;
    let text = plan::read(&file)?;
    let before = parsed(&text, &file)?;
    show(&config, &before, set.target);
    let down = set.target > before.policy.spec.target;
    if down && !set.yes && !agreed(&before, set.target)? {
        tell!("nothing was changed");
        return Ok(Exit::Blocked);
    }
    let mut after = edited(&text, "spec.target", set.target.as_str())?;
    if let Some(reason) = &set.reason {
        after = edited(&after, "spec.reason", reason)?;
    }
    parsed(&after, &file)?;
    if after == text {
        say!("{} declares {} already", before.name(), set.target);
    } else {
        replace(&file, &after)?;
        say!("{} declares {}", before.name(), set.target);
    }
    if set.target == Target::Running {
        begin_recovery(&config, set);
    }
    if set.wait { follow(&config, set) } else { Ok(Exit::Done) }
}

fn file(args: &Args, config: &HostConfiguration) -> Result<PathBuf, Failure> {
    if let Some(file) = &args.policy {
        return Ok(file.clone());
    }
    let found = config::place(config).find();
    Ok(found.map_err(|problem| Failure::new(Exit::Usage, problem))?.0)
}

fn parsed(text: &str, file: &Path) -> Result<InForce, Failure> {
    InForce::of(text, &file.display().to_string())
        .map_err(|refused| Failure::new(Exit::Usage, refused.to_string()))
}

fn edited(text: &str, path: &str, value: &str) -> Result<String, Failure> {
    set_scalar(text, path, value).map_err(|error| {
        Failure::new(Exit::Usage, error.to_string()).remedy("edit the document by hand")
    })
}

/// The plan, if a daemon has ever looked; without one the document is edited all the same.
fn show(config: &HostConfiguration, before: &InForce, target: Target) {
    match plan::make(config, before, target) {
        Ok(made) => {
            for line in plan::lines(&made, before.name(), target) {
                tell!("{line}");
            }
        }
        Err(_) => tell!("no plan can be shown: no daemon has looked at this world yet"),
    }
}

fn agreed(before: &InForce, target: Target) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let message = format!("taking {} down to {target} is not confirmed", before.name());
        return Err(Failure::new(Exit::Usage, message).remedy("--yes"));
    }
    let mut out = std::io::stderr();
    write!(out, "Take {} down to {target}? [y/N] ", before.name())?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Replaces the file behind any symlink, whole, with its mode and owner.
fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    let real = fs::canonicalize(file)?;
    let folder = real.parent().unwrap_or(Path::new("."));
    let known = fs::metadata(&real)?;
    let mut fresh = tempfile::Builder::new().prefix(".ananke-").tempfile_in(folder)?;
    fresh.write_all(text.as_bytes())?;
    fresh.as_file().set_permissions(known.permissions())?;
    chown(fresh.path(), Some(known.uid()), Some(known.gid()))?;
    fresh.as_file().sync_all()?;
    fresh.persist(&real).map_err(|error| Failure::from(error.error))?;
    fs::File::open(folder)?.sync_all()?;
    Ok(())
}

/// A target that is running already means: bring back what is lost.
fn begin_recovery(config: &HostConfiguration, set: &SetTarget) {
    let reason = set.reason.clone().unwrap_or_default();
    if let Err(failure) = client::ask(config, &Request::Startup { reason }) {
        tell!("{}: it acts on the document when it is back", failure.line());
    }
}

const LOOK: Duration = Duration::from_millis(500);
/// systemd starts a daemon that fell again long before this.
const PATIENCE: Duration = Duration::from_secs(15);

/// Follows it to the end. Ctrl-C ends the following, never the daemon.
fn follow(config: &HostConfiguration, set: &SetTarget) -> Result<Exit, Failure> {
    let began = Instant::now();
    let mut told = String::new();
    let mut missed = None;
    // A stall of before may be what this very request is to end.
    let mut stalled_before = None;
    while began.elapsed() < set.timeout.get() {
        let now = client::told(config).ok().filter(|now| now.dead().is_none());
        if now.is_some() {
            missed = None;
        } else if missed.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            return Err(Failure::new(Exit::Unreachable, "no daemon is at work: nobody to follow")
                .remedy("systemctl start ananke"));
        }
        if let Some(now) = now {
            let sentence = now.published.status.sentence.clone().unwrap_or_default();
            if sentence != told {
                tell!("{sentence}");
                told = sentence;
            }
            if declares(&now.published, set.target) {
                if has(&now.published, "Ready", set.target) {
                    return Ok(Exit::Done);
                }
                let stalled = has(&now.published, "Stalled", set.target);
                let fresh = !*stalled_before.get_or_insert(stalled) || began.elapsed() > PATIENCE;
                if stalled && fresh {
                    return Ok(Exit::Failed);
                }
            }
        }
        thread::sleep(LOOK);
    }
    tell!("still under way after {}; the daemon goes on", set.timeout);
    Ok(Exit::TimedOut)
}

fn declares(published: &Published, target: Target) -> bool {
    published.spec.get("target").and_then(|t| t.as_str()) == Some(target.as_str())
}

fn has(published: &Published, kind: &str, target: Target) -> bool {
    published.status.effective_target.is_none_or(|effective| effective >= target)
        && published
            .status
            .conditions
            .iter()
            .any(|c| c.condition_type == kind && c.status == ConditionStatus::True)
}
