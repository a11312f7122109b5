//! Reads the configuration: defaults, then the file, then the environment; later ones win.

mod nearest;
mod problem;

pub(super) use nearest::nearest;
pub use problem::{ConfigError, Place, Problem};
