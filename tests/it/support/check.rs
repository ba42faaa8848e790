//! The checker of the main promise: stored, exactly once, in one order. Its tests show that it can fail.

use std::collections::{BTreeMap, HashMap};

/// The messages of a chat in the end, by `seq`.
pub type History = BTreeMap<i64, Said>;

/// A message in the form in which its sender would recognise it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub id: i64,
    pub client_id: String,
}

/// A promise to a sender: this draft is stored under this number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acked {
    pub seq: i64,
    pub said: Said,
}

/// Why the promise is broken, if it is.
pub type Checked = Result<(), String>;

/// Numbers 1, 2, 3 … without a gap up to `last_seq`, no draft twice, no id twice.
pub fn history(history: &History, last_seq: i64) -> Checked {
    let numbers: Vec<i64> = history.keys().copied().collect();
    if numbers != (1..=last_seq).collect::<Vec<_>>() {
        return Err(format!("numbers up to {last_seq} have a gap: {numbers:?}"));
    }
    let (mut names, mut ids) = (HashMap::new(), HashMap::new());
    for (seq, said) in history {
        if let Some(other) = names.insert(&said.client_id, seq) {
            return Err(format!("{} is stored as {other} and {seq}", said.client_id));
        }
        if let Some(other) = ids.insert(said.id, seq) {
            return Err(format!("id {} belongs to both {other} and {seq}", said.id));
        }
    }
    Ok(())
}

/// Every acknowledged draft is stored, as it was acknowledged.
pub fn acknowledged(history: &History, acked: &[Acked]) -> Checked {
    for Acked { seq, said } in acked {
        if history.get(seq) != Some(said) {
            return Err(format!("{said:?} was acknowledged as {seq}: {:?}", history.get(seq)));
        }
    }
    Ok(())
}

/// What a reader saw: each number from the first to the end exactly once, in order, and as stored.
pub fn seen(history: &History, seen: &[Acked], from: i64) -> Checked {
    let numbers: Vec<i64> = seen.iter().map(|message| message.seq).collect();
    let expected: Vec<i64> = history.keys().copied().filter(|seq| *seq >= from).collect();
    if numbers != expected {
        let at = numbers.iter().zip(&expected).position(|(a, b)| a != b);
        let at = at.unwrap_or(numbers.len().min(expected.len()));
        let (got, wanted) = (numbers.get(at), expected.get(at));
        return Err(format!("a reader saw {got:?} where {wanted:?} belongs"));
    }
    acknowledged(history, seen)
}

fn said(seq: i64) -> Said {
    Said { id: 100 + seq, client_id: format!("d{seq}") }
}

fn right() -> (History, Vec<Acked>) {
    let numbers = 1..=5;
    let history = numbers.clone().map(|seq| (seq, said(seq))).collect();
    (history, numbers.map(|seq| Acked { seq, said: said(seq) }).collect())
}

#[test]
fn the_checker_accepts_what_is_right() {
    let (stored, all) = right();
    history(&stored, 5).unwrap();
    acknowledged(&stored, &all[1..3]).unwrap();
    seen(&stored, &all, 1).unwrap();
    seen(&stored, &all[2..], 3).unwrap();
    history(&History::new(), 0).unwrap();
}

#[test]
fn the_checker_finds_a_gap() {
    let (mut stored, all) = right();
    seen(&stored, &[&all[..2], &all[3..]].concat(), 1).unwrap_err();
    seen(&stored, &all[..4], 1).unwrap_err();
    seen(&stored, &all[1..], 1).unwrap_err();
    history(&stored, 6).unwrap_err();
    stored.remove(&3);
    history(&stored, 5).unwrap_err();
    acknowledged(&stored, &all).unwrap_err();
}

#[test]
fn the_checker_finds_a_duplicate() {
    let (mut stored, all) = right();
    seen(&stored, &[&all[..3], &all[2..]].concat(), 1).unwrap_err();
    stored.insert(6, Said { id: 106, client_id: "d2".into() });
    history(&stored, 6).unwrap_err();
    stored.insert(6, Said { id: 102, client_id: "d6".into() });
    history(&stored, 6).unwrap_err();
}

#[test]
fn the_checker_finds_a_swap() {
    let (mut stored, mut all) = right();
    all.swap(1, 2);
    seen(&stored, &all, 1).unwrap_err();
    all.swap(1, 2);
    stored.insert(2, said(3));
    stored.insert(3, said(2));
    acknowledged(&stored, &all).unwrap_err();
    seen(&stored, &all, 1).unwrap_err();
}

#[test]
fn the_checker_finds_an_acknowledged_message_that_is_not_stored() {
    let (stored, _) = right();
    let early = Acked { seq: 6, said: said(6) };
    acknowledged(&stored, std::slice::from_ref(&early)).unwrap_err();
    acknowledged(&stored, &[Acked { seq: 5, ..early }]).unwrap_err();
}
