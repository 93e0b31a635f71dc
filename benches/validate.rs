//! Time to check 2,000 manifests with 40,000 claims, alone and as a change: see docs/performance.md. Runs the built
//! program; needs git.

mod fast_import;
#[expect(
    dead_code,
    reason = "the benches share it, and this one needs no commits that follow"
)]
mod past;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

fn validate(repository: &Path, arguments: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .arg("validate")
        .args(arguments)
        .arg(repository)
        .stdout(Stdio::null())
        .status()
        .expect("it was built");
    assert!(status.success());
}

fn manifests(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let repository = folder.path().join("repository");
    past::write(&repository);
    let kept = repository.join(".git/landfall");
    let mut group = criterion.benchmark_group("2,000 manifests, 40,000 claims, 20,000 commits");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.bench_function("validate", |bencher| bencher.iter(|| validate(&repository, &[])));
    group.bench_function("validate --base HEAD, for the first time", |bencher| {
        bencher.iter_with_setup(
            || {
                if kept.exists() {
                    std::fs::remove_dir_all(&kept).expect("it is ours");
                }
            },
            |()| validate(&repository, &["--base", "HEAD"]),
        );
    });
    for base in ["HEAD", "HEAD~10"] {
        group.bench_function(format!("validate --base {base}"), |bencher| {
            bencher.iter(|| validate(&repository, &["--base", base]));
        });
    }
}

criterion_group!(benches, manifests);
criterion_main!(benches);
