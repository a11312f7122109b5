//! Which of the sockets at one address gets a client's datagram: a program of a few instructions that the kernel runs for each
//! (classic BPF, which needs no privilege). Each thread has a socket for data and two for requests, so that a flood of requests
//! has a queue of its own and no datagram of a call ever stands in it; nor do requests of those who have credentials, if the
//! flood's have none. A client's address and port choose the thread, the same for all its sockets.

use std::io;
use std::mem::size_of;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use libc::sock_filter;

use crate::limits::SIGNED_BYTES_MIN;

/// Loads 32 bits, 16 bits, or one byte of the datagram; with `X`, that many bytes further.
const WORD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const HALF: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
const HALF_AT_X: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_IND;
const BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
/// Loads the datagram's length, a number, or what has been noted.
const LENGTH: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_LEN;
const NUMBER: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_IMM;
const NOTED: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_MEM;
/// Puts the length of an IPv4 header into `X`.
const X_HEADER: u32 = libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH;
const X: u32 = libc::BPF_MISC | libc::BPF_TAX;
const NOTE: u32 = libc::BPF_ST;
const GO: u32 = libc::BPF_JMP | libc::BPF_JA;
const IF_AT_LEAST: u32 = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
const IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const MULTIPLY: u32 = libc::BPF_ALU | libc::BPF_MUL | libc::BPF_K;
const SHIFT: u32 = libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K;
const REST: u32 = libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K;
const ADD_X: u32 = libc::BPF_ALU | libc::BPF_ADD | libc::BPF_X;
const DONE: u32 = libc::BPF_RET | libc::BPF_A;

/// Where the IP header begins, in the numbers of [`WORD`] and the like; the payload begins at 0.
const IP: u32 = libc::SKF_NET_OFF.cast_unsigned();
/// A Send indication's type.
const SEND_INDICATION: u32 = 0x0016;
/// Spread neighbouring ports and addresses over all threads.
const ODD: [u32; 2] = [0x9E37_79B1, 0x85EB_CA6B];

/// One instruction. `yes` and `no` are how many to pass over.
#[expect(clippy::cast_possible_truncation, reason = "all codes are below 256")]
fn instruction(code: u32, yes: u8, no: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: yes, jf: no, k }
}

/// Sockets of a thread: for data, for requests that may carry credentials, and for those that are too short for that.
const SOCKETS: u32 = 3;

/// Makes the kernel choose among the sockets at this socket's address, which have been bound in the order of [`SOCKETS`], one
/// thread's after the other's.
pub(in crate::net) fn select_sockets(socket: &UdpSocket, threads: u32) -> io::Result<()> {
    let mut program = program(socket.local_addr()?.is_ipv4(), threads);
    let length = libc::c_ushort::try_from(program.len()).map_err(io::Error::other)?;
    let filter = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    let size = libc::socklen_t::try_from(size_of::<libc::sock_fprog>()).map_err(io::Error::other)?;
    let option = libc::SO_ATTACH_REUSEPORT_CBPF;
    #[expect(unsafe_code, reason = "this option has no safe wrapper")]
    // SAFETY: the option takes a sock_fprog and its size, with a pointer to as many instructions as it says. Both live until
    // the call returns, and the kernel copies what it keeps.
    let done =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const filter).cast(), size) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The program. What cannot be read (a datagram of no bytes) goes to the first socket; that is the kernel's rule.
fn program(v4: bool, threads: u32) -> Vec<sock_filter> {
    let step = |code, k| instruction(code, 0, 0, k);
    // Data is what `Server::may_change_sockets` says cannot: ChannelData and Send indications.
    let mut program = vec![
        step(LENGTH, 0),
        instruction(IF_AT_LEAST, 0, 7, 4),
        step(BYTE, 0),
        instruction(IF_AT_LEAST, 5, 0, 0x80),
        instruction(IF_AT_LEAST, 2, 0, 0x40),
        step(HALF, 0),
        instruction(IF_EQUAL, 0, 2, SEND_INDICATION),
        step(NUMBER, 0),
        step(GO, 5),
        step(LENGTH, 0),
        instruction(IF_AT_LEAST, 0, 2, SIGNED_BYTES_MIN),
        step(NUMBER, 1),
        step(GO, 1),
        step(NUMBER, 2),
        step(NOTE, 0),
    ];
    if v4 {
        program.extend([step(X_HEADER, IP), step(HALF_AT_X, IP), step(X, 0), step(WORD, IP + 12)]);
    } else {
        // Behind headers that nobody uses with UDP the port is not where we look: there, the address alone decides.
        program.extend([
            step(NUMBER, 0),
            step(X, 0),
            step(BYTE, IP + 6),
            instruction(IF_EQUAL, 0, 2, libc::IPPROTO_UDP.cast_unsigned()),
            step(HALF, IP + 40),
            step(X, 0),
            step(WORD, IP + 20),
        ]);
    }
    program.extend([
        step(MULTIPLY, ODD[0]),
        step(ADD_X, 0),
        step(MULTIPLY, ODD[1]),
        step(SHIFT, 16),
        step(REST, threads.max(1)),
        step(MULTIPLY, SOCKETS),
        step(X, 0),
        step(NOTED, 0),
        step(ADD_X, 0),
        step(DONE, 0),
    ]);
    program
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::open::{DATA_BUFFER_BYTES, udp_listener};

    const THREADS: u32 = 3;

    /// Sockets at one address, and who gets what.
    fn group(ip: &str) -> Vec<UdpSocket> {
        let open = |at| udp_listener(at, true, DATA_BUFFER_BYTES).unwrap();
        let first = open(format!("{ip}:0").parse().unwrap());
        let at = first.local_addr().unwrap();
        let others = (1..SOCKETS * THREADS).map(|_| open(at));
        let sockets: Vec<UdpSocket> = std::iter::once(first).chain(others).collect();
        select_sockets(&sockets[0], THREADS).unwrap();
        sockets
    }

    fn receiver(sockets: &[UdpSocket]) -> usize {
        for _ in 0..200 {
            let found = sockets.iter().position(|socket| socket.recv(&mut [0; 64]).is_ok());
            if let Some(found) = found {
                return found;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("nobody got it");
    }

    #[test]
    fn data_and_requests_of_a_client_go_to_the_sockets_of_one_thread() {
        let (least, thread) = (SIGNED_BYTES_MIN as usize, SOCKETS as usize);
        for (here, there) in [("127.0.0.1", "127.0.0.1:0"), ("[::1]", "[::1]:0")] {
            let sockets = group(here);
            let mut threads = [0; THREADS as usize];
            for _ in 0..40 {
                let client = UdpSocket::bind(there).unwrap();
                client.connect(sockets[0].local_addr().unwrap()).unwrap();
                let gets = |packet: &[u8]| {
                    client.send(packet).unwrap();
                    receiver(&sockets)
                };
                let data = gets(&[0x40, 0, 0, 0]);
                assert_eq!(data % thread, 0);
                threads[data / thread] += 1;
                for packet in [&[0x7F, 0xFF, 0, 0][..], &[0x00, 0x16, 0, 0, 0, 0], &[0x40; 1_000]] {
                    assert_eq!(gets(packet), data, "{packet:x?} is data");
                }
                for packet in [&vec![0; least][..], &[3; 1_000], &[0x80; 500]] {
                    assert_eq!(gets(packet), data + 1, "{packet:x?} may be signed");
                }
                for packet in [&vec![0; least - 1][..], &[1, 0x16, 0, 0], &[0x3F; 9], &[0x80; 5], &[0x40; 3]] {
                    assert_eq!(gets(packet), data + 2, "{packet:x?} is neither data nor signed");
                }
            }
            assert!(threads.iter().all(|clients| *clients > 0), "{threads:?}");
        }
    }
}
