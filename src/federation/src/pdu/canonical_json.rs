//! JSON of other servers, parsed once and unambiguous: canonical values, no duplicate key, no number that servers
//! could represent differently (appendices, "Canonical JSON"). serde_json alone takes the last of two equal keys, and
//! `-0` for a float.

use std::cell::Cell;
use std::fmt;

use hearth_base::{Error, Result, limits::JSON_DEPTH_MAX};
use ruma::Int;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// A parsed JSON object, for which it is not known yet whether its room requires canonical JSON.
#[derive(Debug, Clone)]
pub(super) struct ParsedObject {
    object: CanonicalJsonObject,
    /// Whether any object in it has a key twice. The last of two equal keys counts.
    has_duplicates: bool,
}

/// Parses a JSON object. Numbers that are not integers within ±(2^53-1) are refused in all room versions, because
/// servers serialise them differently.
///
/// The room version is looked up by the room id in the object, so its rules are applied later, by
/// [`ParsedObject::checked`].
pub(super) fn object(json: &str) -> Result<ParsedObject> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let has_duplicates = Cell::new(false);
    let canonical = Canonical { has_duplicates: &has_duplicates, depth: 0 };
    let value = canonical.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(CanonicalJsonValue::Object(object)) => Ok(ParsedObject { object, has_duplicates: has_duplicates.get() }),
        Ok(_) => Err(Error::bad_json("This is no JSON object.")),
        Err(error) => Err(Error::bad_json(format!("This is not canonical JSON: {error}"))),
    }
}

impl ParsedObject {
    /// The object. With `strict`, as for room versions from 6 on, `M_BAD_JSON` if a key is there twice.
    pub(super) fn checked(self, strict: bool) -> Result<CanonicalJsonObject> {
        if strict && self.has_duplicates {
            return Err(Error::bad_json("This is not canonical JSON: an object has a key twice."));
        }
        Ok(self.object)
    }

    /// The object, whatever its room version requires.
    pub(super) fn unchecked(&self) -> &CanonicalJsonObject {
        &self.object
    }
}

#[derive(Clone, Copy)]
struct Canonical<'c> {
    has_duplicates: &'c Cell<bool>,
    depth: usize,
}

impl Canonical<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == JSON_DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {JSON_DEPTH_MAX} levels")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Canonical<'_> {
    type Value = CanonicalJsonValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Canonical<'_> {
    type Value = CanonicalJsonValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("canonical JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(CanonicalJsonValue::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(CanonicalJsonValue::Bool(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
        let value = Int::new(value).ok_or_else(|| E::custom("an integer beyond 2^53"))?;
        Ok(CanonicalJsonValue::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
        self.visit_i64(i64::try_from(value).map_err(|_| E::custom("an integer beyond 2^53"))?)
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(E::custom("a number that is no integer"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(CanonicalJsonValue::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Self::Value, E> {
        Ok(CanonicalJsonValue::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let (inner, mut values) = (self.deeper()?, Vec::new());
        while let Some(value) = list.next_element_seed(inner)? {
            values.push(value);
        }
        Ok(CanonicalJsonValue::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (inner, mut object) = (self.deeper()?, CanonicalJsonObject::new());
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(inner)?;
            if object.insert(key, value).is_some() {
                self.has_duplicates.set(true);
            }
        }
        Ok(CanonicalJsonValue::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(json: &str, strict: bool) -> Result<CanonicalJsonObject> {
        object(json)?.checked(strict)
    }

    #[test]
    fn only_canonical_json_is_taken() {
        let levels = JSON_DEPTH_MAX + 1;
        let deep = format!("{}{}", "{\"a\":".repeat(levels), "1".to_owned() + &"}".repeat(levels));
        for json in [
            r#"{"a":1,"a":2}"#,
            r#"{"b":{"a":1,"a":1}}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e2}"#,
            r#"{"a":1e400}"#,
            r#"{"a":-0}"#,
            r#"{"a":9007199254740992}"#,
            r#"{"a":-9007199254740992}"#,
            r#"{"a":18446744073709551615}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":NaN}"#,
            r#"{"a":1} x"#,
            r#"[1]"#,
            "7",
            "",
            &deep,
        ] {
            assert!(taken(json, true).is_err(), "{json}");
        }
        let good = taken(r#" {"b":[1,true,null,"\u0000"],"a":{"z":-9007199254740991}} "#, true).expect("canonical");
        let written = serde_json::to_string(&good).expect("JSON");
        assert_eq!(written, r#"{"a":{"z":-9007199254740991},"b":[1,true,null,"\u0000"]}"#);
    }

    #[test]
    fn old_rooms_take_the_last_of_two_keys() {
        assert_eq!(taken(r#"{"a":1,"a":2}"#, false).expect("lenient")["a"], CanonicalJsonValue::Integer(ruma::int!(2)));
        assert!(taken(r#"{"a":1.5}"#, false).is_err());
    }
}
