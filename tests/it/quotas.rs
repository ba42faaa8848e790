//! How much of everything a user may own: one more is refused with 409, and nothing changes.

use crate::support::{Person, Server};
use serde_json::json;
use snug::limits::{
    PRIVATE_CHATS_PER_USER_MAX, REQUESTS_PER_ROOM_MAX, ROOMS_PER_CREATOR_MAX, ROOMS_PER_USER_MAX,
};

/// Rooms of this creator in which these users are also members.
async fn put_rooms(server: &Server, count: i64, creator: i64, members: &[i64]) {
    let members: Vec<i64> = members.iter().chain([&creator]).copied().collect();
    let put = "with chat as (
            insert into chats (chat_type) select 'room' from generate_series(1, $1::bigint)
            returning id
        ), room as (
            insert into chat_rooms (id, creator_id, name, description, invite_link)
            select id, $2, 'Room', '', '' from chat returning id
        )
        insert into room_members (room_id, user_id, state)
        select id, user_id, 'approved' from room, unnest($3::bigint[]) as user_id";
    let database = server.database.client().await;
    database.execute(put, &[&count, &creator, &members]).await.unwrap();
}

/// Private chats of this user with people whose accounts are gone.
async fn put_private_chats(server: &Server, count: i64, user_id: i64, begun_by: Option<i64>) {
    let put = "with chat as (
            insert into chats (chat_type) select 'private' from generate_series(1, $1::bigint)
            returning id
        )
        insert into private_chats (chat_id, user_low, user_high, begun_by)
        select id, $2, 1000000 + id, $3 from chat";
    let database = server.database.client().await;
    database.execute(put, &[&count, &user_id, &begun_by]).await.unwrap();
}

async fn chats(server: &Server) -> i64 {
    let database = server.database.client().await;
    database.query_one("select count(*) from chats", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creator_has_at_most_200_rooms() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    put_rooms(&server, ROOMS_PER_CREATOR_MAX - 1, ada.id, &[]).await;
    let asking = (0..4).map(|n| ada.post("/chats/room", json!({"name": format!("Room {n}")})));
    let answers = futures_util::future::join_all(asking).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.refused(409, "limit_reached");
    }
    assert_eq!(chats(&server).await, ROOMS_PER_CREATOR_MAX + 1);
    server.person("bob").await.room("Another's").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_in_at_most_1000_rooms() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    put_rooms(&server, ROOMS_PER_USER_MAX - 1, ada.id + 1_000, &[bob.id]).await;
    let (first, second) = (ada.room("First").await, ada.room("Second").await);
    bob.enter(&ada, first.0, &first.1).await;
    let ask = format!("/chats/room/{}/join", second.0);
    bob.post(&ask, json!({"invite_link": second.1})).await.expect(202);
    let approve = format!("/chats/room/{}/invite/approve", second.0);
    ada.post(&approve, json!({"user_id": bob.id})).await.refused(409, "limit_reached");
    assert_eq!(bob.get(&ask).await.expect(200)["status"], "pending_approval");
    bob.post("/chats/room", json!({"name": "Mine"})).await.refused(409, "limit_reached");
    let leave = format!("/chats/room/{}/members/{}", first.0, bob.id);
    bob.delete(&leave).await.expect(204);
    ada.post(&approve, json!({"user_id": bob.id})).await.expect(200);
    let page = bob.get("/chats?limit=200").await.expect(200);
    assert_eq!(page["chats"].as_array().unwrap().len(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_at_most_1000_private_chats() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let eve = server.person("eve").await;
    put_private_chats(&server, PRIVATE_CHATS_PER_USER_MAX - 1, ada.id, Some(ada.id)).await;
    let before = chats(&server).await;
    asks(&ada, &bob).await.expect(201);
    asks(&ada, &eve).await.refused(409, "limit_reached");
    asks(&ada, &bob).await.expect(200);
    asks(&bob, &ada).await.expect(200);
    // What others begin with her is theirs.
    asks(&eve, &ada).await.expect(201);
    asks(&ada, &eve).await.expect(200);
    asks(&bob, &eve).await.expect(201);
    assert_eq!(chats(&server).await, before + 3);
}

async fn asks(from: &Person, to: &Person) -> crate::support::Answer {
    from.post("/chats/private", json!({"receiver_id": to.id})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn private_chats_that_others_began_leave_one_free_to_ask_and_to_be_asked() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let eve = server.person("eve").await;
    put_private_chats(&server, PRIVATE_CHATS_PER_USER_MAX, ada.id, None).await;
    asks(&ada, &bob).await.expect(201);
    asks(&eve, &ada).await.expect(201);
    ada.send(ada.browses(reqwest::Method::GET, "/")).await.expect(200);
    ada.socket("/ws").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_has_at_most_500_open_requests() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let eve = server.person("eve").await;
    let (room, link) = ada.room("Tea").await;
    let put = "insert into room_members (room_id, user_id, state)
        select $1, 1000000 + n, 'pending' from generate_series(1, $2::bigint) n";
    let database = server.database.client().await;
    database.execute(put, &[&room, &(REQUESTS_PER_ROOM_MAX - 1)]).await.unwrap();
    let ask = format!("/chats/room/{room}/join");
    bob.post(&ask, json!({"invite_link": link})).await.expect(202);
    eve.post(&ask, json!({"invite_link": link})).await.refused(409, "limit_reached");
    eve.get(&ask).await.refused(404, "not_found");
    bob.post(&ask, json!({"invite_link": link})).await.expect(202);
    let approve = format!("/chats/room/{room}/invite/approve");
    ada.post(&approve, json!({"user_id": bob.id})).await.expect(200);
    eve.post(&ask, json!({"invite_link": link})).await.expect(202);
}
