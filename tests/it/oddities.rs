//! Odd requests that once were answered otherwise than described.

use crate::support::{Person, Server};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_nul_is_nobodys() {
    let server = Server::start().await;
    let nobody = Person::nobody(&server);
    let body = json!({"username": "a\0da", "password": "correct horse"});
    nobody.post("/auth/login", body).await.refused(401, "bad_credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_number_is_one_however_it_is_written() {
    let server = Server::start().await;
    let ada = server.person("ada").await;
    ada.say(1, "Hello!").await;
    ada.post("/chats/1/read", json!({"seq": 1.0})).await.expect(204);
    assert_eq!(ada.post("/chats/1/read", json!({"seq": 0.5})).await.faults(), ["seq"]);
}
