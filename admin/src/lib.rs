//! The admin plane, seen from outside the server: the words of the admin API and the people's view of it.
//!
//! [`wire`] is always there and depends on nothing of ours: the server answers with these types, `hearth ctl` and the
//! dashboard read them. [`text`] makes foreign names safe to print. With the feature `tui` come [`client`], which speaks
//! the API over a Unix socket, and [`tui`], the dashboard.
//!
//! Not here: the server side of the API (that is `http::admin`), and any decision about accounts or rooms.

#[cfg(feature = "tui")]
pub mod client;
pub mod text;
#[cfg(feature = "tui")]
pub mod tui;
pub mod wire;
