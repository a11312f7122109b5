//! Table functions: the only SQL of Hearth, one file per group of tables, in the dialect that both engines share.

pub mod account_data;
pub mod receipts;
pub mod aliases;
pub mod events;
pub mod memberships;
pub mod relations;
pub mod rooms;
pub mod signing_keys;
pub mod state;
pub mod state_keys;
pub mod txns;
pub mod users;

/// Every statement of every group, for the test that prepares them on both engines.
pub const STATEMENTS: &[&[&str]] = &[
    account_data::STATEMENTS,
    receipts::STATEMENTS,
    aliases::STATEMENTS,
    events::STATEMENTS,
    memberships::STATEMENTS,
    relations::STATEMENTS,
    rooms::STATEMENTS,
    signing_keys::STATEMENTS,
    state::STATEMENTS,
    state_keys::STATEMENTS,
    txns::STATEMENTS,
    users::STATEMENTS,
];
