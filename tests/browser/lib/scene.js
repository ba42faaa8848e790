// What a test file needs: a server, a browser and people in it; all are shut down at its end, and every
// browser's complaints are checked.

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
  return here;
}
