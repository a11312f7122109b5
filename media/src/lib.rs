//! hearth-media
