//! Builds HTML. Text and attribute values are always escaped, elements are always closed, and names of elements and
//! attributes come from fixed lists: text from outside cannot become markup.
//!
//! The list of attributes has no event handlers and no `style`. URLs need a [`Link`], which only exists for schemes
//! that run no script.

/// Elements with content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Bdi,
    Button,
    Code,
    Footer,
    Form,
    H1,
    H2,
    Label,
    Li,
    NoScript,
    Ol,
    P,
    Section,
    Small,
    Strong,
    Ul,
}

impl Tag {
    fn name(self) -> &'static str {
        match self {
            Self::Bdi => "bdi",
            Self::Button => "button",
            Self::Code => "code",
            Self::Footer => "footer",
            Self::Form => "form",
            Self::H1 => "h1",
            Self::H2 => "h2",
            Self::Label => "label",
            Self::Li => "li",
            Self::NoScript => "noscript",
            Self::Ol => "ol",
            Self::P => "p",
            Self::Section => "section",
            Self::Small => "small",
            Self::Strong => "strong",
            Self::Ul => "ul",
        }
    }
}

/// Attributes that hold text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attr {
    AriaDescribedBy,
    AriaInvalid,
    AriaLabelledBy,
    Autocapitalize,
    Autocomplete,
    Autofocus,
    Class,
    For,
    Id,
    Maxlength,
    Method,
    Minlength,
    Name,
    Required,
    Role,
    Spellcheck,
    Type,
    Value,
}

impl Attr {
    fn name(self) -> &'static str {
        match self {
            Self::AriaDescribedBy => "aria-describedby",
            Self::AriaInvalid => "aria-invalid",
            Self::AriaLabelledBy => "aria-labelledby",
            Self::Autocapitalize => "autocapitalize",
            Self::Autocomplete => "autocomplete",
            Self::Autofocus => "autofocus",
            Self::Class => "class",
            Self::For => "for",
            Self::Id => "id",
            Self::Maxlength => "maxlength",
            Self::Method => "method",
            Self::Minlength => "minlength",
            Self::Name => "name",
            Self::Required => "required",
            Self::Role => "role",
            Self::Spellcheck => "spellcheck",
            Self::Type => "type",
            Self::Value => "value",
        }
    }
}

/// The target of a link. Only web pages, mail addresses and Matrix URIs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link(String);

impl Link {
    /// A link to `url`; `None` for other schemes, such as `javascript:`.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let known = ["https://", "http://", "mailto:", "matrix:u/"];
        // Control characters and spaces are removed by browsers before they look at the scheme.
        let clean = !url.chars().any(|c| c.is_control() || c.is_whitespace());
        (clean && known.iter().any(|scheme| url.starts_with(scheme))).then(|| Self(url.to_owned()))
    }
}

/// HTML under construction.
#[derive(Debug, Default)]
pub(crate) struct Markup(String);

impl Markup {
    /// Adds text.
    pub(crate) fn text(&mut self, text: &str) {
        escape(text, &mut self.0);
    }

    /// Adds an element with `content`.
    pub(crate) fn element(&mut self, tag: Tag, attributes: &[(Attr, &str)], content: impl FnOnce(&mut Self)) {
        self.open(tag.name(), attributes);
        self.0.push('>');
        content(self);
        self.0.extend(["</", tag.name(), ">"]);
    }

    /// Adds an element with nothing but text.
    pub(crate) fn text_element(&mut self, tag: Tag, attributes: &[(Attr, &str)], text: &str) {
        self.element(tag, attributes, |inner| inner.text(text));
    }

    /// Adds an `input` element.
    pub(crate) fn input(&mut self, attributes: &[(Attr, &str)]) {
        self.open("input", attributes);
        self.0.push('>');
    }

    /// Adds a link with a text.
    pub(crate) fn link(&mut self, target: &Link, text: &str) {
        self.0.push_str("<a href=\"");
        escape(&target.0, &mut self.0);
        self.0.push_str("\" rel=\"noreferrer\">");
        self.text(text);
        self.0.push_str("</a>");
    }

    /// The HTML so far.
    pub(crate) fn as_html(&self) -> &str {
        &self.0
    }

    fn open(&mut self, name: &'static str, attributes: &[(Attr, &str)]) {
        self.0.extend(["<", name]);
        for (attribute, value) in attributes {
            self.0.extend([" ", attribute.name(), "=\""]);
            escape(value, &mut self.0);
            self.0.push('"');
        }
    }
}

/// Escapes text for element content and for quoted attributes.
fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_stays_text() {
        let mut page = Markup::default();
        let hostile = "\"><script>alert('x')</script>&";
        page.element(Tag::P, &[(Attr::Class, hostile)], |p| p.text(hostile));
        let escaped = "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;";
        assert_eq!(page.as_html(), format!("<p class=\"{escaped}\">{escaped}</p>"));
    }

    #[test]
    fn links_run_no_script() {
        for bad in [
            "javascript:alert(1)",
            " javascript:alert(1)",
            "JavaScript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,<script>",
            "https://example.org/ onclick=x",
            "matrix:roomid/x",
            "//example.org",
            "/join",
            "",
        ] {
            assert_eq!(Link::parse(bad), None, "{bad:?}");
        }
        let mut page = Markup::default();
        page.link(&Link::parse("https://example.org/?a=\"&b").expect("a link"), "<there>");
        let html = "<a href=\"https://example.org/?a=&quot;&amp;b\" rel=\"noreferrer\">&lt;there&gt;</a>";
        assert_eq!(page.as_html(), html);
    }
}
