//! One signer whose key is in a token.

use std::sync::mpsc;
use std::thread;

use tokio::sync::{OnceCell, oneshot};

use super::session::TokenSession;
use super::{TokenError, TokenSource};
use crate::model::Signer;
use crate::trust::{KeyAlgorithm, PublicKey};

/// Signed where nothing is to be signed, to find out whether it could be.
const TRIAL: &[u8] = b"landfall: can this key sign?";

struct Request {
    algorithm: KeyAlgorithm,
    message: Vec<u8>,
    answer: oneshot::Sender<Result<Vec<u8>, TokenError>>,
}

/// A thread of its own speaks with the token, one signature at a time: sessions belong to a thread, and modules block.
pub(in crate::signing) struct TokenSigner {
    source: TokenSource,
    thread: OnceCell<mpsc::Sender<Request>>,
}

impl TokenSigner {
    pub fn new(source: TokenSource) -> Self {
        Self {
            source,
            thread: OnceCell::new(),
        }
    }

    /// Signs something of no meaning, and holds it against the public key in Git.
    pub async fn check(&self, signer: &Signer) -> Result<(), TokenError> {
        self.sign(signer, TRIAL).await.map(drop)
    }

    pub async fn sign(&self, signer: &Signer, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let expected = PublicKey::from_pem(signer.key.pem.as_bytes()).map_err(TokenError::PublicKey)?;
        let thread = self.thread.get_or_try_init(async || start(self.source.clone())).await?;
        let (answer, answered) = oneshot::channel();
        let request = Request {
            algorithm: expected.algorithm(),
            message: message.to_vec(),
            answer,
        };
        let ended = || TokenError::Ended {
            token: self.source.token.clone(),
        };
        thread.send(request).map_err(|_| ended())?;
        let signature = answered.await.map_err(|_| ended())??;
        if expected.verify(message, &signature) {
            return Ok(signature);
        }
        Err(TokenError::Mismatch {
            token: self.source.token.clone(),
            key: self.source.key.clone(),
            expected: expected.fingerprint(),
        })
    }
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.source.fmt(formatter)
    }
}

/// The thread ends when its signer is dropped.
fn start(source: TokenSource) -> Result<mpsc::Sender<Request>, TokenError> {
    let (requests, received) = mpsc::channel::<Request>();
    let token = source.token.clone();
    let serve = move || {
        let mut session = None;
        // A refused PIN is not tried again.
        let mut refused = None;
        for request in received {
            let signed = match &refused {
                Some(error) => Err(TokenError::clone(error)),
                None => sign(&source, &mut session, request.algorithm, &request.message),
            };
            if let Err(error) = &signed {
                // A token that was taken out and put back is found again.
                session = None;
                if matches!(error, TokenError::PinRefused { .. }) {
                    refused = Some(error.clone());
                }
            }
            // Whoever asked may have gone.
            let _ = request.answer.send(signed);
        }
    };
    thread::Builder::new()
        .name("token".to_owned())
        .spawn(serve)
        .map_err(|error| TokenError::Token {
            token,
            reason: error.to_string(),
        })?;
    Ok(requests)
}

fn sign(
    source: &TokenSource,
    session: &mut Option<TokenSession>,
    algorithm: KeyAlgorithm,
    message: &[u8],
) -> Result<Vec<u8>, TokenError> {
    let open = match session.take() {
        Some(open) => open,
        None => TokenSession::open(source)?,
    };
    session.insert(open).sign(algorithm, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SignatureForm;
    use crate::signing::{Password, PasswordSource};
    use crate::trust::PrivateKey;

    #[tokio::test]
    async fn a_module_that_is_not_there_is_named_with_a_remedy() {
        let signer = TokenSigner::new(TokenSource {
            module: "/nonexistent/module.so".into(),
            token: "release".to_owned(),
            key: "release".to_owned(),
            pin: PasswordSource::Given(Password::from(b"1234".to_vec())),
        });
        let release = Signer {
            name: "release".into(),
            key: PrivateKey::generate().unwrap().public_key().to_signer_key(),
            previous: Vec::new(),
            formats: vec![SignatureForm::Bundle],
        };
        let error = signer.check(&release).await.unwrap_err();
        assert!(error.to_string().contains("/nonexistent/module.so"), "{error}");
        assert!(!format!("{error:?} {signer:?}").contains("1234"));
        assert!(error.of("release").help.unwrap().contains("[signers.release]"));
    }
}
