//! JSON of other servers, parsed once and unambiguous: canonical values, no duplicate key, no number that servers
//! could represent differently (appendices, "Canonical JSON"). serde_json alone takes the last of two equal keys, and
//! `-0` for a float.

use std::fmt;

use hearth_base::{Error, Result, limits::JSON_DEPTH_MAX};
use ruma::Int;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// Parses a JSON object.
///
/// With `strict`, as for room versions from 6 on, only canonical JSON is valid. Without it, the last of two equal keys
/// counts; numbers that are not integers within ±(2^53-1) are refused all the same, because servers serialise them
/// differently.
pub(super) fn object(json: &str, strict: bool) -> Result<CanonicalJsonObject> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = Canonical { strict, depth: 0 }.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(CanonicalJsonValue::Object(object)) => Ok(object),
        Ok(_) => Err(Error::bad_json("This is no JSON object.")),
        Err(error) => Err(Error::bad_json(format!("This is not canonical JSON: {error}"))),
    }
}

#[derive(Clone, Copy)]
struct Canonical {
    strict: bool,
    depth: usize,
}

impl Canonical {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == JSON_DEPTH_MAX {
            return Err(E::custom(format_args!("nested deeper than {JSON_DEPTH_MAX} levels")));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Canonical {
    type Value = CanonicalJsonValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Canonical {
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
            if object.insert(key, value).is_some() && self.strict {
                return Err(A::Error::custom("a key that stands there twice"));
            }
        }
        Ok(CanonicalJsonValue::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(object(json, true).is_err(), "{json}");
        }
        let good = object(r#" {"b":[1,true,null,"\u0000"],"a":{"z":-9007199254740991}} "#, true).expect("canonical");
        let written = serde_json::to_string(&good).expect("JSON");
        assert_eq!(written, r#"{"a":{"z":-9007199254740991},"b":[1,true,null,"\u0000"]}"#);
    }

    #[test]
    fn old_rooms_take_the_last_of_two_keys() {
        assert_eq!(
            object(r#"{"a":1,"a":2}"#, false).expect("lenient")["a"],
            CanonicalJsonValue::Integer(ruma::int!(2))
        );
        assert!(object(r#"{"a":1.5}"#, false).is_err());
    }
}
