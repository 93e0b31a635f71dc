//! What a document may cost. The size of its text is limited where it is read.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct YamlLimits {
    /// Scalars, lists and mappings, all together; keys count too.
    pub nodes: usize,
    /// How deep lists and mappings nest.
    pub depth: usize,
}
