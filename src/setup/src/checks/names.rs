//! What can be told of a name, a user name and an e-mail address without asking the network.

use hearth_base::config::{check_server_name, is_public_name};
use hearth_base::limits::setup::{EMAIL_BYTES_MAX, USERNAME_BYTES_MAX};

use crate::answers::Reach;
use crate::finding::Finding;

/// Names that lead to Matrix at other sites; as a name of their own they make ids longer for nothing.
const HOSTS_OF_A_SERVICE: [&str; 4] = ["matrix.", "www.", "chat.", "hearth."];

/// The name as it is written into the file: in lower case and without what people paste with it.
pub(crate) fn tidied(text: &str) -> String {
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(&text);
    text.trim_end_matches(['/', '.']).to_owned()
}

/// Checks the server's name. `stored` is the name in the database that is there.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn server_name(text: &str, stored: Option<&str>) -> Result<(String, Vec<Finding>), Finding> {
    let name = tidied(text);
    if let Err(why) = check_server_name(&name) {
        return Err(Finding::wrong(format!("{text:?} cannot be a server name: {why}."), "Example: family.example"));
    }
    match stored {
        Some(stored) if stored != name => {
            return Err(Finding::wrong(
                format!("The data folder belongs to the server {stored}, and a server never changes its name."),
                format!("Keep {stored}, or choose another data folder with --data-dir: that makes a new server."),
            ));
        }
        Some(_) => return Ok((name, vec![Finding::good("This is the name that the data have.")])),
        None => {}
    }
    let mut findings = vec![Finding::good(format!("People will be @NAME:{name}. This can never be changed later."))];
    let part = HOSTS_OF_A_SERVICE.iter().find_map(|start| name.strip_prefix(start));
    if let Some(rest) = part.filter(|rest| rest.contains('.')) {
        findings.push(Finding::note(format!(
            "With {rest} as the name, ids would be shorter, and the server could still be at {name}: type {rest}, and \
             {name} as its host (--host)."
        )));
    }
    Ok((name, findings))
}

/// Checks that the name goes with the way in which the server is reached.
pub(crate) fn name_for(name: &str, reach: Reach) -> Vec<Finding> {
    if reach == Reach::Lan || is_public_name(name) {
        return Vec::new();
    }
    vec![Finding::wrong(
        format!("{name} is not a name of the internet, so no certificate authority and no other server accepts it."),
        "Choose 3, or start again with a domain of your own.",
    )]
}

/// Checks a user name (Matrix appendices, "User Identifiers").
///
/// # Errors
/// What is wrong with it.
pub(crate) fn user_name(text: &str, server: &str) -> Result<String, Finding> {
    let wrong = |why: &str| Err(Finding::wrong(format!("{text:?} cannot be a user name: {why}."), "Example: alice"));
    let text = text.trim();
    let own = text.strip_prefix('@').map(|id| id.strip_suffix(&format!(":{server}")).unwrap_or(id));
    let name = own.unwrap_or(text);
    match name.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "._=-/+".contains(*c))) {
        Some(c) if c.is_ascii_uppercase() => wrong("it has capitals, write it in lower case"),
        Some(c) => wrong(&format!("it has {c:?}; letters, digits and ._=-/+ are allowed")),
        None if name.is_empty() => wrong("it is empty"),
        None if name.starts_with('_') => wrong("it starts with an underscore, which bridges have"),
        None if name.len() > USERNAME_BYTES_MAX => wrong(&format!("it is longer than {USERNAME_BYTES_MAX} letters")),
        None => Ok(name.to_owned()),
    }
}

/// Checks an e-mail address as far as its form goes; `None` for an empty one.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn email(text: &str) -> Result<Option<String>, Finding> {
    let text = text.trim();
    let parts = text.split_once('@').filter(|(local, domain)| {
        let plain = text.chars().all(|c| c.is_ascii_graphic() && !",;:<>()[]\\\"".contains(c));
        plain && !local.is_empty() && !domain.contains('@') && check_server_name(&domain.to_lowercase()).is_ok()
    });
    match parts {
        _ if text.is_empty() => Ok(None),
        Some((_, domain)) if domain.contains('.') && text.len() <= EMAIL_BYTES_MAX => Ok(Some(text.to_owned())),
        _ => Err(Finding::wrong(format!("{text:?} is not an e-mail address."), "Example: alice@family.example")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;

    #[test]
    fn a_pasted_name_is_tidied_and_a_wrong_one_explained() {
        let good = |text: &str| server_name(text, None).unwrap().0;
        assert_eq!(good(" https://Family.Example/ "), "family.example");
        assert_eq!(good("family.example:8448"), "family.example:8448");
        for (bad, word) in
            [("", "empty"), ("my family", "' '"), ("büro.example", "punycode"), ("@kim:family.example", "@")]
        {
            let wrong = server_name(bad, None).unwrap_err();
            assert!(wrong.text.contains(word) && !wrong.fix.is_empty(), "{wrong}");
        }
        let (_, findings) = server_name("matrix.family.example", None).unwrap();
        assert!(
            findings.iter().any(|found| found.level == Level::Note && found.text.contains("--host")),
            "{findings:?}"
        );
    }

    #[test]
    fn the_name_of_the_data_is_for_ever() {
        let wrong = server_name("new.example", Some("old.example")).unwrap_err();
        assert!(wrong.text.contains("old.example") && wrong.fix.contains("--data-dir"), "{wrong}");
        server_name("old.example", Some("old.example")).unwrap();
    }

    #[test]
    fn only_a_name_of_the_internet_is_reached_from_there() {
        for reach in [Reach::Internet, Reach::Proxy] {
            assert_eq!(name_for("pi.local", reach).len(), 1);
            assert_eq!(name_for("hearth.family", reach), []);
        }
        assert_eq!(name_for("pi.local", Reach::Lan), []);
    }

    #[test]
    fn user_names_and_addresses_are_checked() {
        assert_eq!(user_name("kim", "a.b").unwrap(), "kim");
        assert_eq!(user_name("@kim:a.b", "a.b").unwrap(), "kim");
        for bad in ["", "Kim", "k m", "_kim", "@kim:other", "kîm", &"k".repeat(65)] {
            user_name(bad, "a.b").unwrap_err();
        }
        assert_eq!(email("").unwrap(), None);
        assert_eq!(email("kim+x@family.example").unwrap().as_deref(), Some("kim+x@family.example"));
        for bad in [
            "kim",
            "kim@",
            "@family.example",
            "kim@family",
            "kim at family.example",
            "a@b@c.example",
            "mailto:k@f.example",
        ] {
            email(bad).unwrap_err();
        }
    }
}
