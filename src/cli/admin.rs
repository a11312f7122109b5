//! `hearth admin`: the dashboard.

use std::process::ExitCode;

use hearth_admin::tui;

use super::config::ConfigFile;
use super::out;
use super::socket::SocketPath;

/// The arguments of the dashboard.
#[derive(Debug, clap::Args)]
pub(super) struct Admin {
    #[command(flatten)]
    socket: SocketPath,
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
    pub(super) fn run(self, file: &ConfigFile) -> ExitCode {
        let socket = match self.socket.find(&file.glance(), file.path()) {
            Ok(socket) => socket,
            Err(nowhere) => {
                out::warn(nowhere);
                return ExitCode::FAILURE;
            }
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
