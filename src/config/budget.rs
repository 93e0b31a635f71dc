//! Budgets by name.

use std::collections::BTreeMap;
use std::path::Path;

use super::ConfigError;
use super::file::{BudgetKeys, RegistryKeys};
use crate::model::{Prefix, nearest};

/// What the prefixes that name this budget never exceed together. Below that it finds its own limits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetSettings {
    pub requests_per_second: Option<f64>,
    /// Requests of each kind under way at once; where none, as for any registry.
    pub concurrency: Option<usize>,
    /// Reads and writes are counted apart.
    pub separate: bool,
}

/// All budgets, if there is each that a prefix names.
pub(super) fn resolve(
    budgets: &BTreeMap<String, BudgetKeys>,
    registries: &BTreeMap<Prefix, RegistryKeys>,
    file: Option<&Path>,
) -> Result<BTreeMap<String, BudgetSettings>, ConfigError> {
    for (prefix, keys) in registries {
        if let Some(name) = keys.budget.as_ref().filter(|name| !budgets.contains_key(*name)) {
            let help = match nearest(name, budgets.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add [budgets.{name}]"),
            };
            return Err(ConfigError::UnknownBudget {
                file: file.map(Path::to_owned).unwrap_or_default(),
                prefix: prefix.clone(),
                budget: name.clone(),
                help,
            });
        }
    }
    let settings = budgets.iter().map(|(name, keys)| {
        let settings = BudgetSettings {
            requests_per_second: keys.requests_per_second.map(|rate| rate.0),
            concurrency: keys
                .concurrency
                .map(|count| usize::try_from(count.0).unwrap_or(usize::MAX)),
            separate: keys.separate.unwrap_or(false),
        };
        (name.clone(), settings)
    });
    Ok(settings.collect())
}

#[cfg(test)]
mod tests {
    use crate::config::testing::parse;

    #[test]
    fn a_budget_is_shared_by_the_prefixes_that_name_it() {
        let config = parse(
            r#"
            [budgets.eu]
            requests-per-second = 0.5
            concurrency = 8
            separate = true
            [registries."eu.example.com"]
            budget = "eu"
            [registries."eu.example.com/team"]
            upload = "chunked"
            "#,
        )
        .unwrap();
        let budget = config.budgets["eu"];
        assert_eq!(budget.requests_per_second, Some(0.5));
        assert_eq!((budget.concurrency, budget.separate), (Some(8), true));
        let team = config.registry(&"eu.example.com/team/x".parse().unwrap()).unwrap();
        assert_eq!(team.budget.as_deref(), Some("eu"));
        assert!(team.upload.is_some());
        assert!(parse("[budgets.a]\nrequests-per-second = 0").is_err());
    }

    #[test]
    fn a_budget_that_is_not_there_is_named_with_the_nearest() {
        let error = parse("[budgets.europe]\n[registries.'example.com']\nbudget = 'eurpoe'").unwrap_err();
        assert_eq!(
            error.to_string(),
            "/etc/landfall/config.toml: `example.com` names the budget `eurpoe`, which does not exist: did you mean `europe`?"
        );
    }
}
