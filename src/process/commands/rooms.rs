//! `snug room …` and `snug stats`: what is there, and giving rooms to others.

use super::accounts::named;
use super::with_rules;
use crate::chat::Rules;
use crate::limits::PAGE_ROWS_MAX;
use crate::model::error::{Fatal, Result};
use crate::model::ids::ChatId;
use crate::model::text;
use crate::process::cli::RoomCommand;
use crate::process::config::Config;
use crate::store::{RoomRow, Stats};
use std::fmt::Write;
use std::sync::Arc;

/// Does it; returns what to print.
pub async fn room(config: &Config, command: RoomCommand) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| match command {
        RoomCommand::List => list(rules).await,
        RoomCommand::Transfer { room, to } => {
            let user = named(rules, &to).await?;
            rules.transfer_room(room, user.user_id).await?;
            Ok(format!("room {room} is {}'s from now on\n", user.username))
        }
        RoomCommand::Delete { room } => {
            rules.delete_room(room).await?;
            Ok(format!("room {room} is gone\n"))
        }
    })
    .await
}

/// One line per room: id, name, creator, members, messages, since when.
async fn list(rules: &Arc<Rules>) -> Result<String> {
    let (mut list, mut after) = (String::new(), ChatId(0));
    loop {
        let rooms = rules.list_rooms(after, PAGE_ROWS_MAX).await?;
        let Some(last) = rooms.last() else { break };
        after = last.room_id;
        for RoomRow { room_id, name, creator_name, created_at, members, last_seq } in &rooms {
            let since = created_at.strftime("%Y-%m-%d");
            // Writing to a string cannot fail.
            let _ =
                writeln!(list, "{room_id}\t{name}\t{creator_name}\t{members}\t{last_seq}\t{since}");
        }
    }
    if list.is_empty() {
        list.push_str("there are no rooms yet\n");
    }
    Ok(list)
}

/// One line per kind of thing.
pub async fn stats(config: &Config) -> Result<String, Fatal> {
    with_rules(config, None, async |rules| {
        let Stats { active, disabled, pending, sessions, rooms, private_chats, messages, bytes } =
            rules.stats().await?;
        let lines = [
            ("accounts", active),
            ("disabled", disabled),
            ("waiting", pending),
            ("sessions", sessions),
            ("rooms", rooms),
            ("private chats", private_chats),
            ("messages", messages),
        ];
        let mut said: String = lines
            .iter()
            .map(|(what, count)| format!("{what:14}{}\n", text::grouped(count)))
            .collect();
        let _ = writeln!(said, "{:14}{} MiB", "database", text::grouped(bytes >> 20));
        Ok(said)
    })
    .await
}
