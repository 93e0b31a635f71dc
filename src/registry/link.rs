//! `Link` headers (RFC 8288, section 3).

use reqwest::header::{HeaderMap, LINK};
use thiserror::Error;

/// A `Link` header that cannot be read. A list whose continuation is unknown must not pass for a whole one.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a Link header cannot be read")]
pub(super) struct MalformedLink;

/// The target of the first link to the next page, as it stands there.
pub(super) fn next_page(headers: &HeaderMap) -> Result<Option<String>, MalformedLink> {
    for value in headers.get_all(LINK) {
        let text = value.to_str().map_err(|_| MalformedLink)?;
        for link in parse(text)? {
            if link.is_next() {
                return Ok(Some(link.target));
            }
        }
    }
    Ok(None)
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Link {
    target: String,
    parameters: Vec<(String, String)>,
}

impl Link {
    /// Relation types are a list in one parameter; further `rel` parameters do not count, and a link with an `anchor`
    /// speaks of another resource.
    fn is_next(&self) -> bool {
        let find = |wanted: &str| self.parameters.iter().find(|(name, _)| name == wanted);
        find("anchor").is_none()
            && find("rel")
                .is_some_and(|(_, types)| types.split_whitespace().any(|rel| rel.eq_ignore_ascii_case("next")))
    }
}

fn parse(text: &str) -> Result<Vec<Link>, MalformedLink> {
    let mut links = Vec::new();
    let mut rest = text.trim_start_matches([',', ' ', '\t']);
    while !rest.is_empty() {
        let (target, after) = rest
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'))
            .ok_or(MalformedLink)?;
        let mut link = Link {
            target: target.trim().to_owned(),
            parameters: Vec::new(),
        };
        rest = after.trim_start();
        while let Some(after) = rest.strip_prefix(';') {
            let (name, value, after) = parameter(after.trim_start())?;
            link.parameters.push((name, value));
            rest = after.trim_start();
        }
        links.push(link);
        rest = match rest.strip_prefix(',') {
            Some(after) => after.trim_start_matches([',', ' ', '\t']),
            None if rest.is_empty() => rest,
            None => return Err(MalformedLink),
        };
    }
    Ok(links)
}

/// One `name`, `name=value` or `name="value"` (or nothing), and what follows it.
fn parameter(text: &str) -> Result<(String, String, &str), MalformedLink> {
    let end = text.find(['=', ';', ',']).unwrap_or(text.len());
    let name = text[..end].trim().to_ascii_lowercase();
    let Some(value) = text[end..].strip_prefix('=') else {
        return Ok((name, String::new(), &text[end..]));
    };
    let value = value.trim_start();
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find([';', ',']).unwrap_or(value.len());
        return Ok((name, value[..end].trim().to_owned(), &value[end..]));
    };
    let mut unquoted = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Ok((name, unquoted, &quoted[index + 1..])),
            '\\' => unquoted.push(characters.next().ok_or(MalformedLink)?.1),
            other => unquoted.push(other),
        }
    }
    Err(MalformedLink)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn next(values: &[&str]) -> Result<Option<String>, MalformedLink> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(LINK, value.parse().unwrap());
        }
        next_page(&headers)
    }

    #[test]
    fn the_next_page_is_found_among_other_links() {
        let target = Ok(Some("/v2/a/tags/list?last=b,c&n=2".to_owned()));
        for value in [
            r#"</v2/a/tags/list?last=b,c&n=2>; rel="next""#,
            "</v2/a/tags/list?last=b,c&n=2>;rel=next",
            r#"<https://example.com/>; rel="first prev"; title="a, b; c=\"d\"", </v2/a/tags/list?last=b,c&n=2> ; REL = "last Next""#,
            r#", </v2/a/tags/list?last=b,c&n=2>; nofollow; rel="next","#,
        ] {
            assert_eq!(next(&[value]), target, "{value}");
        }
        assert_eq!(
            next(&["</>; rel=prev", "</v2/a/tags/list?last=b,c&n=2>; rel=next"]),
            target
        );
    }

    #[test]
    fn other_links_are_no_next_page() {
        assert_eq!(next(&[]), Ok(None));
        for value in [
            "</a>",
            "</a>; rel=prev",
            "</a>; rel=nexto",
            r##"</a>; rel=next; anchor="#b""##,
        ] {
            assert_eq!(next(&[value]), Ok(None), "{value}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_an_error_not_the_end_of_the_list() {
        for value in ["/a; rel=next", "</a; rel=next", r#"</a>; rel="next"#, "</a> rel=next"] {
            assert_eq!(next(&[value]), Err(MalformedLink), "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(text in "[ -~]{0,80}") {
            let _ = next(&[&text]);
        }

        #[test]
        fn a_written_link_is_read_back(target in "[a-z0-9/?=&,;:]{1,30}", title in "[ -~]{0,20}") {
            let title = title.replace('\\', "\\\\").replace('"', "\\\"");
            let value = format!(r#"</x>; title="{title}", <{target}>; title="{title}"; rel="next""#);
            prop_assert_eq!(next(&[&value]), Ok(Some(target)));
        }
    }
}
