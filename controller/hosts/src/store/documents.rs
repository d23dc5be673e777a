use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use ananke_ports::StoreError;

use super::{inside, make_folder, names, sync_folder, told};

/// How names of temporary files begin.
pub(super) const TEMPORARY: &str = ".new-";

/// Longest document that is read, in bytes. The largest that is written, a status with all units of
/// some thousand hosts, has a few MB.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Most damaged copies of one document that are kept; the last place is used again.
const MOST_DAMAGED: u32 = 9;

/// Documents: each replaced whole or not at all.
#[derive(Debug)]
pub(super) struct Documents {
    folder: PathBuf,
}

impl Documents {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let file = inside(&self.folder, path)?;
        let mut bytes = Vec::new();
        let read = File::open(&file).and_then(|f| f.take(LONGEST + 1).read_to_end(&mut bytes));
        match read {
            Ok(_) if u64::try_from(bytes.len()).is_ok_and(|length| length <= LONGEST) => {
                Ok(Some(bytes))
            }
            Ok(_) => {
                let message = format!("it is longer than {LONGEST} bytes, so it is none of ours");
                Err(StoreError::Io { path: file.display().to_string(), message })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(told(&file, &error)),
        }
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let file = inside(&self.folder, path)?;
        let parent = file.parent().unwrap_or(&self.folder);
        replace(&file, parent, bytes).map_err(|error| told(&file, &error))
    }

    pub(super) fn remove(&self, path: &str) -> Result<(), StoreError> {
        let file = inside(&self.folder, path)?;
        match fs::remove_file(&file) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(told(&file, &error)),
        }
        let parent = file.parent().unwrap_or(&self.folder);
        sync_folder(parent).map_err(|error| told(&file, &error))
    }

    pub(super) fn list(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let folder = inside(&self.folder, folder)?;
        let mut names = names(&folder).map_err(|error| told(&folder, &error))?;
        names.retain(|name| !name.starts_with(TEMPORARY));
        Ok(names)
    }

    pub(super) fn set_aside(&self, path: &str) -> Result<String, StoreError> {
        let file = inside(&self.folder, path)?;
        let aside = (1..MOST_DAMAGED)
            .map(|number| format!("{path}.damaged-{number}"))
            .find(|name| !self.folder.join(name).exists())
            .unwrap_or_else(|| format!("{path}.damaged-{MOST_DAMAGED}"));
        let parent = file.parent().unwrap_or(&self.folder);
        fs::rename(&file, self.folder.join(&aside))
            .and_then(|()| sync_folder(parent))
            .map_err(|error| told(&file, &error))?;
        Ok(aside)
    }
}

/// Temporary file in the same folder, fsync, rename, fsync of the folder.
fn replace(file: &Path, folder: &Path, bytes: &[u8]) -> io::Result<()> {
    make_folder(folder)?;
    let mut new = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    new.write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist(file).map_err(|error| error.error)?;
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn documents() -> (tempfile::TempDir, Documents) {
        let folder = tempfile::tempdir().unwrap();
        let documents = Documents::new(folder.path().to_owned());
        (folder, documents)
    }

    #[test]
    fn what_was_written_is_read() {
        let (folder, documents) = documents();
        assert_eq!(documents.read("policy/last-good.yaml").unwrap(), None);
        documents.write("policy/last-good.yaml", b"one").unwrap();
        documents.write("policy/last-good.yaml", b"two").unwrap();
        assert_eq!(documents.read("policy/last-good.yaml").unwrap().unwrap(), b"two");
        let mode = |path: &str| {
            fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777
        };
        assert_eq!((mode("policy"), mode("policy/last-good.yaml")), (0o700, 0o600));
        documents.remove("policy/last-good.yaml").unwrap();
        documents.remove("policy/last-good.yaml").unwrap();
        assert_eq!(documents.read("policy/last-good.yaml").unwrap(), None);
    }

    #[test]
    fn a_reader_sees_the_old_or_the_new_and_never_a_part() {
        let (folder, documents) = documents();
        let (old, new) = (vec![b'o'; 200_000], vec![b'n'; 300_000]);
        documents.write("status.json", &old).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| (0..20).for_each(|_| documents.write("status.json", &new).unwrap()));
            for _ in 0..200 {
                let seen = fs::read(folder.path().join("status.json")).unwrap();
                assert!(seen == old || seen == new, "{} bytes", seen.len());
            }
        });
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_one() {
        let (folder, documents) = documents();
        documents.write("a", b"old").unwrap();
        // A folder in the way of the rename.
        fs::create_dir(folder.path().join("b")).unwrap();
        assert!(matches!(documents.write("b", b"x"), Err(StoreError::Io { .. })));
        assert_eq!(documents.list_root(), ["a", "b"]);
        assert_eq!(documents.read("a").unwrap().unwrap(), b"old");
    }

    #[test]
    fn lists_are_in_order_and_without_temporary_files() {
        let (folder, documents) = documents();
        assert!(documents.list("requests").unwrap().is_empty());
        for name in ["2.json", "10.json", "1.json"] {
            documents.write(&format!("requests/{name}"), b"{}").unwrap();
        }
        fs::write(folder.path().join("requests/.new-x"), "torn").unwrap();
        assert_eq!(documents.list("requests").unwrap(), ["1.json", "10.json", "2.json"]);
    }

    #[test]
    fn damaged_ones_are_kept_but_not_for_ever() {
        let (folder, documents) = documents();
        for round in 1..=12 {
            documents.write("runs.json", format!("damaged {round}").as_bytes()).unwrap();
            let aside = documents.set_aside("runs.json").unwrap();
            assert_eq!(aside, format!("runs.json.damaged-{}", round.min(9)));
            assert_eq!(documents.read("runs.json").unwrap(), None);
        }
        assert_eq!(documents.list_root().len(), 9);
        let last = fs::read_to_string(folder.path().join("runs.json.damaged-9")).unwrap();
        assert_eq!(last, "damaged 12");
        assert!(documents.set_aside("runs.json").is_err());
    }

    #[test]
    fn paths_stay_inside() {
        let (_folder, documents) = documents();
        for path in ["", "/etc/passwd", "../x", "a/../../x", "."] {
            assert!(matches!(documents.write(path, b"x"), Err(StoreError::Io { .. })), "{path}");
            assert!(documents.read(path).is_err(), "{path}");
        }
    }

    impl Documents {
        fn list_root(&self) -> Vec<String> {
            names(&self.folder).unwrap()
        }
    }
}
