//! `landfall explain`: what a key of landfall.toml, of promotions or of config.toml means.

mod explanation;
mod lookup;
mod schema;

use std::io::{self, Write};

use miette::{IntoDiagnostic as _, Report, miette};
use serde_json::{Value, json};

use self::explanation::Explanation;
use self::schema::Document;
use super::{Common, ExitCode, Format, WithExitCode as _};

/// Tell what a key of landfall.toml, of promotions/**.toml or of config.toml means
///
/// A key is written with dots, and the names that you chose may be left out: `targets.mirrors`,
/// `targets.production.mirrors`, `images.tags`, `storage.cache`. Without a key, those at the top of each file are
/// listed. Image references are not supported by this version.
#[derive(Debug, clap::Args)]
pub struct ExplainCommand {
    /// The key, such as targets.mirrors
    key: Option<String>,
}

impl ExplainCommand {
    /// # Errors
    /// [`ExitCode::Invalid`] for a key that no file knows; where `output` cannot be written.
    pub fn run(self, common: &Common, output: &mut dyn Write) -> Result<ExitCode, Report> {
        self.explain(common.format, output)
    }

    fn explain(&self, format: Format, output: &mut dyn Write) -> Result<ExitCode, Report> {
        let documents = Document::all();
        let found = match &self.key {
            None => lookup::top(&documents),
            Some(key) => {
                let typed = lookup::parts(key);
                let found = lookup::find(&documents, &typed);
                if found.is_empty() {
                    return Err(unknown(key, &lookup::suggestions(&documents, &typed)))
                        .with_exit_code(ExitCode::Invalid);
                }
                found
            }
        };
        let explanations: Vec<_> = found.iter().map(Explanation::of).collect();
        match (format, &self.key) {
            (Format::Json, _) => {
                let document = json!({ "schemaVersion": 1, "keys": explanations });
                serde_json::to_writer_pretty(&mut *output, &document).into_diagnostic()?;
                writeln!(output)
            }
            (Format::Text, None) => write_list(output, &explanations),
            (Format::Text, Some(_)) => write_explanations(output, &explanations),
        }
        .into_diagnostic()?;
        Ok(ExitCode::AsDesired)
    }
}

fn unknown(key: &str, meant: &[String]) -> Report {
    let shown = key.escape_debug();
    if key.contains(['/', '@', ':']) {
        return miette!(
            help = "`landfall explain` lists the keys that it explains; \
                    `landfall plan` shows what is to be done for an image",
            "`{shown}` is no key: image references are not supported by this version"
        );
    }
    let help = if meant.is_empty() {
        "`landfall explain` lists the keys at the top of each file".to_owned()
    } else {
        let meant: Vec<_> = meant.iter().map(|key| format!("`{key}`")).collect();
        format!("did you mean {}?", meant.join(" or "))
    };
    miette!(help = help, "unknown key `{shown}`")
}

/// The keys at the top of each file.
fn write_list(output: &mut dyn Write, all: &[Explanation]) -> io::Result<()> {
    for of_file in all.chunk_by(|one, other| one.file == other.file) {
        writeln!(output, "{}", of_file[0].file)?;
        let lines = of_file.iter().map(|key| KeyLine {
            key: &key.key,
            required: key.required,
            default: key.default.as_ref(),
            description: &key.description,
        });
        write_keys(output, &lines.collect::<Vec<_>>())?;
        writeln!(output)?;
    }
    writeln!(
        output,
        "`landfall explain KEY` tells more, and of the keys below: `landfall explain targets.mirrors`"
    )
}

fn write_explanations(output: &mut dyn Write, all: &[Explanation]) -> io::Result<()> {
    for (index, explanation) in all.iter().enumerate() {
        if index > 0 {
            writeln!(output)?;
        }
        write_explanation(output, explanation)?;
    }
    Ok(())
}

fn write_explanation(output: &mut dyn Write, explanation: &Explanation) -> io::Result<()> {
    let Explanation {
        file,
        key,
        kind,
        required,
        default,
        choices,
        description,
        example,
        keys,
    } = explanation;
    let need = if *required { "required" } else { "optional" };
    writeln!(
        output,
        "{key}, in {file}\n\n  {description}\n\n  type     {kind}, {need}"
    )?;
    if !choices.is_empty() {
        let choices: Vec<_> = choices.iter().map(ToString::to_string).collect();
        writeln!(output, "  choices  {}", choices.join(", "))?;
    }
    if let Some(default) = default {
        writeln!(output, "  default  {default}")?;
    }
    if let Some(example) = example {
        writeln!(output, "\nExample:\n")?;
        for line in example.trim_end().lines() {
            writeln!(output, "{}", format!("  {line}").trim_end())?;
        }
    }
    if !keys.is_empty() {
        writeln!(output, "\nKeys:\n")?;
        let lines = keys.iter().map(|key| KeyLine {
            key: &key.key,
            required: key.required,
            default: key.default.as_ref(),
            description: &key.description,
        });
        write_keys(output, &lines.collect::<Vec<_>>())?;
    }
    Ok(())
}

struct KeyLine<'a> {
    key: &'a str,
    required: bool,
    default: Option<&'a Value>,
    description: &'a str,
}

/// A line for each key: the first sentence about it, and whether it is required or what holds without it.
fn write_keys(output: &mut dyn Write, keys: &[KeyLine<'_>]) -> io::Result<()> {
    let width = keys.iter().map(|line| line.key.len()).max().unwrap_or(0);
    for line in keys {
        let description = line.description;
        let sentence = description.split_once(". ").map_or(description, |(first, _)| first);
        let sentence = sentence.trim_end_matches('.');
        let need = match (line.required, line.default) {
            (true, _) => " (required)".to_owned(),
            (false, Some(default)) => format!(" [default: {default}]"),
            (false, None) => String::new(),
        };
        writeln!(output, "  {:width$}  {sentence}{need}", line.key)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, GitLimits, GitSettings};
    use crate::http;
    use crate::model::Limits;
    use crate::reconcile::Settings;
    use crate::source::remote::FetchLimits;

    fn explained(key: Option<&str>, format: Format) -> Result<String, Report> {
        let mut output = Vec::new();
        let key = key.map(ToOwned::to_owned);
        let code = ExplainCommand { key }.explain(format, &mut output)?;
        assert_eq!(code, ExitCode::AsDesired);
        Ok(String::from_utf8(output).unwrap())
    }

    fn text(key: &str) -> String {
        explained(Some(key), Format::Text).unwrap()
    }

    #[test]
    fn keys_of_every_file_are_explained() {
        let keys = [
            "targets.mirrors",
            "targets.staging.drift",
            "projects.NAME.paths",
            "kpromo.endpoints",
            "images.tags",
            "images.coredns.tags.v1.9.3",
            "retags",
            "storage.cache",
            "registries.write",
            "limits.manifest",
        ];
        let all: Vec<_> = keys
            .iter()
            .map(|key| format!("$ landfall explain {key}\n{}", text(key)))
            .collect();
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn a_key_of_two_files_is_explained_for_both() {
        insta::assert_snapshot!(text("signers"));
    }

    #[test]
    fn without_a_key_the_top_of_each_file_is_listed() {
        insta::assert_snapshot!(explained(None, Format::Text).unwrap());
    }

    #[test]
    fn a_program_reads_the_same() {
        let document = explained(Some("targets.signatures"), Format::Json).unwrap();
        insta::assert_json_snapshot!(serde_json::from_str::<serde_json::Value>(&document).unwrap());
    }

    #[test]
    fn what_is_not_known_ends_with_3_and_the_key_that_was_meant() {
        let refused = |key: &str| {
            let error = explained(Some(key), Format::Text).unwrap_err();
            assert_eq!(ExitCode::of(&error), ExitCode::Invalid);
            let help = error.help().map(|help| help.to_string()).unwrap_or_default();
            format!("{error}\n  help: {help}\n")
        };
        let keys = [
            "targets.mirors",
            "cache",
            "mutable-tags",
            "xyzzy",
            "",
            "registry.example.com/app:v1",
        ];
        insta::assert_snapshot!(keys.map(refused).concat());
    }

    #[test]
    fn the_defaults_of_the_configuration_are_what_holds_without_them() {
        let documents = Document::all();
        let mut text = String::new();
        for found in lookup::every(&documents) {
            let in_tables = found.key().contains("NAME");
            if found.document.file == "config.toml"
                && !in_tables
                && let Some(default) = found.node.keyword("default")
            {
                text.push_str(&format!("{} = {default}\n", found.key()));
            }
        }
        let environment = || Environment::Fixed([("HOME".to_owned(), "/nonexistent".to_owned())].into());
        let read = |text: &str| Config::parse(text, "/etc/landfall/config.toml".as_ref(), environment()).unwrap();
        let (said, silent) = (read(&text), read(""));
        assert!(text.lines().count() > 25, "{text}");
        assert_eq!((said.limits, silent.limits), (Limits::default(), Limits::default()));
        let fetch = FetchLimits::default();
        let limits = GitLimits {
            pack: Some(fetch.pack_bytes),
            objects: Some(fetch.objects),
            time: Some(fetch.time),
            connect: Some(fetch.connect),
        };
        assert_eq!(said.git, GitSettings { limits, ..silent.git });
        assert_eq!(said.observe_interval, silent.observe_interval);
        assert_eq!(said.allow_writes, silent.allow_writes);
        let timeouts = http::Timeouts::default();
        assert_eq!(said.work.timeouts.connect, Some(timeouts.connect));
        assert_eq!(said.work.timeouts.head, Some(timeouts.head));
        assert_eq!(said.work.timeouts.idle, Some(timeouts.idle));
        assert_eq!(said.work.timeouts.body, Some(timeouts.body));
        assert_eq!(said.work.timeouts.commit, Some(timeouts.commit));
        assert_eq!(said.work.concurrency, Some(http::Concurrency::default().requests));
        let requests = said.work.requests_per_pass.map(|requests| requests as u64);
        assert_eq!(requests, Some(Settings::default().requests_per_pass));
    }
}
