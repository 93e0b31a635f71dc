//! What landfall.toml says of kpromo's manifests as a whole.

use std::sync::Arc;

use crate::desired::landfall_file::LandfallFile;
use crate::desired::position::Position;
use crate::desired::projects::Grant;
use crate::desired::targets::TargetRule;
use crate::model::{AttestationKind, EndpointSet, Policies, Signer};

use super::table::KpromoRoot;

/// The name of the target that kpromo's manifests fill.
pub(in crate::desired) const TARGET: &str = "kpromo";

/// What every project of kpromo's has in common.
#[derive(Debug)]
pub(in crate::desired) struct Rule {
    pub target: usize,
    pub root: KpromoRoot,
    pub root_at: Position,
    signer: Option<Arc<Signer>>,
    attest: Arc<[AttestationKind]>,
    policy: Arc<Policies>,
}

impl Rule {
    /// What a project may do at the endpoints that its manifest names.
    pub fn grant(&self, endpoints: EndpointSet) -> Grant {
        Grant {
            target: self.target,
            endpoints,
            signer: self.signer.clone(),
            attest: Arc::clone(&self.attest),
            policy: Arc::clone(&self.policy),
        }
    }

    pub fn signs(&self) -> bool {
        self.signer.is_some()
    }
}

/// The rule of `[kpromo]`, where there is one.
pub(in crate::desired) fn rule(file: &LandfallFile, targets: &[TargetRule]) -> Option<Rule> {
    let table = file.kpromo.as_ref()?;
    let target = targets.iter().position(|rule| &*rule.target.name == TARGET)?;
    let rule = &targets[target];
    let signer = rule.signer.as_ref().map(|rule| Arc::clone(&rule.signer));
    let mut attest = if signer.is_some() {
        rule.attest.clone()
    } else {
        Vec::new()
    };
    attest.sort_unstable();
    attest.dedup();
    Some(Rule {
        target,
        root: table.root.value.clone(),
        root_at: table.root.at,
        signer,
        attest: attest.into(),
        policy: Arc::new(rule.policy.iter().cloned().collect()),
    })
}
