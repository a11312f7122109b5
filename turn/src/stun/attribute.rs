//! Attribute types (RFC 8489 section 18.3, RFC 8656 section 18).

/// MAPPED-ADDRESS, for clients of RFC 3489. Not sent.
pub const MAPPED_ADDRESS: u16 = 0x0001;
/// USERNAME, UTF-8, at most 508 characters.
pub const USERNAME: u16 = 0x0006;
/// MESSAGE-INTEGRITY: HMAC-SHA1, 20 bytes.
pub const MESSAGE_INTEGRITY: u16 = 0x0008;
/// ERROR-CODE: a number and a reason phrase.
pub const ERROR_CODE: u16 = 0x0009;
/// UNKNOWN-ATTRIBUTES: a list of types, with error 420.
pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
/// CHANNEL-NUMBER, for ChannelBind.
pub const CHANNEL_NUMBER: u16 = 0x000C;
/// LIFETIME, in seconds.
pub const LIFETIME: u16 = 0x000D;
/// XOR-PEER-ADDRESS; CreatePermission may have several.
pub const XOR_PEER_ADDRESS: u16 = 0x0012;
/// DATA: the payload of Send and Data indications.
pub const DATA: u16 = 0x0013;
/// REALM of the long-term credential mechanism.
pub const REALM: u16 = 0x0014;
/// NONCE of the long-term credential mechanism.
pub const NONCE: u16 = 0x0015;
/// XOR-RELAYED-ADDRESS, in the response to Allocate.
pub const XOR_RELAYED_ADDRESS: u16 = 0x0016;
/// REQUESTED-ADDRESS-FAMILY, for Allocate and Refresh.
pub const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
/// EVEN-PORT; its R bit reserves the next port.
pub const EVEN_PORT: u16 = 0x0018;
/// REQUESTED-TRANSPORT: an IP protocol number.
pub const REQUESTED_TRANSPORT: u16 = 0x0019;
/// DONT-FRAGMENT, in Allocate and Send indications.
pub const DONT_FRAGMENT: u16 = 0x001A;
/// MESSAGE-INTEGRITY-SHA256: HMAC-SHA256, 16 to 32 bytes.
pub const MESSAGE_INTEGRITY_SHA256: u16 = 0x001C;
/// PASSWORD-ALGORITHM: the client's choice.
pub const PASSWORD_ALGORITHM: u16 = 0x001D;
/// USERHASH. The server does not offer it, but knows it, so that the answer is 401 and not 420.
pub const USERHASH: u16 = 0x001E;
/// XOR-MAPPED-ADDRESS: the client's address as the server sees it.
pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
/// RESERVATION-TOKEN, 8 bytes.
pub const RESERVATION_TOKEN: u16 = 0x0022;
/// ADDITIONAL-ADDRESS-FAMILY, for Allocate with both families.
pub const ADDITIONAL_ADDRESS_FAMILY: u16 = 0x8000;
/// ADDRESS-ERROR-CODE: why the additional family failed.
pub const ADDRESS_ERROR_CODE: u16 = 0x8001;
/// PASSWORD-ALGORITHMS: the server's offer.
pub const PASSWORD_ALGORITHMS: u16 = 0x8002;
/// ICMP: type, code and data of an ICMP error.
pub const ICMP: u16 = 0x8004;
/// FINGERPRINT: a CRC-32, always last.
pub const FINGERPRINT: u16 = 0x8028;

/// Whether the attribute is comprehension-required (RFC 8489 section 14).
#[must_use]
pub fn must_be_understood(kind: u16) -> bool {
    kind < 0x8000
}

/// Whether requests to this server may carry the attribute. Other comprehension-required ones get 420 (Unknown
/// Attribute).
#[must_use]
pub fn is_known(kind: u16) -> bool {
    matches!(
        kind,
        USERNAME
            | MESSAGE_INTEGRITY
            | CHANNEL_NUMBER
            | LIFETIME
            | XOR_PEER_ADDRESS
            | DATA
            | REALM
            | NONCE
            | REQUESTED_ADDRESS_FAMILY
            | EVEN_PORT
            | REQUESTED_TRANSPORT
            | DONT_FRAGMENT
            | MESSAGE_INTEGRITY_SHA256
            | PASSWORD_ALGORITHM
            | USERHASH
            | RESERVATION_TOKEN
    )
}
