//! `hearth admin`: the dashboard.

use std::path::PathBuf;
use std::process::ExitCode;

use hearth_admin::tui;

use super::config::ConfigFile;
use super::out;

/// The arguments of the dashboard.
#[derive(Debug, clap::Args)]
pub(super) struct Admin {
    #[command(flatten)]
    file: ConfigFile,
    /// The admin socket; without this, the one that the configuration names
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Use no colours; the variable NO_COLOR says the same
    #[arg(long)]
    no_color: bool,
    /// Draw with plain letters only, for terminals without Unicode
    #[arg(long)]
    ascii: bool,
    /// Look only: nothing on the server can be changed
    #[arg(long)]
    readonly: bool,
}

impl Admin {
    pub(super) fn run(self) -> ExitCode {
        let Some(socket) = self.socket.or_else(|| Some(self.file.load()?.config.admin_socket())) else {
            return ExitCode::FAILURE;
        };
        let options = tui::Options { socket, color: !self.no_color, ascii: self.ascii, readonly: self.readonly };
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                out::warn(format_args!("The dashboard cannot start: {error}."));
                return ExitCode::FAILURE;
            }
        };
        match runtime.block_on(tui::run(options)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                out::warn(error);
                ExitCode::FAILURE
            }
        }
    }
}
