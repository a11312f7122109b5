//! Opens the sockets at which clients arrive, for all threads.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use super::open::{DATA_BUFFER_BYTES, REQUESTS_BUFFER_BYTES, adopted, tcp_listener, udp_listener, unused};
use super::start::StartError;
use super::streams::StreamListener;
use crate::settings::Settings;

/// One thread's client sockets for UDP at one address.
pub(super) struct UdpListener {
    pub(super) at: SocketAddr,
    /// Receives data. All responses leave from here too, so that clients see one address and port.
    pub(super) data: UdpSocket,
    /// Receive requests: those long enough to carry credentials, and shorter ones. `None` where the system
    /// cannot separate them; `data` then receives everything.
    pub(super) requests: Option<[UdpSocket; LANES]>,
}

/// Request classes with a socket of their own.
pub(super) const LANES: usize = 2;

/// One thread's client sockets.
#[derive(Default)]
pub(super) struct Listeners {
    pub(super) udp: Vec<UdpListener>,
    pub(super) streams: Vec<StreamListener>,
}

/// Opens all sockets of `threads` threads. Writes the ports that the system chose (for port 0) back into the
/// settings.
pub(super) fn open_all(settings: &mut Settings, threads: usize) -> Result<Vec<Listeners>, StartError> {
    let mut all: Vec<Listeners> = (0..threads).map(|_| Listeners::default()).collect();
    let opened = settings.opened.clone();
    for at in &mut settings.udp {
        let there = opened.udp.iter().find(|socket| socket.local_addr().is_ok_and(|bound| bound == *at));
        if let Some(socket) = there {
            let fail = |error| StartError::Listen { at: *at, transport: "UDP", error };
            let data = adopted(socket, *at).map_err(fail)?;
            all[0].udp.push(UdpListener { at: *at, data, requests: None });
            continue;
        }
        let fail = |error| StartError::Listen { at: *at, transport: "UDP", error };
        let opened = open_udp(*at, threads, settings.separate_requests).map_err(fail)?;
        for (listeners, udp) in all.iter_mut().zip(opened) {
            *at = udp.at;
            listeners.udp.push(udp);
        }
    }
    let tls_config = settings.tls_config.clone();
    let tcp = settings.tcp.iter_mut().map(|at| (at, None));
    for (at, tls) in tcp.chain(settings.tls.iter_mut().map(|at| (at, tls_config.clone()))) {
        for listeners in &mut all {
            let fail = |error| StartError::Listen { at: *at, transport: "TCP", error };
            let there = opened.streams.iter().find(|socket| socket.local_addr().is_ok_and(|bound| bound == *at));
            let socket = match there {
                Some(socket) => socket.try_clone().map_err(fail)?,
                None => tcp_listener(*at, threads > 1).map_err(fail)?,
            };
            *at = socket.local_addr().map_err(fail)?;
            listeners.streams.push(StreamListener { socket, tls: tls.clone() });
        }
    }
    Ok(all)
}

fn open_udp(at: SocketAddr, threads: usize, separate: bool) -> io::Result<Vec<UdpListener>> {
    let separate = separate && cfg!(target_os = "linux");
    let shared = threads > 1 || separate;
    // SO_REUSEPORT would also share the port with another relay process, and each would get part of the other's
    // clients. Fail instead if the port is in use.
    let at = if shared { unused(at)? } else { at };
    let open = |_| {
        let data = udp_listener(at, shared, DATA_BUFFER_BYTES)?;
        let request = || udp_listener(at, true, REQUESTS_BUFFER_BYTES);
        let requests = if separate { Some([request()?, request()?]) } else { None };
        Ok(UdpListener { at: data.local_addr()?, data, requests })
    };
    let mut opened = (0..threads).map(open).collect::<io::Result<Vec<_>>>()?;
    if separate && let Err(error) = select_sockets(&opened, threads) {
        tracing::debug!(%error, "Failed to install the socket filter. Requests and data share sockets.");
        opened.iter_mut().for_each(|udp| udp.requests = None);
    }
    Ok(opened)
}

#[cfg(target_os = "linux")]
fn select_sockets(opened: &[UdpListener], threads: usize) -> io::Result<()> {
    super::linux::select_sockets(&opened[0].data, u32::try_from(threads).map_err(io::Error::other)?)
}

#[cfg(not(target_os = "linux"))]
fn select_sockets(_opened: &[UdpListener], _threads: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
