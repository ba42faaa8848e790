// Which parts of a message are links, mentions of the viewer, names of others, or plain text. The same rule as
// `src/model/text/spans.rs`: both are tested against `tests/browser/spans.json` and must use the same
// characters and the same limit. Takes linear time, whatever the text. Knows nothing of the DOM.

const ENDS_A_LINK =
  /[\u{0}-\u{20}\u{22}\u{3C}\u{3E}\u{60}\u{7F}-\u{A0}\u{AB}\u{AD}\u{BB}\u{34F}\u{37E}\u{589}\u{5C3}\u{60C}\u{61B}-\u{61F}\u{6D4}\u{700}-\u{70A}\u{70C}\u{7F8}-\u{7F9}\u{830}-\u{835}\u{837}-\u{83E}\u{85E}\u{964}-\u{965}\u{E5A}-\u{E5B}\u{F08}\u{F0D}-\u{F12}\u{F3A}-\u{F3D}\u{104A}-\u{104B}\u{115F}-\u{1160}\u{1361}-\u{1368}\u{166E}\u{1680}\u{169B}-\u{169C}\u{16EB}-\u{16ED}\u{1735}-\u{1736}\u{17D4}-\u{17D6}\u{17DA}\u{1802}-\u{1805}\u{1808}-\u{1809}\u{180E}\u{1944}-\u{1945}\u{1AA8}-\u{1AAB}\u{1B4E}-\u{1B4F}\u{1B5A}-\u{1B5B}\u{1B5D}-\u{1B5F}\u{1B7D}-\u{1B7F}\u{1C3B}-\u{1C3F}\u{1C7E}-\u{1C7F}\u{2000}-\u{200B}\u{200E}-\u{200F}\u{201C}-\u{201F}\u{2028}-\u{202F}\u{2039}-\u{203A}\u{2045}-\u{2046}\u{205F}-\u{206F}\u{207D}-\u{207E}\u{208D}-\u{208E}\u{2308}-\u{230B}\u{2329}-\u{232A}\u{2768}-\u{2775}\u{27C5}-\u{27C6}\u{27E6}-\u{27EF}\u{2800}\u{2983}-\u{2998}\u{29D8}-\u{29DB}\u{29FC}-\u{29FD}\u{2CF9}-\u{2CFB}\u{2E02}-\u{2E05}\u{2E09}-\u{2E0A}\u{2E0C}-\u{2E0D}\u{2E1C}-\u{2E1D}\u{2E20}-\u{2E29}\u{2E2E}\u{2E3C}\u{2E41}-\u{2E42}\u{2E4C}\u{2E4E}-\u{2E4F}\u{2E53}-\u{2E5C}\u{3000}-\u{3003}\u{3008}-\u{3011}\u{3014}-\u{301F}\u{3164}\u{A4FE}-\u{A4FF}\u{A60D}-\u{A60F}\u{A6F3}-\u{A6F7}\u{A876}-\u{A877}\u{A8CE}-\u{A8CF}\u{A92F}\u{A9C7}-\u{A9C9}\u{AA5D}-\u{AA5F}\u{AADF}\u{AAF0}-\u{AAF1}\u{ABEB}\u{FD3E}-\u{FD3F}\u{FE12}\u{FE15}-\u{FE18}\u{FE35}-\u{FE44}\u{FE47}-\u{FE48}\u{FE50}-\u{FE52}\u{FE54}-\u{FE57}\u{FE59}-\u{FE5E}\u{FEFF}\u{FF01}-\u{FF02}\u{FF08}-\u{FF09}\u{FF0C}\u{FF0E}\u{FF1A}-\u{FF1C}\u{FF1E}-\u{FF1F}\u{FF3B}\u{FF3D}\u{FF5B}\u{FF5D}\u{FF5F}-\u{FF65}\u{FFA0}]/gu;
const TRAILS_A_LINK =
  /[\u{21}\u{27}\u{2A}\u{2C}\u{2E}\u{3A}-\u{3B}\u{3F}\u{5F}\u{7E}\u{B7}\u{387}\u{180B}-\u{180D}\u{180F}\u{200C}-\u{200D}\u{2010}-\u{201B}\u{2022}-\u{2027}\u{203C}-\u{203D}\u{2047}-\u{2049}\u{FE00}-\u{FE0F}\u{FF07}]/u;
const SCHEME = /[Hh][Tt][Tt][Pp][Ss]?:\/\//y;
const HIDES_A_LINK = /[A-Za-z0-9]/;
const HIDES_A_MENTION = /[A-Za-z0-9_.\-@/\uFF20]/;
const LONGER_NAME = /[A-Za-z0-9_]|[.\-][A-Za-z0-9_]/y;
const [NAME_MIN, NAME_MAX] = [3, 32];
const BRACKETS = { ")": "(", "]": "[", "}": "{" };
// If a message has more links and mentions than this, the rest is text.
const SPECIALS_MAX = 200;

export function spans(content, name, most = SPECIALS_MAX) {
  const found = [];
  let plainFrom = 0;
  let specials = 0;
  for (let at = 0; at < content.length && specials < most; at += 1) {
    const special = linkAt(content, at) ?? mentionAt(content, at, name) ?? nameAt(content, at);
    if (!special) continue;
    if (plainFrom < at) found.push({ kind: "text", text: content.slice(plainFrom, at) });
    found.push(special);
    specials += 1;
    plainFrom = at + special.text.length;
    at = plainFrom - 1;
  }
  if (plainFrom < content.length) found.push({ kind: "text", text: content.slice(plainFrom) });
  return found;
}

function linkAt(content, at) {
  const first = content[at];
  if ((first !== "h" && first !== "H") || HIDES_A_LINK.test(content[at - 1] ?? "")) return null;
  SCHEME.lastIndex = at;
  const scheme = SCHEME.exec(content)?.[0];
  if (!scheme) return null;
  ENDS_A_LINK.lastIndex = at;
  const end = ENDS_A_LINK.exec(content)?.index ?? content.length;
  const text = withoutWhatTrails(content.slice(at, end));
  return text.length > scheme.length ? { kind: "link", text } : null;
}

// The brackets are counted once. All that may trail is one code unit long.
function withoutWhatTrails(link) {
  const surplus = {};
  for (const [close, open] of Object.entries(BRACKETS)) {
    surplus[close] = link.split(close).length - link.split(open).length;
  }
  let end = link.length;
  for (; end > 0; end -= 1) {
    const last = link[end - 1];
    if (last in BRACKETS) {
      if (surplus[last] <= 0) break;
      surplus[last] -= 1;
    } else if (!TRAILS_A_LINK.test(last)) break;
  }
  return link.slice(0, end);
}

function mentionAt(content, at, name) {
  if (!isSign(content[at]) || HIDES_A_MENTION.test(content[at - 1] ?? "")) return null;
  const end = at + 1 + name.length;
  if (name === "" || lower(content.slice(at + 1, end)) !== lower(name)) return null;
  LONGER_NAME.lastIndex = end;
  return LONGER_NAME.test(content) ? null : { kind: "mention", text: content.slice(at, end) };
}

// `@` and any user's name, as far as its form says. A dot or a dash at its end belongs to the sentence; what
// goes on with another `@` is an address.
function nameAt(content, at) {
  if (!isSign(content[at]) || HIDES_A_MENTION.test(content[at - 1] ?? "")) return null;
  const run = /^[A-Za-z0-9_.-]*/.exec(content.slice(at + 1, at + 2 + NAME_MAX))[0];
  const name = run.replace(/[.-]+$/, "");
  if (run.length > NAME_MAX || name.length < NAME_MIN || isSign(content[at + 1 + run.length])) return null;
  return { kind: "name", text: content[at] + name };
}

const isSign = (letter) => letter === "@" || letter === "\uFF20";

// Names have no letters but these, and no other letter is one of them in another spelling.
const lower = (text) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
