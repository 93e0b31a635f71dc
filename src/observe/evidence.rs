//! What stands beside an image at one endpoint, and verifies.

use std::sync::Arc;

use futures_util::future::{OptionFuture, try_join};

use super::carried;
use super::failure::LookError;
use super::place::Place;
use super::signed::{self, Signed};
use super::verification::{Expected, Verifier};
use crate::facts::{Answer, Depth, EvidenceAnswer};
use crate::model::{Carried, CarriedKind, Descriptor, Digest, SignatureForm, Signer, Tag};
use crate::registry::{FetchedManifest, ManifestAt, Referrers, Registry};
use crate::transfer::SeenEntries;

/// What to look for beside an image.
#[derive(Debug)]
pub(super) struct Beside {
    pub image: Digest,
    /// Without a signer there is nothing that could verify.
    pub signer: Option<(Arc<Signer>, Expected)>,
    /// What travels with the image, as far as it is known.
    pub carried: Option<Arc<[Carried]>>,
    pub depth: Depth,
}

impl Beside {
    fn reads_referrers(&self) -> bool {
        let is_direct =
            |carried: &Carried| matches!(&carried.kind, CarriedKind::Referrer { subject } if *subject == self.image);
        self.signer.is_some() || self.carried.iter().flat_map(|carried| carried.iter()).any(is_direct)
    }

    fn reads_signatures(&self) -> bool {
        let Some((signer, _)) = &self.signer else {
            return false;
        };
        let is_signature = |carried: &Carried| match &carried.kind {
            CarriedKind::CosignTag { subject, suffix } => *subject == self.image && suffix == "sig",
            CarriedKind::Referrer { .. } => false,
        };
        signer.formats.contains(&SignatureForm::Tag)
            || self.carried.iter().flat_map(|carried| carried.iter()).any(is_signature)
    }
}

/// Looks at one endpoint. An error anywhere leaves all of it unknown: half an answer would pass for absences.
pub(super) async fn look<R: Registry>(
    place: &Place<'_, R>,
    verifier: &Verifier,
    beside: &Beside,
    seen: &SeenEntries,
) -> Result<Answer, LookError> {
    let (referrers, signatures) = read(place, beside).await?;
    let Signed {
        found,
        twice,
        admission,
    } = match (&beside.signer, &referrers) {
        (Some((_, expected)), Some(referrers)) => {
            signed::find(place, verifier, expected, referrers, signatures.as_ref()).await?
        }
        _ => Signed::default(),
    };
    let mut wanted: Vec<Carried> = beside
        .carried
        .iter()
        .flat_map(|carried| carried.iter())
        .cloned()
        .collect();
    wanted.extend(admission.iter().flat_map(|admission| admission.carried.iter()).cloned());
    wanted.sort_unstable();
    wanted.dedup();
    if let Some(referrers) = &referrers {
        // What is ours, or travelled, is missed by the plan.
        let is_ours = |digest: &Digest| {
            found.iter().any(|found| found.digest == *digest) || wanted.iter().any(|item| item.digest == *digest)
        };
        let foreign = referrers.indexed().filter(|entry| !is_ours(&entry.digest)).cloned();
        let foreign: Vec<Descriptor> = foreign.collect();
        if !foreign.is_empty() {
            seen.note(&place.repository, &Tag::referrers_of(&beside.image), &foreign);
        }
    }
    let listed = referrers.map(|referrers| (beside.image, referrers));
    let missing_carried = carried::missing(place, wanted, listed, beside.depth).await?;
    Ok(Answer::Evidence(EvidenceAnswer {
        found,
        twice,
        missing_carried,
        admission,
    }))
}

async fn read<R: Registry>(
    place: &Place<'_, R>,
    beside: &Beside,
) -> Result<(Option<Referrers>, Option<FetchedManifest>), LookError> {
    let tag = Tag::cosign(&beside.image, "sig");
    let referrers = beside.reads_referrers().then(|| place.referrers(&beside.image));
    let signatures = beside.reads_signatures().then(|| place.fetch(ManifestAt::Tag(&tag)));
    let (referrers, signatures) = try_join(async { OptionFuture::from(referrers).await.transpose() }, async {
        OptionFuture::from(signatures).await.transpose()
    })
    .await?;
    Ok((referrers, signatures.flatten()))
}
