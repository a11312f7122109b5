//! What every refusal and failure looks like on the wire.

use serde::{Deserialize, Serialize};

/// Body of every answer that is not 2xx: `{"error": {...}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The one thing that went wrong.
    pub error: ErrorDetail,
}

/// One error, for a program (`code`) and for a person (`message`, `remedy`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// Steady word in `snake_case` that scripts may compare, such as `user_not_found`.
    pub code: String,
    /// What went wrong, as one sentence.
    pub message: String,
    /// What to do about it, as one sentence; empty when there is nothing to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl ErrorBody {
    /// An error with its code, its sentence and what to do next.
    pub fn new(code: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { error: ErrorDetail { code: code.into(), message: message.into(), remedy: remedy.into() } }
    }
}
