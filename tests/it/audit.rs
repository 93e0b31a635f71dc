//! Registries that were tampered with behind landfall's back: everything is found and named rightly, and nothing else.

use bytes::Bytes;
use jiff::Timestamp;
use landfall::model::{Admission, Descriptor, Digest, PolicyMode, Repository, Tag, Verdict, media_type};
use landfall::sim::Seed;
use landfall::sim::images::{Image, ImageRecipe};
use landfall::trust::statement::{self, predicate_type};
use landfall::trust::{PrivateKey, Promotion, PromotionRecord, bundle, referrer};
use serde_json::Value;

use crate::small_site::{Site, said};

/// Promoted and as desired, with a tag that was asked for once.
async fn set() -> Site {
    let site = Site::set().await;
    let both = format!("{}\"v0\" = \"{}\"\n", site.promotion("v1"), site.image.root());
    site.commit(&[("promotions/team/app.toml", &both)]);
    let applied = site.landfall(&["apply"]).await;
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    site.promote();
    site
}

fn mirror(site: &Site) -> Repository {
    Site::at(&site.mirror, "images/team/app")
}

fn primary(site: &Site) -> Repository {
    Site::at(&site.primary, "images/team/app")
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// What is found: kind, endpoint, and what it is about.
async fn audited(site: &Site, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let output = site
        .landfall(&[&["audit", "--format", "json"], arguments].concat())
        .await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!(report["notLookedAt"].as_array().unwrap().len(), 0, "{report:#}");
    let root = site.image.root().to_string();
    let findings = report["findings"].as_array().unwrap().iter().map(|finding| {
        let about = match (finding["tag"].as_str(), finding["digest"].as_str()) {
            (Some(tag), _) => format!(":{tag}"),
            (None, Some(digest)) if digest == root => "@image".to_owned(),
            (None, Some(_)) => "@other".to_owned(),
            (None, None) => String::new(),
        };
        let path = finding["reference"]
            .as_str()
            .unwrap()
            .strip_prefix("images.example.com/")
            .unwrap();
        format!(
            "{} {} {path}{about}",
            finding["kind"].as_str().unwrap(),
            finding["endpoint"].as_str().unwrap()
        )
    });
    (output.status.code(), findings.collect())
}

fn other_image() -> Image {
    ImageRecipe::single().make(Seed(77))
}

/// Attaches a bundle to something, as `cosign` would.
fn attach(site: &Site, place: &Repository, subject: &Digest, key: &PrivateKey, statement: &[u8], predicate: &str) {
    let signature = key.sign(&bundle::message_to_sign(statement)).unwrap();
    let bundle = bundle::assemble(key.public_key(), statement, &signature).unwrap();
    let subject = Descriptor::new(media_type::OCI_INDEX, *subject, 1);
    let artifact = referrer::attach_bundle(&subject, Bytes::from(bundle), predicate, Timestamp::UNIX_EPOCH);
    for (_, bytes) in &artifact.blobs {
        site.store.add_blob(place, bytes.clone());
    }
    site.store
        .add_manifest(place, media_type::OCI_MANIFEST, artifact.manifest);
}

fn sign(site: &Site, place: &Repository, subject: &Digest, key: &PrivateKey) {
    attach(
        site,
        place,
        subject,
        key,
        &statement::signature(subject),
        predicate_type::SIGNATURE,
    );
}

/// The bundles of a predicate type beside the image.
fn bundles(site: &Site, place: &Repository, predicate: &str) -> Vec<Digest> {
    let contents = site.store.contents(place).unwrap();
    let of_type = contents.manifests.iter().filter(|(_, manifest)| {
        manifest.subject() == Some(site.image.root()) && String::from_utf8_lossy(&manifest.bytes).contains(predicate)
    });
    of_type.map(|(digest, _)| *digest).collect()
}

fn remove_bundles(site: &Site, place: &Repository, predicate: &str) {
    let found = bundles(site, place, predicate);
    assert!(!found.is_empty());
    for digest in found {
        assert!(site.store.delete_manifest(place, &digest));
    }
}

fn signatures(site: &Site) -> Tag {
    Tag::cosign(&site.image.root(), "sig")
}

/// A record that names a commit which never was.
fn forge_record(site: &Site, place: &Repository, reference: &str) {
    let admission = Admission {
        source: "staging.example.com/app".parse().unwrap(),
        carried: [].into(),
        policy: Digest::of(b"policy"),
        mode: PolicyMode::Off,
        verdict: Verdict::Unchecked,
        commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
        path: "promotions/team/app.toml".into(),
        author: "Eve <eve@example.com>".to_owned(),
        at: Timestamp::UNIX_EPOCH,
    };
    let (reference, digest) = (reference.parse().unwrap(), site.image.root());
    let promotion = Promotion {
        public_reference: &reference,
        digest: &digest,
        destination: place,
        git_url: "releases",
        landfall_version: "0.1.0",
        recorded_at: Timestamp::UNIX_EPOCH,
    };
    let record = PromotionRecord::new(promotion, &admission);
    attach(
        site,
        place,
        &digest,
        &site.key(),
        &record.statement(),
        predicate_type::PROMOTION,
    );
}

type Tamper = fn(&Site);

/// What somebody does behind landfall's back, and what an audit finds.
const CASES: &[(&str, Tamper, &[&str])] = &[
    ("nothing", |_| {}, &[]),
    (
        "a tag is deleted",
        |site| assert!(site.store.delete_tag(&mirror(site), &tag("v1"))),
        &["tag-absent europe team/app:v1"],
    ),
    (
        "a tag is moved",
        |site| {
            site.disturb();
        },
        &["tag-moved europe team/app:v1"],
    ),
    (
        "a tag is moved to a foreign image",
        |site| {
            other_image().push(&site.store, &primary(site));
            site.store.set_tag(&primary(site), &tag("v1"), other_image().root());
        },
        &["tag-moved primary team/app:v1"],
    ),
    (
        "a tag that is no longer asked for is moved",
        |site| {
            site.store
                .set_tag(&primary(site), &tag("v0"), site.image.manifests()[0].digest)
        },
        &["unexpected-digest primary team/app:v0"],
    ),
    (
        "a tag that is no longer asked for is deleted",
        |site| assert!(site.store.delete_tag(&primary(site), &tag("v0"))),
        &[],
    ),
    (
        "an image is deleted",
        |site| {
            let (v0, v1) = (tag("v0"), tag("v1"));
            site.store.delete_manifest(&mirror(site), &site.image.root());
            for tag in [v0, v1] {
                site.store.delete_tag(&mirror(site), &tag);
            }
        },
        &["absent europe team/app@image"],
    ),
    (
        "a platform is deleted",
        |site| {
            assert!(
                site.store
                    .delete_manifest(&primary(site), &site.image.manifests()[0].digest)
            )
        },
        &["incomplete primary team/app@image"],
    ),
    (
        "a manifest is changed",
        |site| {
            assert!(
                site.store
                    .corrupt_manifest(&primary(site), &site.image.manifests()[0].digest)
            )
        },
        &["incomplete primary team/app@image"],
    ),
    (
        "a blob is lost",
        |site| {
            assert!(
                site.store
                    .lose_blob(&mirror(site), &site.image.blobs()[0].descriptor.digest)
            )
        },
        &["incomplete europe team/app@image"],
    ),
    (
        "a repository is dropped",
        |site| assert!(site.store.drop_repository(&mirror(site))),
        &["absent europe team/app@image"],
    ),
    (
        "a `.sig` tag is deleted",
        |site| assert!(site.store.delete_tag(&mirror(site), &signatures(site))),
        &["unsigned europe team/app@image"],
    ),
    (
        "a signature bundle is deleted",
        |site| remove_bundles(site, &primary(site), predicate_type::SIGNATURE),
        &["unsigned primary team/app@image"],
    ),
    (
        "a signature bundle is changed",
        |site| {
            for digest in bundles(site, &primary(site), predicate_type::SIGNATURE) {
                assert!(site.store.corrupt_manifest(&primary(site), &digest));
            }
        },
        &["unsigned primary team/app@image"],
    ),
    (
        "a promotion record is deleted",
        |site| remove_bundles(site, &mirror(site), predicate_type::PROMOTION),
        &["unattested europe team/app@image"],
    ),
    (
        "a signature is replaced by somebody else's",
        |site| {
            remove_bundles(site, &primary(site), predicate_type::SIGNATURE);
            assert!(site.store.delete_tag(&primary(site), &signatures(site)));
            sign(
                site,
                &primary(site),
                &site.image.root(),
                &PrivateKey::generate().unwrap(),
            );
        },
        &["signed-by-another primary team/app@image"],
    ),
    (
        "somebody else signs it too",
        |site| {
            sign(
                site,
                &primary(site),
                &site.image.root(),
                &PrivateKey::generate().unwrap(),
            )
        },
        &[],
    ),
    (
        "a record is replaced by one of another commit",
        |site| {
            remove_bundles(site, &mirror(site), predicate_type::PROMOTION);
            forge_record(site, &mirror(site), "images.example.com/team/app");
        },
        &["record-of-another-commit europe team/app@image"],
    ),
    (
        "a record is replaced by one for another reference",
        |site| {
            remove_bundles(site, &mirror(site), predicate_type::PROMOTION);
            forge_record(site, &mirror(site), "images.example.com/team/other");
        },
        &["record-of-another-commit europe team/app@image"],
    ),
    (
        "a signature of another digest is attached in its place",
        |site| {
            remove_bundles(site, &primary(site), predicate_type::SIGNATURE);
            let statement = statement::signature(&other_image().root());
            let (root, key) = (site.image.root(), site.key());
            attach(site, &primary(site), &root, &key, &statement, predicate_type::SIGNATURE);
        },
        &["unsigned primary team/app@image"],
    ),
    (
        "a tag is added to the image",
        |site| site.store.set_tag(&primary(site), &tag("v9"), site.image.root()),
        &["unexpected-tag primary team/app:v9"],
    ),
    (
        "an image is pushed beside it",
        |site| {
            other_image().push(&site.store, &mirror(site));
            site.store.set_tag(&mirror(site), &tag("nightly"), other_image().root());
        },
        &["unexpected-tag europe team/app:nightly"],
    ),
    (
        "an image is pushed beside it and signed in our name",
        |site| {
            other_image().push(&site.store, &mirror(site));
            site.store.set_tag(&mirror(site), &tag("nightly"), other_image().root());
            sign(site, &mirror(site), &other_image().root(), &site.key());
        },
        &[
            "unexplained-signature europe team/app@other",
            "unexpected-tag europe team/app:nightly",
        ],
    ),
    (
        "metadata of something unknown appears",
        |site| {
            let unknown = Tag::cosign(&Digest::of(b"unknown"), "att");
            site.store.set_tag(&primary(site), &unknown, site.image.root());
        },
        &["unexpected-tag primary team/app:UNKNOWN"],
    ),
    (
        "a repository appears",
        |site| {
            let place = Site::at(&site.mirror, "images/team/miner");
            other_image().push(&site.store, &place);
            site.store.set_tag(&place, &tag("latest"), other_image().root());
        },
        &["unexpected-repository europe team/miner"],
    ),
    (
        "a repository appears with something signed in our name",
        |site| {
            let place = Site::at(&site.primary, "images/web/miner");
            other_image().push(&site.store, &place);
            site.store.set_tag(&place, &tag("latest"), other_image().root());
            sign(site, &place, &other_image().root(), &site.key());
        },
        &[
            "unexpected-repository primary web/miner",
            "unexplained-signature primary web/miner@other",
        ],
    ),
    (
        "several things happen at once",
        |site| {
            site.disturb();
            assert!(site.store.delete_tag(&primary(site), &signatures(site)));
            remove_bundles(site, &mirror(site), predicate_type::PROMOTION);
        },
        &[
            "tag-moved europe team/app:v1",
            "unattested europe team/app@image",
            "unsigned primary team/app@image",
        ],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_behind_landfalls_back_is_found_and_named_and_nothing_else() {
    let unknown = Tag::cosign(&Digest::of(b"unknown"), "att").to_string();
    let mut wrong = Vec::new();
    for (name, tamper, expected) in CASES {
        let site = set().await;
        tamper(&site);
        let writes = site.store.writes().len();
        let (code, found) = audited(&site, &["--depth", "blobs"]).await;
        let mut found: Vec<String> = found
            .into_iter()
            .map(|finding| finding.replace(&unknown, "UNKNOWN"))
            .collect();
        let mut expected: Vec<String> = expected.iter().map(|finding| (*finding).to_owned()).collect();
        found.sort();
        expected.sort();
        if found != expected || code != Some(if expected.is_empty() { 0 } else { 2 }) {
            wrong.push(format!("{name}: {found:?} ({code:?}), expected {expected:?}"));
        }
        assert_eq!(site.store.writes().len(), writes, "{name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn exceptions_pass_over_what_they_name_until_they_expire() {
    let mut site = set().await;
    site.store.set_tag(&primary(&site), &tag("v9"), site.image.root());
    site.rules.push_str(
        "[[exceptions]]\nimage = \"images.example.com/team/app:v*\"\nfindings = [\"unexpected-tag\"]\n\
         reason = \"pushed by the nightly job\"\nexpires = \"2099-12-31\"\n",
    );
    site.promote();
    assert_eq!(audited(&site, &[]).await, (Some(0), vec![]));
    let text = said(&site.landfall(&["audit"]).await);
    assert!(text.contains("pushed by the nightly job"), "{text}");
    let found = vec!["unexpected-tag primary team/app:v9".to_owned()];
    assert_eq!(audited(&site, &["--today", "2100-01-01"]).await, (Some(2), found));
    assert_eq!(audited(&site, &["--claims-only"]).await, (Some(0), vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_facts_give_the_same_bytes_and_what_was_seen_is_not_asked_again() {
    let site = set().await;
    site.disturb();
    for format in ["text", "json", "sarif", "html"] {
        let arguments = ["audit", "--format", format];
        let (one, other) = (site.landfall(&arguments).await, site.landfall(&arguments).await);
        assert_eq!(one.status.code(), Some(2), "{one:?}");
        assert!(one.stdout == other.stdout && !one.stdout.is_empty(), "{format}");
        let text = String::from_utf8(one.stdout).unwrap();
        assert!(text.contains("tag-moved"), "{text}");
        if format == "html" {
            assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
            assert!(text.trim_end().ends_with("</html>"), "{text}");
        }
    }
    let first = site.landfall(&["audit", "--resume", "seen"]).await;
    let requests = site.store.requests().total();
    let second = site.landfall(&["audit", "--resume", "seen"]).await;
    assert_eq!(first.stdout, second.stdout);
    let asked = site.store.requests().total() - requests;
    assert!(asked <= 4, "{asked} requests: the lists of repositories alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_looked_at_is_told_and_is_no_finding() {
    let site = set().await;
    site.configure(&format!("allow-reads = [\"{}/images\"]\n", site.primary.registry()));
    let output = site.landfall(&["audit", "--format", "json"]).await;
    assert_eq!(output.status.code(), Some(5), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["findings"].as_array().unwrap().len(), 0, "{report:#}");
    assert!(!report["notLookedAt"].as_array().unwrap().is_empty());
    let wrong = site.landfall(&["audit", "producton"]).await;
    assert_eq!(wrong.status.code(), Some(3));
    assert!(said(&wrong).contains("did you mean `production`?"), "{wrong:?}");
}
