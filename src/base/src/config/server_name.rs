//! The grammar of server names (Matrix appendices, "Server Name").

use std::net::{Ipv4Addr, Ipv6Addr};

/// Leaves space for a localpart in a user id of 255 bytes.
const SERVER_NAME_BYTES_MAX: usize = 230;
const LABEL_BYTES_MAX: usize = 63;

/// Checks a server name: a domain name, an IPv4 address or an IPv6 address in brackets, with or without a port.
///
/// # Errors
/// A sentence for the operator that names the mistake.
pub fn check_server_name(name: &str) -> Result<(), String> {
    if name.is_empty() {
        return Err("it is empty".to_owned());
    }
    if name.len() > SERVER_NAME_BYTES_MAX {
        return Err(format!("it is longer than {SERVER_NAME_BYTES_MAX} bytes"));
    }
    if !name.is_ascii() {
        return Err("it has letters beyond ASCII; write its punycode form, which starts with `xn--`".to_owned());
    }
    if name.contains("://") || name.contains(['/', '@']) {
        return Err("expected a name only, without `https://`, `@` or a path".to_owned());
    }
    if let Some(rest) = name.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or("the bracket is not closed")?;
        address.parse::<Ipv6Addr>().map_err(|_| "the brackets do not contain an IPv6 address".to_owned())?;
        return match port.strip_prefix(':') {
            Some(port) => check_port(port),
            None if port.is_empty() => Ok(()),
            None => Err("expected nothing or `:` and a port after the bracket".to_owned()),
        };
    }
    if name.matches(':').count() > 1 {
        return Err("an IPv6 address needs brackets, such as `[2001:db8::1]`".to_owned());
    }
    match name.split_once(':') {
        Some((host, port)) => check_port(port).and_then(|()| check_host(host)),
        None => check_host(name),
    }
}

fn check_port(port: &str) -> Result<(), String> {
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(number) if digits && number > 0 => Ok(()),
        _ => Err("expected a port from 1 to 65535 after the colon".to_owned()),
    }
}

fn check_host(host: &str) -> Result<(), String> {
    if host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        let parsed = host.parse::<Ipv4Addr>();
        return parsed.map(drop).map_err(|_| "it is neither an IPv4 address nor a domain name".to_owned());
    }
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(
            "it has capitals; write it in lower case, because user ids are compared letter by letter".to_owned()
        );
    }
    host.split('.').try_for_each(|label| match label {
        "" => Err("a part between dots is empty".to_owned()),
        _ if label.len() > LABEL_BYTES_MAX => {
            Err(format!("a part between dots is longer than {LABEL_BYTES_MAX} bytes"))
        }
        _ if label.starts_with('-') || label.ends_with('-') => {
            Err("a part between dots starts or ends with a hyphen".to_owned())
        }
        _ => match label.chars().find(|c| !c.is_ascii_lowercase() && !c.is_ascii_digit() && *c != '-') {
            Some(bad) => Err(format!("{bad:?} cannot be in a domain name")),
            None => Ok(()),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::check_server_name;

    #[test]
    fn good_names() {
        for name in [
            "localhost",
            "example.org",
            "a-b.example.org:8448",
            "1.2.3.4",
            "1.2.3.4:1",
            "[::1]",
            "[2001:db8::1]:443",
            "xn--bcher-kva.example",
            "1.example",
        ] {
            assert_eq!(check_server_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn bad_names() {
        let long = "a.".repeat(115) + "aa";
        let label = "a".repeat(64);
        for name in [
            "",
            " ",
            "exa mple.org",
            "bücher.example",
            "Example.org",
            "example.org.",
            ".example.org",
            "a..b",
            "-a.org",
            "a-.org",
            "a_b.org",
            "https://example.org",
            "@alice:example.org",
            "example.org/",
            "example.org:",
            "example.org:0",
            "example.org:65536",
            "example.org:+80",
            "1.2.3",
            "1.2.3.256",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[example.org]",
            "example.org\n",
            "example.org\0",
            &long,
            &label,
        ] {
            assert!(check_server_name(name).is_err(), "{name:?}");
        }
    }
}
