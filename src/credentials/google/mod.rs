//! Google Artifact Registry and Container Registry: an OAuth access token is the password of `oauth2accesstoken`
//! ("Authenticate to Artifact Registry for Docker", access token).

mod file;
mod login;

#[cfg(fuzzing)]
pub(super) use file::read_credential_file;
pub(super) use login::login;
