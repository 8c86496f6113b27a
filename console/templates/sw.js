// Shows the notice that there is no network. Keeps that page and its look, and never a page of a person.
const KEPT = "tuan-{{ asset('app.css')[-8:] }}";
const FILES = ["/offline", "{{ asset('app.css') }}", "{{ asset('logo.svg') }}"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll(FILES.map((path) => new Request(path, { credentials: "omit" })))));
  self.skipWaiting();
});

self.addEventListener("activate", (event) => {
  const old = (names) => Promise.all(names.filter((name) => name !== KEPT).map((name) => caches.delete(name)));
  event.waitUntil(caches.keys().then(old).then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate" && request.method === "GET") {
    event.respondWith(fetch(request).catch(() => caches.match("/offline")));
  } else if (FILES.slice(1).includes(new URL(request.url).pathname + new URL(request.url).search)) {
    event.respondWith(fetch(request).catch(() => caches.match(request)));
  }
});
