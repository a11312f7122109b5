//! Parses a registration file. Each value is checked while it is parsed, so that an error has its line. Unknown fields
//! are ignored: extensions define their own.

use std::fmt;

use crate::username;
use hearth_base::config::{BaseUrl, Secret};
use hearth_base::limits;
use hearth_base::limits::core::PATTERN_SHOWN_BYTES_MAX;
use regex::{Regex, RegexBuilder};
use ruma::ServerName;
use serde::de::{Deserialize, Deserializer, Error as _, Visitor};

use super::registration::{Namespace, Namespaces, Registration, anchored};
use super::registrations::hash;

#[derive(serde::Deserialize)]
#[serde(expecting = "the fields of a registration")]
struct File {
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(deserialize_with = "url")]
    url: Option<BaseUrl>,
    #[serde(deserialize_with = "token")]
    as_token: String,
    #[serde(deserialize_with = "token")]
    hs_token: String,
    #[serde(deserialize_with = "id")]
    sender_localpart: String,
    namespaces: Spaces,
    rate_limited: Option<bool>,
    protocols: Option<Vec<String>>,
    receive_ephemeral: Option<bool>,
    /// The name before version 1.13 of the specification; files in use have either.
    #[serde(rename = "de.sorunome.msc2409.push_ephemeral")]
    push_ephemeral: Option<bool>,
    /// To-device messages, device lists and counts of one-time keys in transactions.
    #[serde(rename = "org.matrix.msc3202")]
    msc3202: Option<bool>,
}

#[derive(serde::Deserialize)]
#[serde(expecting = "namespaces with the names users, aliases and rooms")]
struct Spaces {
    #[serde(default, deserialize_with = "list")]
    users: Namespaces,
    #[serde(default, deserialize_with = "list")]
    aliases: Namespaces,
    #[serde(default, deserialize_with = "list")]
    rooms: Namespaces,
}

#[derive(serde::Deserialize)]
#[serde(expecting = "a namespace with `exclusive` and `regex`")]
struct Space {
    exclusive: bool,
    #[serde(deserialize_with = "pattern")]
    regex: Regex,
}

/// Parses a registration. The error has the cause, the line, and the remedy.
pub(super) fn read(text: &str, server_name: &ServerName) -> Result<Registration, String> {
    let file: File = serde_norway::from_str(text).map_err(|error| explain(&error))?;
    let sender = username::parse(&file.sender_localpart, server_name).map_err(|error| {
        let line = line_of(text, "sender_localpart");
        format!("sender_localpart {:?} cannot be a user name at line {line}. {error}", file.sender_localpart)
    })?;
    Ok(Registration {
        id: file.id,
        url: file.url,
        as_token: hash(&file.as_token),
        hs_token: Secret::new(file.hs_token),
        sender,
        users: file.namespaces.users,
        aliases: file.namespaces.aliases,
        rooms: file.namespaces.rooms,
        rate_limited: file.rate_limited.unwrap_or(true),
        protocols: file.protocols.unwrap_or_default(),
        receive_ephemeral: file.receive_ephemeral.or(file.push_ephemeral).unwrap_or(false),
        // There is no field for it, and these messages are deleted when they are delivered: a bridge that fetches them
        // by sync must not lose them because it wants typing notifications.
        receive_to_device: file.msc3202.unwrap_or(false),
        receive_key_changes: file.msc3202.unwrap_or(false),
    })
}

/// The line, from 1, of a top-level field; 1 if it cannot be found.
pub(super) fn line_of(text: &str, field: &str) -> usize {
    let names = |line: &str| {
        let line = line.trim_start_matches(['"', '\'']);
        line.strip_prefix(field).is_some_and(|rest| rest.trim_start_matches(['"', '\'', ' ']).starts_with(':'))
    };
    text.lines().position(names).map_or(1, |index| index + 1)
}

/// Adds a remedy to the parser's error.
fn explain(error: &serde_norway::Error) -> String {
    let text = error.to_string();
    if text.contains("more than one document") {
        return "it holds more than one document. Put each registration into a file of its own.".to_owned();
    }
    let remedy = if text.contains("missing field `url`") {
        "Add it, or write `url: null` if it wants to be told nothing."
    } else if text.contains("missing field `namespaces`") {
        "Add it, or write `namespaces: {}` if it has none."
    } else if text.contains("missing field") {
        "Add it, or have the bridge write its registration anew."
    } else if text.contains("duplicate") {
        "Remove one of the two."
    } else {
        "Correct it, or have the bridge write its registration anew."
    };
    // The parser omits the position when it is the very start.
    let place = if text.contains(" at line ") { "" } else { " at line 1" };
    format!("{text}{place}. {remedy}")
}

/// A string that is checked while the parser still knows its position.
struct Text<T>(fn(&str) -> Result<T, String>);

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(E::custom)
    }
}

fn id<'de, D: Deserializer<'de>>(source: D) -> Result<String, D::Error> {
    source.deserialize_str(Text(|text| {
        if text.is_empty() || text.len() > limits::ID_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(format!("this has 1 to {} bytes and no control characters", limits::ID_BYTES_MAX));
        }
        Ok(text.to_owned())
    }))
}

fn token<'de, D: Deserializer<'de>>(source: D) -> Result<String, D::Error> {
    source.deserialize_str(Text(|text| {
        // The token travels in a header. An error must not contain it.
        if text.is_empty()
            || text.len() > limits::APPSERVICE_TOKEN_BYTES_MAX
            || !text.chars().all(|c| c.is_ascii_graphic())
        {
            let bytes_max = limits::APPSERVICE_TOKEN_BYTES_MAX;
            return Err(format!("a token has 1 to {bytes_max} letters, digits and signs, and no blanks"));
        }
        Ok(text.to_owned())
    }))
}

/// A URL; `null` or an empty string for none. The field itself is required.
fn url<'de, D: Deserializer<'de>>(source: D) -> Result<Option<BaseUrl>, D::Error> {
    struct Url;

    impl<'de> Visitor<'de> for Url {
        type Value = Option<BaseUrl>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a URL such as http://127.0.0.1:29318, or null")
        }

        fn visit_none<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, source: D) -> Result<Self::Value, D::Error> {
            source.deserialize_str(Text(|text| match text {
                "" => Ok(None),
                text => text.parse().map(Some).map_err(|_| {
                    format!("{text:?} is no address for a bridge: that looks like http://127.0.0.1:29318, or is null")
                }),
            }))
        }
    }

    source.deserialize_option(Url)
}

fn pattern<'de, D: Deserializer<'de>>(source: D) -> Result<Regex, D::Error> {
    source.deserialize_str(Text(|text| {
        if text.len() > limits::NAMESPACE_REGEX_BYTES_MAX {
            return Err(format!("a regular expression has at most {} bytes", limits::NAMESPACE_REGEX_BYTES_MAX));
        }
        let bytes_max = limits::NAMESPACE_REGEX_COMPILED_BYTES_MAX;
        let compile = |text: &str| RegexBuilder::new(text).size_limit(bytes_max).dfa_size_limit(bytes_max).build();
        // Compile the pattern alone first: `a)|(b` would be well-formed inside the anchored group, with another
        // meaning.
        compile(text).and_then(|_| compile(&anchored(text))).map_err(|error| {
            let error = error.to_string();
            // The error shows the pattern with a marker; its last line has the cause.
            let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let shown = &text[..text.floor_char_boundary(PATTERN_SHOWN_BYTES_MAX)];
            format!("{shown:?} is not a regular expression that can be used here: {why}")
        })
    }))
}

fn list<'de, D: Deserializer<'de>>(source: D) -> Result<Namespaces, D::Error> {
    // Files in use have `rooms:` without a value.
    let spaces = Option::<Vec<Space>>::deserialize(source)?.unwrap_or_default();
    if spaces.len() > limits::APPSERVICE_NAMESPACES_MAX {
        return Err(D::Error::custom(format!(
            "these are {} namespaces, and {} is the most; a regular expression can have alternatives: (?:one|other)",
            spaces.len(),
            limits::APPSERVICE_NAMESPACES_MAX
        )));
    }
    let namespaces = spaces.into_iter().map(|Space { exclusive, regex }| Namespace { exclusive, pattern: regex });
    Ok(Namespaces(namespaces.collect()))
}
