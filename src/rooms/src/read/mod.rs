//! Reading rooms: what a user may see, in the client format.
//!
//! Each use case reads one database snapshot and changes nothing. [`visibility`] decides which events a reader may
//! see, [`present`] serialises them, [`access`] decides whether a user may read a room at all; every other file is
//! one endpoint. `/sync` uses the same parts.

pub mod access;
mod bundle;
pub mod byte_budget;
pub mod choice;
pub mod context;
pub mod deferred;
pub mod erased;
pub mod heroes;
pub mod hierarchy;
pub mod history;
pub mod ignored;
pub mod members;
pub mod page;
pub mod peek;
pub mod present;
pub mod reader;
pub mod relations;
mod replies;
pub mod search;
pub mod server_access;
pub mod server_view;
mod service;
mod single;
pub mod summary;
pub mod term;
pub mod threads;
pub mod timestamp;
pub mod token;
pub mod users;
pub mod visibility;
pub mod walk;

pub use access::Access;
pub use byte_budget::ByteBudget;
pub use deferred::AnswerBody;
pub use present::EventFormat;
pub use reader::Reader;
pub use timestamp::NearestEvent;
pub use token::Token;
pub use visibility::Viewer;
