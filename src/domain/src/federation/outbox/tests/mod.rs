//! The outbox over a real database, with a network that a test breaks as it likes.
