//! What is asked of Linux beyond what libraries wrap: batches of datagrams, which socket gets a datagram, and what became of
//! datagrams on their way. All unsafe code of this crate is here: the kernel is given addresses of memory that outlives the
//! call, as each function borrows it for its whole length.

mod batch;
mod icmp_errors;
mod name;
mod select_sockets;

use std::io;
use std::mem::size_of;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

pub(super) use batch::{Receiver, Sender, tell_destinations};
pub(super) use icmp_errors::{hear, listen_to_icmp};
pub(super) use select_sockets::select_sockets;

/// Turns a socket's option on.
fn turn_on(socket: &UdpSocket, level: libc::c_int, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let size = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(0);
    #[expect(unsafe_code, reason = "these options have no safe wrapper")]
    // SAFETY: the options that this is called with take an int, which lives until the call returns, and its size.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), size) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
