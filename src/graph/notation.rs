//! Diagrams as DOT or Mermaid text.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use crate::model::Foreign;

/// What a diagram is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// Graphviz.
    Dot,
    /// Rendered by code forges. Renderers refuse large diagrams (500 edges by default): filter first.
    Mermaid,
}

impl fmt::Display for Notation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Dot => "dot",
            Self::Mermaid => "mermaid",
        })
    }
}

impl FromStr for Notation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "dot" => Ok(Self::Dot),
            "mermaid" => Ok(Self::Mermaid),
            other => Err(format!("`{other}` is not a notation: expected `dot` or `mermaid`")),
        }
    }
}

/// How a node looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Box,
    /// A condition that has to be met.
    Diamond,
    Rounded,
    /// Named here, drawn elsewhere.
    Dashed,
}

/// Writes one diagram, from what must be first to what follows. Identifiers are `[A-Za-z0-9_]+` and the caller's;
/// labels can be any text.
#[derive(Debug)]
pub struct Diagram<W> {
    out: W,
    notation: Notation,
    depth: usize,
}

impl<W: Write> Diagram<W> {
    pub fn begin(notation: Notation, mut out: W) -> io::Result<Self> {
        match notation {
            Notation::Dot => {
                out.write_all(b"digraph landfall {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n")?
            }
            Notation::Mermaid => out.write_all(b"flowchart LR\n")?,
        }
        Ok(Self {
            out,
            notation,
            depth: 1,
        })
    }

    fn indent(&mut self) -> io::Result<()> {
        write!(self.out, "{:1$}", "", self.depth * 2)
    }

    /// Nodes from here to [`Diagram::end_group`] stand together.
    pub fn begin_group(&mut self, id: &str, title: &str) -> io::Result<()> {
        self.indent()?;
        match self.notation {
            Notation::Dot => writeln!(self.out, "subgraph cluster_{id} {{ label=\"{}\";", escape_dot(title))?,
            Notation::Mermaid => writeln!(self.out, "subgraph {id}[\"{}\"]", escape_mermaid(title))?,
        }
        self.depth += 1;
        Ok(())
    }

    pub fn end_group(&mut self) -> io::Result<()> {
        self.depth -= 1;
        self.indent()?;
        match self.notation {
            Notation::Dot => writeln!(self.out, "}}"),
            Notation::Mermaid => writeln!(self.out, "end"),
        }
    }

    pub fn node(&mut self, id: &str, label: &str, shape: Shape) -> io::Result<()> {
        self.indent()?;
        match self.notation {
            Notation::Dot => {
                let shape = match shape {
                    Shape::Box => "shape=box",
                    Shape::Diamond => "shape=diamond",
                    Shape::Rounded => "shape=box, style=rounded",
                    Shape::Dashed => "shape=box, style=dashed",
                };
                writeln!(self.out, "{id} [label=\"{}\", {shape}];", escape_dot(label))
            }
            Notation::Mermaid => {
                let (open, close) = match shape {
                    Shape::Box => ("[", "]"),
                    Shape::Diamond => ("{", "}"),
                    Shape::Rounded => ("(", ")"),
                    Shape::Dashed => ("[[", "]]"),
                };
                writeln!(self.out, "{id}{open}\"{}\"{close}", escape_mermaid(label))
            }
        }
    }

    /// `to` waits for `from`.
    pub fn edge(&mut self, from: &str, to: &str, label: Option<&str>) -> io::Result<()> {
        self.indent()?;
        match (self.notation, label) {
            (Notation::Dot, None) => writeln!(self.out, "{from} -> {to};"),
            (Notation::Dot, Some(label)) => writeln!(self.out, "{from} -> {to} [label=\"{}\"];", escape_dot(label)),
            (Notation::Mermaid, None) => writeln!(self.out, "{from} --> {to}"),
            (Notation::Mermaid, Some(label)) => writeln!(self.out, "{from} -->|\"{}\"| {to}", escape_mermaid(label)),
        }
    }

    pub fn end(mut self) -> io::Result<()> {
        if self.notation == Notation::Dot {
            self.out.write_all(b"}\n")?;
        }
        self.out.flush()
    }
}

/// For a quoted string of the DOT language.
fn escape_dot(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            c if Foreign::steers(c) => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

/// For a quoted label of Mermaid, which knows entity codes and reads Markdown and HTML.
fn escape_mermaid(text: &str) -> String {
    use fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => escaped.push_str("<br/>"),
            '"' | '#' | '&' | '<' | '>' | '`' | '\\' | ';' | '*' | '_' => {
                let _ = write!(escaped, "#{};", u32::from(c));
            }
            c if Foreign::steers(c) => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(notation: Notation) -> String {
        let mut out = Vec::new();
        let mut diagram = Diagram::begin(notation, &mut out).unwrap();
        diagram.begin_group("g", "a \"group\"").unwrap();
        diagram.node("n1", "two\nlines\\ <b>", Shape::Diamond).unwrap();
        diagram.end_group().unwrap();
        diagram.node("n2", "x#y\u{1b}", Shape::Dashed).unwrap();
        diagram.edge("n1", "n2", Some("at \"primary\"")).unwrap();
        diagram.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dot_labels_are_escaped() {
        insta::assert_snapshot!(drawn(Notation::Dot), @r#"
        digraph landfall {
          rankdir=LR;
          node [fontname="sans-serif"];
          subgraph cluster_g { label="a \"group\"";
            n1 [label="two\nlines\\ <b>", shape=diamond];
          }
          n2 [label="x#y�", shape=box, style=dashed];
          n1 -> n2 [label="at \"primary\""];
        }
        "#);
    }

    #[test]
    fn mermaid_labels_are_escaped() {
        insta::assert_snapshot!(drawn(Notation::Mermaid), @r##"
        flowchart LR
          subgraph g["a #34;group#34;"]
            n1{"two<br/>lines#92; #60;b#62;"}
          end
          n2[["x#35;y�"]]
          n1 -->|"at #34;primary#34;"| n2
        "##);
    }

    #[test]
    fn notations_are_read_by_name() {
        assert_eq!("dot".parse(), Ok(Notation::Dot));
        assert_eq!(
            "svg".parse::<Notation>().unwrap_err(),
            "`svg` is not a notation: expected `dot` or `mermaid`"
        );
    }
}
