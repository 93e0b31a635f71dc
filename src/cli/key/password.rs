//! Where a key's password comes from: a file, a variable, or whoever sits at the terminal.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use super::error::KeyCommandError;
use crate::signing::{Password, PasswordError, PasswordSource};

/// The password of a key that is there.
pub(super) fn of(path: &Path, file: Option<&Path>) -> Result<Password, KeyCommandError> {
    given(file)?.map_or_else(|| ask(&format!("Password for {}: ", path.display())), Ok)
}

/// The password of a key that is to be made.
pub(super) fn new(file: Option<&Path>) -> Result<Password, KeyCommandError> {
    if let Some(password) = given(file)? {
        return Ok(password);
    }
    let password = ask("Password for the private key: ")?;
    if ask("The same once more: ")? != password {
        return Err(KeyCommandError::PasswordsDiffer);
    }
    Ok(password)
}

/// `None`: nothing is given, and somebody can be asked.
fn given(file: Option<&Path>) -> Result<Option<Password>, KeyCommandError> {
    let source = match file {
        Some(file) => PasswordSource::File(file.to_owned()),
        None => PasswordSource::Environment,
    };
    match source.read() {
        Ok(password) => Ok(Some(password)),
        Err(PasswordError::Unset) if io::stdin().is_terminal() => Ok(None),
        Err(PasswordError::Unset) => Err(KeyCommandError::NoPassword),
        Err(error) => Err(KeyCommandError::Password(error)),
    }
}

fn ask(prompt: &str) -> Result<Password, KeyCommandError> {
    rpassword::prompt_password(prompt)
        .map(|password| Password::from(password.into_bytes()))
        .map_err(KeyCommandError::Terminal)
}
