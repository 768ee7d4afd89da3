// What the page knows, and who is told when it changes; docs/dashboard.md has the keys. Modules speak to each other only through here.
// Messages say how things are, so the newest one wins; every list here is bounded.
const COLUMNS = ["rate", "rec", "gaps", "q", "med", "p99", "flush", "st", "usual"];

export class Store {
  constructor() {
    this.run = "";
    this.interval = 0.1;
    this.meta = null;
    this.range = () => "15m";
    this.instruments = []; // {key: "venue:symbol", venue, symbol, tick, place, streams: [places]}
    this.instrumentOf = []; // place of a stream → its instrument
    this.news = null; // the newest
    this.now = 0; // its time, ms
    this.state = "waiting";
    this.reasons = [];
    this.totals = null;
    this.rows = Object.fromEntries(COLUMNS.map((name) => [name, []])); // by place of a stream
    this.strips = {}; // by place of an instrument
    this.days = {};
    this.slow = null;
    this.incidents = []; // newest last
    this.trouble = null; // how reasons are worded, since there are any
    this.alerts = []; // {level, text}: what the hub calls odd, and no reason speaks of
    this.log = { first: 0, lines: [] };
    this.trader = null;
    this.choice = ""; // "venue:SYMBOL"
    this.book = null;
    this.link = { state: "wait", since: Date.now(), heard: performance.now(), at: Date.now() }; // by both clocks: one stands still in sleep
    this.offset = null; // server's wall clock less ours, ms
    this.stats = { updates: 0, script_ms: 0, worst_ms: 0, bytes: 0, points: 0 };
    this.say = () => {};
    this._listeners = new Map();
    this._on = new Map();
    this._changed = new Set();
    this._framed = false;
    this._spent = 0;
  }

  subscribe(keys, fn) {
    this._listeners.set(fn, keys);
    this.touch(...keys);
  }

  touch(...keys) {
    for (const key of keys) this._changed.add(key);
    this._wake();
  }

  _wake() {
    if (this._framed || !this._changed.size) return;
    this._framed = true;
    requestAnimationFrame(() => this._frame());
  }

  _frame() {
    this._framed = false;
    const began = performance.now();
    const changed = this._changed;
    this._changed = new Set();
    for (const [fn, keys] of this._listeners) {
      if (!keys.some((key) => changed.has(key))) continue;
      try { fn(changed); } catch (fault) { console.error(fault); } // one module's fault is not the others'
    }
    this._cost(began, true);
    this._wake();
  }

  _cost(began, last) {
    const took = performance.now() - began;
    this.stats.script_ms += took;
    this._spent += took;
    if (last) { this.stats.worst_ms = Math.max(this.stats.worst_ms, this._spent); this._spent = 0; }
  }

  // -- time: the server's, whatever the browser's clock says

  clock() { return Date.now() + (this.offset ?? 0); }

  // Seconds since the recorder last said something, as far as this page knows.
  age() { return (this.news?.age ?? 0) + this.silent() / 1000; }

  // ms since the dashboard last said something.
  silent() { return Math.max(performance.now() - this.link.heard, Date.now() - this.link.at); }

  // Nobody answers: how streams are is not known.
  forget() {
    const { st, rate } = this.rows;
    if (!st.some((flags) => flags != null)) return;
    st.fill(null);
    rate.fill(null);
    this.emit("rows", {});
    this.touch("rows");
  }

  on(kind, fn) {
    if (!this._on.has(kind)) this._on.set(kind, []);
    this._on.get(kind).push(fn);
  }

  emit(kind, message) {
    for (const fn of this._on.get(kind) ?? []) {
      try { fn(message); } catch (fault) { console.error(fault); }
    }
  }

  take(messages, size) {
    const began = performance.now();
    for (const message of messages) {
      if (message.k === "hello") this._hello(message);
      else if (message.k === "news") this._news(message);
      else if (message.k === "book") { this.book = message; this.touch("book"); }
      this.emit(message.k, message);
    }
    this.stats.updates += 1;
    this.stats.bytes += size;
    this._cost(began);
    this._wake();
  }

  _hello(message) {
    const same = message.run === this.run;
    this.run = message.run;
    this.interval = message.interval;
    this.assets = message.assets;
    this.meta = message.meta;
    this._arrange();
    if (!same) {
      const count = this.meta?.streams.length ?? 0;
      for (const name of COLUMNS) this.rows[name] = new Array(count).fill(null);
      this.strips = {};
      this.days = {};
      this.incidents = [];
    }
    if (!same && this.choice) this.ask();
    this.emit("meta", message);
    for (const each of message.histories ?? []) this.emit("history", each);
    this.touch("meta");
  }

  _arrange() {
    const { meta } = this;
    this.instruments = (meta?.instruments ?? []).map(([venue, symbol, tick], place) => ({ key: `${venue}:${symbol}`, venue, symbol, tick, place, streams: [] }));
    this.instrumentOf = (meta?.streams ?? []).map((row, at) => {
      const each = this.instruments[row[5]];
      each.streams.push(at);
      return each;
    });
  }

  _news(message) {
    this.news = message;
    this.now = message.t;
    this.state = message.state;
    this.reasons = message.reasons;
    this.totals = message.totals ?? null;
    const offset = message.t - Date.now();
    if (this.offset == null || offset > this.offset || this.offset - offset > 500) this.offset = offset; // the quickest is nearest
    if (message.rows) {
      for (const name of COLUMNS) {
        const fresh = message.rows[name];
        if (fresh) for (let at = 0, column = this.rows[name]; at < fresh.length; at += 1) column[message.rows.at + at] = fresh[at];
      }
      this.emit("rows", message.rows);
      this.touch("rows");
    }
    if (message.usual) this.rows.usual = message.usual;
    if (message.log) { this.log = message.log; this.touch("log"); }
    if (message.strips || message.days) {
      Object.assign(this.strips, message.strips);
      Object.assign(this.days, message.days);
      this.emit("strips", message);
      this.touch("strips");
    }
    if (message.trader !== undefined) { this.trader = message.trader; this.touch("trader"); }
    if (message.incidents) { this.incidents = message.incidents; this.emit("incidents", message.incidents); this.touch("incidents"); }
    if (message.connections) { this.slow = message; this.touch("slow"); }
    if (message.now?.t) { this.stats.points += 1; this.emit("point", message.now); this.touch("point"); }
    this.emit("now", message);
    this.touch("now");
  }

  instrument(key) { return this.instruments.find((each) => each.key === key); }

  chosenInstrument() { return this.instrument(this.choice); }

  chosenStreams() { return this.chosenInstrument()?.streams ?? []; }

  choose(key) {
    if (!this.instrument(key)) return;
    const fresh = key !== this.choice;
    this.choice = key;
    if (fresh) {
      this.book = null;
      this.ask();
    }
    this.emit("choice", key);
    this.touch("choice", "book");
  }

  // What is looked at, and over which range.
  ask() { this.say({ ...(this.choice ? { select: this.choice } : {}), range: this.range() }); }
}
