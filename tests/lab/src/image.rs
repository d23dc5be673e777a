//! The root file system that every host starts from: built once by debootstrap, then cached.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use sha2::{Digest as _, Sha256};

use crate::command::{check, require, tail};

/// What is installed beside the essential packages.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,libpam-systemd,openssh-server,sudo,iproute2,\
                        iputils-ping,procps,chrony,ca-certificates,openssl";
const FINISH: &str = include_str!("finish-image.sh");
/// Measured: 110 s with both cores busy. Ten times that is a network that will not do.
const BUILD_DEADLINE: Duration = Duration::from_secs(1200);
const UNPACK_DEADLINE: Duration = Duration::from_secs(120);

/// Builds the image or unpacks it from the cache, whichever is needed, and gives its folder.
/// Several processes may ask at once: one works, the others wait for it.
///
/// # Errors
/// A tool is missing, no Debian mirror is configured, or the build failed.
pub fn ensure() -> Result<PathBuf> {
    let cache = cache_folder()?;
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    let source = Source::from_apt()?;
    let name = format!("image-{}", source.digest());
    let root = cache.join(&name);
    let lock = File::create(cache.join("lock")).context("cannot make the image's lock file")?;
    lock.lock().context("cannot lock the image cache")?;
    if !root.exists() {
        let archive = cache.join(format!("{name}.tar.zst"));
        if !archive.exists() {
            build(&source, &cache, &archive)?;
        }
        unpack(&archive, &root)?;
    }
    Ok(root)
}

/// `$ANANKE_CACHE/lab`, or `~/.cache/ananke/lab`.
fn cache_folder() -> Result<PathBuf> {
    let base = match (std::env::var_os("ANANKE_CACHE"), std::env::var_os("HOME")) {
        (Some(cache), _) => PathBuf::from(cache),
        (None, Some(home)) => Path::new(&home).join(".cache/ananke"),
        (None, None) => bail!("neither ANANKE_CACHE nor HOME is set: no place for the image"),
    };
    Ok(base.join("lab"))
}

/// Which Debian (or derivative) the image is made of: the machine's own.
#[derive(Debug, PartialEq)]
struct Source {
    suite: String,
    mirror: String,
}

impl Source {
    fn from_apt() -> Result<Self> {
        let release = fs::read_to_string("/etc/os-release").context("cannot read os-release")?;
        let suite = release
            .lines()
            .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
            .context("/etc/os-release has no VERSION_CODENAME: is this a Debian?")?
            .trim_matches('"');
        let mut sources = fs::read_to_string("/etc/apt/sources.list").unwrap_or_default();
        let mut files: Vec<PathBuf> = fs::read_dir("/etc/apt/sources.list.d")
            .map(|entries| entries.flatten().map(|e| e.path()).collect())
            .unwrap_or_default();
        files.sort();
        for file in files {
            sources.push_str("\n\n");
            sources.push_str(&fs::read_to_string(file).unwrap_or_default());
        }
        let mirror = mirror_of(&sources, suite)
            .with_context(|| format!("no apt source for `{suite} main` in /etc/apt"))?;
        Ok(Self { suite: suite.to_owned(), mirror })
    }

    /// Changes when the image would: same digest, same image.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for part in [PACKAGES, FINISH, self.suite.as_str(), std::env::consts::ARCH] {
            hash.update(part);
            hash.update([0]);
        }
        hash.finalize().iter().take(6).fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").ok();
            text
        })
    }
}

/// Finds the mirror of `suite` with component `main`, in apt's one-line or deb822 format.
fn mirror_of(sources: &str, suite: &str) -> Option<String> {
    let one_line = sources.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let rest = rest.strip_prefix('[').and_then(|r| r.split_once(']')).map_or(rest, |(_, r)| r);
        let mut words = rest.split_whitespace();
        let (mirror, named) = (words.next()?, words.next()?);
        (named == suite && words.any(|component| component == "main")).then(|| mirror.to_owned())
    });
    one_line.or_else(|| sources.split("\n\n").find_map(|stanza| mirror_of_stanza(stanza, suite)))
}

fn mirror_of_stanza(stanza: &str, suite: &str) -> Option<String> {
    let field = |name: &str| {
        stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let has =
        |name: &str, word: &str| field(name)?.split_whitespace().find(|w| *w == word).map(drop);
    has("Types", "deb")?;
    has("Suites", suite)?;
    has("Components", "main")?;
    field("URIs")?.split_whitespace().next().map(str::to_owned)
}

fn build(source: &Source, cache: &Path, archive: &Path) -> Result<()> {
    require(&["debootstrap", "tar", "zstd"])?;
    let work = cache.join("building");
    if work.exists() {
        fs::remove_dir_all(&work).context("cannot clear an unfinished image")?;
    }
    fs::create_dir_all(&work)?;
    let root = work.join("root");
    let debootstrap = check(
        Command::new("debootstrap")
            .args(["--variant=minbase", &format!("--include={PACKAGES}"), &source.suite])
            .arg(&root)
            .arg(&source.mirror),
        BUILD_DEADLINE,
    );
    if let Err(error) = debootstrap {
        let log = fs::read_to_string(root.join("debootstrap/debootstrap.log")).unwrap_or_default();
        return Err(error.context(format!("debootstrap failed:\n{}", tail(&log, 10))));
    }
    check(
        Command::new("sh").args(["-c", FINISH, "finish-image"]).arg(&root),
        Duration::from_secs(60),
    )?;
    let packed = work.join("image.tar.zst");
    check(
        Command::new("tar")
            .args(["--zstd", "--numeric-owner", "-C"])
            .arg(&root)
            .arg("-cf")
            .arg(&packed)
            .arg("."),
        UNPACK_DEADLINE,
    )?;
    fs::rename(&packed, archive).context("cannot put the image into the cache")?;
    fs::remove_dir_all(&work).context("cannot clear the folder that the image was built in")
}

fn unpack(archive: &Path, root: &Path) -> Result<()> {
    require(&["tar", "zstd"])?;
    let partial = root.with_extension("partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).context("cannot clear a half unpacked image")?;
    }
    fs::create_dir_all(&partial)?;
    check(
        Command::new("tar")
            .args(["--zstd", "--numeric-owner", "-xpf"])
            .arg(archive)
            .arg("-C")
            .arg(&partial),
        UNPACK_DEADLINE,
    )?;
    fs::rename(&partial, root).context("cannot put the unpacked image in its place")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_from_deb822() {
        let sources = "Types: deb\nURIs: http://sec.example/s\nSuites: bookworm-security\n\
                       Components: main\n\nTypes: deb\n# snapshot\nURIs: http://deb.example/debian\n\
                       Suites: bookworm bookworm-updates\nComponents: main\n";
        assert_eq!(mirror_of(sources, "bookworm").unwrap(), "http://deb.example/debian");
        assert_eq!(mirror_of(sources, "trixie"), None);
    }

    #[test]
    fn mirror_from_one_line_with_options() {
        let sources = "# deb http://no.example bookworm main\n\
                       deb https://tools.example/apt stable main\n\
                       deb [arch=amd64 signed-by=/k.gpg] http://deb.example/debian bookworm main\n";
        assert_eq!(mirror_of(sources, "bookworm").unwrap(), "http://deb.example/debian");
    }

    #[test]
    fn another_suite_is_another_image() {
        let of = |suite: &str| Source { suite: suite.into(), mirror: String::new() }.digest();
        assert_ne!(of("bookworm"), of("trixie"));
        assert_eq!(of("bookworm").len(), 12);
    }
}
