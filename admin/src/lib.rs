//! The admin API as its clients see it: wire types, a client, and the terminal dashboard.
//!
//! [`wire`] depends on no other crate of the workspace: the server serialises these types, `hearth ctl` and the
//! dashboard parse them. [`text`] makes untrusted names safe to print. The feature `tui` adds [`client`], which
//! talks to the API over a Unix socket, and [`tui`], the dashboard.
//!
//! Not here: the server side of the API (`http::admin`), and any decision about accounts or rooms.

#[cfg(feature = "tui")]
pub mod client;
pub mod qr;
pub mod text;
#[cfg(feature = "tui")]
pub mod tui;
pub mod wire;
