//! The YAML reader: bounded, and every value has a place.
#![no_main]

use landfall::yaml::{Content, Node, YamlLimits, read};

const LIMITS: YamlLimits = YamlLimits {
    nodes: 1_000,
    depth: 16,
};

fn check(node: &Node<'_>, depth: usize) -> usize {
    assert!(node.at.line >= 1 && node.at.column >= 1 && node.at.length >= 1);
    assert!(depth <= LIMITS.depth);
    1 + match &node.content {
        Content::Scalar(_) => 0,
        Content::Sequence(items) => items.iter().map(|item| check(item, depth + 1)).sum(),
        Content::Mapping(entries) => entries.iter().map(|(_, value)| 1 + check(value, depth + 1)).sum(),
    }
}

libfuzzer_sys::fuzz_target!(|text: &str| match read(text, &LIMITS) {
    Ok(node) => assert!(node.map_or(0, |node| check(&node, 0)) <= LIMITS.nodes),
    Err(error) => assert!(error.at.line >= 1 && error.at.column >= 1 && error.at.length >= 1),
});
