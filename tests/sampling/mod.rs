//! Which cells of a matrix are played: all, those of a name, or a sample.

use std::fmt;
use std::str::FromStr;

use landfall::model::Digest;

/// A sample of as many cells, another one for each seed: `SEED/COUNT`. `.ci/run` draws by the commit, so that a failure
/// can be played again, and what one commit leaves out the next ones play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    seed: String,
    count: usize,
}

impl FromStr for Sample {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("LANDFALL_SAMPLE is SEED/COUNT, with a COUNT of at least 1, not `{text}`");
        let (seed, count) = text.rsplit_once('/').ok_or_else(wanted)?;
        let count = count.parse().ok().filter(|count| *count > 0).ok_or_else(wanted)?;
        Ok(Self {
            seed: seed.to_owned(),
            count,
        })
    }
}

impl Sample {
    fn draw<T: fmt::Display>(&self, mut cells: Vec<T>) -> Vec<T> {
        cells.sort_by_cached_key(|cell| Digest::of(format!("{} {cell}", self.seed).as_bytes()));
        cells.truncate(self.count);
        cells
    }
}

/// The cells whose names contain what `LANDFALL_CELLS` says, and of these the sample that `LANDFALL_SAMPLE` asks for.
pub fn chosen<T: fmt::Display>(cells: impl IntoIterator<Item = T>) -> Vec<T> {
    let wanted = std::env::var("LANDFALL_CELLS").unwrap_or_default();
    let cells: Vec<T> = cells
        .into_iter()
        .filter(|cell| cell.to_string().contains(&wanted))
        .collect();
    assert!(!cells.is_empty(), "no cell is called `{wanted}`");
    match std::env::var("LANDFALL_SAMPLE") {
        Ok(text) => text
            .parse::<Sample>()
            .unwrap_or_else(|error| panic!("{error}"))
            .draw(cells),
        Err(_) => cells,
    }
}

#[test]
fn a_sample_is_the_same_for_its_seed_and_another_for_the_next() {
    let draw = |text: &str| text.parse::<Sample>().unwrap().draw((0..300).collect());
    let sample: Vec<u32> = draw("commit/20");
    assert_eq!(sample.len(), 20);
    assert_eq!(draw("commit/20"), sample);
    assert_ne!(draw("another/20"), sample);
    let mut all = draw("commit/1000");
    assert_eq!(all[..20], sample[..], "a larger sample begins with the smaller one");
    all.sort_unstable();
    assert_eq!(all, Vec::from_iter(0..300));
}

#[test]
fn what_is_no_sample_is_refused() {
    for bad in ["", "commit", "commit/", "commit/0", "commit/-1", "commit/many"] {
        assert!(bad.parse::<Sample>().is_err(), "{bad}");
    }
}
