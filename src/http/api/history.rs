//! `/chats/…/history`: pages of a chat's history.

use crate::chat::{PageQuery, PageStart};
use crate::http::Call;
use crate::http::body::{Fields, Query};
use crate::http::respond::{self, Answer};
use crate::limits::{PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX};
use crate::model::error::{Error, Fault, Result};
use crate::model::ids::{Change, ChatId, ID_MAX, Seq};
use crate::model::message::ChatType;
use crate::model::wire::{MEMBERS_BYTES, MessageJson};
use hyper::StatusCode;

pub async fn general(call: &Call) -> Result<Answer> {
    let chat_id = call.app.rules.general_chat().await?;
    history(call, chat_id, ChatType::General).await
}

pub async fn private(call: &Call, chat_id: ChatId) -> Result<Answer> {
    history(call, chat_id, ChatType::Private).await
}

pub async fn room(call: &Call, room_id: ChatId) -> Result<Answer> {
    history(call, room_id, ChatType::Room).await
}

#[derive(serde::Serialize)]
struct HistoryJson<'a> {
    messages: Vec<MessageJson>,
    last_seq: Seq,
    last_change: Change,
    has_more: bool,
    /// Only of a page around a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    has_newer: Option<bool>,
    epoch: &'a str,
}

async fn history(call: &Call, chat_id: ChatId, chat_type: ChatType) -> Result<Answer> {
    let query = page_query(&call.query, &call.body)?;
    let history = call.app.rules.history(&*call.viewer()?, chat_id, chat_type, query).await?;
    let page = history.page;
    let contents: usize = page.messages.iter().map(|message| message.content.len()).sum();
    let bytes = contents + (page.messages.len() + 1) * MEMBERS_BYTES;
    let json = HistoryJson {
        messages: page.messages.into_iter().map(MessageJson).collect(),
        last_seq: page.last.seq,
        last_change: page.last.change,
        has_more: page.has_more,
        has_newer: matches!(query.from, PageStart::Around(_)).then_some(page.has_newer),
        epoch: &history.epoch,
    };
    Ok(respond::json_of(StatusCode::OK, &json, bytes))
}

/// The query decides; if it has no limit, the body's limit and offset count. An offset in the body
/// together with `before`, `after` or `around` in the query is one position too many.
fn page_query(query: &Query, body: &[u8]) -> Result<PageQuery> {
    let mut limit = query.integer("limit", 1..=PAGE_ROWS_MAX)?;
    let mut offset = query.integer("offset", 0..=ID_MAX)?;
    let before = query.integer("before", 0..=ID_MAX)?;
    let after = query.integer("after", 0..=ID_MAX)?;
    let around = query.integer("around", 0..=ID_MAX)?;
    let counts = limit.is_none() || before.is_some() || after.is_some() || around.is_some();
    if !body.is_empty() && counts {
        let mut fields = Fields::of_json(body)?;
        limit = limit.or(fields.optional_integer("limit", 1..=PAGE_ROWS_MAX));
        offset = offset.or(fields.optional_integer("offset", 0..=ID_MAX));
        fields.finish()?;
    }
    let limit = limit.unwrap_or(PAGE_ROWS_DEFAULT);
    let from = match (offset, before, after, around) {
        (offset, None, None, None) => PageStart::Offset(offset.unwrap_or(0)),
        (None, Some(before), None, None) => PageStart::Before(Seq(before)),
        (None, None, Some(after), None) => PageStart::After(Seq(after)),
        (None, None, None, Some(around)) => PageStart::Around(Seq(around)),
        _ => {
            let rule = "Use one of offset, before, after and around.";
            return Err(Error::invalid(vec![Fault::new("offset", rule)]));
        }
    };
    Ok(PageQuery { limit, from })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str, body: &str) -> Option<PageQuery> {
        page_query(&Query::of(Some(query)), body.as_bytes()).ok()
    }

    #[test]
    fn a_page_has_only_one_position() {
        let page = |limit, from| Some(PageQuery { limit, from });
        assert_eq!(of("", ""), page(PAGE_ROWS_DEFAULT, PageStart::Offset(0)));
        assert_eq!(of("limit=2&offset=3", ""), page(2, PageStart::Offset(3)));
        assert_eq!(of("before=7", ""), page(PAGE_ROWS_DEFAULT, PageStart::Before(Seq(7))));
        assert_eq!(of("after=0", ""), page(PAGE_ROWS_DEFAULT, PageStart::After(Seq(0))));
        assert_eq!(of("around=7", ""), page(PAGE_ROWS_DEFAULT, PageStart::Around(Seq(7))));
        let long = format!("limit={}", PAGE_ROWS_MAX + 1);
        for bad in [
            "before=7&after=3",
            "offset=0&before=7",
            "around=7&before=7",
            "around=7&after=7",
            "around=7&offset=0",
            "around=x",
            "limit=0",
            &long,
            "offset=-1",
        ] {
            assert_eq!(of(bad, ""), None, "{bad}");
        }
    }

    #[test]
    fn the_body_counts_if_the_query_says_nothing() {
        let page = |limit, from| Some(PageQuery { limit, from });
        assert_eq!(of("", r#"{"limit":5,"offset":1}"#), page(5, PageStart::Offset(1)));
        assert_eq!(of("limit=2", r#"{"limit":5}"#), page(2, PageStart::Offset(0)));
        assert_eq!(of("limit=2", r#"{"offset":5}"#), page(2, PageStart::Offset(0)));
        assert_eq!(of("offset=2", r#"{"limit":5}"#), page(5, PageStart::Offset(2)));
        assert_eq!(of("before=7", r#"{"limit":5}"#), page(5, PageStart::Before(Seq(7))));
        assert_eq!(of("after=7&limit=3", r#"{"limit":5}"#), page(3, PageStart::After(Seq(7))));
        assert_eq!(of("", r#"{"limit":0}"#), None);
        assert_eq!(of("before=7", r#"{"offset":0}"#), None);
        assert_eq!(of("around=7&limit=3", r#"{"offset":0}"#), None);
        assert_eq!(of("after=7&limit=3", r#"{"offset":1}"#), None);
    }
}
