//! The rules about what is never there, as far as a text search can check them; and statements against
//! the real schema.

mod docs;

use crate::support::Database;
use sha2::{Digest, Sha256};
use snug::model::message::ChatType;
use snug::store::history_statement;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn files(under: &str, ending: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut folders) = (Vec::new(), vec![root.join(under)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let path: PathBuf = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_str().is_some_and(|path| path.ends_with(ending)) {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "nothing under {under}");
    found
}

/// The source without its tests: the lines of each item that is only for tests are left empty, so that all
/// other lines keep their numbers. Sources are formatted, so an item ends on the first line that has the
/// indentation of its attribute and closes something.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]" {
            let indent = line.len() - line.trim_start().len();
            let ends = |line: &str| {
                line.len() - line.trim_start().len() == indent && line.ends_with([';', '}', ','])
            };
            let item = lines.by_ref().position(ends).expect("an item after #[cfg(test)]");
            code.push_str(&"\n".repeat(item + 2));
        } else {
            code.push_str(line);
            code.push('\n');
        }
    }
    code
}

/// Lines of sources outside the `allowed` folders that contain one of the words.
fn strays(words: &[&str], allowed: &[&str]) -> Vec<String> {
    let is_free = |name: &str| {
        !name.ends_with("/tests.rs")
            && !name.ends_with("_tests.rs")
            && !allowed.iter().any(|place| name.starts_with(place))
    };
    let mut strays = Vec::new();
    for (name, text) in files("src", ".rs").iter().filter(|(name, _)| is_free(name)) {
        for (number, line) in code(text).lines().enumerate() {
            let is_prose = line.trim_start().starts_with("//");
            if !is_prose && words.iter().any(|word| line.contains(word)) {
                strays.push(format!("{name}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    strays
}

#[test]
fn only_test_items_are_removed_from_a_source() {
    let source = "\
mod before;
#[cfg(test)]
mod some_tests;
mod after;

struct Shard {
    at: u32,
    #[cfg(test)]
    looks: Vec<(u32, u32)>,
    of: u32,
}

#[cfg(test)]
#[allow(dead_code)]
fn only_in_tests(
    at: u32,
) -> u32 {
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_tests() {
        todo!();
    }
}

fn last() {}
";
    let code = code(source);
    let left: Vec<(usize, &str)> =
        code.lines().enumerate().filter(|(_, line)| !line.is_empty()).collect();
    let expected = [
        (0, "mod before;"),
        (3, "mod after;"),
        (5, "struct Shard {"),
        (6, "    at: u32,"),
        (9, "    of: u32,"),
        (10, "}"),
        (29, "fn last() {}"),
    ];
    assert_eq!(left, expected);
    assert_eq!(code.lines().count(), source.lines().count(), "lines keep their numbers");
}

#[test]
fn only_the_store_speaks_to_postgresql() {
    let strays =
        strays(&["tokio_postgres::", "deadpool_postgres"], &["src/store/", "src/postgres/"]);
    assert!(strays.is_empty(), "{strays:#?}");
}

#[test]
fn the_edges_never_mention_the_store_nor_the_rules_the_edges() {
    let of = |words: &[&str], under: &str| -> Vec<String> {
        strays(words, &[]).into_iter().filter(|stray| stray.starts_with(under)).collect()
    };
    for edge in ["src/http/", "src/live/"] {
        let from_edge = of(&["crate::store", ".store."], edge);
        assert!(from_edge.is_empty(), "{from_edge:#?}");
    }
    let from_rules = of(&["hyper::", "tungstenite", "crate::http", "crate::live"], "src/chat/");
    assert!(from_rules.is_empty(), "{from_rules:#?}");
    let from_store =
        of(&["crate::chat", "crate::registry", "crate::http", "serde_json"], "src/store/");
    assert!(from_store.is_empty(), "{from_store:#?}");
    let from_registry = of(&["crate::chat", "crate::store", "crate::http"], "src/registry/");
    assert!(from_registry.is_empty(), "{from_registry:#?}");
}

/// In pure modules, time and randomness are parameters, and nothing waits.
#[test]
fn pure_modules_have_no_clock_randomness_lock_or_wait() {
    const PURE: [&str; 8] = [
        "src/model/",
        "src/http/views",
        "src/http/route.rs",
        "src/http/framing.rs",
        "src/live/client_frames.rs",
        "src/live/follow.rs",
        "src/live/close.rs",
        "src/live/frame_parser.rs",
    ];
    let words = [
        "async ",
        ".await",
        "Mutex",
        "RwLock",
        "Atomic",
        "Instant",
        "SystemTime",
        "::now(",
        "getrandom",
        "RandomState",
        "env::",
        "std::fs",
        "TcpStream",
        "UnixStream",
        "TcpListener",
    ];
    let is_pure = |stray: &String| PURE.iter().any(|place| stray.starts_with(place));
    let found = files("src", ".rs");
    for place in PURE {
        assert!(found.iter().any(|(name, _)| name.starts_with(place)), "{place} is gone");
    }
    let impure: Vec<_> = strays(&words, &[]).into_iter().filter(is_pure).collect();
    assert!(impure.is_empty(), "{impure:#?}");
}

#[test]
fn nothing_is_unbounded_left_over_or_unwrapped() {
    let strays = strays(
        &["unbounded_channel", ".unwrap()", "todo!(", "unimplemented!(", "dbg!(", "static mut"],
        &[],
    );
    assert!(strays.is_empty(), "{strays:#?}");
}

#[test]
fn connections_to_the_database_are_made_in_one_place() {
    let strays = strays(&["NoTls"], &["src/store/connect.rs"]);
    assert!(strays.is_empty(), "{strays:#?}");
}

#[test]
fn unsafe_code_is_in_two_places() {
    let strays = strays(
        &["unsafe {", "unsafe fn", "unsafe impl", "unsafe_code"],
        &["src/process/memory.rs", "src/os/readiness.rs"],
    );
    assert!(strays.is_empty(), "{strays:#?}");
}

#[test]
fn every_source_file_has_a_header_and_is_not_too_long() {
    for (name, text) in files("src", ".rs") {
        assert!(text.starts_with("//!"), "{name} has no header");
        let lines = text.lines().count();
        assert!(lines <= 600, "{name} has {lines} lines: a seam was missed");
    }
}

#[test]
fn pages_contain_no_inline_script_or_style() {
    for (name, text) in files("assets/templates", ".html") {
        for word in ["style=", "<style", "javascript:", " onclick=", " onload=", "|safe"] {
            assert!(!text.contains(word), "{name} has {word}");
        }
        let scripts = text.matches("<script").count();
        assert_eq!(scripts, text.matches("<script type=\"module\" src=").count(), "{name}");
    }
}

/// Whoever changes a script or a style finds out here, without npm.
#[test]
fn the_bundles_are_made_from_the_sources_there_are() {
    let mut sources = files("assets/css", ".css");
    sources.extend(files("assets/js", ".js"));
    sources.sort();
    let mut digest = Sha256::new();
    sources.iter().for_each(|(_, text)| digest.update(text));
    let digest: String = digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    for (name, text) in files("assets/bundles", "") {
        let first = text.lines().next().unwrap();
        assert!(first.contains(&digest), "{name} is outdated: run `make bundles`");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_fits_the_schema_and_says_what_it_answers() {
    let database = Database::new().await.client().await;
    for (name, text) in files("sql", ".sql") {
        if name.contains("migrations") {
            continue;
        }
        assert!(text.starts_with("-- "), "{name} has no header");
        if let Err(error) = database.prepare(&text).await {
            panic!("{name}: {error:?}");
        }
    }
    for chat_type in [ChatType::General, ChatType::Private, ChatType::Room] {
        if let Err(error) = database.prepare(history_statement(chat_type)).await {
            panic!("history of {chat_type:?}: {error:?}");
        }
    }
}

/// Whatever writes is refused while the disk is full; see `store::disk`.
#[test]
fn whatever_writes_asks_whether_there_is_room() {
    let sources: String = files("src/store", ".rs").into_iter().map(|(_, text)| text).collect();
    let mut writing = 0;
    for (name, text) in files("sql", ".sql") {
        let writes = |line: &str| {
            ["insert into ", "update ", "delete from "].iter().any(|verb| line.contains(verb))
                && !line.trim_start().starts_with("--")
        };
        if name.contains("migrations")
            || !text.lines().any(|line| writes(&line.replace("for no key update", "")))
        {
            continue;
        }
        let path = name.trim_start_matches("sql/").trim_end_matches(".sql");
        for (at, _) in sources.match_indices(&format!("sql!(\"{path}\")")) {
            let before = &sources[..at];
            let last = |calls: &[&str]| calls.iter().filter_map(|call| before.rfind(call)).max();
            let asking = last(&[".changed(", ".written(", "rows_in(", "maybe_in(", "changed_in("]);
            let silent = last(&[".rows(", ".maybe(", ".one(", ".page(", ".rows_within("]);
            assert!(asking > silent, "{path} writes without asking");
            writing += 1;
        }
    }
    assert!(writing > 12, "{writing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_is_used() {
    let mut sources = include_str!("../../build.rs").to_owned();
    sources.extend(files("src/store", ".rs").into_iter().map(|(_, text)| text));
    for (name, _) in files("sql", ".sql") {
        let path = name.trim_start_matches("sql/").trim_end_matches(".sql");
        // Up to its end: one name may be the beginning of another.
        let is_used = [format!("{path}\""), format!("{path}.sql\"")];
        assert!(is_used.iter().any(|used| sources.contains(used)), "{name} is not used");
    }
}

#[test]
fn nothing_calls_up_to_the_process() {
    let strays = strays(&["crate::process"], &["src/process/"]);
    assert!(strays.is_empty(), "{strays:#?}");
}

/// Two types with the same name, in different modules, would be two meanings of one word.
#[test]
fn each_type_name_has_one_meaning() {
    let mut homes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, text) in files("src", ".rs") {
        for line in code(&text).lines() {
            let line = line.trim_start();
            // An associated type has its trait's name for it.
            let is_top = !line.starts_with("type ");
            let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
            let is_type = matches!(words.next(), Some("struct" | "enum" | "trait" | "type"));
            // The parameter of a macro stands for names that its calls give.
            let name = words.next().filter(|name| !name.starts_with('$'));
            if let (true, true, Some(name)) = (is_top, is_type, name) {
                let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap();
                homes.entry(name.to_owned()).or_default().push(file.clone());
            }
        }
    }
    homes.retain(|_, files| files.len() > 1);
    assert!(homes.is_empty(), "{homes:#?}");
}

/// Once a migration has landed, it has been applied somewhere and must never change again, not even in a
/// comment. Add a line here for a new one.
#[test]
fn migrations_that_have_landed_never_change() {
    const LANDED: [(&str, &str); 26] = [
        ("0001_begin", "9aab7a67d2af7d5111cf34ad0772500e2445ccbdc2bbdec029d78d70f4e305b5"),
        ("0002_subnets", "7bc9002a389a8ce4d6ae1e827e302bb60b24fe43a4e484ff2ca6744d3f4c33a8"),
        ("0003_store_messages", "c267a8c0f5cab9d34815829282b8911c6d48087934e76c1e056ca35100414606"),
        ("0004_chats_sequence", "812676df3602b182d94230fa2de869c4174a0c26ebbe9c608e89ee56c62d2fd3"),
        ("0005_told_epoch", "c4ea5ece2764b2993785a5a671942970ff57a671a8569b1377e98ff80ee2c005"),
        ("0006_one_folding", "80683cb48e1757e0617a9a400d8b443d425991bb29fb358586d10fa4982162e3"),
        ("0007_begun_by", "79339eece7c94c2341c4cc1b52c3a094567b0b1109af437a464dd53c4a99e705"),
        ("0008_copies", "24b3e876b4146a972f39194eb3ef63f94a058c86bc2d4ebdeef69e8a6b2c73ef"),
        ("0009_acts", "b8a8a87cb673478c88b2b723a6070bc218bfb399630093689c03e8002a69e85c"),
        ("0010_keys_by_index", "35ea5d6e0c2eae28c5d8dab0f7d2923324f9f6e09ec821138bde113ea9e12f85"),
        ("0011_roles", "98db7ae88bcffe7e9c5ee928c850fb6d17a1aa2d3fbcd1d86f9fea93600786e9"),
        ("0012_changes", "2d3ea741541c8235c92940dfeb8465a5f53330032ba5200575607a77bb98a0c6"),
        ("0013_answers", "d9e78003188d0a2b930b010e01d8d5f48295cb3679b2433304dcce7f8ccc47c1"),
        ("0014_session_uses", "9cc29874f8ba7620f057fc800ae34fe6a483ec608e6270e682de6bccbcdee78e"),
        ("0015_account_states", "8a7668061dca872d75fdf6e7c355272672fb7b31099487f0e6a9a2c9534b55a9"),
        ("0016_former_names", "b0e5a160839f0d77a329a1a012c67db17da376fd70971d8df487fb706f596584"),
        ("0017_signups", "849d051f1ae37841bbe5a18a145e60a83c3cc8efa55f914dc00fe43e8beeffef"),
        ("0018_message_words", "f319f33b513957c3a0a788ebb0a8e24ae262cdebee81013d549cf6213e92a7c9"),
        ("0019_mails", "ec822a87d8e2eb7959bf3ce2d61141c36d29cf95bb1f0313bcb3f22642010357"),
        (
            "0020_restored_in_place",
            "493b0cdc647415faf2fbe85e90e695daec71517abffaff7758ed80d0a4d0a843",
        ),
        ("0021_deleted_rooms", "275df0026385a9fbbf52a245caa9a5be2dc88c8576eaa6a97a469bf62442fd17"),
        ("0022_mentions", "752759e6e169415bf3775c50e00c0db8ef3fb9e2e5c716095327456e32e95f79"),
        ("0023_removals", "c39bea6d794143bd37df288ce4e80782abd143a1f0e3fe94ca53dd6334d16738"),
        ("0024_shows_presence", "a60ac4b8e9d90d626e850f9b6efeb4c9fbdf335e7c183946c3d8af8643293ab0"),
        ("0025_names_at_once", "73abfb45b62955b31a9e98cbab975f952d16d456077c6ee1280faa5f9baa36d2"),
        ("0026_bus", "489d4229dde43eaf15f2a49e315d112573e2b809005166b7be2484bb9a30e975"),
    ];
    let mut found: Vec<(String, String)> = files("sql/migrations", ".sql")
        .iter()
        .map(|(name, text)| {
            let name = name.trim_start_matches("sql/migrations/").trim_end_matches(".sql");
            let hash = Sha256::digest(text.as_bytes());
            (name.to_owned(), hash.iter().map(|byte| format!("{byte:02x}")).collect())
        })
        .collect();
    found.sort();
    let landed = LANDED.map(|(name, hash)| (name.to_owned(), hash.to_owned()));
    assert_eq!(found, landed);
}
