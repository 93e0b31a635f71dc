//! Making signatures and attestations: once, journalled before they are attached anywhere.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::TryFutureExt;
use futures_util::future::BoxFuture;

use super::artifact::{Artifact, Expected, Verified};
use super::failure::Failure;
use super::journal::{Journal, SignedArtifact};
use super::unit::{StepResult, UnitTask};
use super::world::{Clock, World};
use crate::facts::Evidence;
use crate::model::{ArtifactKind, AttestationKind, Descriptor, EndpointIndex, SignatureForm, Slot};
use crate::signing::{Signers, SigningError};
use crate::trust::statement::predicate_type;
use crate::trust::{Promotion, PromotionRecord, PublicKey, bundle, simple_signing, statement};

impl<W: World> UnitTask<W> {
    /// Signs, and says what was made and by whom: what is remembered of it comes from here.
    pub(super) async fn sign(&self, slot: Slot) -> StepResult {
        let made = self.artifact(slot, Box::pin(self.made(slot))).await?;
        Ok(Some(made.evidence))
    }

    /// What a slot's steps attach: read or made by the first that asks, the same for all.
    pub(super) async fn artifact(
        &self,
        slot: Slot,
        get: BoxFuture<'_, Result<Verified, Failure>>,
    ) -> Result<Arc<Verified>, Failure> {
        let get = get.map_ok(Arc::new);
        match self.artifacts.get(&slot) {
            Some(cell) => cell.get_or_init(|| get).await.clone(),
            None => get.await,
        }
    }

    async fn made(&self, slot: Slot) -> Result<Verified, Failure> {
        let subject = self.subject().await?;
        self.ensure_admitted()?;
        let kind = artifact_kind(slot)?;
        let key = self.view.artifact_key(kind)?;
        // Bytes that the present key signed before count, though the plan was made without knowing of them. Those of an
        // earlier key do not: that it has another one now is why this one is to sign.
        if let Some(kept) = self.world.journal().kept(&key)?
            && let Ok(made) = self.verified(kind, &kept, subject)
            && made.evidence.by == key.by
        {
            return Ok(made);
        }
        let signed = match kind {
            ArtifactKind::Signature(SignatureForm::Bundle) => {
                let statement = statement::signature(&self.view.digest);
                self.sign_bundle(&statement, predicate_type::SIGNATURE).await?
            }
            ArtifactKind::Attestation(AttestationKind::Promotion) => {
                let statement = self.promotion_record()?.statement();
                self.sign_bundle(&statement, predicate_type::PROMOTION).await?
            }
            ArtifactKind::Signature(SignatureForm::Tag | SignatureForm::Referrer) => self.sign_payload().await?,
        };
        let made = self.verified(kind, &signed, subject)?;
        let reference = &self.view.public_reference;
        self.world
            .journal()
            .keep(&key, reference, made.evidence.digest, &signed)?;
        Ok(made)
    }

    /// Builds the artifact of signed bytes. Bytes that would not count at a registry are an error.
    pub(super) fn verified(
        &self,
        kind: ArtifactKind,
        signed: &SignedArtifact,
        subject: &Descriptor,
    ) -> Result<Verified, Failure> {
        let artifact = Artifact::of_signed(kind, signed, subject).map_err(Failure::local)?;
        self.verify(kind, artifact)
    }

    pub(super) fn verify(&self, kind: ArtifactKind, artifact: Artifact) -> Result<Verified, Failure> {
        let expected = Expected {
            kind,
            image: &self.view.digest,
            public_reference: &self.view.public_reference,
            keys: &self.view.keys()?,
        };
        let digest = artifact.digest();
        let by = artifact
            .verify(&expected, &self.shared.limits)
            .map_err(|error| Failure::local(format_args!("{digest} does not verify: {error}")))?;
        Ok(Verified {
            artifact,
            evidence: Evidence { kind, digest, by },
        })
    }

    async fn sign_bundle(&self, statement: &[u8], predicate_type: &str) -> Result<SignedArtifact, Failure> {
        let signature = self.signature(&bundle::message_to_sign(statement)).await?;
        let key = self.current_key()?;
        if !key.verify(&bundle::message_to_sign(statement), &signature) {
            // Before anybody is told of it.
            return Err(self.not_the_key(&"the signature is by another key"));
        }
        let (signers, signer) = (self.world.signers(), self.view.signer()?);
        let witness = signers.witness(signer, &self.view.digest, statement, &signature);
        let witness = witness.await.map_err(|error| not_signed(&error))?;
        let bundle = bundle::assemble_witnessed(&key, statement, &signature, &witness)
            .map_err(|error| self.not_the_key(&error))?;
        Ok(SignedArtifact::Bundle {
            bundle: String::from_utf8(bundle).map_err(Failure::local)?,
            predicate_type: predicate_type.to_owned(),
            created: self.world.clock().now(),
        })
    }

    async fn sign_payload(&self) -> Result<SignedArtifact, Failure> {
        let payload = simple_signing::payload(&self.view.public_reference, &self.view.digest);
        let signature = self.signature(&payload).await?;
        if !self.current_key()?.verify(&payload, &signature) {
            return Err(self.not_the_key(&"the signature is by another key"));
        }
        Ok(SignedArtifact::Simple {
            payload: String::from_utf8(payload).map_err(Failure::local)?,
            signature: STANDARD.encode(signature),
        })
    }

    async fn signature(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let signed = self.world.signers().sign(self.view.signer()?, message).await;
        signed.map_err(|error| not_signed(&error))
    }

    fn promotion_record(&self) -> Result<PromotionRecord, Failure> {
        let admission = &self.admission()?.admission;
        let promotion = Promotion {
            public_reference: &self.view.public_reference,
            digest: &self.view.digest,
            destination: self.view.place(EndpointIndex::PRIMARY),
            git_url: &self.shared.git_url,
            landfall_version: env!("CARGO_PKG_VERSION"),
            recorded_at: self.world.clock().now(),
        };
        Ok(PromotionRecord::new(promotion, admission))
    }

    fn current_key(&self) -> Result<PublicKey, Failure> {
        let keys = self.view.keys()?;
        keys.into_iter()
            .next()
            .ok_or_else(|| Failure::local("the signer has no public key"))
    }

    fn not_the_key(&self, error: &dyn std::fmt::Display) -> Failure {
        let name = self.view.signer.as_ref().map_or("", |signer| &signer.name);
        Failure::local(format_args!(
            "signer `{name}`: what it signed does not verify with its public key in the manifests ({error}): \
             its private key is another one"
        ))
    }
}

fn not_signed(error: &SigningError) -> Failure {
    match &error.help {
        Some(help) => Failure::local(format_args!("{error}: {help}")),
        None => Failure::local(error),
    }
}

pub(super) fn artifact_kind(slot: Slot) -> Result<ArtifactKind, Failure> {
    slot.artifact()
        .ok_or_else(|| Failure::local("the plan asks for a signature where none belongs"))
}
