//! recvmmsg, sendmmsg and segmentation offload (UDP_SEGMENT).

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;

use super::name::Name;
use super::turn_on;
use crate::limits::{BATCH_DATAGRAMS, DATAGRAM_BYTES_MAX, HEADROOM_BYTES};
use crate::net::batch::{Outgoing, PLACE_BYTES, Received};

/// Longest datagram that is handed over as one of several segments: below the MTU of every usual link, as a segment that does
/// not fit is an error instead of being fragmented.
const SEGMENT_BYTES_MAX: usize = 1_400;
/// Segments of one message, and their bytes.
const SEGMENTS_MAX: usize = 32;
const SEGMENTED_BYTES_MAX: usize = 60_000;
/// Failures after which this thread gives up segmenting: the link or the kernel cannot.
const SEGMENT_FAILURES_MAX: u32 = 8;

/// Room for control messages: a packet-info and a segment size.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; 96]);

fn empty_message() -> libc::mmsghdr {
    #[expect(unsafe_code, reason = "a C structure of numbers and pointers, for which zero means absent")]
    // SAFETY: mmsghdr has integers and raw pointers only, for all of which zero bits are a value.
    unsafe {
        zeroed()
    }
}

/// Receives batches.
pub(in crate::net) struct Receiver {
    names: [Name; BATCH_DATAGRAMS],
    controls: [Control; BATCH_DATAGRAMS],
}

impl Receiver {
    pub(in crate::net) fn new() -> Self {
        Self { names: [Name::EMPTY; BATCH_DATAGRAMS], controls: [Control([0; 96]); BATCH_DATAGRAMS] }
    }

    /// Fills `received` with what was taken, at most `max`, and returns how many the kernel gave, dropped ones included. After
    /// an error there may be more.
    pub(in crate::net) fn receive(
        &mut self,
        socket: &UdpSocket,
        max: usize,
        memory: &mut [u8],
        received: &mut Vec<Received>,
    ) -> io::Result<usize> {
        let none = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        let mut parts = [none; BATCH_DATAGRAMS];
        let mut messages = [empty_message(); BATCH_DATAGRAMS];
        let max = max.min(BATCH_DATAGRAMS);
        for (index, place) in memory.chunks_exact_mut(PLACE_BYTES).enumerate().take(max) {
            let room = &mut place[HEADROOM_BYTES..HEADROOM_BYTES + DATAGRAM_BYTES_MAX];
            parts[index] = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
            let header = &mut messages[index].msg_hdr;
            header.msg_name = ptr::from_mut(&mut self.names[index]).cast();
            header.msg_namelen = Name::BYTES_MAX;
            header.msg_iov = &raw mut parts[index];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[index].0.as_mut_ptr().cast();
            header.msg_controllen = size_of::<Control>() as _;
        }
        let got = receive_many(socket.as_raw_fd(), &mut messages[..max])?;
        for (index, message) in messages.iter().take(got).enumerate() {
            let whole = message.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            let Some(from) = self.names[index].read().filter(|_| whole) else {
                // Places stay in order: what is dropped becomes an empty datagram, which nobody answers.
                received.push(Received { from: SocketAddr::from(([0; 4], 0)), to: None, bytes: 0 });
                continue;
            };
            received.push(Received { from, to: destination(&message.msg_hdr), bytes: message.msg_len as usize });
        }
        Ok(got)
    }
}

fn receive_many(socket: RawFd, messages: &mut [libc::mmsghdr]) -> io::Result<usize> {
    let count = libc::c_uint::try_from(messages.len()).unwrap_or(0);
    #[expect(unsafe_code, reason = "recvmmsg has no safe wrapper")]
    // SAFETY: `messages` holds `count` headers whose pointers are to buffers of the lengths beside them, all alive and not
    // otherwise used until this returns; no timeout is given.
    let got = unsafe { libc::recvmmsg(socket, messages.as_mut_ptr(), count, libc::MSG_DONTWAIT as _, ptr::null_mut()) };
    usize::try_from(got).map_err(|_| io::Error::last_os_error())
}

/// The address that a datagram was sent to, where the socket was asked to say so.
fn destination(header: &libc::msghdr) -> Option<IpAddr> {
    if header.msg_controllen == 0 {
        return None;
    }
    #[expect(unsafe_code, reason = "control messages are read with the C library's macros")]
    // SAFETY: the kernel has filled the control buffer and said how much of it; CMSG_FIRSTHDR returns null or a header within
    // it. The data is read unaligned and only where its type says what it is.
    unsafe {
        let first = libc::CMSG_FIRSTHDR(header);
        let control = first.as_ref()?;
        match (control.cmsg_level, control.cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let info: libc::in_pktinfo = ptr::read_unaligned(libc::CMSG_DATA(first).cast());
                Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)).into())
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let info: libc::in6_pktinfo = ptr::read_unaligned(libc::CMSG_DATA(first).cast());
                Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

/// Sends batches.
pub(in crate::net) struct Sender {
    names: [Name; BATCH_DATAGRAMS],
    controls: [Control; BATCH_DATAGRAMS],
    segment_failures: u32,
}

impl Sender {
    pub(in crate::net) fn new() -> Self {
        let controls = [Control([0; 96]); BATCH_DATAGRAMS];
        Self { names: [Name::EMPTY; BATCH_DATAGRAMS], controls, segment_failures: 0 }
    }

    /// Returns how many datagrams the kernel did not take.
    pub(in crate::net) fn send(
        &mut self,
        socket: &UdpSocket,
        from: Option<IpAddr>,
        datagrams: &[Outgoing<'_>],
    ) -> usize {
        let (mut lost, mut rest) = (0, datagrams);
        while !rest.is_empty() {
            let segmenting = self.segment_failures < SEGMENT_FAILURES_MAX;
            let done = match self.insist(socket.as_raw_fd(), from, rest, segmenting) {
                Step::Sent(sent) => sent,
                Step::Failed { why: Why::Full, .. } => return lost + rest.len(),
                Step::Failed { first, why: Why::Dropped } | Step::Failed { first: first @ 1, why: Why::Other } => {
                    lost += first;
                    first
                }
                // Several segments at once: this link may not have that. Each by itself, then.
                Step::Failed { first, why: Why::Other } => {
                    self.segment_failures += 1;
                    lost += self.one_by_one(socket.as_raw_fd(), from, &rest[..first]);
                    first
                }
            };
            rest = &rest[done..];
        }
        lost
    }

    fn one_by_one(&mut self, socket: RawFd, from: Option<IpAddr>, datagrams: &[Outgoing<'_>]) -> usize {
        let sent = |one| matches!(self.insist(socket, from, std::slice::from_ref(one), false), Step::Sent(_));
        datagrams.iter().map(sent).filter(|sent| !sent).count()
    }

    /// Tries twice: an error may be about an earlier datagram, perhaps to another peer, and is then told only once.
    fn insist(&mut self, socket: RawFd, from: Option<IpAddr>, datagrams: &[Outgoing<'_>], segmenting: bool) -> Step {
        match self.step(socket, from, datagrams, segmenting) {
            Step::Failed { why: Why::Other, .. } => self.step(socket, from, datagrams, segmenting),
            done => done,
        }
    }

    /// One system call.
    fn step(&mut self, socket: RawFd, from: Option<IpAddr>, datagrams: &[Outgoing<'_>], segmenting: bool) -> Step {
        let none = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        let mut parts = [none; BATCH_DATAGRAMS];
        let mut messages = [empty_message(); BATCH_DATAGRAMS];
        let mut sizes = [0; BATCH_DATAGRAMS];
        let (mut count, mut taken) = (0, 0);
        let datagrams = &datagrams[..datagrams.len().min(BATCH_DATAGRAMS)];
        while taken < datagrams.len() {
            let run = if segmenting { run_length(&datagrams[taken..]) } else { 1 };
            for (part, datagram) in parts[taken..].iter_mut().zip(&datagrams[taken..taken + run]) {
                *part =
                    libc::iovec { iov_base: datagram.bytes.as_ptr().cast_mut().cast(), iov_len: datagram.bytes.len() };
            }
            let header = &mut messages[count].msg_hdr;
            header.msg_namelen = self.names[count].write(datagrams[taken].to);
            header.msg_name = ptr::from_mut(&mut self.names[count]).cast();
            header.msg_iov = &raw mut parts[taken];
            header.msg_iovlen = run as _;
            let segment = (run > 1).then_some(datagrams[taken].bytes.len());
            write_control(header, &mut self.controls[count], from, segment);
            sizes[count] = run;
            count += 1;
            taken += run;
        }
        match send_many(socket, &mut messages[..count]) {
            Ok(sent) => Step::Sent(sizes[..sent].iter().sum()),
            Err(error) => {
                let why = match error.raw_os_error() {
                    Some(libc::EAGAIN | libc::ENOMEM) => Why::Full,
                    // A socket that listens to ICMP is told of these, too.
                    Some(libc::ENOBUFS) => Why::Dropped,
                    _ => Why::Other,
                };
                Step::Failed { first: sizes[0], why }
            }
        }
    }
}

/// What one system call did.
enum Step {
    /// So many datagrams are on their way.
    Sent(usize),
    /// None is. The first message was of `first` datagrams.
    Failed { first: usize, why: Why },
}

/// Why not.
enum Why {
    /// The socket has too much to send. The other datagrams would not fare better.
    Full,
    /// The network's queue was full at that moment.
    Dropped,
    /// Something about this message, or about an earlier one.
    Other,
}

/// How many datagrams from the first on can be segments of one message: the same receiver and length, but for the last,
/// which may be shorter.
fn run_length(datagrams: &[Outgoing<'_>]) -> usize {
    let (to, size) = (datagrams[0].to, datagrams[0].bytes.len());
    if size == 0 || size > SEGMENT_BYTES_MAX {
        return 1;
    }
    let max = SEGMENTS_MAX.min(SEGMENTED_BYTES_MAX / size);
    let same = datagrams.iter().take(max).take_while(|next| next.to == to && next.bytes.len() == size).count();
    let shorter =
        datagrams.get(same).is_some_and(|next| same < max && next.to == to && (1..size).contains(&next.bytes.len()));
    same + usize::from(shorter)
}

/// Writes the address to leave from and the size of segments into a message's control buffer.
fn write_control(header: &mut libc::msghdr, control: &mut Control, from: Option<IpAddr>, segment: Option<usize>) {
    if from.is_none() && segment.is_none() {
        return;
    }
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = size_of::<Control>() as _;
    let mut used = 0;
    #[expect(unsafe_code, reason = "control messages are written with the C library's macros")]
    // SAFETY: the control buffer is aligned for a header and has room for both messages (40 + 24 bytes on 64 bits); it is
    // zeroed before CMSG_NXTHDR looks at it. Data is written unaligned, in the size that CMSG_LEN was told.
    unsafe {
        control.0.fill(0);
        let mut next = libc::CMSG_FIRSTHDR(header);
        let mut put = |level, kind, data: &[u8]| {
            let size = libc::c_uint::try_from(data.len()).unwrap_or(0);
            (*next).cmsg_level = level;
            (*next).cmsg_type = kind;
            (*next).cmsg_len = libc::CMSG_LEN(size) as _;
            ptr::copy_nonoverlapping(data.as_ptr(), libc::CMSG_DATA(next), data.len());
            used += libc::CMSG_SPACE(size) as usize;
            next = libc::CMSG_NXTHDR(header, next);
        };
        match from {
            // in_pktinfo: interface, address to leave from, and one that is not used when sending.
            Some(IpAddr::V4(ip)) => {
                let mut info = [0; 12];
                info[4..8].copy_from_slice(&ip.octets());
                put(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
            }
            // in6_pktinfo: address to leave from, interface.
            Some(IpAddr::V6(ip)) => {
                let mut info = [0; 20];
                info[..16].copy_from_slice(&ip.octets());
                put(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info);
            }
            None => {}
        }
        if let Some(size) = segment {
            put(libc::SOL_UDP, libc::UDP_SEGMENT, &u16::try_from(size).unwrap_or(u16::MAX).to_ne_bytes());
        }
    }
    header.msg_controllen = used as _;
}

fn send_many(socket: RawFd, messages: &mut [libc::mmsghdr]) -> io::Result<usize> {
    let count = libc::c_uint::try_from(messages.len()).unwrap_or(0);
    #[expect(unsafe_code, reason = "sendmmsg has no safe wrapper")]
    // SAFETY: `messages` holds `count` headers whose pointers are to buffers of the lengths beside them, all alive until this
    // returns; the kernel only reads what the parts point to.
    let sent =
        unsafe { libc::sendmmsg(socket, messages.as_mut_ptr(), count, (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Asks a socket that is bound to all addresses to say with each datagram which of them it was sent to.
pub(in crate::net) fn tell_destinations(socket: &UdpSocket) -> io::Result<()> {
    let (level, option) = if socket.local_addr()?.is_ipv4() {
        (libc::IPPROTO_IP, libc::IP_PKTINFO)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
    };
    turn_on(socket, level, option)
}
