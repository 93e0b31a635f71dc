//! A listing, in each format.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::listing::{Listed, Listing};

/// A line for each tag, and for each digest without one.
struct Line<'a> {
    image: &'a Listed,
    tag: Option<&'a str>,
}

impl Line<'_> {
    fn name(&self) -> String {
        match self.tag {
            Some(tag) => format!("{}:{tag}", self.image.reference),
            None => format!("{}@{}", self.image.reference, self.image.digest),
        }
    }
}

fn lines(listing: &Listing) -> impl Iterator<Item = Line<'_>> {
    listing.images.iter().flat_map(|image| {
        let untagged = image.tags.is_empty().then_some(Line { image, tag: None });
        let tagged = image.tags.iter().map(move |tag| Line {
            image,
            tag: Some(tag.as_str()),
        });
        tagged.chain(untagged)
    })
}

pub fn text(listing: &Listing, output: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<[String; 5]> = lines(listing)
        .map(|line| {
            let image = line.image;
            [
                line.name(),
                image.digest.to_string(),
                image.target.to_string(),
                image.project.to_string(),
                format!("{}:{}", image.file, image.line),
            ]
        })
        .collect();
    let headings = ["IMAGE", "DIGEST", "TARGET", "PROJECT", "FILE"].map(str::to_owned);
    let mut widths = [0; 5];
    for row in rows.iter().chain([&headings]) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in [&headings].into_iter().chain(&rows) {
        let [name, digest, target, project, file] = row;
        let [names, digests, targets, projects, _] = widths;
        writeln!(
            output,
            "{name:names$}  {digest:digests$}  {target:targets$}  {project:projects$}  {file}"
        )?;
    }
    Ok(())
}

pub fn json(listing: &Listing, output: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *output, listing)?;
    writeln!(output)
}

pub fn csv(listing: &Listing, output: &mut dyn Write) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(output);
    table.write_record([
        "target",
        "project",
        "reference",
        "tag",
        "digest",
        "source",
        "endpoints",
        "signer",
        "file",
        "line",
    ])?;
    for Line { image, tag } in lines(listing) {
        table.write_record([
            &*image.target,
            &*image.project,
            &image.reference.to_string(),
            tag.unwrap_or_default(),
            &image.digest.to_string(),
            &image.source,
            &image.endpoints.join(" "),
            image.signer.as_deref().unwrap_or_default(),
            &image.file,
            &image.line.to_string(),
        ])?;
    }
    table.flush()
}

pub fn digests(listing: &Listing, output: &mut dyn Write) -> io::Result<()> {
    let images = listing.images.iter();
    let names: BTreeSet<String> = images
        .map(|image| format!("{}@{}", image.reference, image.digest))
        .collect();
    for name in names {
        writeln!(output, "{name}")?;
    }
    Ok(())
}
