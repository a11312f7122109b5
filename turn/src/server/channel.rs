//! ChannelBind (RFC 8656 section 12). A channel reduces the overhead per datagram from 36 bytes to 4.

use super::Server;
use super::allocation::Channel;
use super::permission::install_permissions;
use super::request::{AuthenticatedRequest, RequestError};
use crate::limits::CHANNEL_MS;
use crate::shared::Refusal;
use crate::stun::{attribute, channel_data};

impl Server {
    pub(super) fn channel_bind(&mut self, request: &AuthenticatedRequest<'_>) -> Result<(), RequestError> {
        let slot = self.find_allocation(request)?;
        let number = match request.message.get(attribute::CHANNEL_NUMBER).map(|found| found.value) {
            Some([high, low, _, _]) => u16::from_be_bytes([*high, *low]),
            _ => return Err(RequestError::bad_request("CHANNEL-NUMBER is missing or not well-formed")),
        };
        if !channel_data::CHANNELS.contains(&number) {
            return Err(RequestError::bad_request("channels are 0x4000 to 0x7FFF"));
        }
        let peer = request.message.addresses(attribute::XOR_PEER_ADDRESS).next().flatten();
        let peer = peer.ok_or(RequestError::bad_request("XOR-PEER-ADDRESS is missing or not well-formed"))?;
        let allocation = &mut self.allocations[slot];
        let permission = self.shared.check_peer(allocation, peer)?;
        if peer.port() == 0 {
            return Err(RequestError::new(403, Refusal::Peer, "port 0 is not a valid peer port"));
        }
        allocation.forget_expired(request.now_ms);
        let by_number = allocation.channels.iter().position(|channel| channel.number == number);
        let by_peer = allocation.channels.iter().position(|channel| channel.peer == peer);
        if by_number != by_peer {
            return Err(RequestError::bad_request(
                "the channel is bound to another peer, or the peer to another channel",
            ));
        }
        let quotas = &self.shared.quotas;
        if by_number.is_none() && allocation.channels.len() >= quotas.channels_per_allocation {
            return Err(RequestError::new(508, Refusal::Capacity, "too many channels"));
        }
        install_permissions(allocation, &[permission], request.now_ms, quotas.permissions_per_allocation)?;
        let channel = Channel { number, peer, expires_ms: request.now_ms + CHANNEL_MS };
        match by_number {
            Some(index) => allocation.channels[index] = channel,
            None => allocation.channels.push(channel),
        }
        Ok(())
    }
}
