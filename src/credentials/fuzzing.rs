//! What fuzz targets reach of what other programs store and say: parsers that nothing outside calls by themselves.

use super::google::read_credential_file;
use super::helper::read_answer;
use super::json_web_token;
use super::service::{element, error_code};
use super::stored::LoginFile;
use crate::model::Prefix;

/// Reads the bytes as a file of logins, and as the answer of a helper and of a platform's services.
pub fn read_credentials(bytes: &[u8], place: &Prefix) {
    if let Ok(file) = LoginFile::parse(bytes) {
        _ = file.ways(place);
    }
    _ = read_answer("docker-credential-x", bytes);
    if let Some(code) = error_code(bytes) {
        assert!(code.len() <= 64 && !code.contains(|c: char| c.is_ascii_digit()));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        _ = json_web_token::end(text);
        _ = read_credential_file(text);
        if let Some(found) = element(text, "AccessKeyId") {
            assert!(!found.contains('<'));
        }
    }
}
