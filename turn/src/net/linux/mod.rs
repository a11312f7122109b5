//! Linux system calls that no library wraps: batched I/O, socket selection with BPF, and the error queue. All
//! unsafe code of the crate is here. Every function borrows the memory that it passes to the kernel for the
//! whole call.

mod batch;
mod icmp_errors;
mod select_sockets;
mod sock_addr;

use std::io;
use std::mem::size_of;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

pub(super) use batch::{MmsgReceiver, MmsgSender, enable_packet_info};
pub(super) use icmp_errors::{enable_icmp_errors, next_icmp_error};
pub(super) use select_sockets::select_sockets;

/// Enables a boolean socket option.
fn enable_option(socket: &UdpSocket, level: libc::c_int, option: libc::c_int) -> io::Result<()> {
    let on: libc::c_int = 1;
    let size = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(0);
    #[expect(unsafe_code, reason = "these options have no safe wrapper")]
    // SAFETY: every option that this is called with takes an int. It lives until the call returns, and its size
    // is passed.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const on).cast(), size) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
