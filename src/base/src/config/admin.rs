//! `[admin]`: the socket of the dashboard and of `hearth ctl`.

use std::path::PathBuf;

use super::Mode;
use super::schema::section;

section! {
    /// The socket of the dashboard and of `hearth ctl`. A process that can open it has full control of the server.
    pub struct Admin {
        /// The path of the socket. Unset, it is `admin.sock` in the folder that systemd makes for the service
        /// (`RuntimeDirectory=`), in `/run/hearth` if that folder belongs to Hearth's account, or else in the data folder.
        /// `hearth ctl` and `hearth admin` look in all of these.
        socket: Option<PathBuf> = None => "'/run/hearth/admin.sock'",
        /// The permission bits of the socket.
        socket_mode: Mode = Mode(0o660),
        /// The Unix group whose members may use the socket. Unset, it is the group that Hearth runs as.
        group: Option<String> = None => "'hearth'",
    }
}
