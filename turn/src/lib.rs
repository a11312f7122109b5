//! What calls need of a relay. Knows nothing of Matrix.

pub mod credentials;

pub use credentials::Credentials;
