//! Commits by the thousand, for the benches: `git fast-import`.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// Writes commits to `main` until it is ended.
pub struct Import {
    process: Child,
    stream: ChildStdin,
}

impl Import {
    pub fn begin(repository: &Path) -> Self {
        let mut process = Command::new("git")
            .arg("-C")
            .arg(repository)
            .args(["fast-import", "--quiet"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("git is installed");
        let stream = process.stdin.take().expect("its input is piped");
        Self { process, stream }
    }

    /// After the last commit of this import; the first one begins the branch.
    pub fn commit(&mut self, seconds: usize, files: &[(&str, &str)]) {
        self.write(seconds, "", files);
    }

    /// After what the branch holds already.
    pub fn commit_on_head(&mut self, seconds: usize, files: &[(&str, &str)]) {
        self.write(seconds, "from refs/heads/main^0\n", files);
    }

    fn write(&mut self, seconds: usize, from: &str, files: &[(&str, &str)]) {
        write!(
            self.stream,
            "commit refs/heads/main\ncommitter A <a@example.com> {seconds} +0000\ndata 6\nChange\n{from}"
        )
        .expect("git reads");
        for (path, text) in files {
            write!(self.stream, "M 100644 inline {path}\ndata {}\n{text}\n", text.len()).expect("git reads");
        }
    }

    pub fn end(mut self) {
        drop(self.stream);
        assert!(self.process.wait().expect("git ends").success());
    }
}

pub fn git(command: &mut Command) {
    assert!(command.status().expect("git is installed").success());
}
