//! Gitea, of whose many parts the registry is one: a database, a user, and the web server.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use super::server::{Access, PASSWORD, Running, USER};
use crate::tools;

pub(super) fn start(folder: &Path) -> Running {
    let program = tools::find("gitea");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Beside a program that scripts/interop-tools built; others have it in them.
    let resources = program.with_file_name("gitea-static");
    let resources = if resources.is_dir() {
        resources
    } else {
        folder.to_owned()
    };
    let configuration = folder.join("app.ini");
    let text = format!(
        "I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true\nWORK_PATH = {folder}\n\
         [server]\nHTTP_ADDR = {}\nHTTP_PORT = {}\nROOT_URL = http://{address}/\nSTATIC_ROOT_PATH = {}\n\
         OFFLINE_MODE = true\nDISABLE_SSH = true\n\
         [database]\nDB_TYPE = sqlite3\nPATH = {folder}/gitea.db\nSQLITE_JOURNAL_MODE = WAL\nSQLITE_TIMEOUT = 20000\n\
         [security]\nINSTALL_LOCK = true\nSECRET_KEY = not-secret\nPASSWORD_HASH_ALGO = pbkdf2$1000$50\n\
         [cron]\nENABLED = false\n[indexer]\nREPO_INDEXER_ENABLED = false\n\
         [log]\nLEVEL = Warn\nMODE = console\n",
        address.ip(),
        address.port(),
        resources.display(),
        folder = folder.display(),
    );
    fs::write(&configuration, text).unwrap();
    let log = folder.join("log.txt");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.args(arguments).arg("--config").arg(&configuration);
        let output = command.current_dir(folder).env("HOME", folder).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    run(&["migrate"]);
    let mail = format!("{USER}@example.com");
    let names = ["--username", USER, "--password", PASSWORD, "--email", &mail];
    run(&[
        &["admin", "user", "create", "--must-change-password=false"][..],
        &names[..],
    ]
    .concat());

    // It takes over a socket as systemd's services do, as the third file after the three that every program has, and tells
    // its parent to stop: that is the shell, which ends it once nobody holds the shell's input any more.
    let script = "trap '' TERM; \"$0\" web --config \"$1\" 3<&1 >\"$2\" 2>&1 </dev/null & read -r _; kill -9 $!";
    let process = Command::new("sh")
        .args(["-c", script])
        .args([program, configuration, log.clone()])
        .env("LISTEN_FDS", "1")
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::from(OwnedFd::from(listener)))
        .spawn()
        .unwrap();
    // Whoever connects waits until it serves.
    let mut connection = TcpStream::connect(address).unwrap();
    let request = format!("GET /v2/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let mut answer = String::new();
    let answered = connection
        .write_all(request.as_bytes())
        .and_then(|()| connection.read_to_string(&mut answer));
    assert!(
        answered.is_ok() && answer.contains(" 401 "),
        "Gitea does not serve: {answer}\n{}",
        fs::read_to_string(&log).unwrap_or_default()
    );
    Running {
        process,
        address: address.to_string(),
        access: Access::Password,
    }
}
