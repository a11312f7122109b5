//! Discovery of and connections to homeservers on a simulated internet: names that resolve to loopback addresses,
//! servers with certificates of a test authority.

mod finding;
mod internet;
mod reaching;
mod refusing;
