//! `/search`: finding messages.

use crate::chat::{FoundAt, FoundMessage, Search};
use crate::http::Call;
use crate::http::body::Query;
use crate::http::respond::{self, Answer};
use crate::limits::{SEARCH_ROWS_DEFAULT, SEARCH_ROWS_MAX};
use crate::model::error::{Error, Fault, Result};
use crate::model::ids::{ChatId, ID_MAX, MessageId, UserId};
use crate::model::message::ChatType;
use crate::model::wire::{MEMBERS_BYTES, MessageJson};
use crate::model::words::Sought;
use hyper::StatusCode;
use jiff::Timestamp;

#[derive(serde::Serialize)]
struct ResultsJson {
    results: Vec<ResultJson>,
    next: Option<String>,
    complete: bool,
}

#[derive(serde::Serialize)]
struct ResultJson {
    chat: FoundChatJson,
    message: MessageJson,
}

#[derive(serde::Serialize)]
struct FoundChatJson {
    chat_id: ChatId,
    chat_type: ChatType,
    name: String,
}

pub async fn search(call: &Call) -> Result<Answer> {
    let search = parsed(&call.query)?;
    let results = call.app.rules.search(&*call.viewer()?, search).await?;
    let bytes = |found: &FoundMessage| found.message.content.len() + 2 * MEMBERS_BYTES;
    let bytes = results.found.iter().map(bytes).sum::<usize>() + MEMBERS_BYTES;
    let json = ResultsJson {
        results: results.found.into_iter().map(result).collect(),
        next: results.next.map(page_name),
        complete: results.is_complete,
    };
    Ok(respond::json_of(StatusCode::OK, &json, bytes))
}

fn result(found: FoundMessage) -> ResultJson {
    let FoundMessage { chat_name, message } = found;
    let chat = FoundChatJson {
        chat_id: message.chat_id,
        chat_type: message.chat_type,
        name: chat_name.to_string(),
    };
    ResultJson { chat, message: MessageJson(message) }
}

fn parsed(query: &Query) -> Result<Search> {
    let wanted = Sought::parse(query.get("q").unwrap_or_default());
    Ok(Search {
        wanted: wanted.map_err(|rule| Error::invalid(vec![Fault::new("q", rule)]))?,
        chat_id: query.integer("chat_id", 1..=ID_MAX)?.map(ChatId),
        author: query.integer("from", 1..=ID_MAX)?.map(UserId),
        after: time(query, "after")?,
        before: time(query, "before")?,
        page: page(query)?,
        limit: query.integer("limit", 1..=SEARCH_ROWS_MAX)?.unwrap_or(SEARCH_ROWS_DEFAULT) as usize,
    })
}

fn time(query: &Query, name: &'static str) -> Result<Option<Timestamp>> {
    let rule = "This must be a time like 2024-09-19T10:00:00Z.";
    let parsed = query.get(name).map(str::parse::<Timestamp>).transpose();
    parsed.map_err(|_malformed| Error::invalid(vec![Fault::new(name, rule)]))
}

/// How pages are named: by the place of the last message before them, in microseconds, and its id.
pub fn page_name(at: FoundAt) -> String {
    format!("{}-{}", at.timestamp.as_microsecond(), at.id)
}

pub fn page(query: &Query) -> Result<Option<FoundAt>> {
    let Some(name) = query.get("page") else { return Ok(None) };
    let parsed = || {
        let (time, id) = name.split_once('-')?;
        let timestamp = Timestamp::from_microsecond(time.parse().ok()?).ok()?;
        let at = FoundAt { timestamp, id: MessageId::parse(id)? };
        (page_name(at) == name).then_some(at)
    };
    let unknown = || Error::invalid(vec![Fault::new("page", "This is not the next of an answer.")]);
    parsed().map(Some).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Option<Search> {
        parsed(&Query::of(Some(query))).ok()
    }

    #[test]
    fn a_search_is_read_from_its_query() {
        let query = "q=tea&chat_id=7&from=3&after=2024-09-19T10:00:00Z&before=2024-09-20T00:00:00%2B02:00&limit=50";
        let search = of(query).expect("a search");
        assert_eq!((search.chat_id, search.author), (Some(ChatId(7)), Some(UserId(3))));
        assert_eq!(search.after.map(|time| time.as_second()), Some(1_726_740_000));
        assert_eq!(search.before.map(|time| time.as_second()), Some(1_726_783_200));
        assert_eq!(search.limit, 50);
        assert_eq!(of("q=tea").expect("a search").limit, SEARCH_ROWS_DEFAULT as usize);
        let long = format!("q=tea&limit={}", SEARCH_ROWS_MAX + 1);
        for bad in [
            "",
            "q=",
            "q=a",
            "q=tea&chat_id=x",
            "q=tea&chat_id=0",
            "q=tea&from=",
            "q=tea&limit=0",
            &long,
            "q=tea&after=yesterday",
            "q=tea&before=2024-09-19",
            "q=tea&before=",
            "q=tea&page=",
            "q=tea&page=1",
            "q=tea&page=1-0",
            "q=tea&page=-1-7",
            "q=tea&page=01-7",
            "q=tea&page=9223372036854775807-7",
        ] {
            assert!(of(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_name_of_a_page_says_where_it_begins() {
        let search = of("q=tea&page=1726740000000001-812").expect("a search");
        let page = search.page.expect("a page");
        assert_eq!((page.timestamp.as_microsecond(), page.id.0), (1_726_740_000_000_001, 812));
        assert_eq!(page_name(page), "1726740000000001-812");
    }
}
