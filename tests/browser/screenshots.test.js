// A server full of people: the pages of users who have chats, in every size and theme.

import assert from "node:assert/strict";
import { test } from "node:test";
import { connected } from "./lib/browser.js";
import { button, look } from "./lib/look.js";
import { scene } from "./lib/scene.js";

const TALK = [
  ["bob", "Has anybody seen the good knife?"],
  ["cyd", "It is in the drawer under the sink, where it has been since somebody decided that the block on the counter was ugly."],
  ["ada", "Morning. The minutes are here: https://example.org/minutes/2026-09-19?view=full#decisions (two pages)."],
  ["ada", "Three things to decide:\n\n1. the kettle\n2. the rota\n3. whether we keep the plant"],
  ["bob", "Keep the plant."],
  ["bob", "The rota is fine as it is, I think."],
  ["cyd", 'let x = "a_very_long_word_without_any_place_to_break_it_because_somebody_pasted_code_into_the_chat_again_and_again";'],
  ["cyd", "@ada could you ask about the kettle?"],
  ["bob", "مرحبا بالجميع، كيف حالكم؟"],
  ["bob", "Who left the kettle on?"],
];

const house = {};
const here = scene({}, furnish);

async function furnish() {
  const people = {};
  for (const name of ["ada", "bob", "cyd", "dorothy_v", "emil", "mallory"]) {
    people[name] = await here.visitor(name);
    await people[name].register();
    await people[name].log_in();
  }
  const post = async (name, path, data) => {
    const answer = await people[name].context.request.post(path, { data, headers: { origin: here.url } });
    assert.ok(answer.ok(), `${path}: ${await answer.text()}`);
    return answer.json();
  };
  const { room_id, invite_link } = await post("ada", "/chats/room", { name: "Kitchen", description: "Kettles, rotas and the plant." });
  const long = await post("ada", "/chats/room", { name: "A room whose name is so long that it cannot fit into any list there is" });
  for (const name of ["bob", "cyd", "emil", "mallory"]) await post(name, `/chats/room/${room_id}/join`, { invite_link });
  for (const name of ["bob", "cyd"]) await post("ada", `/chats/room/${room_id}/invite/approve`, { user_id: people[name].id });
  await post("ada", `/chats/room/${room_id}/invite/deny`, { user_id: people.mallory.id });
  for (const [name, content] of TALK) await post(name, `/chats/${room_id}/messages`, { content });
  await post("bob", "/chats/1/messages", { content: "Lunch at one? The place by the canal is open again" });
  const { chat_id } = await post("cyd", "/chats/private", { receiver_id: people.ada.id });
  await post("cyd", `/chats/${chat_id}/messages`, { content: "See you tomorrow" });
  Object.assign(house, { ada: people.ada.id, room_id, invite_link, empty_id: long.room_id, chat_id });
  for (const person of Object.values(people)) await person.leave();
}

// One of these people, on this page.
async function enter(name, path) {
  const person = await here.visitor(name);
  await person.log_in();
  await person.open(path);
  await connected(person.page);
  return person;
}

test("an invitation as seen by a stranger, an applicant, a denied applicant and a member", async () => {
  const dorothy = await enter("dorothy_v", house.invite_link);
  await look(dorothy.page, "invite");
  await button(dorothy.page, "Ask to join").click();
  await dorothy.page.locator("#main").getByText("Waiting for approval").waitFor();
  await look(dorothy.page, "invite-waiting");
  const mallory = await enter("mallory", house.invite_link);
  await look(mallory.page, "invite-denied");
  const bob = await enter("bob", house.invite_link);
  await look(bob.page, "invite-member");
  await Promise.all([dorothy, mallory, bob].map((one) => one.leave()));
});

test("the dashboard of a user with chats, search results, and a refusal", async () => {
  const ada = await enter("ada", "/");
  await ada.page.getByText("emil asks to join Kitchen").waitFor();
  await look(ada.page, "dashboard");
  await ada.page.getByRole("textbox", { name: "Find people" }).fill("o");
  await button(ada.page, "bob").waitFor();
  await look(ada.page, "dashboard-found");
  ada.expectsRefusal(422, "/join");
  await ada.page.getByRole("textbox", { name: "Invite link" }).fill("hello");
  await button(ada.page, "Ask to join").click();
  await ada.page.getByText("This is not an invite link").waitFor();
  await look(ada.page, "dashboard-fault");
  await ada.leave();
});

test("a room, its panel, an empty room and a private chat", async () => {
  const ada = await enter("ada", `/room/${house.room_id}`);
  await look(ada.page, "room-creator");
  await ada.open(`/room/${house.room_id}#panel`);
  await ada.page.getByText("Denied").click();
  await look(ada.page, "room-panel");
  const bob = await enter("bob", `/room/${house.room_id}`);
  await look(bob.page, "room-member");
  await ada.open(`/room/${house.empty_id}`);
  await look(ada.page, "room-empty");
  await ada.open(`/private/${house.chat_id}`);
  await connected(ada.page);
  await look(ada.page, "private");
  await Promise.all([ada.leave(), bob.leave()]);
});

test("a waiting message, a refused one, and a lost connection", async () => {
  const ada = await enter("ada", `/private/${house.chat_id}`);
  ada.expects(/ERR_|WebSocket/);
  await ada.page.evaluate(([user, chat_id]) => {
    const entry = { client_id: "refused", chat_id, content: "This one was refused", at: Date.now(), order: 1, reason: "You are writing faster than others can read; slow down." };
    localStorage.setItem(`snug.outbox.${user}.refused`, JSON.stringify(entry));
  }, [house.ada, house.chat_id]);
  await ada.page.reload();
  await connected(ada.page);
  await here.server.kill();
  const field = ada.page.getByRole("textbox", { name: "Message" });
  await ada.page.getByText("No connection. What you write is kept").waitFor();
  await field.fill("Are you still there?");
  await field.press("Enter");
  await ada.page.getByText("Waits for a connection").waitFor();
  await field.fill("x".repeat(3_950));
  await look(ada.page, "private-no-line");
  await field.fill("");
  await here.server.restart();
  await ada.leave();
});
