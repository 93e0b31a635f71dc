//! What was seen, kept in a file: an audit that was interrupted goes on from there.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::audit::look::PlaceFacts;
use crate::model::{CommitId, Repository};

/// The first line of the file; each following one is a repository.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    schema_version: u32,
    landfall: String,
    commit: CommitId,
    unexpected: bool,
    blobs: bool,
}

/// A file that grows with each repository that was seen.
#[derive(Debug)]
pub struct Kept {
    file: File,
    known: HashMap<Repository, PlaceFacts>,
}

impl Kept {
    /// Opens or creates the file. What was seen for another commit or by another version is thrown away; so is what
    /// could not be seen whole, and a last line that was not written to its end.
    ///
    /// # Errors
    /// Where the file cannot be read or written.
    pub fn open(path: &Path, commit: CommitId, unexpected: bool, blobs: bool) -> io::Result<Self> {
        let header = Header {
            schema_version: 1,
            landfall: env!("CARGO_PKG_VERSION").to_owned(),
            commit,
            unexpected,
            blobs,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        let mut known = HashMap::new();
        let mut lines = BufReader::new(&file).lines();
        let first = lines.next().transpose()?;
        if first
            .and_then(|line| serde_json::from_str::<Header>(&line).ok())
            .as_ref()
            == Some(&header)
        {
            for line in lines {
                let Ok(facts) = serde_json::from_str::<PlaceFacts>(&line?) else {
                    break;
                };
                if facts.not_seen().next().is_none() {
                    known.insert(facts.place.clone(), facts);
                }
            }
        }
        file.set_len(0)?;
        file.rewind()?;
        write_line(&mut file, &header)?;
        let mut kept = Self { file, known };
        let facts: Vec<PlaceFacts> = kept.known.values().cloned().collect();
        for facts in &facts {
            kept.add(facts)?;
        }
        Ok(kept)
    }

    /// What was seen of a repository before.
    pub fn take(&mut self, place: &Repository) -> Option<PlaceFacts> {
        self.known.remove(place)
    }

    /// # Errors
    /// Where it cannot be written.
    pub fn add(&mut self, facts: &PlaceFacts) -> io::Result<()> {
        write_line(&mut self.file, facts)
    }
}

fn write_line(file: &mut File, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    file.write_all(&line)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::audit::look::Answer;

    fn facts(place: &str, listed: Answer<Option<Vec<crate::model::Tag>>>) -> PlaceFacts {
        PlaceFacts {
            place: place.parse().unwrap(),
            listed,
            tags: BTreeMap::new(),
            images: BTreeMap::new(),
            strangers: BTreeMap::new(),
            all_known: true,
        }
    }

    #[test]
    fn only_what_was_seen_whole_of_the_same_commit_is_not_looked_at_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seen");
        let open = |commit: u8| Kept::open(&path, CommitId([commit; 20]), true, false).unwrap();
        let whole = facts("r.example.com/a", Answer::Seen(None));
        let mut kept = open(1);
        kept.add(&whole).unwrap();
        kept.add(&facts("r.example.com/b", Answer::NotSeen("down".into())))
            .unwrap();
        kept.file.write_all(b"{\"place\":\"r.exam").unwrap();
        for _ in 0..2 {
            let mut kept = open(1);
            assert_eq!(kept.take(&whole.place), Some(whole.clone()));
            assert_eq!(kept.take(&"r.example.com/b".parse().unwrap()), None);
        }
        assert_eq!(open(2).take(&whole.place), None);
        assert_eq!(open(1).take(&whole.place), None);
    }
}
