//! Arbitrary and damaged packets must not break the state machine.

use proptest::prelude::*;

use super::*;

/// One signed request of every kind, to be damaged.
fn seeds(bench: &mut Bench) -> Vec<Vec<u8>> {
    let peer: SocketAddr = PEER.parse().unwrap();
    let methods = [Method::BINDING, Method::ALLOCATE, Method::REFRESH, Method::CREATE_PERMISSION, Method::CHANNEL_BIND];
    let mut packets: Vec<_> = methods
        .into_iter()
        .map(|method| {
            let id = bench.transaction();
            bench.signed(id, method, |w| {
                w.put(attribute::REQUESTED_TRANSPORT, &[17, 0, 0, 0]).put_number(attribute::LIFETIME, 700);
                w.put_number(attribute::CHANNEL_NUMBER, 0x4000_0000).put_address(attribute::XOR_PEER_ADDRESS, peer);
                w.put(attribute::ADDITIONAL_ADDRESS_FAMILY, &[2, 0, 0, 0]);
            })
        })
        .collect();
    let mut send = Vec::new();
    let mut writer = Writer::new(&mut send, Method::SEND, Class::Indication, [0; 12]);
    writer.put_address(attribute::XOR_PEER_ADDRESS, peer).put(attribute::DATA, b"hello");
    packets.push(send);
    packets.push([&channel_data::header(0x4000, 5)[..], b"hello"].concat());
    packets
}

proptest! {
    #[test]
    fn arbitrary_packets_do_no_harm(packets in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..128), 1..20)) {
        let mut bench = Bench::new();
        bench.allocate(&five_tuple("192.0.2.1:1"));
        for packet in &packets {
            let (outcome, _) = bench.raw(&five_tuple("192.0.2.1:1"), packet);
            prop_assert!(!matches!(outcome, PacketOutcome::ToPeer { .. }), "no client has a permission");
            bench.peer_sends(RelayKey(u32::from(packet.len() as u8)), PEER, packet);
        }
    }

    #[test]
    fn damaged_requests_do_no_harm(damage in proptest::collection::vec((any::<usize>(), any::<usize>(), any::<u8>()), 1..40)) {
        let mut bench = Bench::new();
        let client = five_tuple("192.0.2.1:1");
        bench.allocate(&client);
        let seeds = seeds(&mut bench);
        for (which, at, byte) in damage {
            let mut packet = seeds[which % seeds.len()].clone();
            let at = at % packet.len();
            packet[at] = byte;
            let (outcome, reply) = bench.raw(&client, &packet);
            if let PacketOutcome::ToPeer { payload, .. } = outcome {
                prop_assert!(payload.end <= packet.len());
            } else if outcome == PacketOutcome::Reply {
                prop_assert!(Message::parse(&reply).is_ok());
            }
            packet.truncate(at);
            bench.raw(&client, &packet);
        }
        prop_assert!(bench.sockets.open.len() <= 3);
    }
}
