"""Gives a new snug some people and chats to ask about, and prints the token of one of them.

The ids are those that schemathesis.toml tells of: the general chat is 1, a private chat 2, a room 3.
Who asks is user 5, so that no id of theirs is also a chat's. The password is that of the
description's examples, which so get to the end of logging in and of changing it.
"""

import sys

import requests

server = sys.argv[1]
PASSWORD = "correct horse"


def call(path, body, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = requests.post(server + path, json=body, headers=headers, timeout=10)
    answer.raise_for_status()
    return answer.json()


def sign_up(name):
    account = {"username": name, "password": PASSWORD, "email": f"{name}@example.net"}
    user_id = call("/auth/signup", account)["user_id"]
    return user_id, call("/auth/login", account)["access_token"]


people = [sign_up(name) for name in ("first", "ada", "ben", "dot", "grace")]
assert [user_id for user_id, _ in people] == [1, 2, 3, 4, 5], people
_, ada, ben, dot, grace = (token for _, token in people)

private = call("/chats/private", {"receiver_id": 2}, grace)
assert private["chat_id"] == 2, private
room = call("/chats/room", {"name": "Garden", "description": "For those who dig."}, grace)
assert room["room_id"] == 3, room
for token in (ben, dot):
    call("/chats/room/3/join", {"invite_link": room["invite_link"]}, token)
call("/chats/room/3/invite/approve", {"user_id": 3}, grace)
for chat_id, token in ((1, dot), (2, ada), (3, ben)):
    for content in ("Hello!", "How are you?", "I must go."):
        call(f"/chats/{chat_id}/messages", {"content": content}, token)

print(grace)
