//! Rooms: creating them, inviting by link, asking to join, the creator's answer, leaving.

use super::limiter::{Key, TOO_MANY_NEW_CHATS};
use super::{Rules, change_patiently};
use crate::limits::{ASKED_SHOWN, OPEN_REQUESTS_SHOWN, REQUESTS_PER_ROOM_MAX, ROOMS_PER_USER_MAX};
use crate::model::error::{Error, Result};
use crate::model::ids::{ActName, ChatId, UserId};
use crate::model::message::Viewer;
use crate::model::subnet::Subnet;
use crate::model::text::{self, RoomDescription, RoomName};
use crate::model::wire::{MembersEvent, ServerFrame, UserJson, text_frame};
use crate::os::random;
use crate::registry::UserEvent;
use crate::store::{
    AskedRoom, Decided, JoinRequest, Member, MemberState, OpenRequest, Requested, Room, RoomInvite,
};
use base64::Engine;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The result of asking to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    Pending,
    Member,
}

/// A page of a list, and the id after which the next page starts.
pub struct Listed<T> {
    pub rows: Vec<T>,
    pub next: Option<UserId>,
}

impl<T> Listed<T> {
    /// Made from up to one row more than the limit.
    pub(super) fn of(mut rows: Vec<T>, limit: i64, id: impl Fn(&T) -> UserId) -> Self {
        let has_more = rows.len() as i64 > limit;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| has_more).map(id);
        Self { rows, next }
    }
}

/// What no user has as their id.
const NOBODY: UserId = UserId(0);

const TOO_MANY_LINKS: &str = "You are changing invite links too often; wait a moment.";
const TOO_MANY_TRIES: &str = "Too many wrong invite links; wait a moment and try again.";

impl Rules {
    /// The new room, or the one that this form made before, and the path of its invite link.
    pub async fn create_room(
        self: &Arc<Self>,
        viewer: Arc<Viewer>,
        name: RoomName,
        description: RoomDescription,
        act: Option<ActName>,
    ) -> Result<(ChatId, String)> {
        let code = invite_code()?;
        // Never given back: whether it was made may be unknown.
        let _counted = self.limiter.count(&[Key::NewChats(viewer.user_id)], TOO_MANY_NEW_CHATS)?;
        let rules = Arc::clone(self);
        self.to_the_end(async move {
            let link = |room_id| text::invite_path(room_id, &code);
            let by = viewer.user_id;
            let made = rules.store.insert_room(by, &name, &description, link, act).await?;
            let (room_id, path) = made.ok_or_else(|| {
                Error::conflict("limit_reached", "You already have as many rooms as allowed.")
            })?;
            rules.tell_reach(viewer.user_id, room_id).await;
            Ok((room_id, path))
        })
        .await
    }

    /// The room as its member sees it.
    pub async fn room(&self, viewer: &Viewer, room_id: ChatId) -> Result<Room> {
        self.store.room(viewer.user_id, room_id).await?.ok_or_else(Error::not_found)
    }

    pub async fn members(
        &self,
        viewer: &Viewer,
        room_id: ChatId,
        after: UserId,
        limit: i64,
    ) -> Result<Listed<Member>> {
        let rows = self.store.members(viewer.user_id, room_id, after, limit + 1).await?;
        if rows.is_empty() {
            // Either an empty page of a member, or the viewer is not a member.
            self.room(viewer, room_id).await?;
        }
        Ok(Listed::of(rows, limit, |member| member.user_id))
    }

    /// What an invite link shows; a wrong code looks like an unknown room.
    pub async fn invite(&self, viewer: &Viewer, room_id: ChatId, code: &str) -> Result<RoomInvite> {
        self.invite_shown(Key::Invites(viewer.user_id), viewer.user_id, room_id, code).await
    }

    /// The same for somebody who is not signed in.
    pub async fn invite_at_the_door(
        &self,
        from: Subnet,
        room_id: ChatId,
        code: &str,
    ) -> Result<RoomInvite> {
        self.invite_shown(Key::InvitesFrom(from), NOBODY, room_id, code).await
    }

    async fn invite_shown(
        &self,
        key: Key,
        user_id: UserId,
        room_id: ChatId,
        code: &str,
    ) -> Result<RoomInvite> {
        let counted = self.limiter.count(&[key], TOO_MANY_TRIES)?;
        let invite = self.store.invite(user_id, room_id).await?;
        let path = text::invite_path(room_id, code);
        let fits =
            |invite: &RoomInvite| bool::from(invite.invite_link.as_bytes().ct_eq(path.as_bytes()));
        let invite = invite.filter(fits).ok_or_else(Error::not_found)?;
        counted.give_back();
        Ok(invite)
    }

    /// Asks to join with the code of the room's invite link; tells the creator about a new request.
    pub async fn ask_to_join(
        self: &Arc<Self>,
        viewer: Arc<Viewer>,
        room_id: ChatId,
        code: &str,
    ) -> Result<Join> {
        let invite = self.invite(&viewer, room_id, code).await?;
        let rules = Arc::clone(self);
        self.to_the_end(async move {
            match rules.store.request_to_join(room_id, viewer.user_id).await? {
                Requested::New => {
                    let user = UserJson { user_id: viewer.user_id, username: &viewer.username };
                    let frame = text_frame(&ServerFrame::JoinRequest { room_id, user });
                    rules.registry.tell(invite.creator_id, UserEvent::Account(frame));
                    Ok(Join::Pending)
                }
                Requested::Standing(MemberState::Pending) => Ok(Join::Pending),
                Requested::Standing(MemberState::Approved) => {
                    rules.tell_reach(viewer.user_id, room_id).await;
                    Ok(Join::Member)
                }
                Requested::Standing(MemberState::Denied) => {
                    Err(Error::forbidden("denied", "The creator of this room turned you down."))
                }
                Requested::LimitReached => Err(Error::conflict(
                    "limit_reached",
                    format!(
                        "This room has {} open requests; try again when some of them have been answered.",
                        text::grouped(REQUESTS_PER_ROOM_MAX)
                    ),
                )),
            }
        })
        .await
    }

    /// The state of the viewer's own request; refused if they never asked.
    pub async fn join_status(&self, viewer: &Viewer, room_id: ChatId) -> Result<MemberState> {
        let state = self.store.member_state(room_id, viewer.user_id).await?;
        state.ok_or_else(Error::not_found)
    }

    /// The path of a new invite link; the old one stops working.
    pub async fn rotate_invite(&self, viewer: &Viewer, room_id: ChatId) -> Result<String> {
        self.require_creator(viewer, room_id).await?;
        // Never given back: whether it was changed may be unknown.
        let _counted = self.limiter.count(&[Key::LinkChanges(viewer.user_id)], TOO_MANY_LINKS)?;
        let path = text::invite_path(room_id, &invite_code()?);
        if self.store.set_invite_link(viewer.user_id, room_id, &path).await? {
            Ok(path)
        } else {
            Err(Error::not_found())
        }
    }

    /// The users who asked and have not been answered yet, or (`Denied`) who were turned down.
    pub async fn requests(
        &self,
        viewer: &Viewer,
        room_id: ChatId,
        state: MemberState,
        after: Option<UserId>,
        limit: i64,
    ) -> Result<Listed<JoinRequest>> {
        self.require_creator(viewer, room_id).await?;
        let rows = self.store.requests(viewer.user_id, room_id, state, after, limit + 1).await?;
        Ok(Listed::of(rows, limit, |request| request.user_id))
    }

    /// The users who are waiting for the viewer's answer, in any of their rooms: those of the room
    /// `first` come first, then the oldest, as many as a page shows at once.
    pub async fn open_requests(
        &self,
        viewer: &Viewer,
        first: Option<ChatId>,
    ) -> Result<Vec<OpenRequest>> {
        self.store.open_requests(viewer.user_id, first, OPEN_REQUESTS_SHOWN).await
    }

    /// The rooms whose creators have not answered the viewer yet, as many as a page shows.
    pub async fn asked(&self, viewer: &Viewer) -> Result<Vec<AskedRoom>> {
        self.store.asked(viewer.user_id, ASKED_SHOWN).await
    }

    /// Lets in a user who asked, even one who was denied before.
    pub async fn approve(
        self: &Arc<Self>,
        viewer: Arc<Viewer>,
        room_id: ChatId,
        user: UserId,
    ) -> Result<()> {
        self.require_creator(&viewer, room_id).await?;
        let rules = Arc::clone(self);
        self.to_the_end(async move {
            let decided = rules.store.approve(room_id, user).await;
            match decided.inspect_err(|error| rules.settle_reach(error, user, room_id))? {
                Decided::From(_, _) => {
                    rules.tell_reach(user, room_id).await;
                    rules.tell_members(room_id, user, MembersEvent::Joined).await;
                    rules.registry.presence().introduce(user, room_id);
                }
                Decided::Already => rules.tell_reach(user, room_id).await,
                Decided::NobodyAsked => return Err(Error::not_found()),
                Decided::LimitReached => {
                    return Err(Error::conflict(
                        "limit_reached",
                        format!("They are already in {} rooms.", text::grouped(ROOMS_PER_USER_MAX)),
                    ));
                }
            }
            Ok(())
        })
        .await
    }

    pub async fn deny(
        self: &Arc<Self>,
        viewer: Arc<Viewer>,
        room_id: ChatId,
        user: UserId,
    ) -> Result<()> {
        self.require_creator(&viewer, room_id).await?;
        let rules = Arc::clone(self);
        self.to_the_end(async move {
            match rules.store.deny(room_id, user).await? {
                Decided::From(MemberState::Approved, _) => Err(Error::conflict(
                    "already_member",
                    "They are already a member; remove them instead.",
                )),
                Decided::From(MemberState::Pending | MemberState::Denied, _) => {
                    let frame = text_frame(&ServerFrame::JoinDenied { room_id });
                    rules.registry.tell(user, UserEvent::Account(frame));
                    Ok(())
                }
                Decided::Already => Ok(()),
                Decided::NobodyAsked | Decided::LimitReached => Err(Error::not_found()),
            }
        })
        .await
    }

    /// The creator removes a member, or a member leaves, unless this form did so before; their sockets in
    /// this room are closed.
    pub async fn remove_member(
        self: &Arc<Self>,
        viewer: Arc<Viewer>,
        room_id: ChatId,
        user: UserId,
        act: Option<ActName>,
    ) -> Result<()> {
        match self.end_membership(viewer, room_id, user, act).await {
            Ok(()) => Ok(()),
            Err(error) => self.made_before(act, error).await.map(drop),
        }
    }

    async fn end_membership(
        self: &Arc<Self>,
        viewer: Arc<Viewer>,
        room_id: ChatId,
        user: UserId,
        act: Option<ActName>,
    ) -> Result<()> {
        let creator = self.store.room_creator(viewer.user_id, room_id).await?;
        let creator = creator.ok_or_else(Error::not_found)?;
        if viewer.user_id != creator && viewer.user_id != user {
            return Err(not_creator());
        }
        if user == creator {
            return Err(Error::conflict(
                "creator_must_stay",
                "The creator of a room cannot leave it.",
            ));
        }
        let event = if viewer.user_id == user { MembersEvent::Left } else { MembersEvent::Removed };
        let rules = Arc::clone(self);
        self.to_the_end(async move {
            let mut tries = 0;
            let removing = || {
                tries += 1;
                rules.store.remove_member(room_id, user, act)
            };
            let removed = change_patiently(removing).await;
            // If the answer was lost and the user is now found gone, that attempt removed them.
            if !removed.inspect_err(|error| rules.settle_reach(error, user, room_id))? && tries == 1
            {
                return Err(Error::not_found());
            }
            let frame = text_frame(&ServerFrame::ChatRemoved { chat_id: room_id });
            rules.registry.tell(user, UserEvent::Left { chat_id: room_id, frame });
            rules.tell_members(room_id, user, event).await;
            Ok(())
        })
        .await
    }

    /// Tells those whose sockets are in rooms that another process has deleted. Asked again and again, because
    /// sockets may arrive that were let in before.
    pub async fn leave_deleted_rooms(&self) -> Result<()> {
        for chat_id in self.store.deleted_rooms().await? {
            let frame = text_frame(&ServerFrame::ChatRemoved { chat_id });
            self.registry.remove(chat_id, frame);
        }
        Ok(())
    }

    /// Whether the one who asked for the list may see this member online.
    pub fn is_online(&self, member: &Member) -> bool {
        member.shows_presence && self.registry.presence().is_online(member.user_id)
    }

    /// Tells those who are there, after the user themself has been told. Only a hint: if the name
    /// cannot be read at present, nobody is told.
    async fn tell_members(&self, room_id: ChatId, user_id: UserId, event: MembersEvent) {
        let Ok(username) = self.store.name(user_id).await else { return };
        self.signal_members(room_id, UserJson { user_id, username: &username }, event);
    }

    pub(super) fn signal_members(&self, room_id: ChatId, user: UserJson<'_>, event: MembersEvent) {
        let frame = text_frame(&ServerFrame::Members { room_id, user, event });
        self.registry.signal(room_id, None, frame);
    }

    /// Refused as not found to those who are not members, and as `not_creator` to other members.
    async fn require_creator(&self, viewer: &Viewer, room_id: ChatId) -> Result<()> {
        match self.store.room_creator(viewer.user_id, room_id).await? {
            Some(creator) if creator == viewer.user_id => Ok(()),
            Some(_) => Err(not_creator()),
            None => Err(Error::not_found()),
        }
    }
}

fn not_creator() -> Error {
    Error::forbidden("not_creator", "Only the creator of this room can do that.")
}

/// 128 random bits as base64url.
fn invite_code() -> Result<String> {
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random::bits()?))
}
