//! Reloads the configuration on SIGHUP: what can change while the server runs, and a line in the log for what cannot.

use std::sync::Arc;

use hearth_base::config::{Config, Loaded, RegistrationMode, Setting};

use super::config::ConfigFile;
use crate::telemetry::LevelSwitch;
use crate::{Running, blocking};

/// The setting that an administrator may also change while the server runs.
const MODE: &str = "registration.mode";

/// The configuration of the running server, and how to read it again.
pub(super) struct Reloading<'a> {
    file: &'a ConfigFile,
    flags: &'a [(&'a str, &'a str)],
    level: LevelSwitch,
    config: Config,
    settings: Vec<Setting>,
}

impl<'a> Reloading<'a> {
    pub(super) fn new(
        file: &'a ConfigFile,
        flags: &'a [(&'a str, &'a str)],
        loaded: &Loaded,
        level: LevelSwitch,
    ) -> Self {
        Self { file, flags, level, config: loaded.config.clone(), settings: loaded.settings() }
    }

    /// Reads the configuration again and applies what can be applied. A configuration that is wrong changes nothing.
    pub(super) async fn reload(&mut self, running: &Running) {
        let loaded = match self.file.read(self.flags) {
            Ok(loaded) => loaded,
            Err(wrong) => {
                wrong.0.iter().for_each(|problem| tracing::error!("{problem}"));
                tracing::error!("The configuration is wrong, so nothing was reloaded. The server goes on as before.");
                return;
            }
        };
        let settings = loaded.settings();
        let changed: Vec<&Setting> =
            settings.iter().filter(|setting| !self.settings.iter().any(|old| same(old, setting))).collect();
        if let Some(level) = changed.iter().find(|setting| setting.key == "log.level") {
            self.level.set(&loaded.config.log.level);
            tracing::info!(level = level.value, "Log level changed.");
        }
        if changed.iter().any(|setting| setting.key == MODE) {
            set_registration_mode(running, loaded.config.registration.mode).await;
        }
        running.reread_certificates();
        let folder = loaded.config.appservices.folder.clone();
        let domain = Arc::clone(&running.domain);
        match blocking(move || domain.appservices.reload(folder.as_deref())).await {
            Ok(0) => {}
            Ok(registrations) => tracing::info!(registrations, "Reloaded the registrations of application services."),
            Err(error) => tracing::error!(%error, "The registrations of application services stay as they were."),
        }
        for setting in changed.iter().filter(|setting| !is_live(&setting.key)) {
            tracing::warn!(key = setting.key, "This setting has changed. The change takes effect at the next start.");
        }
        // Values of secrets are hidden in the list.
        if changed.is_empty() && self.config != loaded.config {
            tracing::warn!("A secret has changed. The change takes effect at the next start.");
        }
        tracing::info!("Reloaded the configuration.");
        self.config = loaded.config;
        self.settings = settings;
    }
}

/// Whether a change of this setting takes effect without a restart.
fn is_live(key: &str) -> bool {
    matches!(key, "log.level" | "appservices.folder" | MODE)
}

/// Changes who may register. A change by an administrator since the start gives way to the configuration, if that was changed.
async fn set_registration_mode(running: &Running, mode: RegistrationMode) {
    let mode_name = mode.as_str();
    match running.domain.actions.admin_set_registration_mode("SIGHUP", mode).await {
        Ok(()) => tracing::info!(mode = mode_name, "Registration mode changed."),
        Err(error) => tracing::error!(%error, "The registration mode stays as it was."),
    }
}

fn same(one: &Setting, other: &Setting) -> bool {
    one.key == other.key && one.value == other.value
}
