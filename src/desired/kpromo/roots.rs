//! Which folders a landfall.toml adds to those that are always read.

use toml::de::{DeTable, DeValue};

use crate::desired::shape::Scalar as _;
use crate::desired::syntax;
use crate::model::{Roots, TreeFile};

use super::table::KpromoRoot;

/// The folders that this landfall.toml names, as far as it can be read: where it is wrong, the commit is refused when
/// it is parsed.
#[must_use]
pub fn roots(landfall: &TreeFile) -> Roots {
    let root = || {
        let table = DeTable::parse(syntax::text(landfall).ok()?).ok()?;
        let DeValue::Table(kpromo) = table.get_ref().get("kpromo")?.get_ref() else {
            return None;
        };
        let DeValue::String(root) = kpromo.get("root")?.get_ref() else {
            return None;
        };
        KpromoRoot::parse(root).ok()
    };
    root().map(|root| root.roots()).unwrap_or_default()
}
