//! Placeholder, replaced by config/.
