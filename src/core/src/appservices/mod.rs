//! The registrations of application services: their files, namespaces and tokens (application-service API,
//! "Registration"). What application services may do is in the crate `hearth-domain`.

mod load;
mod registration;
mod registrations;
mod yaml;

pub use load::parse;
pub use registration::{Namespace, Namespaces, Registration};
pub use registrations::Registrations;
