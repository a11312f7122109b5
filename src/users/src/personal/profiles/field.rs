//! Profile fields: names and values.

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::canonical;
use serde_json::Value;

use super::status;

/// A field with its new value; `None` removes it.
#[derive(Debug, Clone, PartialEq)]
pub enum ProfileField {
    /// `displayname`.
    DisplayName(Option<String>),
    /// `avatar_url`, an `mxc://` URI.
    AvatarUrl(Option<String>),
    /// Any other field by name.
    Other(String, Option<Value>),
}

impl ProfileField {
    /// Whether rooms show this field of their members: display name and avatar.
    #[must_use]
    pub fn is_face(name: &str) -> bool {
        matches!(name, "displayname" | "avatar_url")
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::DisplayName(_) => "displayname",
            Self::AvatarUrl(_) => "avatar_url",
            Self::Other(name, _) => name,
        }
    }

    /// A field to remove.
    ///
    /// Refuses names as [`ProfileField::set`] does.
    pub fn removed(name: &str) -> Result<Self> {
        Self::set(name, None)
    }

    /// A field with its value. For a display name and an avatar, null and the empty string mean none.
    ///
    /// Refuses with `M_KEY_TOO_LARGE` and `M_INVALID_PARAM` invalid names, with `M_INVALID_PARAM` values of the wrong
    /// type or length, with `M_TOO_LARGE` a status that is too long, with `M_BAD_JSON` values without a canonical form: other
    /// servers read profiles.
    pub fn set(name: &str, value: Option<Value>) -> Result<Self> {
        check_name(name)?;
        match name {
            "displayname" => {
                let text = text(name, value)?;
                bounded(name, text.as_deref(), limits::DISPLAY_NAME_BYTES_MAX)?;
                Ok(Self::DisplayName(text))
            }
            "avatar_url" => {
                let url = text(name, value)?;
                bounded(name, url.as_deref(), limits::AVATAR_URL_BYTES_MAX)?;
                if url.as_ref().is_some_and(|url| !url.starts_with("mxc://")) {
                    return Err(Error::invalid("`avatar_url` must be an mxc:// URI: upload the picture first."));
                }
                Ok(Self::AvatarUrl(url))
            }
            "m.tz" if value.as_ref().is_some_and(|zone| !zone.is_string()) => {
                Err(Error::invalid("`m.tz` must be a text, such as \"Europe/Berlin\"."))
            }
            _ => {
                let json = value.as_ref().map(Value::to_string);
                json.map_or(Ok(()), |json| canonical::check(&format!("The profile field `{name}`"), &json))?;
                value.as_ref().map_or(Ok(()), |value| status::check(name, value))?;
                Ok(Self::Other(name.to_owned(), value))
            }
        }
    }
}

/// Refuses an invalid field name (appendices, "Common Namespaced Identifier Grammar").
pub(super) fn check_name(name: &str) -> Result<()> {
    if name.len() > limits::ID_BYTES_MAX {
        let message = format!("A profile field's name can have {} bytes at most.", limits::ID_BYTES_MAX);
        return Err(refuse(Reason::KeyTooLarge, message));
    }
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    let goes_on_well = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.' | '-');
    if starts_well && name.chars().all(goes_on_well) {
        return Ok(());
    }
    Err(Error::invalid("A profile field's name begins with a-z and has only a-z, 0-9, `_`, `.` and `-`."))
}

fn text(name: &str, value: Option<Value>) -> Result<Option<String>> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(_) => Err(Error::invalid(format!("`{name}` must be a text."))),
    }
}

fn bounded(name: &str, text: Option<&str>, bytes_max: usize) -> Result<()> {
    let text = text.unwrap_or_default();
    if text.len() > bytes_max {
        return Err(Error::invalid(format!("`{name}` can have {bytes_max} bytes at most.")));
    }
    if text.contains('\0') {
        return Err(Error::invalid(format!("A NUL character is not allowed in `{name}`.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_take_what_the_specification_says() {
        for (name, value, field) in [
            ("displayname", json!("Alice"), ProfileField::DisplayName(Some("Alice".to_owned()))),
            ("displayname", json!(""), ProfileField::DisplayName(None)),
            ("displayname", json!(null), ProfileField::DisplayName(None)),
            ("avatar_url", json!("mxc://a.example/b"), ProfileField::AvatarUrl(Some("mxc://a.example/b".to_owned()))),
            ("m.tz", json!("Europe/Berlin"), ProfileField::Other("m.tz".to_owned(), Some(json!("Europe/Berlin")))),
            (
                "org.example.job",
                json!({"x": [1]}),
                ProfileField::Other("org.example.job".to_owned(), Some(json!({"x": [1]}))),
            ),
            ("org.example.job", json!(null), ProfileField::Other("org.example.job".to_owned(), Some(json!(null)))),
        ] {
            assert_eq!(ProfileField::set(name, Some(value)).expect(name), field);
        }
    }

    #[test]
    fn wrong_values_are_refused() {
        for (name, value) in [
            ("displayname", json!(7)),
            ("displayname", json!("a\0b")),
            ("displayname", json!("x".repeat(limits::DISPLAY_NAME_BYTES_MAX + 1))),
            ("avatar_url", json!("https://a.example/b.png")),
            ("avatar_url", json!(format!("mxc://{}", "x".repeat(limits::AVATAR_URL_BYTES_MAX)))),
            ("m.tz", json!(1)),
        ] {
            let error = ProfileField::set(name, Some(value)).expect_err(name);
            assert_eq!(error.reason(), Some(Reason::InvalidParam), "{name}");
        }
    }

    #[test]
    fn values_have_a_canonical_form() {
        for bad in [json!(1.5), json!({"x": [-0.0]}), json!(9_007_199_254_740_992_u64)] {
            let error = ProfileField::set("org.example.job", Some(bad)).expect_err("refused");
            assert_eq!(error.reason(), Some(Reason::BadJson));
        }
    }

    #[test]
    fn names_follow_the_grammar() {
        for good in ["m.tz", "org.example.x-y_z", "a", "io.fsky.nyx.pronouns"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", "M.tz", ".x", "1.x", "a b", "ä", "org.example/x", "a\u{7}"] {
            assert_eq!(check_name(bad).expect_err(bad).reason(), Some(Reason::InvalidParam), "{bad}");
        }
        let long = "a".repeat(limits::ID_BYTES_MAX + 1);
        assert_eq!(check_name(&long).expect_err("too long").reason(), Some(Reason::KeyTooLarge));
    }
}
