//! Table functions: one file per group of tables, in the shared dialect. All SQL except that of the engines, the
//! migrations and the position counter is here.

pub mod account_data;
pub mod accounts;
pub mod aliases;
pub mod announced_media;
pub mod appservices;
pub mod audit;
pub mod awaited_events;
pub mod backups;
pub mod cross_signing;
pub mod dehydrated;
pub mod delayed_events;
pub mod delegated_leaves;
pub mod destinations;
pub mod device_keys;
pub mod device_lists;
pub mod devices;
pub mod durable_actions;
pub mod events;
pub mod filters;
pub mod history_gaps;
pub mod inbox;
pub mod media;
pub mod memberships;
pub mod network_rooms;
pub mod one_time_keys;
pub mod openid;
pub mod outgoing;
pub mod pending_redactions;
pub mod presence_status;
pub mod profile_changes;
pub mod profiles;
pub mod pushers;
pub mod receipts;
pub mod registration_tokens;
pub mod relations;
pub mod remote_devices;
pub mod remote_media;
pub mod reports;
pub mod rooms;
pub mod search_words;
pub mod server_keys;
pub mod server_name;
pub mod signing_keys;
pub mod sliding_connections;
pub mod soft_failed;
pub mod state;
pub mod state_keys;
pub mod thread_subscriptions;
pub mod thumbnails;
pub mod to_device;
pub mod tokens;
pub mod txns;
pub mod typing_rooms;
pub mod unread_counts;
pub mod url_previews;
pub mod users;

/// All statements of all groups. A test prepares them on both engines.
pub const STATEMENTS: &[&[&str]] = &[
    account_data::STATEMENTS,
    accounts::STATEMENTS,
    receipts::STATEMENTS,
    aliases::STATEMENTS,
    announced_media::STATEMENTS,
    appservices::STATEMENTS,
    audit::STATEMENTS,
    awaited_events::STATEMENTS,
    backups::STATEMENTS,
    cross_signing::STATEMENTS,
    dehydrated::STATEMENTS,
    delayed_events::STATEMENTS,
    delegated_leaves::STATEMENTS,
    destinations::STATEMENTS,
    device_keys::STATEMENTS,
    device_lists::STATEMENTS,
    devices::STATEMENTS,
    durable_actions::STATEMENTS,
    events::STATEMENTS,
    filters::STATEMENTS,
    history_gaps::STATEMENTS,
    inbox::STATEMENTS,
    media::STATEMENTS,
    memberships::STATEMENTS,
    network_rooms::STATEMENTS,
    one_time_keys::STATEMENTS,
    openid::STATEMENTS,
    outgoing::STATEMENTS,
    pending_redactions::STATEMENTS,
    presence_status::STATEMENTS,
    profile_changes::STATEMENTS,
    profiles::STATEMENTS,
    pushers::STATEMENTS,
    registration_tokens::STATEMENTS,
    relations::STATEMENTS,
    remote_devices::STATEMENTS,
    remote_media::STATEMENTS,
    reports::STATEMENTS,
    rooms::STATEMENTS,
    search_words::STATEMENTS,
    server_keys::STATEMENTS,
    server_name::STATEMENTS,
    signing_keys::STATEMENTS,
    sliding_connections::STATEMENTS,
    soft_failed::STATEMENTS,
    state::STATEMENTS,
    state_keys::STATEMENTS,
    thread_subscriptions::STATEMENTS,
    thumbnails::STATEMENTS,
    to_device::STATEMENTS,
    tokens::STATEMENTS,
    txns::STATEMENTS,
    typing_rooms::STATEMENTS,
    unread_counts::STATEMENTS,
    url_previews::STATEMENTS,
    users::STATEMENTS,
];
