//! Batched I/O with `recvmmsg` and `sendmmsg`, and UDP segmentation offload (`UDP_SEGMENT`).

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;

use super::enable_option;
use super::sock_addr::SockAddr;
use crate::limits::{BATCH_DATAGRAMS, DATAGRAM_BYTES_MAX, HEADROOM_BYTES};
use crate::net::batch::{OutgoingDatagram, ReceivedDatagram, SLOT_BYTES};

/// Longest datagram to send as a segment, in bytes. Below the MTU of every usual link: the kernel refuses a
/// segment that does not fit instead of fragmenting it.
const SEGMENT_BYTES_MAX: usize = 1_400;
/// Segments in one message, and the sum of their bytes.
const SEGMENTS_MAX: usize = 32;
const SEGMENTED_BYTES_MAX: usize = 60_000;
/// Failures after which the thread stops using segmentation: the link or the kernel does not support it.
const SEGMENT_FAILURES_MAX: u32 = 8;

/// Buffer for control messages: packet info and segment size.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct ControlBuffer([u8; 96]);

fn empty_message() -> libc::mmsghdr {
    #[expect(unsafe_code, reason = "a C structure of numbers and pointers, for which zero means absent")]
    // SAFETY: mmsghdr has integers and raw pointers only, for all of which zero bits are a value.
    unsafe {
        zeroed()
    }
}

/// Receives batches.
pub(in crate::net) struct MmsgReceiver {
    names: [SockAddr; BATCH_DATAGRAMS],
    controls: [ControlBuffer; BATCH_DATAGRAMS],
}

impl MmsgReceiver {
    pub(in crate::net) fn new() -> Self {
        Self { names: [SockAddr::EMPTY; BATCH_DATAGRAMS], controls: [ControlBuffer([0; 96]); BATCH_DATAGRAMS] }
    }

    /// Receives at most `max` datagrams into the slots of `memory` and describes them in `received`. Returns
    /// how many the kernel returned, truncated ones included. After an error the socket may hold more.
    pub(in crate::net) fn receive(
        &mut self,
        socket: &UdpSocket,
        max: usize,
        memory: &mut [u8],
        received: &mut Vec<ReceivedDatagram>,
    ) -> io::Result<usize> {
        let none = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        let mut parts = [none; BATCH_DATAGRAMS];
        let mut messages = [empty_message(); BATCH_DATAGRAMS];
        let max = max.min(BATCH_DATAGRAMS);
        for (index, slot) in memory.chunks_exact_mut(SLOT_BYTES).enumerate().take(max) {
            let room = &mut slot[HEADROOM_BYTES..HEADROOM_BYTES + DATAGRAM_BYTES_MAX];
            parts[index] = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
            let header = &mut messages[index].msg_hdr;
            header.msg_name = ptr::from_mut(&mut self.names[index]).cast();
            header.msg_namelen = SockAddr::BYTES_MAX;
            header.msg_iov = &raw mut parts[index];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[index].0.as_mut_ptr().cast();
            header.msg_controllen = size_of::<ControlBuffer>() as _;
        }
        let got = receive_many(socket.as_raw_fd(), &mut messages[..max])?;
        for (index, message) in messages.iter().take(got).enumerate() {
            let whole = message.msg_hdr.msg_flags & libc::MSG_TRUNC == 0;
            let Some(from) = self.names[index].read().filter(|_| whole) else {
                // Slots stay in order, so a truncated datagram becomes an empty one. The state machine ignores those.
                received.push(ReceivedDatagram { from: SocketAddr::from(([0; 4], 0)), to: None, bytes: 0 });
                continue;
            };
            received.push(ReceivedDatagram {
                from,
                to: destination(&message.msg_hdr),
                bytes: message.msg_len as usize,
            });
        }
        Ok(got)
    }
}

fn receive_many(socket: RawFd, messages: &mut [libc::mmsghdr]) -> io::Result<usize> {
    let count = libc::c_uint::try_from(messages.len()).unwrap_or(0);
    #[expect(unsafe_code, reason = "recvmmsg has no safe wrapper")]
    // SAFETY: `messages` holds `count` headers. Their pointers are to buffers of the given lengths, all alive
    // and unused elsewhere until the call returns. There is no timeout.
    let got = unsafe { libc::recvmmsg(socket, messages.as_mut_ptr(), count, libc::MSG_DONTWAIT as _, ptr::null_mut()) };
    usize::try_from(got).map_err(|_| io::Error::last_os_error())
}

/// The local address a datagram was sent to, if the socket reports it.
fn destination(header: &libc::msghdr) -> Option<IpAddr> {
    if header.msg_controllen == 0 {
        return None;
    }
    #[expect(unsafe_code, reason = "control messages are read with the C library's macros")]
    // SAFETY: the kernel filled the control buffer and set its length. CMSG_FIRSTHDR returns null or a header
    // within it. The data is read unaligned, and only for the type that the header names.
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
pub(in crate::net) struct MmsgSender {
    names: [SockAddr; BATCH_DATAGRAMS],
    controls: [ControlBuffer; BATCH_DATAGRAMS],
    segment_failures: u32,
}

impl MmsgSender {
    pub(in crate::net) fn new() -> Self {
        let controls = [ControlBuffer([0; 96]); BATCH_DATAGRAMS];
        Self { names: [SockAddr::EMPTY; BATCH_DATAGRAMS], controls, segment_failures: 0 }
    }

    /// Sends all `datagrams`. Returns how many the kernel did not take.
    pub(in crate::net) fn send(
        &mut self,
        socket: &UdpSocket,
        from: Option<IpAddr>,
        datagrams: &[OutgoingDatagram<'_>],
    ) -> usize {
        let (mut lost, mut rest) = (0, datagrams);
        while !rest.is_empty() {
            let segmenting = self.segment_failures < SEGMENT_FAILURES_MAX;
            let done = match self.step_with_retry(socket.as_raw_fd(), from, rest, segmenting) {
                SendStep::Sent(sent) => sent,
                SendStep::Failed { why: SendFailure::Full, .. } => return lost + rest.len(),
                SendStep::Failed { first, why: SendFailure::Dropped }
                | SendStep::Failed { first: first @ 1, why: SendFailure::Other } => {
                    lost += first;
                    first
                }
                // Several segments in one message: the link may not support that. Send each one separately.
                SendStep::Failed { first, why: SendFailure::Other } => {
                    self.segment_failures += 1;
                    lost += self.one_by_one(socket.as_raw_fd(), from, &rest[..first]);
                    first
                }
            };
            rest = &rest[done..];
        }
        lost
    }

    fn one_by_one(&mut self, socket: RawFd, from: Option<IpAddr>, datagrams: &[OutgoingDatagram<'_>]) -> usize {
        let sent =
            |one| matches!(self.step_with_retry(socket, from, std::slice::from_ref(one), false), SendStep::Sent(_));
        datagrams.iter().map(sent).filter(|sent| !sent).count()
    }

    /// One step, with one retry. The first error may be a pending ICMP error for an earlier datagram, perhaps
    /// to another peer; the kernel reports it once and sends nothing.
    fn step_with_retry(
        &mut self,
        socket: RawFd,
        from: Option<IpAddr>,
        datagrams: &[OutgoingDatagram<'_>],
        segmenting: bool,
    ) -> SendStep {
        match self.step(socket, from, datagrams, segmenting) {
            SendStep::Failed { why: SendFailure::Other, .. } => self.step(socket, from, datagrams, segmenting),
            done => done,
        }
    }

    /// One system call, with at most [`BATCH_DATAGRAMS`] datagrams.
    fn step(
        &mut self,
        socket: RawFd,
        from: Option<IpAddr>,
        datagrams: &[OutgoingDatagram<'_>],
        segmenting: bool,
    ) -> SendStep {
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
            Ok(sent) => SendStep::Sent(sizes[..sent].iter().sum()),
            Err(error) => {
                let why = match error.raw_os_error() {
                    Some(libc::EAGAIN | libc::ENOMEM) => SendFailure::Full,
                    // A socket with IP_RECVERR also reports a full device queue; other sockets drop silently.
                    Some(libc::ENOBUFS) => SendFailure::Dropped,
                    _ => SendFailure::Other,
                };
                SendStep::Failed { first: sizes[0], why }
            }
        }
    }
}

/// Result of one system call.
enum SendStep {
    /// This many datagrams were sent.
    Sent(usize),
    /// None was sent. The first message held `first` datagrams.
    Failed { first: usize, why: SendFailure },
}

/// Why a system call sent nothing.
enum SendFailure {
    /// The socket's send buffer is full. The remaining datagrams would fail as well.
    Full,
    /// The device queue was full at that moment.
    Dropped,
    /// An error about this message, or a pending one about an earlier datagram.
    Other,
}

/// How many datagrams, from the first on, fit into one segmented message. They need the same destination and
/// length; only the last may be shorter.
fn run_length(datagrams: &[OutgoingDatagram<'_>]) -> usize {
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

/// Writes the source address and the segment size into the control buffer of a message.
fn write_control(header: &mut libc::msghdr, control: &mut ControlBuffer, from: Option<IpAddr>, segment: Option<usize>) {
    if from.is_none() && segment.is_none() {
        return;
    }
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = size_of::<ControlBuffer>() as _;
    let mut used = 0;
    #[expect(unsafe_code, reason = "control messages are written with the C library's macros")]
    // SAFETY: the control buffer is aligned for a header and has room for both messages (40 + 24 bytes on 64
    // bits). It is zeroed before CMSG_NXTHDR reads it. Data is written unaligned, in the size passed to
    // CMSG_LEN.
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
            // in_pktinfo: interface, source address, and a field that is not used for sending.
            Some(IpAddr::V4(ip)) => {
                let mut info = [0; 12];
                info[4..8].copy_from_slice(&ip.octets());
                put(libc::IPPROTO_IP, libc::IP_PKTINFO, &info);
            }
            // in6_pktinfo: source address, interface.
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
    // SAFETY: `messages` holds `count` headers. Their pointers are to buffers of the given lengths, all alive
    // until the call returns. The kernel only reads from them.
    let sent =
        unsafe { libc::sendmmsg(socket, messages.as_mut_ptr(), count, (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Makes a socket that is bound to all addresses report the destination address of each datagram. Responses
/// have to leave from that address, as clients drop others.
pub(in crate::net) fn enable_packet_info(socket: &UdpSocket) -> io::Result<()> {
    let (level, option) = if socket.local_addr()?.is_ipv4() {
        (libc::IPPROTO_IP, libc::IP_PKTINFO)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)
    };
    enable_option(socket, level, option)
}
