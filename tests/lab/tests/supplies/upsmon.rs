//! A real `upsmon` beside ananke, as the primary of a UPS. What it would shut down is nothing: it
//! leaves a file.

use std::{fmt::Write as _, fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use ananke_lab::{HUB_ADDRESS, HubProcess, Lab, NUT_PORT, PRIMARY};
use anyhow::Result;
use tempfile::TempDir;

use crate::documents::private;

/// It is killed when this is dropped.
pub(crate) struct Upsmon {
    _process: HubProcess,
    folder: TempDir,
}

impl Upsmon {
    /// Starts one that polls every second.
    pub(crate) fn start(lab: &Lab, ups: &str) -> Result<Self> {
        // Not in `/run`, which it sees empty.
        let folder = tempfile::Builder::new().prefix("ananke-upsmon-").tempdir_in("/var/tmp")?;
        let at = folder.path().display();
        let notify = folder.path().join("notify");
        private(&notify, &format!("#!/bin/sh\necho \"$NOTIFYTYPE\" >>{at}/notices\n"))?;
        fs::set_permissions(&notify, fs::Permissions::from_mode(0o700))?;
        let mut lines = format!(
            "MONITOR {ups}@{HUB_ADDRESS}:{NUT_PORT} 1 {} {} primary\nMINSUPPLIES 1\n\
             SHUTDOWNCMD \"touch {at}/shutdown\"\nNOTIFYCMD {at}/notify\nRUN_AS_USER root\n\
             POLLFREQ 1\nPOLLFREQALERT 1\nHOSTSYNC 5\nFINALDELAY 0\n",
            PRIMARY.name, PRIMARY.password
        );
        for notice in ["ONLINE", "ONBATT", "LOWBATT", "FSD", "SHUTDOWN"] {
            writeln!(lines, "NOTIFYFLAG {notice} EXEC")?;
        }
        // Whatever is not told would go to the machine's log and terminals.
        for notice in ["COMMOK", "COMMBAD", "REPLBATT", "NOCOMM", "NOPARENT"] {
            writeln!(lines, "NOTIFYFLAG {notice} IGNORE")?;
        }
        private(&folder.path().join("upsmon.conf"), &lines)?;
        let process = lab.spawn("upsmon", &mut ananke_lab::upsmon(lab, folder.path())?)?;
        Ok(Self { _process: process, folder })
    }

    /// What it was told to notify of.
    pub(crate) fn notices(&self) -> String {
        fs::read_to_string(self.file("notices")).unwrap_or_default()
    }

    /// Whether it ran its `SHUTDOWNCMD`.
    pub(crate) fn has_shut_down(&self) -> bool {
        self.file("shutdown").exists()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
