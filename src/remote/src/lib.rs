//! hearth-remote
