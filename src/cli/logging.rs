//! Logs, on standard error.

use miette::{Report, miette};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::Directive;

use super::arguments::LogFormat;
use super::guard::Dialect;
use super::output::ErrorOutput;
use super::{Cli, ExitCode, Terminal, WithExitCode};

/// Sets what is logged, instead of `-v`: `info`, or `landfall::execute=debug,landfall=info`.
const VARIABLE: &str = "LANDFALL_LOG";

/// What others log below this can hold headers, and headers hold credentials.
const CAPPED: [&str; 7] = ["h2", "hyper", "hyper_util", "reqwest", "rustls", "tower", "axum"];

/// Has everything logged from here on.
///
/// # Errors
/// Where `LANDFALL_LOG` is no filter.
pub fn start(cli: &Cli, terminal: &Terminal) -> Result<(), Report> {
    let wanted = std::env::var(VARIABLE).ok().filter(|value| !value.is_empty());
    let filter = filter(wanted.as_deref(), cli.log_level())?;
    let dialect = match cli.common.log_format {
        LogFormat::Text => Dialect::Log {
            colours: terminal.coloured_errors,
        },
        LogFormat::Json => Dialect::Json,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || ErrorOutput::speaking(dialect))
        .with_ansi(terminal.coloured_errors);
    // Refused only where logs were set up before, as tests do.
    let _ = match cli.common.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    Ok(())
}

fn filter(wanted: Option<&str>, level: LevelFilter) -> Result<EnvFilter, Report> {
    let filter = match wanted {
        Some(wanted) => EnvFilter::builder()
            .parse(wanted)
            .map_err(|error| {
                miette!(
                    help = format!(
                        "write a level, or targets with levels: `{VARIABLE}=info`, \
                         `{VARIABLE}=landfall::execute=debug,landfall=info`"
                    ),
                    "`{VARIABLE}={wanted}` is not a filter: {error}"
                )
            })
            .with_exit_code(ExitCode::Invalid)?,
        None => EnvFilter::default()
            .add_directive(LevelFilter::WARN.min(level).into())
            .add_directive(directive("landfall", level)),
    };
    Ok(CAPPED.into_iter().fold(filter, |filter, target| {
        filter.add_directive(directive(target, LevelFilter::WARN.min(level)))
    }))
}

fn directive(target: &str, level: LevelFilter) -> Directive {
    format!("{target}={level}")
        .parse()
        .expect("a target's name and a level are a directive")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbosity_is_landfalls_own() {
        let shown = filter(None, LevelFilter::DEBUG).unwrap().to_string();
        assert!(shown.contains("landfall=debug"), "{shown}");
        assert!(shown.ends_with("warn"), "{shown}");
    }

    #[test]
    fn what_can_hold_credentials_is_never_logged() {
        let shown = filter(Some("trace,h2=trace,hyper=debug"), LevelFilter::WARN)
            .unwrap()
            .to_string();
        assert!(shown.contains("h2=warn") && shown.contains("hyper=warn"), "{shown}");
        assert!(!shown.contains("h2=trace"), "{shown}");
    }

    #[test]
    fn a_wrong_filter_is_wrong_usage() {
        let error = filter(Some("landfall=loud"), LevelFilter::WARN).unwrap_err();
        let help = error.help().unwrap().to_string();
        assert!(help.contains("`LANDFALL_LOG=info`") && !help.contains('{'), "{help}");
        assert_eq!(ExitCode::of(&error), ExitCode::Invalid);
        assert!(
            error
                .to_string()
                .starts_with("`LANDFALL_LOG=landfall=loud` is not a filter"),
            "{error}"
        );
    }
}
