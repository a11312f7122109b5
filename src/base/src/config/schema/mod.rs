//! How the configuration describes itself: one declaration per key gives the struct, its default, its documentation and
//! the way it is read.
//!
//! It does not know where values come from (`load`), nor what a good combination of them is (each section's `check`).

mod found;
mod leaves;
mod section;
mod text;
mod value;

pub use hearth_net::Cidr;
pub use section::{Key, Section, Shape};
pub use text::{BaseUrl, Mode, Secret};

pub(super) use found::{Entry, Found};
pub(super) use leaves::quoted;
pub(super) use section::{choice, section};
pub(super) use text::text_value;
pub(super) use value::{Leaf, Reading, Value};
