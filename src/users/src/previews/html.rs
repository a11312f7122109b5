//! What a page says about itself: OpenGraph properties (<https://ogp.me/>), those of Twitter, or its title and description.
//!
//! Reads tags and no tree: memory and time are proportional to the page, whatever is wrong with it.

use std::collections::BTreeMap;

use hearth_base::limits::users::{PREVIEW_DESCRIPTION_CHARS_MAX, PREVIEW_TEXT_CHARS_MAX};
use html5gum::{DefaultEmitter, Token, Tokenizer};

/// The properties that clients get as they are. Addresses are not among them: clients would connect to them, or show them as
/// the address of the page.
const SHOWN: [&str; 6] = ["og:title", "og:description", "og:site_name", "og:type", "og:locale", "og:image:alt"];
/// Where the address of the image may be, best first.
const IMAGES: [&str; 6] =
    ["og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src", "link:image_src"];
/// Properties that stand in for those that the page lacks, best first.
const FALLBACKS: [(&str, &[&str]); 2] =
    [("og:title", &["twitter:title", "title"]), ("og:description", &["twitter:description", "description"])];

/// A page's description of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PageSummary {
    /// OpenGraph properties that are texts.
    pub(super) properties: BTreeMap<&'static str, String>,
    /// The address of the image, as the page gives it.
    pub(super) image: Option<String>,
}

/// Reads a page, or the beginning of one.
pub(super) fn read(page: &str) -> PageSummary {
    let found = properties(page);
    let mut summary = PageSummary::default();
    for name in SHOWN {
        let fallbacks = FALLBACKS.iter().filter(|(of, _)| *of == name).flat_map(|(_, names)| names.iter().copied());
        let chars_max = if name == "og:description" { PREVIEW_DESCRIPTION_CHARS_MAX } else { PREVIEW_TEXT_CHARS_MAX };
        let texts = [name].into_iter().chain(fallbacks).filter_map(|name| found.get(name));
        if let Some(text) = texts.map(|text| clean(text, chars_max)).find(|text| !text.is_empty()) {
            summary.properties.insert(name, text);
        }
    }
    let mut images = IMAGES.iter().filter_map(|name| found.get(*name)).map(|text| text.trim());
    summary.image = images.find(|text| !text.is_empty()).map(str::to_owned);
    summary
}

/// The first value of each property that is of interest.
fn properties(page: &str) -> BTreeMap<String, String> {
    let mut emitter = DefaultEmitter::default();
    // So that scripts are no tags.
    emitter.naively_switch_states(true);
    let mut found = BTreeMap::new();
    let (mut title, mut is_in_title) = (None::<String>, false);
    for token in Tokenizer::new_with_emitter(page, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let attribute = |name: &[u8]| {
                    let (_, value) = tag.attributes.iter().find(|(key, _)| key.as_slice() == name)?;
                    Some(String::from_utf8_lossy(value).into_owned())
                };
                is_in_title = tag.name.as_slice() == b"title" && title.is_none();
                let pair = match tag.name.as_slice() {
                    b"meta" => attribute(b"property").or_else(|| attribute(b"name")).zip(attribute(b"content")),
                    b"link" => attribute(b"rel").map(|rel| format!("link:{rel}")).zip(attribute(b"href")),
                    _ => None,
                };
                if let Some((name, value)) = pair.map(|(name, value)| (name.trim().to_ascii_lowercase(), value))
                    && is_of_interest(&name)
                {
                    found.entry(name).or_insert(value);
                }
            }
            Token::EndTag(tag) if tag.name.as_slice() == b"title" => is_in_title = false,
            Token::String(text) if is_in_title => {
                title.get_or_insert_default().push_str(&String::from_utf8_lossy(&text));
            }
            _ => {}
        }
    }
    found.extend(title.map(|title| ("title".to_owned(), title)));
    found
}

/// Bounds how many properties are kept: a page may have a million.
fn is_of_interest(name: &str) -> bool {
    SHOWN.contains(&name)
        || IMAGES.contains(&name)
        || FALLBACKS.iter().any(|(_, names)| names.contains(&name) && name != "title")
}

/// One line of text: without control characters, and no longer than `chars_max`.
fn clean(text: &str, chars_max: usize) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > chars_max * 4 {
            break;
        }
    }
    match line.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(page: &str) -> (Option<String>, Option<String>, Option<String>) {
        let PageSummary { mut properties, image } = read(page);
        (properties.remove("og:title"), properties.remove("og:description"), image)
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn opengraph_comes_first_and_title_and_description_stand_in() {
        let page = "<!doctype html><html><head><title>T</title><meta name=description content=D>\
            <meta property='og:title' content='O &amp; G'><meta property=\"og:title\" content=second>\
            <meta property=og:image content=/i.png><meta property=og:site_name content=S></head>";
        assert_eq!(summary(page), (some("O & G"), some("D"), some("/i.png")));
        assert_eq!(read(page).properties["og:site_name"], "S");
        let page = "<title>\n  A\t title \u{7}\n</title><META NAME='Twitter:Description' CONTENT='of a bird'>\
            <link rel=image_src href=//a.example/b>";
        assert_eq!(summary(page), (some("A title"), some("of a bird"), some("//a.example/b")));
        assert_eq!(summary("<meta property=og:title content=' '><title>T</title>").0, some("T"));
        assert_eq!(summary("<p>Nothing</p>"), (None, None, None));
    }

    #[test]
    fn scripts_comments_and_later_titles_are_no_properties() {
        let page = "<script>'<meta property=og:title content=evil>'</script><style><title>evil</title></style>\
            <!-- <title>evil</title> --><title>good</title><svg><title>evil</title></svg>";
        assert_eq!(summary(page).0, some("good"));
        let page =
            "<meta property=og:video content=https://a.example/><meta property=og:url content=https://a.example/>";
        assert_eq!(read(page), PageSummary::default());
    }

    #[test]
    fn texts_are_bounded() {
        let page =
            format!("<title>{}</title><meta name=description content='{}'>", "é".repeat(9_999), "w ".repeat(9_999));
        let (title, description, _) = summary(&page);
        assert_eq!(title.expect("a title").chars().count(), PREVIEW_TEXT_CHARS_MAX + 1);
        assert!(description.expect("a description").chars().count() <= PREVIEW_DESCRIPTION_CHARS_MAX + 1);
    }

    /// Pages that are wrong in many ways, cut off at every byte: reading must end, and not fail.
    #[test]
    fn malformed_pages_are_read_as_far_as_they_go() {
        let corpus = [
            "<title>T<meta property=og:title content=O></title>",
            "<title><title><title></title></title>",
            "<meta property=og:title content=O",
            "<meta property='og:title' content='O",
            "<meta property=\"og:title\"content=\"O\"/><//meta>",
            "<meta\u{0}property=og:title\u{0}content=O>",
            "<meta property=og:title property=og:image content=O content=P>",
            "<meta content=O property=og:title name=x>",
            "<![CDATA[<title>T</title>]]><title>U</title>",
            "<!--><title>T</title>--><!----!><title>U</title><!-- ",
            "<!doctype <title>T</title>><title>U</title>",
            "&lt;title&gt;&#x0;&#xD800;&#99999999999;&amp&notit;&;<title>&#x41;</title>",
            "<textarea><title>T</title></textarea><noscript><title>U</title></noscript><plaintext><title>V</title>",
            "<svg><script><title>T</title></script></svg><math><annotation-xml><title>U</title>",
            "</title></head></html><html><title>after the end</title>",
            "<a <b <c <title>T</title> d> e> f>",
            "\u{feff}\u{202e}<title>\u{200b}\u{fffd}</title>",
        ];
        for page in corpus {
            for end in (0..=page.len()).filter(|end| page.is_char_boundary(*end)) {
                read(&page[..end]);
            }
        }
        assert_eq!(summary(corpus[0]).0, some("T<meta property=og:title content=O>"));
        assert_eq!(summary(corpus[6]).0, some("O"));
        assert_eq!(summary(corpus[14]).0, some("after the end"));
    }

    #[test]
    fn deep_and_long_pages_take_no_stack() {
        for part in ["<div>", "<", "<!--", "<title>", "<meta property=og:title ", "&", "<a href='", "</"] {
            read(&part.repeat(100_000));
        }
        let many: String = (0..50_000).map(|n| format!("<meta property=og:x{n} content=y>")).collect();
        assert_eq!(read(&many), PageSummary::default());
        let attributes: String = (0..20_000).map(|n| format!("a{n}=b ")).collect();
        assert_eq!(summary(&format!("<meta {attributes} property=og:title content=O>")).0, some("O"));
    }
}
