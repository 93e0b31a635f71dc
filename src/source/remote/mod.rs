//! Repositories elsewhere: a bare clone of one branch, over https or ssh. `docs/design/source.md` tells it in a page.

mod clone;
mod error;
mod follow;
mod http;
mod look;
mod options;
mod pack;
mod polling;
#[expect(clippy::module_inception, reason = "the subject that the others serve")]
mod remote;
mod session;
mod ssh;
mod url;

pub use error::{Fault, RemoteError};
pub use follow::Follower;
pub use options::{
    Again, FetchLimits, HttpsOptions, KnownHosts, Login, LoginFuture, NoLogin, RefusedFuture, RemoteOptions,
    SshIdentity, SshOptions,
};
pub use polling::Polling;
pub use remote::{Remote, Seen, Wanted};
pub(super) use url::without_credentials;
pub use url::{RemoteUrl, SshUrl};
