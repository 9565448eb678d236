//! The parts of a page. In: its HTML. Out: the paths of the scripts and styles that it cannot do without. Pure.

use std::collections::BTreeSet;

/// Returns the paths on the page's own host that its `<script src>` and `<link rel="stylesheet">` name.
pub(super) fn parts(html: &str) -> BTreeSet<String> {
    let tags = html.split('<').skip(1);
    let tags = tags.filter_map(|text| text.split('>').next());
    tags.filter_map(part).collect()
}

fn part(tag: &str) -> Option<String> {
    let (name, attributes) = tag.split_once(|letter: char| letter.is_ascii_whitespace())?;
    let path = match name.to_ascii_lowercase().as_str() {
        "script" => attribute(attributes, "src")?,
        "link" if attribute(attributes, "rel")?.eq_ignore_ascii_case("stylesheet") => {
            attribute(attributes, "href")?
        }
        _ => return None,
    };
    // `//host/path` is on another host.
    let is_own = path.starts_with('/') && !path.starts_with("//");
    is_own.then(|| path.to_owned())
}

/// Returns the value of an attribute, in either kind of quotes or in none.
fn attribute<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = attributes;
    while let Some(position) = rest.find(name) {
        let is_begun = rest[..position].ends_with(|letter: char| letter.is_ascii_whitespace());
        let after = &rest[position + name.len()..];
        let value = after.trim_start().strip_prefix('=').map(str::trim_start);
        match value {
            Some(value) if position == 0 || is_begun => return Some(unquoted(value)),
            _ => rest = after,
        }
    }
    None
}

fn unquoted(value: &str) -> &str {
    let end = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => return value[1..].split(quote).next().unwrap_or_default(),
        _ => value.find(|letter: char| letter.is_ascii_whitespace()),
    };
    &value[..end.unwrap_or(value.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_styles_of_the_own_host_are_parts_of_a_page() {
        let page = r#"<!doctype html><html><head>
            <script type="module" crossorigin src="/assets/index-1.js"></script>
            <SCRIPT data-src="/no.js" src='/quoted.js'></SCRIPT><script>const src = "/no.js"</script>
            <script src="https://cdn.example/x.js"></script><script src=//cdn.example/y.js></script>
            <link rel=stylesheet href=/assets/index-2.css>
            <link rel="icon" href="/favicon.svg"><link rel="modulepreload" href="/later.js">
            <a href="/page">x</a></head></html>"#;
        let found: Vec<String> = parts(page).into_iter().collect();
        assert_eq!(
            found,
            ["/assets/index-1.js", "/assets/index-2.css", "/quoted.js"]
        );
        assert!(parts("").is_empty());
        assert!(parts("<script src=").is_empty());
    }
}
