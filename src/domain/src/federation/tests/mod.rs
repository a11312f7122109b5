//! Events of made-up servers, taken in by a real one over a real database.

mod graph;
mod hostile;
mod missing;
mod orders;
mod ordinary;
mod past;
mod policed;
mod world;
