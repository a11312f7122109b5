//! `[appservices]`: bridges and bots.

use std::path::PathBuf;

use super::check::Checks;
use super::schema::section;

section! {
    /// Bridges and bots.
    pub struct AppServices {
        /// A folder of registration files, one per bridge. Unset: no bridges.
        folder: Option<PathBuf> = None => "'/etc/hearth/appservices'",
    }
}

impl AppServices {
    pub(super) fn check(&self, checks: &mut Checks) {
        if let Some(folder) = &self.folder {
            let text = format!("{} is not a folder", folder.display());
            checks.require(folder.is_dir(), "appservices.folder", text);
        }
    }
}
