//! Serves an in-memory registry on a port that the system chooses, and prints the address: ferro-oci-server's own program
//! prints the one that it was given.

use std::io::{self, Write as _};
use std::sync::Arc;

use ferro_blob_store::InMemoryBlobStore;
use tokio::net::TcpListener;

fn main() -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_io()
        .build()?
        .block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            writeln!(io::stdout(), "{}", listener.local_addr()?)?;
            axum::serve(listener, ferro_oci_server::build_app(Arc::new(InMemoryBlobStore::new()))).await
        })
}
