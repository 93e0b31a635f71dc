//! Debian's docker-registry and its successor, distribution: one kind of configuration file.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::server::{Access, Running, listening, tls_file};
use super::tokens::{ISSUER, SERVICE, TokenServer};
use crate::tools;

/// Of [`super::USER`] and [`super::PASSWORD`], at the lowest cost: it is hashed for every request.
const HTPASSWD: &str = "landfall:$2a$04$YyHyZE4AdO2iuUul7EudWOkhk.j2pLjOnYIm0OzO7nPgctE0.an9W\n";

/// Everybody may do everything, unless told otherwise.
#[derive(Debug, Default)]
pub(super) struct Options {
    authentication: Authentication,
    has_tls: bool,
    keeps_everything: bool,
}

#[derive(Debug, Default)]
enum Authentication {
    #[default]
    None,
    /// htpasswd
    Password,
    Tokens,
}

impl Options {
    pub fn with_password(self) -> Self {
        let authentication = Authentication::Password;
        Self { authentication, ..self }
    }

    pub fn with_tokens(self) -> Self {
        let authentication = Authentication::Tokens;
        Self { authentication, ..self }
    }

    pub fn with_tls(self) -> Self {
        Self { has_tls: true, ..self }
    }

    pub fn without_deletes(self) -> Self {
        let keeps_everything = true;
        Self {
            keeps_everything,
            ..self
        }
    }
}

pub(super) fn start(program: &str, folder: &Path, options: &Options) -> Running {
    let (authentication, access) = match options.authentication {
        Authentication::None => (String::new(), Access::Everybody),
        Authentication::Password => {
            let file = folder.join("htpasswd");
            fs::write(&file, HTPASSWD).unwrap();
            let text = format!(
                "auth: {{ htpasswd: {{ realm: registry, path: {} }} }}\n",
                file.display()
            );
            (text, Access::Password)
        }
        Authentication::Tokens => {
            let server = TokenServer::start();
            let text = format!(
                "auth: {{ token: {{ realm: '{}', service: {SERVICE}, issuer: {ISSUER}, rootcertbundle: {} }} }}\n",
                server.realm(),
                tls_file("ca.pem").display()
            );
            (text, Access::Tokens(server))
        }
    };
    let tls = if options.has_tls {
        let (certificate, key) = (tls_file("server.pem"), tls_file("server.key"));
        format!(
            ", tls: {{ certificate: {}, key: {} }}",
            certificate.display(),
            key.display()
        )
    } else {
        String::new()
    };
    let configuration = folder.join("config.yml");
    let text = format!(
        "version: 0.1\nhttp: {{ addr: '127.0.0.1:0'{tls} }}\n{authentication}\
         storage: {{ filesystem: {{ rootdirectory: {} }}, delete: {{ enabled: {} }} }}\n",
        folder.join("store").display(),
        !options.keeps_everything
    );
    fs::write(&configuration, text).unwrap();
    let mut command = Command::new(tools::find(program));
    command.arg("serve").arg(&configuration);
    // 3.0 and later look for a collector of traces on this machine.
    command.env("OTEL_TRACES_EXPORTER", "none");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let output = |process: &mut Child| Box::new(process.stderr.take().unwrap()) as _;
    let (process, address) = listening(&mut command, output, address_in);
    Running {
        process,
        address,
        access,
    }
}

fn address_in(line: &str) -> Option<String> {
    let rest = line.split_once("listening on ")?.1;
    let is_part = |c: &char| c.is_ascii_digit() || ".:".contains(*c);
    Some(rest.chars().take_while(is_part).collect())
}
