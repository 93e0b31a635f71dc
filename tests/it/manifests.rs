//! The corpora of manifests: `testdata/manifests/valid` and `…/invalid`. Each case is a desired-state repository, with
//! what landfall makes of it in `expected.txt`. `history/1`, `history/2`, … are the commits before it, oldest first.
//!
//! `LANDFALL_BLESS=1 cargo test` writes `expected.txt` anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use landfall::cli::directory::tree_from_directory;
use landfall::desired::{Accepted, Ledger, ParseCache, Parsed, Resolved, code, parse, resolve};
use landfall::model::{Claim, CommitId, Diagnostic, Digest, Severity, Source, Tree, TreeFile};

fn cases(kind: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/manifests")
        .join(kind);
    let mut cases: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    cases
}

fn history(case: &Path) -> Vec<Tree> {
    (1..=9_u8)
        .map(|number| (number, case.join("history").join(number.to_string())))
        .take_while(|(_, directory)| directory.is_dir())
        .map(|(number, directory)| Tree {
            commit: CommitId([number; 20]),
            ..tree_from_directory(&directory).unwrap()
        })
        .collect()
}

/// Reads a case as the daemon would: history first, broken projects from the newest commit at which they parse.
fn read(case: &Path) -> Result<(Parsed, Resolved), Vec<Diagnostic>> {
    let mut cache = ParseCache::default();
    let mut ledger = Ledger::default();
    let history = history(case);
    for tree in &history {
        let parsed = parse(tree, &mut cache).unwrap();
        ledger.record(&resolve(&parsed, &Accepted { ledger: &ledger }, None).desired, None);
    }
    let mut parsed = parse(&tree_from_directory(case).unwrap(), &mut cache)?;
    let broken: Vec<String> = parsed.broken_projects().map(ToOwned::to_owned).collect();
    for project in broken {
        let _ = history
            .iter()
            .rev()
            .any(|older| parsed.substitute(&project, older, &mut cache));
    }
    let resolved = resolve(&parsed, &Accepted { ledger: &ledger }, None);
    Ok((parsed, resolved))
}

fn diagnostics(read: &Result<(Parsed, Resolved), Vec<Diagnostic>>) -> Vec<Diagnostic> {
    match read {
        Err(diagnostics) => diagnostics.clone(),
        Ok((parsed, resolved)) => [parsed.diagnostics(), &resolved.diagnostics].concat(),
    }
}

fn describe(read: &Result<(Parsed, Resolved), Vec<Diagnostic>>) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics(read) {
        writeln!(text, "{diagnostic}").unwrap();
    }
    let Ok((parsed, resolved)) = read else {
        return text + "refused\n";
    };
    for project in parsed.broken_projects() {
        writeln!(text, "broken {project}").unwrap();
    }
    for project in &resolved.desired.projects {
        for claim in &project.claims {
            writeln!(text, "claim {}: {}", project.name, describe_claim(resolved, claim)).unwrap();
        }
    }
    for held in &resolved.held {
        let target = held.target.map_or("?", |target| &resolved.desired.targets[target].name);
        writeln!(
            text,
            "held {}: {target} {}{} {} [{}] {}:{}",
            held.project,
            held.repository,
            held.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default(),
            held.digest.as_ref().map(Digest::short).unwrap_or_default(),
            held.code,
            held.origin.file,
            held.origin.line
        )
        .unwrap();
    }
    text
}

fn describe_claim(resolved: &Resolved, claim: &Claim) -> String {
    let targets = &resolved.desired.targets;
    let target = &targets[claim.target];
    let source = match &claim.source {
        Source::Registry(repository) => repository.to_string(),
        Source::Target { target, repository } => format!("target:{} {repository}", targets[*target].name),
    };
    let endpoints: Vec<_> = claim
        .endpoints
        .iter()
        .map(|index| &*target.endpoint(index).name)
        .collect();
    let signer = claim.signer.as_ref().map(|signer| {
        let formats: Vec<_> = signer.formats.iter().map(|format| format.as_str()).collect();
        let attest: Vec<_> = claim.attest.iter().map(|kind| kind.as_str()).collect();
        format!(
            " signed by {} ({}), attested ({})",
            signer.name,
            formats.join(" "),
            attest.join(" ")
        )
    });
    let policies: String = claim
        .policy
        .iter()
        .map(|policy| format!(" policy {} {}", policy.name, policy.mode.as_str()))
        .collect();
    format!(
        "{} {} {} tags {:?} from {source} at {}{}{policies} {}:{}",
        target.name,
        claim.repository,
        claim.digest.short(),
        claim.tags,
        endpoints.join(" "),
        signer.unwrap_or_default(),
        claim.origin.file,
        claim.origin.line
    )
}

fn compare(kind: &str) {
    let bless = std::env::var_os("LANDFALL_BLESS").is_some();
    let mut wrong = Vec::new();
    for case in cases(kind) {
        let found = describe(&read(&case));
        let expected = case.join("expected.txt");
        if bless {
            fs::write(&expected, &found).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", case.display()));
        }
    }
    assert!(
        wrong.is_empty(),
        "not as in expected.txt (LANDFALL_BLESS=1 writes it anew):\n\n{}",
        wrong.join("\n")
    );
}

fn has_errors(case: &Path) -> bool {
    diagnostics(&read(case))
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error)
}

#[test]
fn valid_manifests_become_the_expected_claims() {
    compare("valid");
    for case in cases("valid") {
        assert!(!has_errors(&case), "{}", case.display());
    }
}

#[test]
fn invalid_manifests_are_refused_with_the_expected_findings() {
    compare("invalid");
    for case in cases("invalid") {
        assert!(has_errors(&case), "{}", case.display());
    }
}

#[test]
fn every_finding_says_how_it_is_put_right() {
    for case in cases("invalid").into_iter().chain(cases("valid")) {
        for diagnostic in diagnostics(&read(&case)) {
            assert!(
                diagnostic.help.is_some() || diagnostic.code == code::SYNTAX,
                "{}: {diagnostic}",
                case.display()
            );
        }
    }
}

#[test]
fn every_kind_of_finding_has_a_case() {
    let all = cases("invalid").into_iter().chain(cases("valid"));
    let found: BTreeSet<_> = all
        .flat_map(|case| diagnostics(&read(&case)))
        .map(|found| found.code)
        .collect();
    // Cases of these would fill the repository, or need one of their own: they are tested where the files are made up.
    let elsewhere = [
        code::TOO_LARGE,
        code::MORE_FINDINGS,
        code::SUBMODULE,
        code::IGNORED_FILE,
        code::FILTERED_FILE,
    ];
    let missing: Vec<_> = code::ALL
        .iter()
        .filter(|code| !found.contains(*code) && !elsewhere.contains(code))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn private_keys_are_never_shown() {
    for case in cases("invalid") {
        let text = describe(&read(&case));
        assert!(
            !text.contains("bm90IGEga2V5") && !text.contains("SIGSTORE"),
            "{}",
            case.display()
        );
    }
}

/// What the schemas promise to editors is what landfall reads, as far as a schema can tell.
#[test]
fn the_schemas_agree_with_the_corpora() {
    let schemas: Vec<_> = landfall::desired::schemas()
        .into_iter()
        .map(|(_, schema)| jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap())
        .collect();
    let told_by_a_schema = [
        code::UNKNOWN_KEY,
        code::UNSUPPORTED,
        code::MISSING_KEY,
        code::WRONG_TYPE,
        code::UNKNOWN_VALUE,
        code::INVALID_NAME,
        code::INVALID_DIGEST,
        code::UNQUOTED,
    ];
    for case in cases("valid").into_iter().chain(cases("invalid")) {
        let found = diagnostics(&read(&case));
        let tree = tree_from_directory(&case).unwrap();
        for (path, file) in &tree.files {
            let TreeFile::Regular { bytes, .. } = file else {
                continue;
            };
            let is_manifest = path.as_str().ends_with(".toml") && path.as_str().matches('/').count() != 1;
            let text = String::from_utf8_lossy(bytes);
            let Ok(table) = text.trim_start_matches('\u{feff}').parse::<toml::Table>() else {
                continue;
            };
            if !is_manifest {
                continue;
            }
            let schema = &schemas[usize::from(path.as_str() != "landfall.toml")];
            let accepted = schema.is_valid(&serde_json::to_value(&table).unwrap());
            let of_file = || found.iter().filter(|diagnostic| diagnostic.file == *path);
            if of_file().all(|diagnostic| diagnostic.severity == Severity::Warning) {
                assert!(
                    accepted,
                    "{} {path}: the schema refuses what landfall accepts",
                    case.display()
                );
            }
            if of_file().any(|diagnostic| told_by_a_schema.contains(&diagnostic.code)) {
                assert!(
                    !accepted,
                    "{} {path}: the schema accepts what landfall refuses",
                    case.display()
                );
            }
        }
    }
}
