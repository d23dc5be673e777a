//! What a control group has used: version 2 of control groups, or version 1 where the memory and
//! CPU controllers are still there ("hybrid").

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use ananke_lab::Lab;
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// The groups of one program and all that it starts.
pub(crate) struct Account {
    unified: PathBuf,
    legacy: Option<Legacy>,
}

/// Removed when this is dropped, which must be after the processes in them.
struct Legacy {
    memory: PathBuf,
    cpu: PathBuf,
}

/// Bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) current: u64,
    pub(crate) peak: u64,
    pub(crate) anonymous: u64,
    /// Page cache: programs, libraries, the journal. The kernel takes it back when it must.
    pub(crate) file: u64,
    pub(crate) kernel: u64,
}

const NAME: &str = "ananke";

impl Account {
    pub(crate) fn open(lab: &Lab) -> Result<Self> {
        let unified = lab.control_group(NAME)?;
        let is_whole = unified.join("memory.peak").exists() && unified.join("cpu.stat").exists();
        let legacy = (!is_whole).then(|| Legacy::open(lab)).transpose()?;
        Ok(Self { unified, legacy })
    }

    /// The `cgroup.procs` that a process writes its id to, to be counted.
    pub(crate) fn doors(&self) -> Vec<PathBuf> {
        let legacy = self.legacy.iter().flat_map(|legacy| [&legacy.memory, &legacy.cpu]);
        legacy.chain([&self.unified]).map(|group| group.join("cgroup.procs")).collect()
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        let text = fs::read_to_string(self.unified.join("cgroup.procs")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    pub(crate) fn memory(&self) -> Result<Memory> {
        let Some(Legacy { memory, .. }) = &self.legacy else {
            let stat = |key| entry(&self.unified.join("memory.stat"), key);
            return Ok(Memory {
                current: number(&self.unified.join("memory.current"))?,
                peak: number(&self.unified.join("memory.peak"))?,
                anonymous: stat("anon")?,
                file: stat("file")?,
                kernel: stat("kernel")?,
            });
        };
        let stat = |key| entry(&memory.join("memory.stat"), key);
        Ok(Memory {
            current: number(&memory.join("memory.usage_in_bytes"))?,
            peak: number(&memory.join("memory.max_usage_in_bytes"))?,
            anonymous: stat("total_rss")?,
            file: stat("total_cache")?,
            kernel: number(&memory.join("memory.kmem.usage_in_bytes"))?,
        })
    }

    /// CPU used since it was opened, user and system, of processes that have ended too.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        match &self.legacy {
            Some(legacy) => Ok(Duration::from_nanos(number(&legacy.cpu.join("cpuacct.usage"))?)),
            None => entry(&self.unified.join("cpu.stat"), "usage_usec").map(Duration::from_micros),
        }
    }
}

impl Legacy {
    fn open(lab: &Lab) -> Result<Self> {
        let make = |controller: &str| {
            let name = format!("ananke-lab-{}", lab.spec().name);
            let group = Path::new("/sys/fs/cgroup").join(controller).join(name);
            fs::create_dir(&group)
                .with_context(|| format!("missing: a {controller} controller of control groups"))?;
            Ok::<_, anyhow::Error>(group)
        };
        Ok(Self { memory: make("memory")?, cpu: make("cpuacct")? })
    }
}

impl Drop for Legacy {
    fn drop(&mut self) {
        // A kept connection outlives the daemon by seconds; the lab, which would end it, may go
        // after this.
        let left = fs::read_to_string(self.memory.join("cgroup.procs")).unwrap_or_default();
        for process in left.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)) {
            kill_process(process, Signal::KILL).ok();
        }
        thread::sleep(Duration::from_millis(100));
        fs::remove_dir(&self.memory).ok();
        fs::remove_dir(&self.cpu).ok();
    }
}

fn number(file: &Path) -> Result<u64> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    text.trim().parse().with_context(|| format!("{} is no number", file.display()))
}

fn entry(file: &Path, key: &str) -> Result<u64> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    let value = value.with_context(|| format!("{} has no {key}", file.display()))?;
    Ok(value.parse()?)
}
