//! What a check has found: one sentence, and the exact fix.

use std::fmt;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It is as it should be.
    Good,
    /// Good to know.
    Note,
    /// It works, but not for all or not for long.
    Warning,
    /// It does not work like this.
    Wrong,
}

/// The result of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub level: Level,
    /// What was found, as a sentence.
    pub text: String,
    /// What to do about it; empty if there is nothing to do.
    pub fix: String,
}

impl Finding {
    /// It is as it should be.
    pub fn good(text: impl Into<String>) -> Self {
        Self { level: Level::Good, text: text.into(), fix: String::new() }
    }

    /// Good to know.
    pub fn note(text: impl Into<String>) -> Self {
        Self { level: Level::Note, text: text.into(), fix: String::new() }
    }

    /// It works, but not for all or not for long.
    pub fn warning(text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Warning, text: text.into(), fix: fix.into() }
    }

    /// It does not work like this.
    pub fn wrong(text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { level: Level::Wrong, text: text.into(), fix: fix.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.level {
            Level::Good => "  ok     ",
            Level::Note => "  note   ",
            Level::Warning => "  check  ",
            Level::Wrong => "  WRONG  ",
        };
        write!(f, "{mark}{}", self.text)?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, " {}", self.fix) }
    }
}

/// Whether a finding stops a run that asks nothing.
pub(crate) fn any_wrong(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.level == Level::Wrong)
}
