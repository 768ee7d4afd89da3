// The one WebSocket. Connects again for ever, soon at first, then every two seconds, and at once when the browser is back.
const OVER = 4001;
const FULL = 4003;

export function openLink(store) {
  let socket = null, pause = 250, timer = 0;

  const set = (state) => {
    if (state !== store.link.state) { store.link.state = state; store.link.since = performance.now(); }
    store.touch("link");
  };

  const open = () => {
    clearTimeout(timer);
    const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/dashboard`);
    socket = mine;
    mine.onopen = () => store.ask();
    mine.onmessage = (event) => {
      store.link.heard = performance.now();
      pause = 250;
      set("live");
      store.take(JSON.parse(event.data), event.data.length);
    };
    mine.onclose = (event) => {
      if (socket !== mine) return;
      set(event.code === OVER ? "over" : event.code === FULL ? "full" : "lost");
      if (event.code === OVER) return;
      timer = setTimeout(open, event.code === FULL ? 5000 : pause);
      pause = Math.min(2000, pause * 2);
    };
  };

  const again = () => { // a laptop that slept, a browser that was offline: do not wait for what is dead
    if (store.link.state === "over") return;
    if (socket?.readyState === WebSocket.OPEN && performance.now() - store.link.heard < 5000) return;
    const old = socket;
    socket = null;
    old?.close();
    pause = 250;
    open();
  };

  store.say = (object) => { if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(object)); };
  addEventListener("online", again);
  addEventListener("offline", () => set("lost"));
  document.addEventListener("visibilitychange", () => { if (!document.hidden && performance.now() - store.link.heard > 5000) again(); });
  open();
}
