//! Rendering of posts: Markdown to HTML that is safe to show.

use std::sync::LazyLock;

use ammonia::Builder;
use pulldown_cmark::{Options, Parser, html};

/// Renders CommonMark (with strikethrough) to sanitised HTML.
///
/// Removes scripts, styles, event handlers, forms, frames, and links with schemes other than `http`,
/// `https` and `mailto`. Also removes images: loading one from another site would reveal to it who
/// reads the post. Tables are disabled: padding of their rows lets a kilobyte of Markdown grow to
/// megabytes.
#[must_use]
pub fn render(markdown: &str) -> String {
    let mut rendered = String::with_capacity(markdown.len() * 3 / 2);
    html::push_html(
        &mut rendered,
        Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH),
    );
    SANITISER.clean(&rendered).to_string()
}

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .rm_tags(["img", "map", "area"])
        .url_schemes(["http", "https", "mailto"].into());
    builder
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_common_markdown() {
        let html = render("# Title\n\n*one* **two** ~~three~~ `four`\n\n- a\n- b\n\n> quote\n");
        for part in [
            "<h1>Title</h1>",
            "<em>one</em>",
            "<strong>two</strong>",
            "<del>three</del>",
            "<code>four</code>",
            "<li>a</li>",
            "<blockquote>",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    #[test]
    fn links_get_noopener() {
        let html = render("[home](https://example.org/a?b=1&c=2)");
        assert!(html.contains("href=\"https://example.org/a?b=1&amp;c=2\""));
        assert!(html.contains("rel=\"noopener noreferrer\""), "{html}");
    }

    #[test]
    fn removes_hostile_markup() {
        for hostile in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "![x](https://tracker.example/pixel.png)",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](java&#115;cript:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:msgbox(1))",
            "<svg/onload=alert(1)>",
            "<svg><script>alert(1)</script></svg>",
            "<iframe src=\"https://evil.example\"></iframe>",
            "<a href=\"x\" onclick=\"alert(1)\">x</a>",
            "<style>body{display:none}</style>",
            "<form action=\"https://evil.example\"><input name=password></form>",
            "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
            "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
            "<object data=\"x\"></object><embed src=\"x\"><base href=\"//evil\">",
            "<p style=\"position:fixed;inset:0\">x</p>",
            "<scr<script>ipt>alert(1)</script>",
            "`</code><script>alert(1)</script>`",
        ] {
            let html = render(hostile).to_lowercase();
            // Escaped text is harmless.
            for bad in [
                "<script",
                "<img",
                "<svg",
                "<iframe",
                "<style",
                "<form",
                "<input",
                "<object",
                "<embed",
                "<base",
                "<math",
                "style=",
                "href=\"javascript",
                "href=\"data",
                "href=\"vbscript",
            ] {
                assert!(!html.contains(bad), "{bad} from {hostile}: {html}");
            }
            for tag in html.split('<').skip(1).filter_map(|t| t.split('>').next()) {
                assert!(!tag.contains(" on"), "{tag} from {hostile}");
            }
        }
    }

    #[test]
    fn blocks_render_independently() {
        let (first, second) = ("Some *words* here.\n\n- a\n- b", "## More\n\nand `code`.");
        assert_eq!(
            render(&format!("{first}\n\n{second}")),
            format!("{}{}", render(first), render(second))
        );
    }

    #[test]
    fn output_size_is_bounded() {
        for evil in [
            ">".repeat(1_024),
            "- ".repeat(512),
            "[".repeat(1_024),
            "*a".repeat(512),
            "<div>".repeat(204),
            "\"".repeat(1_024),
        ] {
            assert!(render(&evil).len() < 65_535, "{}", &evil[..4]);
        }
    }

    proptest! {
        /// Sanitising twice changes nothing.
        #[test]
        fn output_is_sanitised(text in ".{0,300}", hostile in 0..3) {
            let wrapped = match hostile {
                0 => text,
                1 => format!("<script>{text}</script>"),
                _ => format!("<a href=\"{text}\" onclick=\"{text}\">"),
            };
            let html = render(&wrapped);
            prop_assert_eq!(SANITISER.clean(&html).to_string(), html);
        }
    }
}
