//! Tests of the use cases on a real store in a temporary folder.

mod backup;
mod claim;
mod cross_signing;
mod device_lists;
mod inbox;
mod pieces;
mod upload;
pub(super) mod world;
