// Asks the server for HTML that becomes part of the page: first of all the middle of another one.

const ANSWER_MS = 15_000;

// The part as a document, and its status; null if it comes from another address, as for readers who are signed out.
export function loadPart(href, signal) {
  const address = new URL(href, location.href);
  address.searchParams.set("part", "view");
  return loadDocument(address, signal);
}

// A document without scripts and without a window, and its status. Parsed by XMLHttpRequest, which takes no text
// for markup that the page could be made to contain (Trusted Types). The status is 0 without an answer; the
// document is null if the answer is not HTML, or from another address.
export function loadDocument(address, signal) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.timeout = ANSWER_MS;
    request.onloadend = () => {
      const { status, response, responseURL } = request;
      resolve({ status, part: responseURL === address.href ? response : null });
    };
    signal?.addEventListener("abort", () => request.abort());
    request.send();
  });
}
