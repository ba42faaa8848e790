//! The files, headings and modules that contributors read about exist.

use super::files;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Code that starts with one of these is a path in the repository.
const FOLDERS: [&str; 8] =
    ["src/", "tests/", "sql/", "assets/", "systemd/", "docs/", ".ci/", "target/"];

/// The parts of a Markdown document that can be wrong about the tree.
#[derive(Default)]
struct Document {
    /// In the form in which they are linked to.
    headings: Vec<String>,
    links: Vec<String>,
    /// Code spans and code blocks.
    code: Vec<String>,
}

impl Document {
    fn of(text: &str) -> Self {
        let mut document = Self::default();
        let (mut heading, mut is_block) = (None::<String>, false);
        for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let slug = slug(&heading.take().unwrap_or_default());
                    let twins = document.headings.iter().filter(|other| **other == slug).count();
                    document.headings.push(match twins {
                        0 => slug,
                        n => format!("{slug}-{n}"),
                    });
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push(dest_url.into_string());
                }
                Event::Start(Tag::CodeBlock(_)) => is_block = true,
                Event::End(TagEnd::CodeBlock) => is_block = false,
                Event::Text(text) if is_block => document.code.push(text.into_string()),
                Event::Code(code) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&code);
                    }
                    document.code.push(code.into_string());
                }
                Event::Text(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        document
    }

    /// The paths in its code. A placeholder, such as `sql/<table>/list.sql`, is not a path.
    fn paths(&self) -> impl Iterator<Item = &str> {
        let words = self.code.iter().flat_map(|code| code.split_whitespace());
        let words =
            words.map(|word| word.trim_matches([',', ';', ':', '(', ')', '[', ']', '"', '\'']));
        words.filter(|word| {
            FOLDERS.iter().any(|folder| word.starts_with(folder))
                && !word.starts_with("target/")
                && !word.contains(['<', '…', '*', '$', '{'])
        })
    }
}

/// A heading's anchor as GitHub generates it.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

fn texts() -> Vec<(String, String)> {
    let mut texts = files("docs", ".md");
    texts.push(("README.md".to_owned(), read("README.md")));
    texts
}

/// By their path in the repository.
fn documents() -> BTreeMap<PathBuf, Document> {
    texts().into_iter().map(|(name, text)| (name.into(), Document::of(&text))).collect()
}

/// A relative path from the folder of `document`, without its `..`.
fn target(document: &Path, link: &str) -> PathBuf {
    let mut path = document.parent().unwrap_or(Path::new("")).to_owned();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => assert!(path.pop(), "{}: {link} leads out of the tree", document.display()),
            part => path.push(part),
        }
    }
    path
}

#[test]
fn every_link_of_the_docs_leads_to_a_file_and_a_heading() {
    let documents = documents();
    let (mut checked, mut broken) = (0, Vec::new());
    for (name, document) in &documents {
        for link in document.links.iter().filter(|link| !link.contains("://")) {
            checked += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let path = if file.is_empty() { name.clone() } else { target(name, file) };
            let is_there = root().join(&path).exists();
            let has_heading = anchor.is_empty()
                || documents
                    .get(&path)
                    .is_some_and(|linked| linked.headings.iter().any(|heading| heading == anchor));
            if !is_there || !has_heading {
                broken.push(format!("{} links to {link}", name.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(checked > 10, "only {checked} links");
}

#[test]
fn every_path_in_the_docs_exists() {
    let documents = documents();
    let named: Vec<(&Path, &str)> = documents
        .iter()
        .flat_map(|(name, document)| document.paths().map(move |path| (name.as_path(), path)))
        .collect();
    assert!(named.len() > 50, "{named:?}");
    let gone: Vec<_> = named.iter().filter(|(_, path)| !root().join(path).exists()).collect();
    assert!(gone.is_empty(), "{gone:#?}");
}

#[test]
fn every_document_is_linked_from_the_readme() {
    let documents = documents();
    let links = &documents[Path::new("README.md")].links;
    let is_linked = |name: &&PathBuf| links.iter().any(|link| Path::new(link) == name.as_path());
    let hidden: Vec<_> =
        documents.keys().filter(|name| name.starts_with("docs") && !is_linked(name)).collect();
    assert!(hidden.is_empty(), "{hidden:?}");
}

#[test]
fn no_document_contains_the_marks_of_a_merge() {
    let is_marker = |line: &str| line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ");
    let unmerged: Vec<String> = texts()
        .into_iter()
        .filter(|(_, text)| text.lines().any(is_marker))
        .map(|(name, _)| name)
        .collect();
    assert!(unmerged.is_empty(), "{unmerged:?}");
}

/// The map at the top of `src/lib.rs`: its lines fit a terminal, and its modules exist.
#[test]
fn the_map_fits_a_terminal_and_names_modules_that_exist() {
    let source = read("src/lib.rs");
    let map: Vec<&str> = source.lines().map_while(|line| line.strip_prefix("//!")).collect();
    let wide: Vec<_> = map.iter().filter(|line| line.chars().count() + 3 > 100).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    let sources = files("src", ".rs");
    let is_there = |module: &str| {
        let last = module.rsplit("::").next().unwrap_or(module);
        let (file, folder) = (format!("/{last}.rs"), format!("/{last}/mod.rs"));
        sources.iter().any(|(name, _)| name.ends_with(&file) || name.ends_with(&folder))
    };
    let floors = map.iter().take_while(|line| **line != " # Where state lives");
    let text: String = floors.flat_map(|line| [line.trim_start(), "\n"]).collect();
    let is_module = |code: &&str| {
        code.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == ':') && !code.is_empty()
    };
    let named = Document::of(&text).code;
    let modules: Vec<&str> = named.iter().map(String::as_str).filter(is_module).collect();
    assert!(modules.len() > 60, "{modules:?}");
    let gone: Vec<_> = modules.iter().filter(|module| !is_there(module)).collect();
    assert!(gone.is_empty(), "{gone:?}");
}
