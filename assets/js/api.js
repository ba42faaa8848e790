// Calls of the JSON API with the session's cookie. Never throws: a line that is down is status 0.

export async function call(path, { method = "GET", body, signal } = {}) {
  const request = { method, signal, headers: { accept: "application/json" } };
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
  }
}
