//! Where the admin socket is: where the server puts it, and where `ctl` and `admin` look for it.
//!
//! The server puts it into a folder that the members of `admin.group` may enter, because they may not enter the data
//! folder. `ctl` and `admin` look in every place where a server may have put it, so that they find one that systemd
//! started with settings of its own.

use std::fmt;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use hearth_base::config::{Config, process_environment};
use hearth_base::remedy::own_uid;

/// The folder for sockets of system services.
const SYSTEM_FOLDER: &str = "/run/hearth";
/// The data folder of the system service.
const SYSTEM_DATA: &str = "/var/lib/hearth";
const NAME: &str = "admin.sock";

/// The argument that names the socket.
#[derive(Debug, clap::Args)]
pub(super) struct SocketPath {
    /// The admin socket of the running server
    ///
    /// Without this: `admin.socket` of the configuration if it is set; otherwise the first of these on which a server
    /// answers: admin.sock in $RUNTIME_DIRECTORY, in the data folder, in /run/hearth, in /var/lib/hearth.
    #[arg(long, global = true, value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// No server answers in any of the places.
#[derive(Debug)]
pub(super) struct Nowhere(Vec<PathBuf>);

impl fmt::Display for Nowhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "No server answers. These are the places where its socket can be:")?;
        for path in &self.0 {
            let state = if path.exists() { "a server that has stopped left it" } else { "nothing there" };
            writeln!(f, "  {}: {state}", path.display())?;
        }
        f.write_str(
            "Start the server with `hearth serve`, or with `sudo systemctl start hearth` if it is installed as a service. \
             If it runs, name its socket with --socket.",
        )
    }
}

impl SocketPath {
    /// The socket of the running server. `file` is the configuration file that was read.
    pub(super) fn find(&self, config: &Config, file: Option<&Path>) -> Result<PathBuf, Nowhere> {
        if let Some(socket) = self.socket.as_ref().or(config.admin.socket.as_ref()) {
            return Ok(socket.clone());
        }
        let places = places(&config.server.data_dir, file);
        let mut closed = None;
        for place in &places {
            match UnixStream::connect(place) {
                Ok(_) => return Ok(place.clone()),
                // Kept: if no other server answers, the client's error tells how to get access to this one.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    closed = closed.or_else(|| Some(place.clone()))
                }
                Err(_) => {}
            }
        }
        closed.ok_or(Nowhere(places))
    }
}

/// The places in the order in which they are tried: a server of this folder or configuration before that of the system.
fn places(data: &Path, file: Option<&Path>) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = runtime_folder().into_iter().collect();
    places.push(data.to_owned());
    // A relative data folder is one of the folder where the server started, which is often that of its configuration.
    if let (true, Some(folder)) = (data.is_relative(), file.and_then(Path::parent)) {
        places.push(folder.join(data));
    }
    places.extend([SYSTEM_FOLDER, SYSTEM_DATA].map(PathBuf::from));
    let mut sockets: Vec<PathBuf> = Vec::new();
    for folder in places {
        let socket = folder.join(NAME);
        if !sockets.contains(&socket) {
            sockets.push(socket);
        }
    }
    sockets
}

/// The folder that systemd makes for the service (`RuntimeDirectory=`).
fn runtime_folder() -> Option<PathBuf> {
    let mut variables = process_environment();
    let (_, folders) = variables.find(|(name, _)| name == "RUNTIME_DIRECTORY")?;
    folders.split(':').next().filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// Chooses the place for the server's socket, unless `admin.socket` does: the folder that systemd made, `/run/hearth` if
/// it belongs to this account and no other server uses it, and otherwise the data folder.
pub(super) fn place(config: &mut Config) {
    if config.admin.socket.is_some() {
        return;
    }
    let folder = runtime_folder().or_else(|| {
        let folder = PathBuf::from(SYSTEM_FOLDER);
        let is_ours = folder.metadata().is_ok_and(|it| it.is_dir() && Some(it.uid()) == own_uid());
        (is_ours && UnixStream::connect(folder.join(NAME)).is_err()).then_some(folder)
    });
    config.admin.socket = folder.map(|folder| folder.join(NAME));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_this_folder_comes_before_that_of_the_system() {
        let shown = |data: &str, file: Option<&str>| -> Vec<String> {
            let places = places(Path::new(data), file.map(Path::new));
            places.iter().map(|place| place.display().to_string()).collect()
        };
        let system = ["/run/hearth/admin.sock", "/var/lib/hearth/admin.sock"];
        assert_eq!(shown("./data", None), [&["./data/admin.sock"], &system[..]].concat());
        assert_eq!(shown("/var/lib/hearth", None), ["/var/lib/hearth/admin.sock", "/run/hearth/admin.sock"]);
        assert_eq!(
            shown("./data", Some("/etc/hearth/hearth.toml")),
            [&["./data/admin.sock", "/etc/hearth/./data/admin.sock"], &system[..]].concat()
        );
        let told = Nowhere(places(Path::new("./data"), None)).to_string();
        assert!(told.contains("/run/hearth/admin.sock: nothing there") && told.contains("--socket"), "{told}");
    }
}
