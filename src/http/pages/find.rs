//! The page on which messages are looked for, with or without scripts.

use super::refusal;
use crate::chat::{Results, Search};
use crate::http::Call;
use crate::http::api::search::{page as page_at, page_name};
use crate::http::respond::{self, Answer};
use crate::http::views::{self, FindForm, FoundMessageView, FoundView, Shell};
use crate::limits::SEARCH_ROWS_DEFAULT;
use crate::model::error::{Refusal, Result};
use crate::model::ids::{ChatId, UserId};
use crate::model::message::Viewer;
use crate::model::words::Sought;
use hyper::StatusCode;
use jiff::{SignedDuration, Timestamp};

pub async fn show(call: &Call) -> Result<Answer> {
    let viewer = call.viewer()?;
    let mut form = typed(call);
    let mut shell = call.shell(&viewer, "/find".into(), None).await?;
    let search = match call.query.get("q").is_some() {
        true => parsed(call, &mut form).await?,
        false => None,
    };
    let Some(search) = search else {
        let status = match call.query.get("q") {
            Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
            None => StatusCode::OK,
        };
        return page(call, status, shell, form, None);
    };
    let wanted = search.wanted.clone();
    match call.app.rules.search(&viewer, search).await {
        Ok(results) => {
            let found = view(&mut shell, &viewer, &form, results, &wanted);
            page(call, StatusCode::OK, shell, form, Some(found))
        }
        Err(error) => {
            let refusal: Refusal = refusal(error)?;
            form.faults.q = Some(refusal.detail.to_string());
            let mut answer = page(call, respond::status(refusal.because), shell, form, None)?;
            respond::put_hints(&refusal, answer.headers_mut());
            Ok(answer)
        }
    }
}

fn page(
    call: &Call,
    status: StatusCode,
    shell: Shell,
    form: FindForm,
    found: Option<FoundView>,
) -> Result<Answer> {
    let base = call.base(&*call.viewer()?)?;
    call.page(status, &views::FindPage { base, shell, form, found })
}

fn typed(call: &Call) -> FindForm {
    let text = |name| call.query.get(name).unwrap_or_default().trim().to_owned();
    FindForm {
        q: text("q"),
        within: ChatId::parse(&text("in")).map(|chat| chat.0),
        from: text("from"),
        since: text("since"),
        before: text("before"),
        ..FindForm::default()
    }
}

/// The search that was filled in; `None` if something is wrong with it, which the form then says.
async fn parsed(call: &Call, form: &mut FindForm) -> Result<Option<Search>> {
    let wanted = Sought::parse(&form.q).map_err(|fault| form.faults.q = Some(fault));
    let since = day(&form.since).map_err(|fault| form.faults.since = Some(fault.into()));
    let before = day(&form.before).map_err(|fault| form.faults.before = Some(fault.into()));
    let author = author(call, form).await?;
    let (Ok(wanted), Ok(since), Ok(before), Ok(author)) = (wanted, since, before, author) else {
        return Ok(None);
    };
    Ok(Some(Search {
        wanted,
        chat_id: form.within.map(ChatId),
        author,
        // That day counts.
        after: since.map(|day| day.saturating_sub(SignedDuration::from_micros(1)).unwrap_or(day)),
        before,
        page: page_at(&call.query)?,
        limit: SEARCH_ROWS_DEFAULT as usize,
    }))
}

async fn author(call: &Call, form: &mut FindForm) -> Result<Result<Option<UserId>, ()>> {
    if form.from.is_empty() {
        return Ok(Ok(None));
    }
    let user = call.app.rules.user_named(form.from.trim_start_matches('@')).await?;
    if user.is_none() {
        form.faults.from = Some("Nobody has that name.".into());
    }
    Ok(user.map(|user| Some(user.user_id)).ok_or(()))
}

/// The beginning of a day.
fn day(typed: &str) -> Result<Option<Timestamp>, &'static str> {
    if typed.is_empty() {
        return Ok(None);
    }
    let is_day = typed.len() == 10 && typed.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let parsed = is_day.then(|| format!("{typed}T00:00:00Z").parse::<Timestamp>().ok()).flatten();
    parsed.map(Some).ok_or("Write a day like 2024-09-19.")
}

fn view(
    shell: &mut Shell,
    viewer: &Viewer,
    form: &FindForm,
    results: Results,
    wanted: &Sought,
) -> FoundView {
    let next = results.next.map(|at| {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("q", &form.q);
        let within = form.within.map(|chat| chat.to_string()).unwrap_or_default();
        for (name, value) in [
            ("in", &within),
            ("from", &form.from),
            ("since", &form.since),
            ("before", &form.before),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.append_pair("page", &page_name(at));
        format!("/find?{}", query.finish())
    });
    let messages = results.found.iter().filter_map(|found| {
        let message = &found.message;
        // What is not in the list was left a moment ago.
        let chat = shell.line(message.chat_id)?.clone();
        let own = message.sender_id == viewer.user_id;
        Some(FoundMessageView::new(message, chat, own, wanted))
    });
    FoundView { messages: messages.collect(), next, is_complete: results.is_complete }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let seconds = |typed| day(typed).map(|day| day.map(Timestamp::as_second));
        assert_eq!(seconds(""), Ok(None));
        assert_eq!(seconds("2024-09-19"), Ok(Some(1_726_704_000)));
        for bad in
            ["19.9.2024", "2024-9-19", "2024-13-01", "2024-02-30", "+024-01-01", "yesterday!"]
        {
            assert!(day(bad).is_err(), "{bad}");
        }
    }
}
