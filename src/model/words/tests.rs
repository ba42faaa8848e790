//! Words, what is found by them, and that nothing takes long.

use super::*;
use crate::limits::{CONTENT_CHARS_MAX, MESSAGE_SEARCH_CHARS_MAX};
use std::time::Instant;

fn texts(text: &str) -> Vec<String> {
    words(text).into_iter().map(|word| word.text).collect()
}

fn has(text: &str, wanted: &str) -> bool {
    Sought::parse(wanted).expect("something to look for").find(text).is_some()
}

/// The parts of the text that are marked.
fn marked(text: &str, wanted: &str) -> Vec<String> {
    let found = Sought::parse(wanted).expect("something to look for").find(text);
    found.unwrap_or_default().into_iter().map(|place| text[place].to_owned()).collect()
}

/// What the index has of a text, as sets of what stands between quotes.
fn lexemes(entry: &str) -> Vec<&str> {
    entry.split('\'').skip(1).step_by(2).collect()
}

/// Whether the index would answer a text, as PostgreSQL decides it.
fn is_candidate(text: &str, wanted: &Sought) -> bool {
    let entry = index_entry(text, UserId(7));
    let have = lexemes(&entry);
    wanted.index_query(None).split(" & ").all(|lexeme| match lexeme.strip_suffix(":*") {
        Some(beginning) => have.iter().any(|word| word.starts_with(beginning.trim_matches('\''))),
        None => have.contains(&lexeme.trim_matches('\'')),
    })
}

#[test]
fn words_are_runs_of_letters_and_digits() {
    assert_eq!(
        texts("Don't panic_now: 3.14 is π!"),
        ["don", "t", "panic", "now", "3", "14", "is", "π"]
    );
    assert_eq!(texts("x²+½ №5 👍 1️⃣ ②"), ["x2", "1", "2", "5", "1", "2"]);
    assert_eq!(
        texts("http://snug.example/a?b=c#d"),
        ["http", "snug", "example", "a", "b", "c", "d"]
    );
    assert!(texts(" \u{301}\u{301} -- \u{200b}\0 ☕").is_empty());
    // What cannot be seen neither divides a word nor counts.
    assert_eq!(texts("so\u{AD}ft می\u{200C}خواهم a\u{200B}b"), ["soft", "میخواهم", "a", "b"]);
}

#[test]
fn case_width_and_accents_do_not_count() {
    for (one, other) in [
        ("STRASSE", "straße"),
        ("ẞ", "ss"),
        ("Ångström", "angstrom"),
        ("e\u{301}te\u{301}", "été"),
        ("ΌΣΟΣ", "όσος"),
        ("Ёлка", "елка"),
        ("Ｆｕｌｌ１", "full1"),
        ("ﬁne", "fine"),
        ("İstanbul", "istanbul"),
        ("DIYARBAKIR", "dıyarbakır"),
        ("Łódź", "lodz"),
        ("Søren", "soren"),
        ("שָׁלוֹם", "שלום"),
        ("مُحَمَّد", "محمد"),
        ("أحمد", "احمد"),
        ("محـــمد", "محمد"),
        ("ﻣﺤﻤﺪ", "محمد"),
        ("ｶﾞｷﾞ", "ガギ"),
        ("か\u{3099}", "が"),
        ("\u{1112}\u{1161}\u{11AB}", "한"),
        ("ﾡￂ", "가"),
    ] {
        assert_eq!(texts(one), texts(other), "{one} {other}");
        assert!(has(one, other) || texts(other)[0].chars().count() == 1, "{one} {other}");
    }
}

#[test]
fn marks_that_are_vowels_or_tones_count() {
    for (one, other) in [("की", "का"), ("हिन्दी", "हनद"), ("ไม่", "ไม้"), ("か", "が"), ("가", "각")]
    {
        assert_ne!(texts(one), texts(other), "{one} {other}");
    }
    // However they were typed.
    assert_eq!(texts("ก\u{E48}\u{E38}"), texts("ก\u{E38}\u{E48}"));
    assert_eq!(texts("क\u{93C}"), texts("\u{958}"));
}

#[test]
fn each_word_must_be_there_and_the_last_one_may_be_a_beginning() {
    let text = "The quick brown fox, e.g. Fuchs, jumps over 13 lazy dogs";
    for wanted in
        ["fox", "FOX quick", "fox jum", "13", "lazy dogs", "brown \"quick\" do dogs", "dog"]
    {
        assert_eq!(has(text, wanted), !wanted.contains(" do "), "{wanted}");
    }
    for wanted in ["fo", "jum fox", "ox", "ju", "cat", "fox cat", "1", "dog jum", "jum \"fox\""] {
        assert!(!has(text, wanted), "{wanted}");
    }
    // Single letters among others are passed over, digits are not.
    assert!(has(text, "x fox y"));
    assert!(!has(text, "x fox 7"));
    // The last one is the single letter.
    assert!(!has(text, "jum x"));
    assert_eq!(marked(text, "jum the"), ["The"; 0]);
    assert_eq!(marked(text, "the jum"), ["The", "jum"]);
}

#[test]
fn words_in_quotes_are_whole_adjacent_and_in_order() {
    let text = "Plan B: the old mill, by the river";
    for wanted in
        ["\"the old mill\"", "\"plan b\"", "“OLD, MILL”", "\"old mill\" river", "\"mill by\" riv"]
    {
        assert!(has(text, wanted), "{wanted}");
    }
    for wanted in
        ["\"old the\"", "\"the mill\"", "\"old mil\"", "\"mil\"", "\"the river\" \"a plan\""]
    {
        assert!(!has(text, wanted), "{wanted}");
    }
    // An open quote is none.
    for wanted in ["\"river old", "old \"river by", "\"old mill\" \"river the", "riv\"", "\"riv"] {
        assert!(has(text, wanted), "{wanted}");
    }
    assert_eq!(marked(text, "\"old mill\" the"), ["the", "old mill", "the"]);
}

#[test]
fn scripts_without_spaces_are_found_by_any_part() {
    for (text, wanted) in [
        ("我住在北京市中心", "北京"),
        ("我住在北京市中心", "心"),
        ("我住在北京市中心", "京市中"),
        ("東京タワーへ行く", "タワ"),
        ("東京タワーへ行く", "ワー"),
        ("東京ﾀﾜｰ", "タワー"),
        ("안녕하세요 여러분", "하세"),
        ("สวัสดีครับ", "ดีค"),
        ("สวัสดีครับ", "\u{E31}"),
        ("買了iPhone手機", "iphone"),
        ("買了iPhone手機", "手機 了"),
        ("2026年11月", "11月"),
        ("「東京」、京都", "\"東京 京都\""),
        ("私は東京、京都へ行く", "\"東京 京都\""),
    ] {
        assert!(has(text, wanted), "{text} {wanted}");
        assert!(is_candidate(text, &Sought::parse(wanted).expect("wanted")), "{text} {wanted}");
    }
    for (text, wanted) in [
        ("我住在北京市中心", "京北"),
        ("我住在北京市中心", "北市"),
        ("北京、京都", "北京都"),
        ("東京の京都", "\"東京 京都\""),
        ("안녕 하세요", "안녕하세요"),
    ] {
        assert!(!has(text, wanted), "{text} {wanted}");
    }
    // The pairs are there, but not one after the other.
    assert!(is_candidate("京市京北、市京市", &Sought::parse("市京北").expect("wanted")));
    assert!(is_candidate("京市中、北京", &Sought::parse("北京市").expect("wanted")));
    assert!(!has("京市中、北京", "北京市"));
    assert_eq!(marked("東京、東京", "京"), ["京", "京"]);
    assert_eq!(marked("ｶﾞｷﾞ", "ギ"), ["ｷﾞ"]);
}

#[test]
fn what_is_marked_is_what_was_written() {
    assert_eq!(marked("Die Stra\u{DF}e, STRASSE", "strasse"), ["Straße", "STRASSE"]);
    assert_eq!(marked("e\u{301}te\u{301}s!", "ete"), ["e\u{301}te\u{301}"]);
    assert_eq!(marked("fox foxes", "fox"), ["fox", "fox"]);
    assert_eq!(marked("aa bb cc", "\"aa bb\" \"bb cc\""), ["aa bb cc"]);
}

#[test]
fn what_says_nothing_is_refused() {
    let long = "a".repeat(MESSAGE_SEARCH_CHARS_MAX + 1);
    let marks = "\u{301}".repeat(MESSAGE_SEARCH_CHARS_MAX);
    for typed in [
        "", " ", "a", "a b", "\"a b\"", "%", "_", "\\", "\"", "\"\"", "👍", "\u{93F}", &marks,
        &long,
    ] {
        assert!(Sought::parse(typed).is_err(), "{typed}");
    }
    for typed in ["7", "ab", "a ab", "%ab_", "京", "\u{E31}", &long[1..], "\0ab"] {
        assert!(Sought::parse(typed).is_ok(), "{typed}");
    }
}

#[test]
fn the_index_is_asked_for_what_it_has() {
    assert_eq!(
        index_entry("Tea, a tea 7 東京都", UserId(7)),
        "'@7' 'tea' 'tea' '7' '東京' '京都' '都'"
    );
    let asked = |typed: &str, author| Sought::parse(typed).expect("wanted").index_query(author);
    assert_eq!(asked("tea ca", None), "'ca' & 'tea'");
    assert_eq!(asked("tea cak", Some(UserId(7))), "'@7' & 'cak':* & 'tea'");
    assert_eq!(asked("東京都 京", None), "'京':* & '京都' & '東京'");
    assert_eq!(asked("\"plan b\"", None), "'plan'");
    // Nobody can ask for another author's sign, nor leave the quotes.
    assert_eq!(asked("@7 it's", None), "'7' & 'it'");
    let long = "x".repeat(WORD_CHARS_INDEXED + 9);
    assert_eq!(asked(&long, None), format!("'{}':*", &long[9..]));
    assert_eq!(lexemes(&index_entry(&long, UserId(7))), ["@7", &long[9..]]);
}

/// Numbers that come again from the same seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    /// Characters of all kinds that meet in texts, and sometimes any other.
    fn text(&mut self, chars: usize) -> String {
        const SOME: &[char] = &[
            'a', 'B', 'e', 'ß', 'é', '\u{301}', 'ς', '7', ' ', ' ', '"', '\'', '-', '京', '都',
            'か', '\u{3099}', 'ｶ', 'ﾞ', '한', '\u{1112}', '\u{1161}', 'ก', '\u{E38}', '\u{E48}',
            'क', '\u{93C}', '\u{94D}', 'ﷺ', '½', '\u{200D}', '\u{FE0F}', '👍', 'א', '\u{5B8}', 'م',
            '\u{64E}', '\u{640}', 'İ', 'ø', '①',
        ];
        (0..chars)
            .map(|_| match self.roll(20) {
                0 => char::from_u32(self.roll(0x11_0000) as u32).unwrap_or(' '),
                _ => SOME[self.roll(SOME.len())],
            })
            .collect()
    }
}

#[test]
fn whatever_is_written_can_be_found_by_its_words_and_marked() {
    for seed in 0..4_000 {
        let dice = &mut Dice(seed);
        let text = dice.text(1 + seed as usize % 60);
        let words = words(&text);
        for word in &words {
            let place = word.place();
            assert!(
                text.is_char_boundary(place.start) && text.is_char_boundary(place.end),
                "{seed}"
            );
            assert_eq!(word.text.chars().count(), word.places.len(), "{seed}");
            // Folding what is folded changes nothing.
            assert_eq!(texts(&word.text), [word.text.as_str()], "{seed}: {text:?}");
        }
        for _ in 0..5 {
            let Some(word) = words.get(dice.roll(words.len().max(1))) else { break };
            let chars: Vec<char> = word.text.chars().collect();
            let part: String = match word.kind {
                WordKind::Whole => word.text.clone(),
                WordKind::Run => chars[dice.roll(chars.len())..].iter().collect(),
            };
            if part.chars().count() > MESSAGE_SEARCH_CHARS_MAX || texts(&part) != [part.as_str()] {
                continue;
            }
            let Ok(wanted) = Sought::parse(&part) else {
                assert!(word.is_single_letter(), "{seed}: {part:?}");
                continue;
            };
            assert!(is_candidate(&text, &wanted), "{seed}: {part:?} in {text:?}");
            let found =
                wanted.find(&text).unwrap_or_else(|| panic!("{seed}: {part:?} in {text:?}"));
            assert!(found.is_sorted_by(|a, b| a.end <= b.start), "{seed}: {found:?}");
            for place in found {
                assert!(
                    text.get(place.clone()).is_some_and(|part| !part.is_empty()),
                    "{seed}: {place:?}"
                );
            }
        }
    }
}

/// What the index leaves out is never what somebody looks for.
#[test]
fn whatever_is_found_the_index_would_answer() {
    let mut found = 0;
    for seed in 0..20_000 {
        let dice = &mut Dice(seed);
        let (text, typed) = (dice.text(40), dice.text(1 + seed as usize % 4));
        let Ok(wanted) = Sought::parse(&typed) else { continue };
        if wanted.find(&text).is_some() {
            found += 1;
            assert!(is_candidate(&text, &wanted), "{seed}: {typed:?} in {text:?}");
        }
    }
    assert!(found > 500, "{found}");
}

/// Of twice the text, twice the time, however it is made: nothing that anybody can write takes long.
#[test]
fn no_text_takes_long() {
    let half = CONTENT_CHARS_MAX / 2;
    let texts = [
        format!("e{}", "\u{301}".repeat(CONTENT_CHARS_MAX)),
        format!("क{}", "\u{93C}\u{94D}".repeat(half)),
        format!("ก{}", "\u{E48}\u{E38}".repeat(half)),
        "\u{FDFA}".repeat(CONTENT_CHARS_MAX),
        "京".repeat(CONTENT_CHARS_MAX),
        "か\u{3099}".repeat(half),
        "aa ".repeat(half),
    ];
    let queries = [
        "京".repeat(100),
        "aa ".repeat(33),
        format!("\"{}\"", "aa ".repeat(32)),
        "\u{FDFA}".repeat(100),
    ];
    for text in &texts {
        let began = Instant::now();
        let entry = index_entry(text, UserId(7));
        assert!(entry.len() < 40 * 4 * CONTENT_CHARS_MAX, "{}", entry.len());
        for typed in &queries {
            Sought::parse(typed).expect("wanted").find(text);
        }
        let took = began.elapsed();
        assert!(took.as_secs() < 5, "{took:?}: {}", text.chars().take(3).collect::<String>());
    }
}
