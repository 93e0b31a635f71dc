//! Keys of manifests that not all clients read alike.
//!
//! JSON leaves open what an object means that has a key twice: Go's `encoding/json`, which most registries and clients
//! are written with, takes the last, others the first. Go also takes `"Layers"` for `layers`, whatever its case, and
//! after `layers` overwrites it. Such a manifest is one image to landfall and another to who pulls it, so it is none.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Characters of a key that are shown.
const SHOWN: usize = 40;

const MANIFEST: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "blobs",
    "subject",
    "annotations",
];
const DESCRIPTOR: &[&str] = &[
    "mediaType",
    "digest",
    "size",
    "urls",
    "annotations",
    "data",
    "platform",
    "artifactType",
];
const PLATFORM: &[&str] = &["architecture", "os", "os.version", "os.features", "variant", "features"];

/// What one level of a manifest is to the structs that clients read it into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Manifest,
    Descriptor,
    Descriptors,
    Platform,
    /// A map, or what nobody reads.
    Other,
}

impl Level {
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Manifest => MANIFEST,
            Self::Descriptor => DESCRIPTOR,
            Self::Platform => PLATFORM,
            Self::Descriptors | Self::Other => &[],
        }
    }

    fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Manifest, "config" | "subject") => Self::Descriptor,
            (Self::Manifest, "layers" | "manifests" | "blobs") => Self::Descriptors,
            (Self::Descriptor, "platform") => Self::Platform,
            _ => Self::Other,
        }
    }
}

/// Whether a manifest says the same to every client, as far as its keys go. `nesting` is how deep lists and objects may
/// stand in each other: who reads them with a stack of its own would run out of it.
pub(super) fn check(bytes: &[u8], nesting: usize) -> Result<(), String> {
    if is_deeper(bytes, nesting) {
        return Err(format!("lists and objects are nested more than {nesting} deep"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Keys(Level::Manifest)
        .deserialize(&mut reader)
        .map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())
}

/// Counts brackets outside of texts. In what is no JSON the count means nothing, and whoever reads it finds that out.
fn is_deeper(bytes: &[u8], nesting: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in bytes {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > nesting {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// As Go's `encoding/json` compares keys: by simple folding, in which `ſ` is an `s` and the Kelvin sign a `k`.
fn fold(key: &str) -> String {
    key.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

struct Keys(Level);

impl<'de> DeserializeSeed<'de> for Keys {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Keys {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen: HashSet<Cow<'de, str>> = HashSet::new();
        while let Some(Key(key)) = map.next_key()? {
            if let Some(known) = other_case(self.0.keys(), &key) {
                return Err(A::Error::custom(format_args!(
                    "some clients take the key `{}` for `{known}`, from which it differs in case only",
                    shown(&key)
                )));
            }
            let below = self.0.below(&key);
            if seen.contains(&key) {
                return Err(A::Error::custom(format_args!(
                    "two values for the key `{}`, of which some clients take the first and others the last",
                    shown(&key)
                )));
            }
            seen.insert(key);
            map.next_value_seed(Self(below))?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let of = match self.0 {
            Level::Descriptors => Level::Descriptor,
            _ => Level::Other,
        };
        while list.next_element_seed(Self(of))?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A key, borrowed where it holds no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Text).map(Key)
    }
}

fn other_case(known: &'static [&'static str], key: &str) -> Option<&'static str> {
    if known.is_empty() || known.contains(&key) {
        return None;
    }
    let folded = fold(key);
    known.iter().find(|known| fold(known) == folded).copied()
}

/// Registries' own words may be long, or control a terminal.
fn shown(key: &str) -> String {
    let mut text: String = key.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if key.chars().nth(SHOWN).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NESTING: usize = 100;

    fn refusal(text: &str) -> String {
        check(text.as_bytes(), NESTING).unwrap_err()
    }

    #[test]
    fn a_key_that_go_takes_for_another_is_refused_at_every_level_that_it_reads() {
        for (text, key) in [
            (r#"{"layers":[],"Layers":[]}"#, "Layers"),
            (r#"{"MediaType":"x"}"#, "MediaType"),
            (r#"{"LAYERS":[]}"#, "LAYERS"),
            (r#"{"layer\u017f":[]}"#, "layerſ"),
            (r#"{"\u004cayers":[]}"#, "Layers"),
            (r#"{"Blobs":[]}"#, "Blobs"),
            (r#"{"config":{"Digest":"x"}}"#, "Digest"),
            (r#"{"subject":{"Size":1}}"#, "Size"),
            (r#"{"layers":[{},{"URLs":[]}]}"#, "URLs"),
            (r#"{"manifests":[{"platform":{"OS":"linux"}}]}"#, "OS"),
            (r#"{"manifests":[{"platform":{"os.Version":"1"}}]}"#, "os.Version"),
        ] {
            let why = refusal(text);
            assert!(why.contains(&format!("take the key `{key}` for")), "{text}: {why}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_anywhere() {
        for text in [
            r#"{"layers":[],"layers":[]}"#,
            r#"{"layers":[],"l\u0061yers":[]}"#,
            r#"{"annotations":{"a":"1","a":"2"}}"#,
            r#"{"unknown":[{"x":{"y":1,"y":1}}]}"#,
            r#"{"config":{"data":"","data":""}}"#,
        ] {
            let why = refusal(text);
            assert!(why.contains("two values for the key"), "{text}: {why}");
        }
    }

    #[test]
    fn keys_that_nobody_reads_into_a_struct_may_be_written_in_any_case() {
        for text in [
            r#"{"annotations":{"Layers":"1","layers":"2"},"x":{"Digest":1,"digest":2}}"#,
            r#"{"manifests":[{"annotations":{"SIZE":"1"},"platform":{"x":{"OS":1}}}]}"#,
            r#"{"signature":1,"fsLayers":null,"y":[true,1,-1,1.5,null,"\"{["]}"#,
        ] {
            assert_eq!(check(text.as_bytes(), NESTING), Ok(()), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded_before_anything_is_read() {
        let nested = |depth: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        assert_eq!(check(nested(NESTING - 1).as_bytes(), NESTING), Ok(()));
        assert!(refusal(&nested(NESTING)).contains("more than 100 deep"));
        assert!(refusal(&nested(2_000_000)).contains("more than 100 deep"));
        assert!(refusal(&"[".repeat(2_000_000)).contains("more than 100 deep"));
        let text = format!(r#"{{"x":"{}\"{}"}}"#, "[".repeat(200), "{".repeat(200));
        assert_eq!(
            check(text.as_bytes(), NESTING),
            Ok(()),
            "brackets in a text nest nothing"
        );
    }

    #[test]
    fn a_foreign_key_is_shown_short_and_tame() {
        let why = refusal(&format!(r#"{{"{0}":1,"{0}":2}}"#, "\\u001b[31m".repeat(100)));
        assert!(!why.contains('\u{1b}') && why.len() < 400, "{why}");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_judged_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes, NESTING);
        }

        #[test]
        fn what_serde_reads_without_repeated_keys_is_taken(text in "[a-z]{1,6}", number in any::<i64>()) {
            let document = serde_json::json!({ "annotations": { text.clone(): number.to_string() }, "x": [text, number] });
            prop_assert_eq!(check(document.to_string().as_bytes(), NESTING), Ok(()));
        }
    }
}
