// Calls of the JSON API, with the session's cookie. Never throws: if the connection is down or dead,
// the status is 0.

const ANSWER_MS = 15_000;

export async function call(path, { method = "GET", body, signal } = {}) {
  const running = new AbortController();
  const late = setTimeout(() => running.abort(), ANSWER_MS);
  signal?.addEventListener("abort", () => running.abort());
  const request = { method, signal: running.signal, headers: { accept: "application/json" } };
  if (body !== undefined) {
    request.headers["content-type"] = "application/json";
    request.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, request);
    const text = await response.text();
    return { ok: response.ok, status: response.status, answer: text ? JSON.parse(text) : null };
  } catch {
    return { ok: false, status: 0, answer: null };
  } finally {
    clearTimeout(late);
  }
}
