//! The embedded world: a virtual cluster in a file, with its own documents beside it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use ananke_ports::{Ports, Store};
use ananke_sim::{
    build::{EMBEDDED_HOST_CONFIGURATION, EMBEDDED_POLICY},
    ports::{FileWorld, WorldError},
    world::World,
};

/// The host configuration in the folder of the world.
pub const CONFIG: &str = "ananke.yaml";
const DESIRED: &str = "desired";
const DOCUMENT: &str = "embedded.yaml";
const WORLD: &str = "world";
const STATE: &str = "state";

/// Where this user's embedded world lies: `$ANANKE_EMBEDDED`, else under the XDG state directory.
pub fn folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("ANANKE_EMBEDDED") {
        return Some(folder.into());
    }
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    Some(state.or_else(home)?.join("ananke/embedded"))
}

/// The embedded world of a folder.
pub struct Embedded {
    folder: PathBuf,
}

impl Embedded {
    /// The one in this folder, whether it is there yet or not.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The host configuration.
    pub fn config(&self) -> PathBuf {
        self.folder.join(CONFIG)
    }

    /// The document to edit.
    pub fn document(&self) -> PathBuf {
        self.folder.join(DESIRED).join(DOCUMENT)
    }

    /// The state directory of its daemon.
    pub fn state(&self) -> PathBuf {
        self.folder.join(STATE)
    }

    /// Throws it away, documents and all.
    pub fn forget(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Puts its documents in place; what a person has edited stays.
    pub fn prepare(&self) -> io::Result<()> {
        fs::create_dir_all(self.folder.join(DESIRED))?;
        let config = format!(
            "{}desired: {}\nstate: {}\n",
            EMBEDDED_HOST_CONFIGURATION,
            self.folder.join(DESIRED).display(),
            self.state().display()
        );
        write_new(&self.config(), &config)?;
        write_new(&self.document(), EMBEDDED_POLICY)
    }

    /// The world, going on from where it was, `speed` times as fast as the wall clock.
    pub fn open_or_create(&self, speed: u32) -> Result<Arc<FileWorld>, WorldError> {
        let fresh = || World::embedded(u64::from(std::process::id()));
        Ok(Arc::new(FileWorld::open_or_create(&self.folder.join(WORLD), speed, fresh)?))
    }

    /// The world as it is, for a second terminal.
    pub fn open(&self) -> Result<Arc<FileWorld>, WorldError> {
        Ok(Arc::new(FileWorld::open(&self.folder.join(WORLD))?))
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    if path.exists() { Ok(()) } else { fs::write(path, text) }
}

/// All ports over an embedded world.
pub fn ports(world: &Arc<FileWorld>, store: Arc<dyn Store>) -> Ports {
    ananke_sim::ports::ports(world, store)
}
