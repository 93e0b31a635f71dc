//! Ten thousand bundles that were tampered with, judged by us and by sigstore-go, which cosign verifies with: nothing may
//! count here that does not count there.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use landfall::model::Digest;
use landfall::trust::judging::{AcceptedSigner, Demand, Form, Found, Piece, Wanted, judge};
use landfall::trust::{IdentityPattern, LogRule, TextPattern, TrustRoots};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::Value;

use crate::tools;

const COUNT: u64 = 10_000;
const ALICE: &str = "alice@example.com";
const ISSUER: &str = "http://127.0.0.1:24080/email";

fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata/keyless")
        .join(name)
}

fn document(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(kept(name)).unwrap()).unwrap()
}

/// Where something stands in a document: everything but the document itself.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut below = |name: &str, value: &Value| {
        let at = format!("{at}/{name}");
        found.push(at.clone());
        pointers(value, &at, found);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| below(name, value)),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .for_each(|(index, value)| below(&index.to_string(), value)),
        _ => {}
    }
}

/// The genuine bundle, tampered with in one way.
fn mutated(seed: u64, genuine: &Value, others: &[Value]) -> Vec<u8> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut bundle = genuine.clone();
    let mut places = Vec::new();
    pointers(&bundle, "", &mut places);
    let place = places.choose(&mut rng).unwrap().clone();
    let (parent, name) = place.rsplit_once('/').unwrap();
    match rng.random_range(0..6) {
        // What somebody else's bundle has there.
        0 => {
            let other = others.choose(&mut rng).unwrap();
            if let (Some(theirs), Some(ours)) = (other.pointer(&place), bundle.pointer_mut(&place)) {
                *ours = theirs.clone();
            }
        }
        1 => {
            if let Some(Value::Object(map)) = bundle.pointer_mut(parent) {
                map.remove(name);
            }
        }
        2 => {
            let odd = [
                Value::Null,
                "".into(),
                Value::Array(Vec::new()),
                0.into(),
                (-1).into(),
                "AA==".into(),
            ];
            *bundle.pointer_mut(&place).unwrap() = odd.choose(&mut rng).unwrap().clone();
        }
        // One bit of what is encoded.
        3 | 4 => {
            if let Some(Value::String(text)) = bundle.pointer_mut(&place)
                && let Ok(mut bytes) = STANDARD.decode(text.as_bytes())
                && !bytes.is_empty()
            {
                let position = rng.random_range(0..bytes.len());
                bytes[position] ^= 1 << rng.random_range(0..8);
                *text = STANDARD.encode(bytes);
            }
        }
        _ => {
            let mut text = bundle.to_string().into_bytes();
            let position = rng.random_range(0..text.len());
            text[position] = rng.random_range(b' '..=b'~');
            return text;
        }
    }
    bundle.to_string().into_bytes()
}

#[test]
#[ignore = "needs scripts/interop-tools"]
fn nothing_that_was_tampered_with_counts_here_and_not_with_sigstore_go() {
    let image: Digest = std::fs::read_to_string(kept("digest")).unwrap().trim().parse().unwrap();
    let genuine = document("signature.json");
    let others = ["other-image.json", "mallory.json", "attestation.json"].map(document);
    let bundles: Vec<Vec<u8>> = std::iter::once(genuine.to_string().into_bytes())
        .chain((1..COUNT).map(|seed| mutated(seed, &genuine, &others)))
        .collect();

    let mut judge_of_theirs = Command::new(tools::find("bundle-judge"))
        .arg(kept("trusted_root.json"))
        .args([&image.hex(), ALICE, ISSUER])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = judge_of_theirs.stdin.take().unwrap();
    let lines: String = bundles.iter().map(|bundle| STANDARD.encode(bundle) + "\n").collect();
    let writing = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let theirs = judge_of_theirs.wait_with_output().unwrap();
    writing.join().unwrap();
    let theirs = String::from_utf8(theirs.stdout).unwrap();
    let theirs: Vec<&str> = theirs.lines().collect();
    assert_eq!(theirs.len(), bundles.len());

    let roots = TrustRoots::from_json(&std::fs::read(kept("trusted_root.json")).unwrap()).unwrap();
    let signers = [AcceptedSigner::Certificate(IdentityPattern {
        subject: TextPattern::Exact(ALICE.to_owned()),
        issuer: TextPattern::Exact(ISSUER.to_owned()),
    })];
    let demand = Demand {
        image,
        wanted: Wanted::Signature,
        signers: &signers,
        roots: Some(&roots),
        log: LogRule::default(),
        annotations: &BTreeMap::new(),
    };
    let (mut accepted, mut stricter, mut laxer) = (0, BTreeMap::<String, usize>::new(), Vec::new());
    for (bundle, theirs) in bundles.iter().zip(&theirs) {
        let found = Found {
            form: Form::Bundle,
            digest: image,
            piece: Piece::Bundle(bundle.clone().into()),
        };
        match (judge(&found, &demand), *theirs == "yes") {
            (Ok(_), true) => accepted += 1,
            // Where nothing is signed: see docs/signing.md.
            (Ok(_), false) if theirs.contains("pkcs7: unsupported algorithm") => {}
            (Ok(_), false) => laxer.push(format!("{theirs}: {}", String::from_utf8_lossy(bundle))),
            (Err(why), true) => *stricter.entry(why.to_string()).or_default() += 1,
            (Err(_), false) => {}
        }
    }
    eprintln!(
        "{} bundles: both accept {accepted}; we alone refuse {stricter:#?}",
        bundles.len()
    );
    assert_eq!(theirs[0], "yes");
    assert!(
        laxer.is_empty(),
        "{} count here only:\n{}",
        laxer.len(),
        laxer.join("\n")
    );
}
