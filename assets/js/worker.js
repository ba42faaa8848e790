// The service worker. Browsers that let no page notify show notifications by it; a click on one opens the
// chat in a window that is there, or in a new one.

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(visit(event.notification.data.href));
});

async function visit(href) {
  const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
  const window = windows.find(({ url }) => new URL(url).pathname === href) ?? windows[0];
  if (!window) return clients.openWindow(href);
  window.postMessage({ href });
  // Some browsers allow it only for a while after the click.
  await window.focus().catch(() => {});
}
