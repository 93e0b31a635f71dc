//! A Git host on loopback: git's own `http-backend` behind a web server that can be told to misbehave.

mod backend;
mod fault;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::AUTHORIZATION;
use axum::response::Response;

pub use fault::Fault;

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `GET /releases.git/info/refs?service=git-upload-pack`
    pub line: String,
    pub authorization: Option<String>,
    /// The address that it came from: the same for the same connection.
    pub from: SocketAddr,
}

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    fault: Option<Fault>,
    /// Who comes in, by `Authorization`.
    admits: Option<String>,
}

/// It serves the repositories of a folder for as long as it lives.
pub struct GitHost {
    root: PathBuf,
    /// Where it is its own: kept until its end.
    folder: Option<tempfile::TempDir>,
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: tokio::task::JoinHandle<()>,
}

impl GitHost {
    /// With an empty repository `releases.git` whose HEAD is `main`.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut host = Self::serving(folder.path()).await;
        host.folder = Some(folder);
        host.create("releases.git");
        host
    }

    /// With the repositories that this folder has.
    pub async fn serving(root: &Path) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let (served, shared) = (root.to_owned(), Arc::clone(&state));
        let router =
            Router::new().fallback(move |request: Request| answer(request, served.clone(), Arc::clone(&shared)));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let task = tokio::spawn(async move { axum::serve(listener, service).await.unwrap() });
        Self {
            root: root.to_owned(),
            folder: None,
            address,
            state,
            task,
        }
    }

    pub fn create(&self, name: &str) {
        host_git(&self.root, &["init", "-q", "--bare", "-b", "main", name]);
    }

    pub fn repository(&self) -> PathBuf {
        self.root.join("releases.git")
    }

    pub fn url(&self) -> String {
        self.at("releases.git")
    }

    /// The URL of another repository that it serves.
    pub fn at(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// Runs git in the served repository.
    pub fn git(&self, arguments: &[&str]) -> String {
        host_git(&self.repository(), arguments)
    }

    /// Commits these files on top of `branch`, or as its first commit; the new commit's id.
    pub fn commit(&self, branch: &str, files: &[(&str, &str)]) -> String {
        let work = tempfile::tempdir().unwrap();
        let (work, served) = (work.path(), self.repository());
        host_git(work, &["init", "-q", "-b", branch, "."]);
        let served = served.to_str().unwrap();
        let is_there = !self.git(&["for-each-ref", &format!("refs/heads/{branch}")]).is_empty();
        if is_there {
            host_git(work, &["pull", "-q", served, branch]);
        }
        for (path, content) in files {
            let path = work.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        host_git(work, &["add", "--all"]);
        host_git(work, &["commit", "-q", "--allow-empty", "-m", "Change promotions"]);
        host_git(work, &["push", "-q", served, &format!("HEAD:{branch}")]);
        host_git(work, &["rev-parse", "HEAD"])
    }

    /// Every request from now on until [`Self::mend`].
    pub fn break_with(&self, fault: Fault) {
        self.state.lock().unwrap().fault = Some(fault);
    }

    pub fn mend(&self) {
        self.state.lock().unwrap().fault = None;
    }

    /// Lets in nobody but who says this.
    pub fn admit(&self, authorization: &str) {
        self.state.lock().unwrap().admits = Some(authorization.to_owned());
    }

    /// What was asked since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state.lock().unwrap().asked)
    }
}

impl Drop for GitHost {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Runs git without anything of this machine's configuration.
pub fn host_git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs([
            ("GIT_AUTHOR_NAME", "A. Author"),
            ("GIT_AUTHOR_EMAIL", "author@example.com"),
        ])
        .envs([
            ("GIT_COMMITTER_NAME", "A. Author"),
            ("GIT_COMMITTER_EMAIL", "author@example.com"),
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

async fn answer(request: Request, root: PathBuf, state: Arc<Mutex<State>>) -> Response {
    let (head, body) = request.into_parts();
    let target = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let authorization = head
        .headers
        .get(AUTHORIZATION)
        .map(|value| value.to_str().unwrap().to_owned());
    let from = *head.extensions.get::<axum::extract::ConnectInfo<SocketAddr>>().unwrap();
    let asked = Asked {
        line: format!("{} {target}", head.method),
        authorization: authorization.clone(),
        from: from.0,
    };
    let (fault, admits) = {
        let mut state = state.lock().unwrap();
        state.asked.push(asked);
        (state.fault.clone(), state.admits.clone())
    };
    if let Some(response) = fault.as_ref().and_then(|fault| fault.instead(&target)) {
        return response;
    }
    if admits.is_some() && admits != authorization {
        return Response::builder()
            .status(401)
            .header("WWW-Authenticate", "Basic realm=\"git\"")
            .body(Body::from("who are you?"))
            .unwrap();
    }
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let protocol = fault.as_ref().is_none_or(|fault| !matches!(fault, Fault::OldProtocol));
    let response = backend::run(&root, &head, &body, protocol).await;
    match fault {
        Some(fault) => fault.distort(&target, response).await,
        None => response,
    }
}
