// What a test file needs: a server, a browser and people in it; all are shut down at its end, and every
// browser's complaints are checked.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Person, launch } from "./browser.js";
import { Server } from "./server.js";

// `prepare` does what every test of the file starts with; `browse` starts the browser.
export function scene(settings, prepare = () => {}, browse = launch) {
  const here = { people: [] };
  before(async () => {
    [here.server, here.browser] = await Promise.all([Server.start(settings), browse()]);
    here.url = here.server.url;
    await prepare();
  });
  after(async () => {
    await here.browser?.close();
    await here.server?.stop();
  });
  here.person = (name, options = {}) => Person.signedUp(here.browser, { url: here.url, name, ...options });
  here.visitor = (name, options = {}) => Person.of(here.browser, { url: here.url, name, ...options });
  // What people do by the API, at the server itself; resolves to the answer's body.
  here.call = async (person, path, data) => {
    const answer = await person.context.request.post(here.url + path, { data, headers: { origin: here.url } });
    assert.ok(answer.ok(), `${path}: ${await answer.text()}`);
    return answer.status() === 204 ? null : answer.json();
  };
  here.tell = (person, chat_id, content) => here.call(person, `/chats/${chat_id}/messages`, { content });
  here.begin = async (person, other) => (await here.call(person, "/chats/private", { receiver_id: other.id })).chat_id;
  return here;
}
