//! Quotas: how much an account may store (`[quotas]` in the configuration).
//!
//! One list of what is counted, how, and up to where. A use case that adds something checks its quota in the transaction
//! that adds it. Every count is one indexed query.

use hearth_base::config::Quotas;
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::{account_data, aliases, backups, devices, filters, media, memberships, pushers, to_device};

const MIB: u64 = 1024 * 1024;

/// What an account stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// Bytes of uploaded media.
    MediaBytes,
    /// Bytes of account data.
    AccountDataBytes,
    /// Items of account data.
    AccountDataItems,
    /// Bytes of keys in the key backup.
    KeyBackupBytes,
    /// Versions of the key backup.
    KeyBackupVersions,
    /// Filters.
    Filters,
    /// Devices.
    Devices,
    /// Pushers.
    Pushers,
    /// Room aliases that the user has created.
    Aliases,
    /// Open invites by users of other servers.
    OpenInvites,
    /// Bytes of stripped state of those.
    OpenInvitesBytes,
    /// Bytes of to-device messages that wait for one device: the one with the most.
    ToDeviceBytes,
}

/// How much of a quota an account uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaUse {
    /// What is counted.
    pub quota: Quota,
    /// How much is there.
    pub used: u64,
    /// How much there may be; `None` without a limit.
    pub limit: Option<u64>,
}

impl Quota {
    /// All quotas.
    pub const ALL: [Self; 12] = [
        Self::MediaBytes,
        Self::AccountDataBytes,
        Self::AccountDataItems,
        Self::KeyBackupBytes,
        Self::KeyBackupVersions,
        Self::Filters,
        Self::Devices,
        Self::Pushers,
        Self::Aliases,
        Self::OpenInvites,
        Self::OpenInvitesBytes,
        Self::ToDeviceBytes,
    ];

    /// The name in the admin API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MediaBytes => "media_bytes",
            Self::AccountDataBytes => "account_data_bytes",
            Self::AccountDataItems => "account_data_items",
            Self::KeyBackupBytes => "key_backup_bytes",
            Self::KeyBackupVersions => "key_backup_versions",
            Self::Filters => "filters",
            Self::Devices => "devices",
            Self::Pushers => "pushers",
            Self::Aliases => "aliases",
            Self::OpenInvites => "open_invites",
            Self::OpenInvitesBytes => "open_invites_bytes",
            Self::ToDeviceBytes => "to_device_bytes",
        }
    }

    /// The most that an account may have; `None` for no limit.
    #[must_use]
    pub fn limit(self, config: &Quotas) -> Option<u64> {
        let (number, unit) = match self {
            Self::MediaBytes => (config.media_mib, MIB),
            Self::AccountDataBytes => (config.account_data_mib, MIB),
            Self::AccountDataItems => (config.account_data_items, 1),
            Self::KeyBackupBytes => (config.key_backup_mib, MIB),
            Self::KeyBackupVersions => (config.key_backup_versions, 1),
            Self::Filters => (config.filters, 1),
            Self::Devices => (config.devices, 1),
            Self::Pushers => (config.pushers, 1),
            Self::Aliases => (config.aliases, 1),
            Self::OpenInvites => (config.open_invites, 1),
            Self::OpenInvitesBytes => (config.open_invites_mib, MIB),
            Self::ToDeviceBytes => (config.to_device_mib, MIB),
        };
        (number > 0).then(|| u64::from(number) * unit)
    }

    fn used(self, tx: &mut dyn Tx, user: UserSn) -> Result<u64> {
        Ok(match self {
            Self::MediaBytes => media::usage_of(tx, user)?.bytes,
            Self::AccountDataBytes => account_data::usage(tx, user)?.1,
            Self::AccountDataItems => account_data::usage(tx, user)?.0,
            Self::KeyBackupBytes => backups::usage(tx, user)?.1,
            Self::KeyBackupVersions => backups::usage(tx, user)?.0,
            Self::Filters => filters::count(tx, user)?,
            Self::Devices => devices::count(tx, user)?,
            Self::Pushers => pushers::count(tx, user)?,
            Self::Aliases => aliases::count_of(tx, user)?,
            Self::OpenInvites => memberships::open_invites_usage(tx, user)?.0,
            Self::OpenInvitesBytes => memberships::open_invites_usage(tx, user)?.1,
            Self::ToDeviceBytes => {
                let mut most = 0;
                for device in devices::of_user(tx, user)? {
                    most = most.max(to_device::fill(tx, device.sn)?.1);
                }
                most
            }
        })
    }

    /// Refuses with `M_USER_LIMIT_EXCEEDED` if the account would exceed the quota with `more` than it has.
    pub fn check(self, config: &Quotas, tx: &mut dyn Tx, user: UserSn, more: u64) -> Result<()> {
        match self.limit(config) {
            Some(limit) if self.used(tx, user)?.saturating_add(more) > limit => Err(self.exceeded(limit)),
            _ => Ok(()),
        }
    }

    /// How many to remove, so that one more fits: for quotas at which the oldest make room.
    pub fn superfluous(self, config: &Quotas, tx: &mut dyn Tx, user: UserSn) -> Result<u64> {
        let Some(limit) = self.limit(config) else { return Ok(0) };
        Ok((self.used(tx, user)? + 1).saturating_sub(limit))
    }

    fn exceeded(self, limit: u64) -> Error {
        let (amount, what, remedy) = match self {
            Self::MediaBytes => (limit / MIB, "MiB of media", "Ask its administrator to delete some, or for more."),
            Self::AccountDataBytes => (limit / MIB, "MiB of account data", "Make some smaller or delete it."),
            Self::AccountDataItems => (limit, "items of account data", "Delete some."),
            Self::KeyBackupBytes => (limit / MIB, "MiB of keys in the backup", "Delete old versions of the backup."),
            Self::KeyBackupVersions => (limit, "versions of the key backup", "Delete old ones."),
            Self::Filters => (limit, "filters", "Use one of them."),
            Self::Devices => (limit, "devices", "Log out some."),
            Self::Pushers => (limit, "pushers", "Remove one first."),
            Self::Aliases => (limit, "room aliases", "Remove one first."),
            Self::OpenInvites => (limit, "open invites", "Answer some."),
            Self::OpenInvitesBytes => (limit / MIB, "MiB of open invites", "Answer some."),
            Self::ToDeviceBytes => (limit / MIB, "MiB of messages waiting for a device", "Let it sync."),
        };
        let message = format!("An account can have {amount} {what} on this server. {remedy}");
        refuse(Reason::UserLimitExceeded, message)
    }
}

/// What an account uses of every quota.
pub fn of_user(config: &Quotas, tx: &mut dyn Tx, user: UserSn) -> Result<Vec<QuotaUse>> {
    let one = |quota: Quota| Ok(QuotaUse { quota, used: quota.used(tx, user)?, limit: quota.limit(config) });
    Quota::ALL.into_iter().map(one).collect()
}
