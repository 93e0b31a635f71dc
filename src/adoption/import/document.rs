//! The YAML document of a foreign configuration.

use super::report::Mistake;
use crate::model::Position;
use crate::yaml::{self, Node, YamlLimits};

/// More is not read of a file.
pub const MOST_BYTES: usize = 4 << 20;

const LIMITS: YamlLimits = YamlLimits {
    nodes: 200_000,
    depth: 32,
};

/// Reads the one document of a file.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse(bytes: &[u8]) -> Result<Node<'_>, Mistake> {
    if bytes.len() > MOST_BYTES {
        let message = format!("the file has {} bytes: at most {MOST_BYTES} are read", bytes.len());
        return Err(Mistake::new(Position::START, message));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Mistake::new(Position::new(line, 1, 1), "the file is not UTF-8")
    })?;
    match yaml::read(text.strip_prefix('\u{feff}').unwrap_or(text), &LIMITS) {
        Ok(Some(node)) => Ok(node),
        Ok(None) => Err(Mistake::new(Position::START, "the file is empty")),
        Err(error) => Err(Mistake {
            at: error.at,
            message: error.problem.to_string(),
            help: error.problem.help().map(str::to_owned),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_small_files_large_is_refused_with_its_line() {
        let deep = "[".repeat(40) + &"]".repeat(40);
        let deeper = "[".repeat(100_000);
        for (text, line, message) in [
            ("a: &x 1\nb: *x\n", 1, "an anchor"),
            ("a:\n  <<: {b: c}\n", 2, "merge key"),
            ("a: 1\nb: 2\na: 3\n", 3, "twice, before on line 1"),
            ("a: !!binary x\n", 1, "tag"),
            ("a: 1\n---\nb: 1\n", 2, "second document"),
            ("a: [1\n", 2, "not YAML"),
            ("? [a]\n: b\n", 1, "a key is a list"),
            ("", 1, "empty"),
            (&deep, 1, "deep"),
            (&deeper, 1, "recursion limit"),
        ] {
            let mistake = parse(text.as_bytes()).unwrap_err();
            assert!(mistake.message.contains(message), "{text:.40}: {mistake:?}");
            assert_eq!(mistake.at.line, line, "{text:.40}: {mistake:?}");
        }
        assert_eq!(parse(b"a: 1\nb: \xff").unwrap_err().at.line, 2);
        assert!(parse(&vec![b'#'; MOST_BYTES + 1]).is_err());
        assert!(parse(&b"- \n".repeat(LIMITS.nodes + 1)).is_err());
    }
}
