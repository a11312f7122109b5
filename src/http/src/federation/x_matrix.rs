//! Reading the `Authorization: X-Matrix` header (server-server API, "Request Authentication"; RFC 9110, section 11.4).
//!
//! ruma's parser follows RFC 9110 to the letter. Servers in use omit the quotes although a value contains a colon,
//! which the specification asks to accept, and put several spaces between scheme and parameters, which RFC 9110 allows.

use hearth_base::limits;
use ruma::api::federation::authentication::XMatrix;
use ruma::serde::Base64;
use ruma::{OwnedServerName, OwnedServerSigningKeyId};

/// Parses the value of an `Authorization` header; the error describes what is wrong with it.
pub(super) fn parse(header: &str) -> Result<XMatrix, String> {
    let header = header.trim_matches([' ', '\t']);
    let (scheme, rest) = header.split_once([' ', '\t']).ok_or("it has no parameters")?;
    if !scheme.eq_ignore_ascii_case(XMatrix::AUTH_SCHEME) {
        return Err(format!("its scheme is not {}", XMatrix::AUTH_SCHEME));
    }
    let mut found = Found::default();
    for (name, value) in parameters(rest)? {
        found.take(&name, value)?;
    }
    let origin = found.origin.ok_or("`origin` is missing")?;
    let key = found.key.ok_or("`key` is missing")?;
    let signature = found.sig.ok_or("`sig` is missing")?;
    let mut claim = XMatrix::new(origin.clone(), origin, key, signature);
    claim.destination = found.destination;
    Ok(claim)
}

/// The parameters that this server uses.
#[derive(Default)]
struct Found {
    origin: Option<OwnedServerName>,
    destination: Option<OwnedServerName>,
    key: Option<OwnedServerSigningKeyId>,
    sig: Option<Base64>,
}

impl Found {
    fn take(&mut self, name: &str, value: String) -> Result<(), String> {
        let is_repeated = match name {
            "origin" => self.origin.replace(server(&value)?).is_some(),
            "destination" => self.destination.replace(server(&value)?).is_some(),
            "key" => {
                let key = value.as_str().try_into().map_err(|_| "`key` is not the id of a key".to_owned())?;
                self.key.replace(key).is_some()
            }
            "sig" => {
                let signature = Base64::parse(value).map_err(|_| "`sig` is not Base64".to_owned())?;
                self.sig.replace(signature).is_some()
            }
            // Ignored: later versions of the specification may add parameters.
            _ => false,
        };
        if is_repeated { Err(format!("`{name}` is given twice")) } else { Ok(()) }
    }
}

fn server(value: &str) -> Result<OwnedServerName, String> {
    value.try_into().map_err(|_| "a server name is malformed".to_owned())
}

/// Parameter names in lower case with their unquoted values. Empty list elements are skipped (RFC 9110, section 5.6.1).
fn parameters(mut rest: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Ok(found);
        }
        if found.len() == limits::X_MATRIX_PARAMETERS_MAX {
            return Err("it has too many parameters".to_owned());
        }
        let (name, after) = rest.split_once('=').ok_or("a parameter has no value")?;
        let after = after.trim_start_matches([' ', '\t']);
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (after[..end].trim_end_matches([' ', '\t']).to_owned(), &after[end..])
            }
        };
        let after = after.trim_start_matches([' ', '\t']);
        if !(after.is_empty() || after.starts_with(',')) {
            return Err("something follows a value".to_owned());
        }
        found.push((name.trim_end_matches([' ', '\t']).to_ascii_lowercase(), value));
        rest = after;
    }
}

/// The text up to the closing quote, and the rest after it.
fn unquote(quoted: &str) -> Result<(String, &str), String> {
    let (mut text, mut chars) = (String::new(), quoted.char_indices());
    while let Some((at, character)) = chars.next() {
        match character {
            '"' => return Ok((text, &quoted[at + 1..])),
            '\\' => text.push(chars.next().ok_or("a quote is not closed")?.1),
            _ => text.push(character),
        }
    }
    Err("a quote is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_forms_that_servers_send_are_read() {
        let (o, d, k, s) = ("a.example:8448", "127.0.0.1:8449", "ed25519:k1", "c2lnbmF0dXJl");
        for header in [
            format!(r#"X-Matrix origin="{o}",destination="{d}",key="{k}",sig="{s}""#),
            format!("X-Matrix  origin=\"{o}\" ,\tdestination=\"{d}\" , key=\"{k}\" ,sig=\"{s}\""),
            format!("x-matrix\torigin={o},destination={d},key={k},sig={s}"),
            format!(r#"X-Matrix origin={o}, ,destination="{d}" , key = {k} ,sig="{s}","#),
            format!(r#"X-Matrix SIG="{s}",Key={k},DESTINATION={d},origin="{o}",extra=x:y,more="a\"b,c=""#),
        ] {
            let claim = parse(&header).unwrap_or_else(|error| panic!("{header}: {error}"));
            let destination = claim.destination.expect("a destination");
            let read = (claim.origin.as_str(), destination.as_str(), claim.key.as_str(), claim.sig.encode());
            assert_eq!(read, (o, d, k, s.to_owned()), "{header}");
        }
        let old = parse(&format!("X-Matrix origin={o},key={k},sig={s}")).expect("without a destination");
        assert!(old.destination.is_none());
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for header in [
            "",
            "X-Matrix",
            "X-Matrix ,,,",
            "Bearer abc",
            r#"X-Matrix origin="a.example"#,
            r#"X-Matrix origin="a.example",key="ed25519:1""#,
            r#"X-Matrix origin="",key="ed25519:1",sig="AAAA""#,
            r#"X-Matrix origin=a.example,origin=b.example,key="ed25519:1",sig="AAAA""#,
            r#"X-Matrix origin="a.example"x,key="ed25519:1",sig="AAAA""#,
            r#"X-Matrix origin=a.example,key=nokey,sig="AAAA""#,
            "X-Matrix origin",
        ] {
            assert!(parse(header).is_err(), "{header}");
        }
    }
}
