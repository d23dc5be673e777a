//! NUT's own monitor, beside ours.

use std::{
    fmt::Write as _,
    fs::{self, Permissions},
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::Sender,
    thread,
    time::{Duration, Instant},
};

use ananke_lab::{HUB_ADDRESS, Lab, NUT_PORT, SECONDARY, check};
use anyhow::{Context, Result};

use super::{
    Place,
    follow::{Notice, Sighting, What},
    private,
};

/// Seconds between polls, `POLLFREQ` and `POLLFREQALERT` alike: the defaults of both, and the
/// shortest there is.
pub(crate) const FREQUENCIES: [u32; 2] = [5, 1];

/// It is killed when this is dropped.
pub(crate) struct Monitor(Child);

impl Drop for Monitor {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Makes the pipe that every `NOTIFYCMD` writes to, and stamps what comes.
pub(crate) fn listen(folder: &Path, to: Vec<Sender<Sighting>>) -> Result<PathBuf> {
    let pipe = folder.join("notices");
    check(Command::new("mkfifo").arg(&pipe), Duration::from_secs(5))?;
    // Also open for writing: it never ends.
    let file = fs::OpenOptions::new().read(true).write(true).open(&pipe)?;
    thread::spawn(move || {
        for line in BufReader::new(file).lines().map_while(Result::ok) {
            let at = Instant::now();
            if let Some((device, what)) = read(&line)
                && let Some(to) = to.get(device)
                && to.send(Sighting { what, at }).is_err()
            {
                return;
            }
        }
    });
    Ok(pipe)
}

/// `DEVICE FREQUENCY TYPE`.
fn read(line: &str) -> Option<(usize, What)> {
    let mut words = line.split(' ');
    let device = words.next()?.parse().ok()?;
    let frequency = words.next()?.parse().ok()?;
    let notice = match words.next()? {
        "ONBATT" => Notice::OnBattery,
        "LOWBATT" => Notice::LowBattery,
        "ONLINE" => Notice::OnLine,
        _ => return None,
    };
    Some((device, What::Upsmon(frequency, notice)))
}

/// Starts one for a device. It feeds no power value to its host: it notifies of all and never shuts
/// down.
pub(crate) fn start(
    lab: &Lab,
    place: &Place,
    frequency: u32,
    folder: &Path,
    pipe: &Path,
) -> Result<Monitor> {
    let folder = folder.join(format!("upsmon-{}-{frequency}", place.ups));
    fs::create_dir_all(&folder)?;
    let notify = folder.join("notify");
    let script =
        format!("#!/bin/sh\necho \"{} {frequency} $NOTIFYTYPE\" >{}\n", place.at, pipe.display());
    private(&notify, &script)?;
    fs::set_permissions(&notify, Permissions::from_mode(0o700))?;
    private(&folder.join("upsmon.conf"), &configuration(place, frequency, &notify))?;
    let mut command = ananke_lab::upsmon(lab, &folder)?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(Monitor(command.spawn().context("cannot start upsmon")?))
}

/// Whatever is not told would go to the machine's log and terminals.
const FLAGS: &str = "\
NOTIFYFLAG ONLINE EXEC
NOTIFYFLAG ONBATT EXEC
NOTIFYFLAG LOWBATT EXEC
NOTIFYFLAG FSD IGNORE
NOTIFYFLAG COMMOK IGNORE
NOTIFYFLAG COMMBAD IGNORE
NOTIFYFLAG SHUTDOWN IGNORE
NOTIFYFLAG REPLBATT IGNORE
NOTIFYFLAG NOCOMM IGNORE
NOTIFYFLAG NOPARENT IGNORE
";

fn configuration(place: &Place, frequency: u32, notify: &Path) -> String {
    let mut text = format!(
        "MONITOR {}@{HUB_ADDRESS}:{NUT_PORT} 0 {} {} secondary\nMINSUPPLIES 0\n\
         SHUTDOWNCMD /bin/false\nRUN_AS_USER root\nNOTIFYCMD {}\n",
        place.ups,
        SECONDARY.name,
        SECONDARY.password,
        notify.display()
    );
    if frequency != 5 {
        // Writing into a `String` cannot fail.
        writeln!(text, "POLLFREQ {frequency}\nPOLLFREQALERT {frequency}").ok();
    }
    text + FLAGS
}
