//! Error responses.

use serde::{Deserialize, Serialize};

/// Body of every response that is not 2xx: `{"error": {...}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// An error, for programs (`code`) and for people (`message`, `remedy`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// A stable identifier in `snake_case`, such as `user_not_found`.
    pub code: String,
    /// What went wrong, in one sentence.
    pub message: String,
    /// What to do, in one sentence. Empty if there is nothing to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub remedy: String,
}

impl ErrorBody {
    /// Creates an error from its code, message and remedy.
    pub fn new(code: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { error: ErrorDetail { code: code.into(), message: message.into(), remedy: remedy.into() } }
    }
}
