//! What labs leave on a machine: compared before and after, it must be nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::cgroup::{Cgroup, mount_point};
use crate::keeper::identity_of;
use crate::paths::{CGROUP, DISK_ROOT, Paths, RUN_ROOT};
use crate::spec::LabName;

/// Network namespaces, mounts, control groups, processes and folders, one line each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers(BTreeSet<String>);

impl Leftovers {
    /// All that there is on the machine now, and of processes those that a lab may have started:
    /// in namespaces other than this process's, in a lab's control group, or naming a lab's folder.
    pub fn capture() -> Self {
        let mut found = BTreeSet::new();
        found.extend(entries("netns", Path::new("/run/netns")));
        found.extend(mounts());
        if let Ok(root) = mount_point() {
            let names = cgroups(&root).into_iter().map(|path| format!("cgroup {}", path.display()));
            found.extend(names);
        }
        found.extend(processes());
        let nspawn = ["/run/systemd/nspawn/propagate", "/run/systemd/nspawn/locks"];
        for folder in [RUN_ROOT, DISK_ROOT].into_iter().chain(nspawn) {
            found.extend(entries("folder", Path::new(folder)));
        }
        Self(found)
    }

    /// What belongs to one lab now, and must not once it is down.
    pub(crate) fn of_lab(name: &LabName) -> Self {
        let paths = Paths::new(name);
        let marks = [
            format!("{}/", paths.run().display()),
            format!("{}/", paths.disks().display()),
            format!("/{CGROUP}/{name}/"),
            format!("/{} ", paths.netns_name()),
        ];
        let belongs = |line: &String| {
            let line = format!("{line} ");
            // A folder's or group's own name ends its line; what is in it goes on with a slash.
            let line = line.replace(&format!("/{CGROUP}/{name} "), &format!("/{CGROUP}/{name}/ "));
            marks.iter().any(|mark| line.contains(mark))
        };
        Self(Self::capture().0.into_iter().filter(belongs).collect())
    }

    /// What is there now and was not before.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self(self.0.difference(&before.0).cloned().collect())
    }

    /// What lies in folders, groups, namespaces or processes of any lab.
    #[must_use]
    pub fn of_labs(&self) -> Self {
        let ours = |line: &&String| line.contains(CGROUP) || line.contains("/run/netns/ananke-");
        Self(self.0.iter().filter(ours).cloned().collect())
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.0 {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

fn entries(kind: &str, folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| format!("{kind} {}", entry.path().display())).collect()
}

fn mounts() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| format!("mount {point}"))
        .collect()
}

fn cgroups(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(cgroups(&entry.path()));
            found.push(entry.path());
        }
    }
    found
}

fn processes() -> Vec<String> {
    let own = namespaces("self");
    let in_labs: BTreeSet<u32> =
        Cgroup::all().map(|group| group.processes()).unwrap_or_default().into_iter().collect();
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter_map(|pid| {
            // Zombies are gone already; only their parent has not looked.
            let identity = identity_of(pid)?;
            let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            let elsewhere = namespaces(&pid.to_string()).is_some_and(|of| Some(of) != own);
            let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
            let group = group.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("?");
            let names_a_lab = [RUN_ROOT, DISK_ROOT].iter().any(|root| command.contains(root));
            (in_labs.contains(&pid) || names_a_lab || elsewhere)
                .then(|| format!("process {identity} in {group}: {}", command.trim_end()))
        })
        .collect()
}

/// Network, mount and process-id namespace of a process; none for a kernel thread or another's.
fn namespaces(pid: &str) -> Option<[PathBuf; 3]> {
    let of = |kind: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
    Some([of("net")?, of("mnt")?, of("pid")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_is_left() {
        let of = |lines: &[&str]| Leftovers(lines.iter().map(|&line| line.to_owned()).collect());
        let (before, after) = (of(&["netns a", "mount /x"]), of(&["mount /x", "netns b"]));
        assert_eq!(after.since(&before), of(&["netns b"]));
        assert!(before.since(&before).is_empty());
    }

    #[test]
    fn this_process_is_none_of_a_lab() {
        let me = format!("process {} ", identity_of(std::process::id()).unwrap());
        assert!(!Leftovers::capture().0.iter().any(|line| line.starts_with(&me)));
    }
}
