//! Recognises a data folder whose database is missing: a database that was deleted, moved away, or is on a disk that is
//! not mounted.

use std::path::{Path, PathBuf};

use hearth_base::config::{Config, Engine};

/// Why no new database may be created here, with the ways back; `None` if one may.
///
/// Not checked with PostgreSQL, whose databases are not files.
pub(crate) fn without_database(config: &Config) -> Option<String> {
    let database = config.database_path();
    if config.database.engine == Engine::Postgres || database.exists() {
        return None;
    }
    let found = remains(config, &database)?;
    let data = &config.server.data_dir;
    let back = match newest_copy(&database) {
        Some(copy) => format!(
            "The newest copy of it that was made before an update is {0}: `cp {0} {1}`",
            copy.display(),
            database.display()
        ),
        None => format!("Put it back from your newest backup: `cp BACKUP {}`", database.display()),
    };
    Some(format!(
        "the database {} is missing, although {} is there: a new database would be another server, with other keys and \
         without accounts. Nothing was changed. Is its disk mounted, and are `server.data_dir` and `database.path` right? \
         {back}. If you mean to begin anew, move the old data away: `mv {2} {2}.old`",
        database.display(),
        found.display(),
        data.display()
    ))
}

/// A sign that a server has worked here. The lock file is none: a first start that failed leaves it behind.
fn remains(config: &Config, database: &Path) -> Option<PathBuf> {
    let media = config.media_dir();
    // A server without uploads has a folder for unfinished ones.
    let uploads = entries(&media).find(|path| !path.ends_with("tmp"));
    let snapshots = database.with_file_name("snapshots");
    let certificates = config.server.data_dir.join("certificates");
    let ballast = database.with_file_name("ballast");
    uploads
        .map(|_| media)
        .or_else(|| entries(&snapshots).next().map(|_| snapshots))
        .or_else(|| entries(&certificates).next().map(|_| certificates))
        .or_else(|| ballast.exists().then_some(ballast))
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path())
}

/// The newest copy in `snapshots`.
fn newest_copy(database: &Path) -> Option<PathBuf> {
    let copies = entries(&database.with_file_name("snapshots"));
    let copies = copies.filter(|path| path.extension().is_some_and(|extension| extension == "db"));
    copies.max_by_key(|path| path.metadata().and_then(|metadata| metadata.modified()).ok())
}
