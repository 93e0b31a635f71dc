//! What of a URL may be shown.

use url::Url;

/// The URL without user, password, query and fragment: signed URLs and upload sessions carry secrets in their queries.
#[must_use]
pub fn redacted(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs that cannot have a user in the first place.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    shown.into()
}

/// Text from a server, fit to be shown: one line, no control characters, at most 300 characters.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(300)
        .collect();
    shown.truncate(shown.trim_end().len());
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_url_has_neither_user_nor_query() {
        let url = Url::parse("https://user:secret@example.com:8443/v2/a?X-Amz-Signature=secret#secret").unwrap();
        assert_eq!(redacted(&url), "https://example.com:8443/v2/a");
    }
}
