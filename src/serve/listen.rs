//! Where the daemon listens: a Unix socket that only its own user may use, and an address if one is configured.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use thiserror::Error;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// The longest path that every Unix takes for a socket, with its final zero left out.
const LONGEST_PATH: usize = 103;

/// Why nobody can be listened to.
#[derive(Debug, Error)]
pub enum ListenError {
    #[error("cannot listen on {address}")]
    Address { address: SocketAddr, source: io::Error },
    #[error("cannot listen on the socket {}", path.display())]
    Socket { path: PathBuf, source: io::Error },
    #[error(
        "the path of the socket is longer than a socket's may be ({LONGEST_PATH} bytes): {}; set `serve.socket` in the \
         configuration to a shorter one",
        path.display()
    )]
    TooLong { path: PathBuf },
}

/// Something that connections come from.
#[derive(Debug)]
pub enum Listener {
    Address(TcpListener),
    Socket {
        listener: UnixListener,
        path: PathBuf,
        /// Whose the socket is: ours.
        owner: u32,
    },
}

/// One connection.
pub enum Connection {
    Address(TcpStream),
    Socket(UnixStream),
}

impl Listener {
    /// # Errors
    /// Where the address cannot be had.
    pub async fn address(address: SocketAddr) -> Result<Self, ListenError> {
        let listener = TcpListener::bind(address).await;
        listener
            .map(Self::Address)
            .map_err(|source| ListenError::Address { address, source })
    }

    /// Takes the place of a socket that an earlier process left there. It is readable and writable for this user only, from
    /// the moment at which it can be found.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn socket(path: &Path) -> Result<Self, ListenError> {
        let path = path.to_owned();
        let made = path.with_extension("new");
        if made.as_os_str().len() > LONGEST_PATH {
            return Err(ListenError::TooLong { path });
        }
        let bind = || -> io::Result<(UnixListener, u32)> {
            remove(&made)?;
            let listener = UnixListener::bind(&made)?;
            std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o600))?;
            let owner = std::fs::metadata(&made)?.uid();
            std::fs::rename(&made, &path)?;
            Ok((listener, owner))
        };
        match bind() {
            Ok((listener, owner)) => Ok(Self::Socket { listener, path, owner }),
            Err(source) => Err(ListenError::Socket { path, source }),
        }
    }

    /// Where it listens, for people.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Address(listener) => listener
                .local_addr()
                .map_or_else(|_| "an address".to_owned(), |address| format!("http://{address}")),
            Self::Socket { path, .. } => path.display().to_string(),
        }
    }

    /// The next connection of somebody who may have one.
    pub(super) async fn accept(&self) -> io::Result<Connection> {
        match self {
            Self::Address(listener) => listener.accept().await.map(|(stream, _)| Connection::Address(stream)),
            Self::Socket { listener, owner, .. } => loop {
                let (stream, _) = listener.accept().await?;
                let peer = stream.peer_cred()?.uid();
                if may_use(peer, *owner) {
                    return Ok(Connection::Socket(stream));
                }
                tracing::warn!(user.id = peer, "another user's process was refused on the socket");
            },
        }
    }
}

/// The owner, and root, who can do everything anyhow.
const fn may_use(peer: u32, owner: u32) -> bool {
    peer == owner || peer == 0
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Socket { path, .. } = self {
            // Whoever asks next is told that nobody runs, instead of waiting for one who does not answer.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_but_the_owner_and_root_may_use_the_socket() {
        assert!(may_use(1000, 1000) && may_use(0, 1000));
        assert!(!may_use(1001, 1000) && !may_use(1000, 0));
    }

    #[tokio::test]
    async fn a_socket_is_its_users_alone_takes_a_dead_ones_place_and_goes_with_its_listener() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("landfall.sock");
        std::fs::write(&path, "left behind").unwrap();
        let listener = Listener::socket(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (accepted, connected) = tokio::join!(listener.accept(), UnixStream::connect(&path));
        assert!(accepted.is_ok() && connected.is_ok());
        drop(listener);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_path_that_is_too_long_names_the_setting() {
        let path = Path::new("/tmp").join("x".repeat(120)).join("landfall.sock");
        let error = Listener::socket(&path).unwrap_err();
        assert!(error.to_string().contains("`serve.socket`"), "{error}");
    }
}
