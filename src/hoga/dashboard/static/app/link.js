// The one WebSocket. Connects again for ever, soon at first, then every two seconds.
const OVER = 4001;
const FULL = 4003;

export class Link {
  constructor(onMessages) {
    this.onMessages = onMessages;
    this.state = "wait";
    this.since = Date.now();
    this.heard = 0;
    this.pause = 250;
    this.wanted = "";
    this.socket = null;
  }

  open() {
    const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/dashboard`;
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onopen = () => { if (this.wanted) socket.send(JSON.stringify({ select: this.wanted })); };
    socket.onmessage = (event) => {
      this.set("live");
      this.heard = Date.now();
      this.pause = 250;
      this.onMessages(JSON.parse(event.data), event.data.length);
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      this.set(event.code === OVER ? "over" : event.code === FULL ? "full" : "lost");
      if (event.code === OVER) return;
      setTimeout(() => this.open(), event.code === FULL ? 5000 : this.pause);
      this.pause = Math.min(2000, this.pause * 2);
    };
  }

  set(state) {
    if (state !== this.state) { this.state = state; this.since = Date.now(); }
  }

  choose(stream) {
    this.wanted = stream;
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ select: stream }));
  }
}
