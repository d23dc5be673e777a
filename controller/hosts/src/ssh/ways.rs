//! How hosts are reached: directly, or through the jump host and directly when that fails.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write,
    os::unix::{
        ffi::OsStrExt,
        fs::{OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use ananke_crds::{
    host_config::{SshAccess, SshHost},
    value::Name,
};
use ananke_ports::HostError;
use tempfile::TempDir;
use tokio::time::Instant;

use super::{
    config::{SshSetupError, is_jump, render},
    failure::{Target, classify, graver},
    link::Link,
    master::{Master, NoConnection},
};

/// Longest path of a folder for sockets: 107 bytes for a socket, less the name that a connection
/// gets (`/m` and a number) and the 17 bytes that OpenSSH adds while it makes one.
const LONGEST_FOLDER: usize = 107 - 17 - 12;

/// One of our configuration files, and what it does.
#[derive(Debug)]
struct Way {
    file: PathBuf,
    is_direct: bool,
}

/// The ways to all hosts.
#[derive(Debug)]
pub(super) struct Ways {
    access: SshAccess,
    /// Removed with everything in it when this is dropped.
    folder: TempDir,
    /// The one way, or the one through the jump host.
    usual: Way,
    /// The direct way, where there is a jump host.
    direct: Option<Way>,
    connections: AtomicU64,
}

impl Ways {
    /// Writes the configuration files, mode 0600, into a folder of their own in `runtime`.
    pub(super) fn new(access: &SshAccess, runtime: &Path) -> Result<Self, SshSetupError> {
        let failed = |source| SshSetupError::Io { path: runtime.to_owned(), source };
        fs::create_dir_all(runtime).map_err(failed)?;
        let folder = tempfile::Builder::new()
            .prefix("ssh-")
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(runtime)
            .map_err(failed)?;
        if folder.path().as_os_str().as_bytes().len() > LONGEST_FOLDER {
            let folder = runtime.to_owned();
            // The folder of our own is `/ssh-` and six characters.
            return Err(SshSetupError::TooLong { folder, longest: LONGEST_FOLDER - 11 });
        }
        let jump = access.jump.as_ref();
        let usual = write(folder.path().join("config"), &render(access, jump)?)?;
        let direct = match jump {
            Some(_) => Some(Way {
                file: write(folder.path().join("config.direct"), &render(access, None)?)?,
                is_direct: true,
            }),
            None => None,
        };
        Ok(Self {
            access: access.clone(),
            folder,
            usual: Way { file: usual, is_direct: jump.is_none() },
            direct,
            connections: AtomicU64::new(0),
        })
    }

    /// Connects to a host by the way that worked last, or else by the other one.
    ///
    /// The first of two ways gets half of the time.
    pub(super) async fn connect(
        &self,
        host: &Name,
        link: &Link,
        until: Instant,
    ) -> Result<Master, HostError> {
        let Some(direct) = self.direct.as_ref().filter(|_| !self.is_jump(host)) else {
            return self.connect_by(&self.usual, host, until).await;
        };
        let (first, second) =
            if link.is_direct_first() { (direct, &self.usual) } else { (&self.usual, direct) };
        let now = Instant::now();
        let half = now + until.saturating_duration_since(now) / 2;
        let failed = match self.connect_by(first, host, half).await {
            Ok(master) => return Ok(master),
            Err(error) => error,
        };
        match self.connect_by(second, host, until).await {
            Ok(master) => {
                tracing::info!(%host, direct = second.is_direct, first = %failed, "other way taken");
                link.worked(second.is_direct);
                Ok(master)
            }
            Err(error) => Err(graver(failed, error)),
        }
    }

    async fn connect_by(
        &self,
        way: &Way,
        host: &Name,
        until: Instant,
    ) -> Result<Master, HostError> {
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        let control = self.folder.path().join(format!("m{number}"));
        let began = Instant::now();
        let opened = Master::open(&way.file, control.into_boxed_path(), host.as_str(), until).await;
        opened.map_err(|error| match error {
            NoConnection::GaveUp(stderr) => classify(&self.target(host, way), &stderr),
            NoConnection::TooLong => {
                let seconds = began.elapsed().as_secs_f32();
                let place = self.target(host, way).place;
                let message = format!("no connection to {place} within {seconds:.1} s");
                HostError::Silent { host: host.to_string(), message }
            }
            NoConnection::NotStarted(error) => HostError::Failed {
                host: host.to_string(),
                message: format!("`ssh` cannot be started ({error}): install OpenSSH's client"),
            },
        })
    }

    fn host(&self, host: &Name) -> Option<&SshHost> {
        self.access.hosts.get(host)
    }

    /// The jump host itself is reached directly, and by one way only.
    fn is_jump(&self, host: &Name) -> bool {
        let default = SshHost::default();
        let host_access = self.host(host).unwrap_or(&default);
        self.access.jump.as_ref().is_some_and(|jump| is_jump(jump, host.as_str(), host_access))
    }

    /// Whom a failure is about. What the operator's file says of the host is not known here.
    fn target(&self, host: &Name, way: &Way) -> Target {
        let special = self.host(host);
        let address = special.and_then(|host| host.address.as_ref());
        let address = address.map_or_else(|| host.as_str(), |address| address.as_str());
        let port = special.and_then(|host| host.port).unwrap_or(self.access.port);
        let user = special.and_then(|host| host.user.as_deref()).unwrap_or(&self.access.user);
        let through = match &self.access.jump {
            Some(jump) if !way.is_direct && !self.is_jump(host) => {
                format!(" through {}", jump.host)
            }
            Some(_) => " directly".to_owned(),
            None => String::new(),
        };
        let door = format!("{address} port {port}");
        Target {
            host: host.to_string(),
            place: format!("{door}{through}"),
            door,
            user: user.to_owned(),
            identity: self.access.identity.clone(),
            known_hosts: self.access.known_hosts.clone(),
        }
    }
}

/// Writes a file that only we may read.
fn write(path: PathBuf, text: &str) -> Result<PathBuf, SshSetupError> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => Ok(path),
        Err(source) => Err(SshSetupError::Io { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_private_and_go_away() {
        let runtime = tempfile::tempdir().unwrap();
        let ways = Ways::new(&SshAccess::default(), runtime.path()).unwrap();
        let file = ways.usual.file.clone();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let folder = fs::metadata(file.parent().unwrap()).unwrap();
        assert_eq!(folder.permissions().mode() & 0o777, 0o700);
        drop(ways);
        assert_eq!(fs::read_dir(runtime.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_path_too_long_for_sockets_is_said_at_once() {
        let runtime = tempfile::tempdir().unwrap();
        let deep = runtime.path().join("x".repeat(80));
        let error = Ways::new(&SshAccess::default(), &deep).unwrap_err().to_string();
        assert!(error.contains("at most 67 bytes"), "{error}");
    }
}
