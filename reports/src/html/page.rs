//! The HTML page around a report.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("style.css");

/// Adds values at a point, search, zoom and sorting. The page is complete without it.
const SCRIPT: &str = include_str!("script.js");

/// Returns a complete page with this body.
pub(super) fn page(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Defence in depth: nothing is loaded, and no script but this one runs, even if text is not escaped.
                meta http-equiv="Content-Security-Policy" content=(policy());
                // Without an icon, a browser requests one from the server.
                link rel="icon" href="data:,";
                title { (title) " · Tenfold" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (body)
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// Returns the content-security policy, which names the page's script by its hash.
fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
    format!(
        "default-src 'none'; script-src 'sha256-{hash}'; style-src 'unsafe-inline'; img-src data:; \
         base-uri 'none'; form-action 'none'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_is_embedded_as_hashed() {
        let page = page("title", &html! { p { "text" } });
        let start = page.find("<script>").unwrap() + "<script>".len();
        let end = page.find("</script>").unwrap();
        let hash = STANDARD.encode(Sha256::digest(&page.as_bytes()[start..end]));
        assert!(
            page.contains(&format!("script-src &#39;sha256-{hash}&#39;"))
                || page.contains(&format!("script-src 'sha256-{hash}'"))
        );
        assert_eq!(page.matches("<script").count(), 1);
    }

    #[test]
    fn script_can_not_end_early_or_load() {
        for absent in [
            "</",
            "<!--",
            "fetch(",
            "XMLHttpRequest",
            "import(",
            "eval(",
            "innerHTML",
            "src=",
        ] {
            assert!(!SCRIPT.contains(absent), "{absent}");
        }
    }
}
