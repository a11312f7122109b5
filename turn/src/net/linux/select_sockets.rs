//! Socket selection: a classic BPF program (which needs no privilege) that chooses the socket for each datagram
//! of a client.
//!
//! Each thread has one socket for data and two for requests. A flood of requests fills its own kernel queue,
//! and datagrams of calls never wait in it. Requests with credentials do not wait behind those too short to
//! carry any. The client's address and port select the thread, the same one for all three sockets, so that a
//! thread owns its clients without locks.

use std::io;
use std::mem::size_of;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use libc::sock_filter;

use crate::limits::SIGNED_BYTES_MIN;

/// Loads 32 bits, 16 bits or one byte of the packet into the accumulator; `_AT_X` adds the index register to
/// the offset.
const LOAD_WORD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const LOAD_HALF: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
const LOAD_HALF_AT_X: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_IND;
const LOAD_BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
/// Loads the payload length, a constant, or the scratch memory into the accumulator.
const LOAD_LENGTH: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_LEN;
const LOAD_CONSTANT: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_IMM;
const LOAD_SCRATCH: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_MEM;
/// Loads the length of the IPv4 header into the index register.
const LOAD_X_IP_HEADER: u32 = libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH;
const MOVE_TO_X: u32 = libc::BPF_MISC | libc::BPF_TAX;
const STORE_SCRATCH: u32 = libc::BPF_ST;
const JUMP: u32 = libc::BPF_JMP | libc::BPF_JA;
const JUMP_IF_AT_LEAST: u32 = libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K;
const JUMP_IF_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const MULTIPLY: u32 = libc::BPF_ALU | libc::BPF_MUL | libc::BPF_K;
const SHIFT_RIGHT: u32 = libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K;
const MODULO: u32 = libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K;
const ADD_X: u32 = libc::BPF_ALU | libc::BPF_ADD | libc::BPF_X;
const RETURN: u32 = libc::BPF_RET | libc::BPF_A;

/// Offset of the IP header, for the load instructions. The UDP payload starts at 0.
const IP_HEADER: u32 = libc::SKF_NET_OFF.cast_unsigned();
/// Message type of a Send indication.
const SEND_INDICATION: u32 = 0x0016;
/// Multipliers that spread neighbouring addresses and ports over all threads.
const HASH_MULTIPLIERS: [u32; 2] = [0x9E37_79B1, 0x85EB_CA6B];

/// One instruction. `yes` and `no` are the numbers of instructions to skip.
#[expect(clippy::cast_possible_truncation, reason = "all codes are below 256")]
fn instruction(code: u32, yes: u8, no: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt: yes, jf: no, k }
}

/// Sockets of a thread: data, requests long enough to carry credentials, shorter requests.
const SOCKETS: u32 = 3;

/// Installs the program for all sockets at the address of `socket`. They must have been bound thread by thread,
/// each in the order of [`SOCKETS`]: the kernel numbers them in the order of binding.
pub(in crate::net) fn select_sockets(socket: &UdpSocket, threads: u32) -> io::Result<()> {
    let mut program = program(socket.local_addr()?.is_ipv4(), threads);
    let length = libc::c_ushort::try_from(program.len()).map_err(io::Error::other)?;
    let filter = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    let size = libc::socklen_t::try_from(size_of::<libc::sock_fprog>()).map_err(io::Error::other)?;
    let option = libc::SO_ATTACH_REUSEPORT_CBPF;
    #[expect(unsafe_code, reason = "this option has no safe wrapper")]
    // SAFETY: the option takes a sock_fprog and its size, with a pointer to as many instructions as it names.
    // Both live until the call returns; the kernel copies the program.
    let done =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, (&raw const filter).cast(), size) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The program. The kernel sends a datagram that the program cannot read (one without payload) to the first
/// socket.
fn program(v4: bool, threads: u32) -> Vec<sock_filter> {
    let step = |code, k| instruction(code, 0, 0, k);
    // Data is what `Server::may_change_sockets` excludes: ChannelData and Send indications.
    let mut program = vec![
        step(LOAD_LENGTH, 0),
        instruction(JUMP_IF_AT_LEAST, 0, 7, 4),
        step(LOAD_BYTE, 0),
        instruction(JUMP_IF_AT_LEAST, 5, 0, 0x80),
        instruction(JUMP_IF_AT_LEAST, 2, 0, 0x40),
        step(LOAD_HALF, 0),
        instruction(JUMP_IF_EQUAL, 0, 2, SEND_INDICATION),
        step(LOAD_CONSTANT, 0),
        step(JUMP, 5),
        step(LOAD_LENGTH, 0),
        instruction(JUMP_IF_AT_LEAST, 0, 2, SIGNED_BYTES_MIN),
        step(LOAD_CONSTANT, 1),
        step(JUMP, 1),
        step(LOAD_CONSTANT, 2),
        step(STORE_SCRATCH, 0),
    ];
    if v4 {
        program.extend([
            step(LOAD_X_IP_HEADER, IP_HEADER),
            step(LOAD_HALF_AT_X, IP_HEADER),
            step(MOVE_TO_X, 0),
            step(LOAD_WORD, IP_HEADER + 12),
        ]);
    } else {
        // With IPv6 extension headers, which UDP does not use in practice, the port is not at this offset. The
        // address alone then selects the thread.
        program.extend([
            step(LOAD_CONSTANT, 0),
            step(MOVE_TO_X, 0),
            step(LOAD_BYTE, IP_HEADER + 6),
            instruction(JUMP_IF_EQUAL, 0, 2, libc::IPPROTO_UDP.cast_unsigned()),
            step(LOAD_HALF, IP_HEADER + 40),
            step(MOVE_TO_X, 0),
            step(LOAD_WORD, IP_HEADER + 20),
        ]);
    }
    program.extend([
        step(MULTIPLY, HASH_MULTIPLIERS[0]),
        step(ADD_X, 0),
        step(MULTIPLY, HASH_MULTIPLIERS[1]),
        step(SHIFT_RIGHT, 16),
        step(MODULO, threads.max(1)),
        step(MULTIPLY, SOCKETS),
        step(MOVE_TO_X, 0),
        step(LOAD_SCRATCH, 0),
        step(ADD_X, 0),
        step(RETURN, 0),
    ]);
    program
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::open::{DATA_BUFFER_BYTES, udp_listener};

    const THREADS: u32 = 3;

    /// All sockets at one address, with the program installed.
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
    fn a_client_keeps_its_thread_for_data_and_requests() {
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
