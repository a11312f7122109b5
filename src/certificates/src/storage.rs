//! Files of keys and certificates: readable by the server's account only, and never half written.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hearth_base::{Error, Result};

/// A folder of which this server alone has the content.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The folder at `path`. It is made when the first file is written.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The path of a file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The content of a file; `None` if there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        match fs::read(self.path(name)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault("reading", &self.path(name), error)),
        }
    }

    /// Writes a file, with mode 0600. After a crash the file has its old content or the new one.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let (path, hidden) = (self.path(name), self.path(&format!(".{name}.new")));
        let written = self.write_hidden(&hidden, content).and_then(|()| {
            fs::rename(&hidden, &path)?;
            // The rename is on disk once the folder is.
            fs::File::open(&self.0)?.sync_all()
        });
        written.map_err(|error| fault("writing", &path, error))
    }

    /// Renames a file, so that it is no longer read.
    pub(crate) fn set_aside(&self, name: &str) {
        if let Err(error) = fs::rename(self.path(name), self.path(&format!("{name}.old"))) {
            tracing::warn!(%error, file = %self.path(name).display(), "A file was not set aside.");
        }
    }

    fn write_hidden(&self, hidden: &Path, content: &[u8]) -> std::io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0)?;
        let _ = fs::remove_file(hidden);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(hidden)?;
        file.write_all(content)?;
        file.sync_all()
    }
}

fn fault(doing: &str, path: &Path, error: std::io::Error) -> Error {
    Error::fault(format!("{doing} {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn only_this_account_reads_what_is_written() {
        let base = tempfile::tempdir().unwrap();
        let folder = Folder::new(base.path().join("certificates/acme"));
        assert_eq!(folder.read("key").unwrap(), None);
        folder.write("key", b"one").unwrap();
        folder.write("key", b"two").unwrap();
        assert_eq!(folder.read("key").unwrap().unwrap(), b"two");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder.path("key")), mode(&folder.0)), (0o600, 0o700));
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    }
}
