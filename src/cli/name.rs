//! Compares the configured name with that of the data before anything starts, because here the place of the setting is
//! still known. The domain compares them again.

use std::path::Path;

use hearth_base::config::{Engine, Loaded, Place};
use hearth_domain::server_name;
use hearth_store::Store;

/// Why the configured server cannot use the data that it names; `None` if it can, or if the database cannot be read: the
/// start finds out why. `file` is the configuration file that was read.
pub(super) fn refusal(loaded: &Loaded, file: Option<&Path>) -> Option<String> {
    let config = &loaded.config;
    if config.database.engine != Engine::Sqlite {
        return None;
    }
    let stored = Store::server_name_of(&config.database_path()).ok()?;
    let refusal = server_name::refusal(stored.as_ref(), &config.server.name)?;
    let place = match (loaded.sources.get("server.name").unwrap_or(&Place::Default), file) {
        (Place::Default, Some(file)) => format!("`server.name` is not set in {}", file.display()),
        (Place::Default, None) => {
            "`server.name` is not set, and no configuration file was read: `--config FILE` names one".to_owned()
        }
        (Place::Environment(variable), _) => format!("The variable {variable} sets it"),
        (place, _) => format!("{place} sets it"),
    };
    Some(format!("{refusal}. {place}"))
}
