//! One conversation with a token.

use std::path::PathBuf;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::object::{Attribute, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;

use super::TokenError;
use super::signature::{encoded, request};
use crate::signing::PasswordSource;
use crate::trust::KeyAlgorithm;

/// Where a signer's key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSource {
    /// The PKCS#11 library.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The private key's label.
    pub key: String,
    pub pin: PasswordSource,
}

/// A session in which the user is logged in, and the key in it.
pub(super) struct TokenSession {
    source: TokenSource,
    session: Session,
    key: ObjectHandle,
}

impl TokenSession {
    /// Blocks on the module.
    pub fn open(source: &TokenSource) -> Result<Self, TokenError> {
        let of_module = |error: &dyn std::fmt::Display| TokenError::Module {
            module: source.module.clone(),
            reason: error.to_string(),
        };
        let module = Pkcs11::new(&source.module).map_err(|error| of_module(&error))?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // Another signer's key is in a token of the same maker.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(of_module(&error)),
        }
        let mut found = Vec::new();
        for slot in module.get_slots_with_token().map_err(|error| of_module(&error))? {
            let info = module.get_token_info(slot).map_err(|error| of_module(&error))?;
            if info.label().trim_end() == source.token {
                found.push(slot);
            }
        }
        let [slot] = found.as_slice() else {
            return Err(TokenError::Tokens {
                token: source.token.clone(),
                count: found.len(),
            });
        };
        let session = module.open_ro_session(*slot).map_err(|error| source.refused(&error))?;
        source.log_in(&session)?;
        let wanted = [
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::Label(source.key.as_bytes().to_vec()),
        ];
        let keys = session.find_objects(&wanted).map_err(|error| source.refused(&error))?;
        let [key] = keys.as_slice() else {
            return Err(TokenError::Keys {
                token: source.token.clone(),
                key: source.key.clone(),
                count: keys.len(),
            });
        };
        Ok(Self {
            source: source.clone(),
            key: *key,
            session,
        })
    }

    /// Blocks on the token.
    pub fn sign(&self, algorithm: KeyAlgorithm, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let (mechanism, data) = request(algorithm, message);
        let answer = self.session.sign(&mechanism, self.key, &data);
        encoded(algorithm, answer.map_err(|error| self.source.refused(&error))?)
    }
}

impl TokenSource {
    fn log_in(&self, session: &Session) -> Result<(), TokenError> {
        let pin = self.pin.read().map_err(|error| TokenError::Pin {
            token: self.token.clone(),
            error,
        })?;
        let text = String::from_utf8_lossy(pin.as_bytes()).into_owned();
        match session.login(UserType::User, Some(&AuthPin::new(text.into()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Error::Pkcs11(
                error @ (RvError::PinIncorrect | RvError::PinLocked | RvError::PinInvalid | RvError::PinLenRange),
                _,
            )) => Err(TokenError::PinRefused {
                token: self.token.clone(),
                reason: format!("{error:?}"),
            }),
            Err(error) => Err(self.refused(&error)),
        }
    }

    fn refused(&self, error: &Error) -> TokenError {
        TokenError::Token {
            token: self.token.clone(),
            reason: match error {
                // What the standard says of the code is a paragraph.
                Error::Pkcs11(code, function) => format!("{function} ends with {code:?}"),
                other => other.to_string(),
            },
        }
    }
}
