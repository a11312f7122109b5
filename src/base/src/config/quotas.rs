//! `[quotas]`: how much each account may store.

use super::schema::section;

section! {
    /// How much each account may store. At a quota, what would exceed it is refused: with `M_USER_LIMIT_EXCEEDED`, or, if
    /// it comes from others, such as an invite, with `M_LIMIT_EXCEEDED` to them. Nothing that is stored is deleted, also
    /// if a quota is lowered. `hearth ctl users show` shows what an account uses. 0: no quota. Users of bridges and bots
    /// have none for media and aliases.
    pub struct Quotas {
        /// Uploaded media, in MiB. Copies of remote media do not count.
        media_mib: u32 = 20_480,
        /// Account data of the account and of all its rooms, in MiB. A first sync answers all of it.
        account_data_mib: u32 = 10,
        /// Items of account data, of the account and of all its rooms.
        account_data_items: u32 = 20_000,
        /// Keys in the key backup, in MiB.
        key_backup_mib: u32 = 512,
        /// Versions of the key backup. Clients make a new one when the backup is reset.
        key_backup_versions: u32 = 100,
        /// Filters. Clients make a filter again that they miss, so the oldest ones make room for new ones.
        filters: u32 = 1_000,
        /// Devices. The one unused for the longest time is logged out when another logs in.
        devices: u32 = 1_000,
        /// Pushers: where notifications are sent to, mostly one for each device.
        pushers: u32 = 50,
        /// Aliases of rooms that the user has created.
        aliases: u32 = 100,
        /// Open invites by users of other servers, of all servers together. One server may have 500 of them, one that
        /// shares no room with the user 50.
        open_invites: u32 = 1_000,
        /// What such invites show of their rooms (stripped state), in MiB.
        open_invites_mib: u32 = 16,
        /// To-device messages that wait for one device, in MiB. One sender has at most 8 MiB of it.
        to_device_mib: u32 = 32,
    }
}
