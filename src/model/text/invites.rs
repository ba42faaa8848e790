//! Invite links: how they are written, and how they are found in what somebody pasted.

use crate::model::ids::ChatId;

/// The code of an invite link to this room.
pub fn invite_code(pasted: &str, room_id: ChatId) -> Option<String> {
    invites(pasted).into_iter().find(|(room, _)| *room == room_id).map(|(_, code)| code)
}

/// The path of an invite link with this code, or with whatever was typed as one.
pub fn invite_path(room_id: ChatId, code: &str) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("code", code).finish();
    format!("/chats/room/{room_id}/invite?{query}")
}

/// The room and the code of the first invite link in what was pasted.
pub fn invite(pasted: &str) -> Option<(ChatId, String)> {
    invites(pasted).into_iter().next()
}

/// What may be a code at the beginning of what a link has as one: a mail program takes the full stop behind a
/// link for a part of it.
pub fn beginning_code(text: &str) -> &str {
    let is_code = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.split(|c| !is_code(c)).next().unwrap_or_default().trim_end_matches(CLOSING)
}

/// What follows a code and is not part of it: a code ends with a letter (128 bits leave four zeros at its
/// end), unlike a sentence or emphasis.
const CLOSING: [char; 5] = ['-', '.', '_', '~', '*'];

/// The invite links in what was pasted, whatever stands around them. The scheme and the host are ignored,
/// because nothing is ever fetched from there. An address that leads to one, such as the login's, contains it
/// encoded.
fn invites(pasted: &str) -> Vec<(ChatId, String)> {
    let mut found: Vec<_> = links(pasted).collect();
    for (_, value) in form_urlencoded::parse(pasted.as_bytes()) {
        found.extend(links(&value));
    }
    found
}

fn links(pasted: &str) -> impl Iterator<Item = (ChatId, String)> {
    pasted.split("/chats/room/").skip(1).filter_map(|rest| {
        let (room, rest) = rest.split_once("/invite?")?;
        let room_id = ChatId::parse(room)?;
        let in_query = |c: char| c.is_ascii_alphanumeric() || "-._~*%+&=".contains(c);
        let query = rest.split(|c| !in_query(c)).next()?;
        let query = query.trim_end_matches(CLOSING);
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == "code").map(|(_, code)| (room_id, code.into_owned()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invite_link_is_found_in_what_was_pasted() {
        let code = |link| invite_code(link, ChatId(9));
        for link in [
            "https://chat.example/chats/room/9/invite?code=abc",
            " /chats/room/9/invite?code=abc ",
            "http://[::1]:8000/chats/room/9/invite?x=1&code=abc#top",
            "chat.example/chats/room/9/invite?code=abc",
            "Come in: https://chat.example/chats/room/9/invite?code=abc. See you there!",
            "<https://chat.example/chats/room/9/invite?code=abc>",
            "[the garden](https://chat.example/chats/room/9/invite?code=abc)",
            "**https://chat.example/chats/room/9/invite?code=abc**",
            "_chat.example/chats/room/9/invite?code=abc_",
            "\"https://chat.example/chats/room/9/invite?code=abc\",",
            "https://chat.example/chats/room/9/invite?code=abc\nsent from my phone",
            "https://chat.example/chats/room/9/invite?code=abc\u{200b}",
            "链接：https://chat.example/chats/room/9/invite?code=abc。",
            "not /chats/room/8/invite?code=x but /chats/room/9/invite?code=abc",
            "https://chat.example/login?next=%2Fchats%2Froom%2F9%2Finvite%3Fcode%3Dabc",
            "Here: https://chat.example/signup?a=b&next=/chats/room/9/invite%3Fcode%3Dabc.",
            "https://mail.example/?url=https%3a%2f%2fchat.example%2fchats%2froom%2f9%2finvite%3fcode%3dabc&data=x",
        ] {
            assert_eq!(code(link).as_deref(), Some("abc"), "{link}");
        }
        let written = invite_path(ChatId(9), "a&b");
        assert_eq!(code(&written).as_deref(), Some("a&b"));
        for link in [
            "",
            "abc",
            "https://chat.example",
            "/chats/room/8/invite?code=abc",
            "/chats/room/9/invite",
            "/chats/room/9/invite?x=abc",
            "/chats/room/09/invite?code=abc",
        ] {
            assert_eq!(code(link), None, "{link}");
        }
    }
}
