//! `[appservices]`: bridges and bots.

use std::path::PathBuf;

use super::schema::section;

section! {
    /// Bridges and bots.
    pub struct AppServices {
        /// A folder of registration files, one for each bridge. Unset, there are none beside those that were registered
        /// by the dashboard.
        folder: Option<PathBuf> = None => "'/etc/hearth/appservices'",
    }
}
