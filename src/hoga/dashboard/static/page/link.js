// The one WebSocket. Connects again for ever, soon at first, then every two seconds; at once when it fell silent, or the browser is back.
const OVER = 4001, FULL = 4003;
const SILENT_MS = 5000, OPENING_MS = 10_000; // so long it may say nothing, or take to open
const SAY_MS = 700, AT_ONCE = 2; // a pace of wishes, for at twenty in ten seconds the server ends it

export function openLink(store) {
  const { link } = store, wishes = new Map(); // by what each is about: the newest
  let socket = null, pause = 250, timer = 0, opening = 0, due = -Infinity, later = 0;

  const set = (state) => {
    if (state !== link.state) { link.state = state; link.since = state === "lost" ? link.at : Date.now(); }
    store.touch("link");
  };

  const open = () => {
    clearTimeout(timer);
    const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/dashboard`);
    let opened = false;
    socket = mine;
    opening = Date.now();
    mine.onopen = () => { opened = true; opening = Date.now(); due = -Infinity; wishes.clear(); if (store.choice) store.ask(); };
    mine.onmessage = (event) => {
      if (socket !== mine) return;
      link.heard = performance.now();
      link.at = Date.now();
      opening = 0;
      pause = 250;
      set("live");
      store.take(JSON.parse(event.data), event.data.length);
    };
    mine.onclose = ({ code }) => {
      if (socket !== mine || link.state === "over") return;
      set(code === OVER ? "over" : code === FULL ? "full" : "lost");
      if (code === OVER) return;
      timer = setTimeout(open, code === FULL ? 5000 : pause);
      pause = Math.min(2000, pause * 2);
      if (!opened) probe();
    };
  };

  // Of a session that ended in sleep the socket does not tell: it is refused, and the page asks for the token.
  const probe = () => fetch("/dashboard", { method: "HEAD", redirect: "manual", cache: "no-store" }).then(({ type, status }) => {
    if (type !== "opaqueredirect" && status !== 401 && status !== 403) return;
    clearTimeout(timer);
    set("over");
  }, () => {});

  const again = () => {
    if (link.state === "over") return;
    const old = socket;
    socket = null;
    old?.close();
    pause = 250;
    open();
  };

  const isOpen = () => socket?.readyState === WebSocket.OPEN, isSilent = () => store.silent() > SILENT_MS;

  const speak = () => {
    later = 0;
    const key = wishes.has("") ? "" : wishes.keys().next().value, now = performance.now();
    if (key == null || !isOpen()) return;
    socket.send(JSON.stringify(wishes.get(key)));
    wishes.delete(key);
    due = Math.max(due, now - AT_ONCE * SAY_MS) + SAY_MS;
    if (wishes.size) later = setTimeout(speak, due - now);
  };
  store.say = (wish) => {
    if (!isOpen()) return;
    wishes.set("select" in wish ? "" : `${wish.range} ${wish.run}`, wish);
    later ||= setTimeout(speak, due - performance.now());
  };

  setInterval(() => {
    if (isSilent() && link.state === "lost") store.forget();
    if (Math.min(store.silent(), Date.now() - opening) < (socket?.readyState ? SILENT_MS : OPENING_MS) || socket?.readyState > 1) return;
    if (link.state === "live") set("lost");
    again();
  }, 1000);
  addEventListener("online", () => { if (!isOpen() || isSilent()) again(); });
  addEventListener("offline", () => set("lost"));
  document.addEventListener("visibilitychange", () => { if (!document.hidden && isSilent()) again(); });
  open();
}
