//! The schema of the configuration: one declaration per key generates the struct field, its default, its documentation
//! and its parser. Sources are in `load`, rules for combinations in each section's `check`.

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
