//! "Did you mean …?"

use std::cmp::Reverse;

/// The candidate nearest to `name`, when one is near enough to be what was meant. Of two that are as near, the one that
/// begins and ends more like it: a letter is left out more often than the end of a word is made up.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(name.len()) / 4)
        .min_by_key(|(distance, candidate)| (*distance, Reverse(shared(name, candidate)), *candidate))
        .map(|(_, candidate)| candidate)
}

/// How many characters two names share at their beginning and at their end.
fn shared(one: &str, other: &str) -> usize {
    let beginning = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let end = one
        .chars()
        .rev()
        .zip(other.chars().rev())
        .take_while(|(a, b)| a == b)
        .count();
    beginning + end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        assert_eq!(nearest("primry", ["primary", "mirrors"]), Some("primary"));
        assert_eq!(nearest("owner", ["primary", "mirrors"]), None);
        assert_eq!(nearest("signr", ["sign", "signer", "signers"]), Some("signer"));
        assert_eq!(nearest("signe", ["sign", "signer"]), Some("signer"));
    }
}
