//! The readable parts of an HTML page: title, forms and text.

use std::fmt;

use dom_query::{Document, Selection};
use tenfold_secret::is_secret;

/// Title, forms and text of an HTML page, without markup, styles and scripts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebPage {
    /// Its title.
    pub title: Option<String>,
    /// Its forms, in the order of the document; at most 8.
    pub forms: Vec<WebForm>,
    /// Its text, without blank lines.
    pub text: String,
}

/// A form of an HTML page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebForm {
    /// Method, in upper case.
    pub method: String,
    /// Address that it is sent to, as written. `None` for that of the page.
    pub action: Option<String>,
    /// Names of its fields with their types, each once; at most 32.
    pub fields: Vec<(String, String)>,
}

/// Bytes of a page that are read.
const PAGE_BYTES_MAX: usize = 256 * 1024;

/// Forms of a page that are listed.
const FORMS_MAX: usize = 8;

/// Fields of a form that are listed.
const FIELDS_MAX: usize = 32;

/// Elements without text for a person, and those with the value of a field.
const UNREAD: &str = "head, script, style, template, noscript, svg, textarea";

impl WebPage {
    /// Reads a page. `None` if the content type is not HTML.
    ///
    /// Leaves out the values of form fields, and elements with a name like that of a secret. Other secrets have to be
    /// masked by the caller.
    pub fn read(content_type: &[u8], body: &[u8]) -> Option<Self> {
        let content_type = String::from_utf8_lossy(content_type).to_ascii_lowercase();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !matches!(media_type, "text/html" | "application/xhtml+xml") {
            return None;
        }
        let start = &body[..body.len().min(PAGE_BYTES_MAX)];
        let document = Document::from(String::from_utf8_lossy(start).as_ref());
        let title = document.select("title").first().text();
        let title = one_line(&title);
        let forms = document.select("form");
        let forms = forms.iter().take(FORMS_MAX).map(|form| WebForm::of(&form));
        let forms = forms.collect();
        document.select(UNREAD).remove();
        for node in document.select("*").nodes() {
            if node.node_name().is_some_and(|name| is_secret(&name, "")) {
                node.remove_from_parent();
            }
        }
        let text = document.formatted_text();
        let lines = text.lines().map(one_line).filter(|line| !line.is_empty());
        Some(Self {
            title: (!title.is_empty()).then_some(title),
            forms,
            text: lines.collect::<Vec<_>>().join("\n"),
        })
    }
}

impl WebForm {
    fn of(form: &Selection<'_>) -> Self {
        let method = form.attr("method").unwrap_or_default();
        let mut fields: Vec<(String, String)> = Vec::new();
        for field in form
            .select("input[name], select[name], textarea[name], button[name]")
            .iter()
        {
            let name = one_line(&field.attr_or("name", ""));
            let element = field.nodes().first().and_then(|node| node.node_name());
            let kind = match element.as_deref() {
                Some("input") => field.attr_or("type", "text").to_ascii_lowercase(),
                Some(element) => element.to_owned(),
                None => String::new(),
            };
            if fields.len() < FIELDS_MAX && !fields.iter().any(|(known, _)| *known == name) {
                fields.push((name, one_line(&kind)));
            }
        }
        let action = form.attr("action").map(|action| one_line(&action));
        Self {
            method: match method.trim().is_empty() {
                true => "GET".to_owned(),
                false => one_line(&method).to_ascii_uppercase(),
            },
            action: action.filter(|action| !action.is_empty()),
            fields,
        }
    }
}

impl fmt::Display for WebForm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.method)?;
        formatter.write_str(self.action.as_deref().unwrap_or("(the page's own URL)"))?;
        for (index, (name, kind)) in self.fields.iter().enumerate() {
            formatter.write_str(if index == 0 { " with " } else { ", " })?;
            formatter.write_str(name)?;
            if !matches!(kind.as_str(), "text" | "") {
                write!(formatter, " ({kind})")?;
            }
        }
        Ok(())
    }
}

/// Joins the words of a text by single blanks.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(body: &str) -> WebPage {
        WebPage::read(b"text/html; charset=utf-8", body.as_bytes()).unwrap()
    }

    #[test]
    fn reads_title_forms_and_text() {
        let page = read(
            "<!doctype html><head><title>403\n Forbidden</title><style>p { color: red }</style></head>
            <body><script>var x = 1;</script><h1>Forbidden</h1>
            <p>CSRF verification <b>failed</b>.</p>
            <form method=post action='/login/?next=&#47;'><input type=hidden name=csrf value=x>
            <input name=user><input type=PASSWORD name=pass><select name=role><option>a</select>
            <input type=submit></form><form><textarea name=q></textarea></form>",
        );
        assert_eq!(page.title.as_deref(), Some("403 Forbidden"));
        let forms: Vec<String> = page.forms.iter().map(ToString::to_string).collect();
        assert_eq!(
            forms,
            [
                "POST /login/?next=/ with csrf (hidden), user, pass (password), role (select)",
                "GET (the page's own URL) with q (textarea)",
            ]
        );
        assert!(
            page.text
                .starts_with("Forbidden\nCSRF verification failed."),
            "{}",
            page.text
        );
        for unread in ["color", "var x"] {
            assert!(!page.text.contains(unread), "{}", page.text);
        }
    }

    #[test]
    fn leaves_out_values_of_fields_and_secret_elements() {
        let page = read(
            "<p>shown <token>s3cret</token><form><textarea name=pin>s3cret</textarea><input value=s3cret>",
        );
        assert_eq!(page.text, "shown");
        assert!(!format!("{page:?}").contains("s3cret"), "{page:?}");
    }

    #[test]
    fn reads_html_only() {
        for content_type in ["application/json", "text/plain", "", "text/htmlx"] {
            let page = WebPage::read(content_type.as_bytes(), b"<p>x");
            assert_eq!(page, None, "{content_type}");
        }
    }

    #[test]
    fn bounds_forms_and_fields() {
        let fields: String = (0..100).map(|at| format!("<input name=f{at}>")).collect();
        let page = read(&format!("<form>{fields}</form>").repeat(20));
        assert_eq!(page.forms.len(), FORMS_MAX);
        assert!(
            page.forms
                .iter()
                .all(|form| form.fields.len() == FIELDS_MAX)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        #[test]
        fn reads_any_bytes(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let page = WebPage::read(b"text/html", &body).unwrap();
            prop_assert!(page.text.lines().all(|line| !line.trim().is_empty()));
        }

        #[test]
        fn reads_any_markup(body in "(<[a-z]{1,8}( [a-z]{1,6}=[\"'a-z]{0,5})?>|</[a-z]{1,6}>|[ -~]{0,12}){0,20}") {
            let _ = read(&body);
        }
    }
}
