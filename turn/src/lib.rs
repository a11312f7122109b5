//! hearth-turn
