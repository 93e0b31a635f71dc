//! The alert rules, the dashboard and the pages about them speak of metrics that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands in the golden output of a scrape.
fn scraped() -> BTreeSet<String> {
    let golden = "src/serve/snapshots/landfall__serve__metrics__tests__what_was_done_and_how_things_stand_is_told_in_openmetrics.snap";
    read(golden)
        .lines()
        .filter(|line| line.starts_with("landfall_"))
        .filter_map(|line| Some(line.split(['{', ' ']).next()?.to_owned()))
        .collect()
}

/// Every name of a metric in a text.
fn named(text: &str) -> BTreeSet<String> {
    text.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
        .filter(|word| word.starts_with("landfall_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn alerts_the_dashboard_and_the_documentation_name_metrics_that_are_told() {
    let scraped = scraped();
    assert!(!scraped.is_empty());
    for path in [
        "deploy/prometheus/landfall.rules.yml",
        "deploy/prometheus/landfall.tests.yml",
        "deploy/grafana/landfall.json",
        "docs/operating.md",
    ] {
        let unknown: Vec<String> = named(&read(path)).difference(&scraped).cloned().collect();
        assert_eq!(unknown, [""; 0], "{path}");
    }
    let undocumented: Vec<String> = scraped
        .difference(&named(&read("docs/operating.md")))
        .cloned()
        .collect();
    assert_eq!(undocumented, [""; 0], "docs/operating.md");
}

#[test]
fn every_alert_has_a_place_in_the_runbook() {
    let rules = read("deploy/prometheus/landfall.rules.yml");
    let runbook = read("docs/operating.md");
    let alerts: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(!alerts.is_empty());
    for alert in alerts {
        assert!(runbook.contains(&format!("### {alert}\n")), "{alert}");
    }
}

#[test]
fn the_dashboard_is_json_that_asks_something_in_every_panel() {
    let dashboard: serde_json::Value = serde_json::from_str(&read("deploy/grafana/landfall.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(!panels.is_empty());
    for panel in panels {
        for target in panel["targets"].as_array().unwrap() {
            assert!(!named(target["expr"].as_str().unwrap()).is_empty(), "{panel}");
        }
    }
}
