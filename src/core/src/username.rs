//! User name rules.

use hearth_base::config::Registration;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use ruma::{OwnedUserId, ServerName, UserId};

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    refuse(Reason::InvalidUsername, message)
}

/// Checks the grammar of a localpart (appendices, "User Identifiers") and builds the user ID.
pub fn parse(localpart: &str, server_name: &ServerName) -> Result<OwnedUserId> {
    if localpart.is_empty() {
        return Err(invalid("Choose a user name."));
    }
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._=-/+".contains(c);
    if !localpart.chars().all(good) {
        return Err(invalid("A user name can have small letters, digits, and any of . _ = - / +"));
    }
    let id = format!("@{localpart}:{server_name}");
    if id.len() > limits::ID_BYTES_MAX {
        return Err(invalid("This user name is too long."));
    }
    UserId::parse(id.as_str()).map_err(|_| invalid("This cannot be a user name."))
}

/// Checks the configured rules for a name that the user chooses.
pub fn check_chosen(localpart: &str, config: &Registration) -> Result<()> {
    let bytes_max = usize::try_from(config.username_bytes_max).unwrap_or(usize::MAX);
    if localpart.len() > bytes_max {
        return Err(invalid(format!("A user name can have {bytes_max} characters at most.")));
    }
    if localpart.starts_with('_') {
        return Err(refuse(Reason::Exclusive, "User names that start with _ belong to bridges and bots."));
    }
    if config.reserved_usernames.iter().any(|name| name == localpart) {
        return Err(refuse(Reason::UserInUse, "This user name is reserved."));
    }
    Ok(())
}

/// The error for a name that is, or was, in use: names of deactivated accounts are never reused.
pub fn taken() -> Error {
    refuse(Reason::UserInUse, "This user name is taken.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_grammar() {
        let server = <&ServerName>::try_from("example.org").unwrap();
        for good in ["alice", "a.b_c=d-e/f+g", "0"] {
            assert!(parse(good, server).is_ok(), "{good}");
        }
        let long = "a".repeat(243);
        for bad in ["", "Alice", "a b", "a:b", "ä", "a\0", "@alice", "a\n", &long] {
            assert_eq!(parse(bad, server).unwrap_err().reason(), Some(Reason::InvalidUsername), "{bad:?}");
        }
    }

    #[test]
    fn some_names_are_not_for_all() {
        let config = Registration { reserved_usernames: vec!["admin".into()], ..Registration::default() };
        assert!(check_chosen("alice", &config).is_ok());
        assert_eq!(check_chosen("_bridge", &config).unwrap_err().reason(), Some(Reason::Exclusive));
        assert_eq!(check_chosen("admin", &config).unwrap_err().reason(), Some(Reason::UserInUse));
        assert!(check_chosen(&"a".repeat(65), &config).is_err());
    }
}
