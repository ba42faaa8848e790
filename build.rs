//! Compresses what the pages load, once, and writes the tables that `http::assets` includes; makes the
//! statements for a page of history, which `store::messages` includes, out of one; and lists all emoji, for
//! `model::text::emoji`.
//!
//! One fingerprint covers all of it, as a directory in the URL, so that modules can import each other
//! by relative names. Compressed copies that save nothing are left out. Scripts and styles are there twice:
//! as they were written for debug builds, and as the bundles that `make bundles` has made of them.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const FOLDERS: [&str; 4] = ["bundles", "css", "icons", "js"];
/// What the bundles are made of, for debug builds.
const SOURCES: [&str; 2] = ["css/", "js/"];
/// The favicon with a number: one file per number, all generated from this one.
const COUNTED_ICON: &str = "icons/count.svg";
const COUNTS: [&str; 10] = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "9+"];

const HISTORY: &str = "sql/messages/history.sql";
const KINDS: [&str; 2] = ["private", "room"];

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    println!("cargo:rerun-if-changed=build.rs");
    write_statements(&root, &out)?;
    write_emoji(&out)?;
    let out = out.join("assets");
    let assets = collect(&root.join("assets"))?;
    fs::create_dir_all(&out)?;

    let mut digest = Sha256::new();
    digest_files(&root.join("assets/templates"), &mut digest)?;
    let (mut rows, mut sources) = (String::new(), String::new());
    for (path, raw) in &assets {
        digest.update((path.len() as u64).to_be_bytes());
        digest.update(path);
        digest.update((raw.len() as u64).to_be_bytes());
        digest.update(raw);
        let file = out.join(path.replace('/', "_"));
        writeln!(
            if SOURCES.iter().any(|folder| path.starts_with(folder)) {
                &mut sources
            } else {
                &mut rows
            },
            "    Asset {{ path: {path:?}, media_type: {:?}, raw: {}, brotli: {}, gzip: {} }},",
            media_type(path),
            include(&file, raw)?,
            include_smaller(&file.with_added_extension("br"), brotli(raw)?, raw)?,
            include_smaller(&file.with_added_extension("gz"), gzip(raw)?, raw)?,
        )
        .map_err(io::Error::other)?;
    }
    let fingerprint: String =
        digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let table = format!(
        "pub static ASSETS: &[Asset] = &[\n{rows}];\n\
         pub static SOURCES: &[Asset] = &[\n{sources}];\n\
         pub const FINGERPRINT: &str = {fingerprint:?};\n"
    );
    fs::write(out.join("table.rs"), table)
}

/// A page of history for the other kinds of chat. In the text for the general chat, the lines that they
/// have instead are comments that begin with their name.
fn write_statements(root: &Path, out: &Path) -> io::Result<()> {
    let path = root.join(HISTORY);
    println!("cargo:rerun-if-changed={}", path.display());
    let text = fs::read_to_string(path)?;
    for kind in KINDS {
        let (own, mut statement) = (format!("-- {kind}: "), String::new());
        for line in text.lines() {
            let code = line.trim_start();
            let line = match code.strip_prefix(&own) {
                Some(own) => own,
                None if code.starts_with("--") || code.ends_with("-- general") => continue,
                None => line,
            };
            statement.push_str(&line.replace("general", kind));
            statement.push('\n');
        }
        fs::write(out.join(format!("history_{kind}.sql")), statement)?;
    }
    Ok(())
}

/// As text: as tables of pointers they would take a megabyte of the program.
fn write_emoji(out: &Path) -> io::Result<()> {
    let named = emojis::iter().map(|emoji| format!("{emoji}\t{}\n", emoji.name()));
    fs::write(out.join("emoji_names.txt"), named.collect::<String>())?;
    let toned = emojis::iter().filter_map(|emoji| emoji.skin_tones()).flatten();
    let mut all: Vec<&str> = emojis::iter().chain(toned).map(|emoji| emoji.as_str()).collect();
    // As they are looked for: whether or not they ask for colour.
    all.sort_by_key(|emoji| emoji.replace('\u{FE0F}', ""));
    all.dedup();
    fs::write(out.join("emoji.txt"), all.join("\n") + "\n")
}

/// The templates count, too: one of them is kept by browsers as assets are.
fn digest_files(folder: &Path, digest: &mut Sha256) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut paths: Vec<_> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            digest_files(&path, digest)?;
        } else {
            digest.update(fs::read(path)?);
        }
    }
    Ok(())
}

/// Every asset as (path, bytes), sorted by path.
fn collect(root: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut assets = Vec::new();
    for folder in FOLDERS {
        println!("cargo:rerun-if-changed={}", root.join(folder).display());
        for entry in fs::read_dir(root.join(folder))? {
            let entry = entry?;
            let name = entry.file_name().into_string().map_err(|_| not_text(&entry.path()))?;
            let path = format!("{folder}/{name}");
            if path == COUNTED_ICON {
                let icon = fs::read_to_string(entry.path())?;
                for count in COUNTS {
                    let drawn = icon.replace("{count}", count).into_bytes();
                    assets.push((format!("{folder}/count-{count}.svg"), drawn));
                }
            } else if name.ends_with(".css") {
                assets
                    .push((path, joined(&root.join(folder), &fs::read_to_string(entry.path())?)?));
            } else {
                assets.push((path, fs::read(entry.path())?));
            }
        }
    }
    assets.sort();
    Ok(assets)
}

/// With the stylesheets that it imports in the place of the lines that import them.
fn joined(folder: &Path, stylesheet: &str) -> io::Result<Vec<u8>> {
    let mut joined = Vec::new();
    for line in stylesheet.split_inclusive('\n') {
        match line.strip_prefix("@import \"./").and_then(|rest| rest.split_once('"')) {
            Some((imported, _)) => joined.extend(fs::read(folder.join(imported))?),
            None => joined.extend(line.as_bytes()),
        }
    }
    Ok(joined)
}

fn not_text(path: &Path) -> io::Error {
    io::Error::other(format!("the name of {} is not UTF-8", path.display()))
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml; charset=utf-8",
        _ => panic!("{path} has an extension that the build does not know"),
    }
}

fn include(file: &Path, bytes: &[u8]) -> io::Result<String> {
    fs::write(file, bytes)?;
    Ok(format!("include_bytes!({:?})", file.display().to_string()))
}

fn include_smaller(file: &Path, compressed: Vec<u8>, raw: &[u8]) -> io::Result<String> {
    if compressed.len() < raw.len() {
        Ok(format!("Some({})", include(file, &compressed)?))
    } else {
        Ok(String::from("None"))
    }
}

fn brotli(raw: &[u8]) -> io::Result<Vec<u8>> {
    let mut compressed = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut compressed, 4096, 11, 22);
    writer.write_all(raw)?;
    drop(writer);
    Ok(compressed)
}

fn gzip(raw: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(raw)?;
    encoder.finish()
}
