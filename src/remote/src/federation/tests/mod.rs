//! Finding and reaching homeservers, on a small internet of its own: names that lead to loopback addresses, servers
//! with certificates of an authority made for the test.

mod finding;
mod internet;
mod reaching;
mod refusing;
