//! ChannelBind (RFC 8656 section 12): a number for a peer, so that its datagrams need four bytes instead of 36.

use super::Server;
use super::allocation::Channel;
use super::permission::permit;
use super::request::{Call, Failure};
use crate::limits::CHANNEL_MS;
use crate::shared::Refusal;
use crate::stun::{attribute, channel_data};

impl Server {
    pub(super) fn channel_bind(&mut self, call: &Call<'_>) -> Result<(), Failure> {
        let slot = self.find(call)?;
        let number = match call.message.get(attribute::CHANNEL_NUMBER).map(|found| found.value) {
            Some([high, low, _, _]) => u16::from_be_bytes([*high, *low]),
            _ => return Err(Failure::bad("CHANNEL-NUMBER is missing or not well-formed")),
        };
        if !channel_data::CHANNELS.contains(&number) {
            return Err(Failure::bad("channels are 0x4000 to 0x7FFF"));
        }
        let peer = call.message.addresses(attribute::XOR_PEER_ADDRESS).next().flatten();
        let peer = peer.ok_or(Failure::bad("XOR-PEER-ADDRESS is missing or not well-formed"))?;
        let allocation = &mut self.allocations[slot];
        let permission = self.shared.judge_peer(allocation, peer)?;
        if peer.port() == 0 {
            return Err(Failure::new(403, Refusal::Peer, "nobody listens on port 0"));
        }
        allocation.forget_expired(call.now_ms);
        let by_number = allocation.channels.iter().position(|channel| channel.number == number);
        let by_peer = allocation.channels.iter().position(|channel| channel.peer == peer);
        if by_number != by_peer {
            return Err(Failure::bad("the channel is bound to another peer, or the peer to another channel"));
        }
        let quotas = &self.shared.quotas;
        if by_number.is_none() && allocation.channels.len() >= quotas.channels_per_allocation {
            return Err(Failure::new(508, Refusal::Capacity, "too many channels"));
        }
        permit(allocation, &[permission], call.now_ms, quotas.permissions_per_allocation)?;
        let channel = Channel { number, peer, expires_ms: call.now_ms + CHANNEL_MS };
        match by_number {
            Some(index) => allocation.channels[index] = channel,
            None => allocation.channels.push(channel),
        }
        Ok(())
    }
}
