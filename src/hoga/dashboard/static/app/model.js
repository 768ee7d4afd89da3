// What the page knows. Messages say how things are, so the newest one wins; every list here is bounded.
const HISTORY = 900;
const COLUMNS = ["rate", "rec", "gaps", "q", "med", "p99", "flush", "st"];

export class Model {
  constructor() {
    this.run = "";
    this.meta = null;
    this.now = null;
    this.state = "waiting";
    this.reasons = [];
    this.columns = Object.fromEntries(COLUMNS.map((name) => [name, []]));
    this.today = {};
    this.slow = {};
    this.logs = [];
    this.trader = null;
    this.history = { t: [] };
    this.points = 0;
    this.stream = null;
    this.ladder = null;
    this.place = null;
    this.ladders = [];
    this.dirty = new Set();
  }

  take(message) {
    switch (message.k) {
      case "hello": this.takeHello(message); break;
      case "news": this.takeNews(message); break;
      case "book": this.takeBook(message); break;
      case "stream": this.takeStream(message); break;
    }
  }

  takeHello(message) {
    const same = message.run === this.run;
    this.run = message.run;
    this.interval = message.interval;
    this.meta = message.meta;
    this.severalVenues = new Set(this.meta?.streams.map((row) => row[1])).size > 1;
    if (!same) {
      for (const name of COLUMNS) this.columns[name] = new Array(this.meta?.streams.length ?? 0).fill(null);
      this.today = {};
    }
    this.history = same ? merged(this.history, message.history) : message.history;
    this.dirty.add("meta").add("charts");
  }

  takeNews(message) {
    this.now = message;
    this.state = message.state;
    this.reasons = message.reasons;
    if (message.rows) {
      for (const name of COLUMNS) {
        const column = this.columns[name];
        const fresh = message.rows[name];
        for (let at = 0; at < fresh.length; at += 1) column[message.rows.at + at] = fresh[at];
      }
      this.dirty.add("rows");
    }
    if (message.logs) { this.logs = message.logs; this.dirty.add("logs"); }
    if (message.today) { Object.assign(this.today, message.today); this.dirty.add("today"); }
    if (message.trader !== undefined) { this.trader = message.trader; this.dirty.add("trader"); }
    if (message.connections) { this.slow = message; this.dirty.add("slow"); }
    if (message.point?.t) this.takePoint(message.point);
    this.dirty.add("now");
  }

  takeStream(message) {
    this.stream = message;
    this.dirty.add("stream").add("charts");
  }

  takePoint(point) {
    const history = this.history;
    if (history.t.length && point.t <= history.t[history.t.length - 1]) return;
    for (const name of Object.keys(point)) {
      const curve = (history[name] ??= new Array(history.t.length).fill(null));
      curve.push(point[name]);
      if (curve.length > HISTORY) curve.shift();
    }
    if (this.stream && this.place != null) {
      const own = this.stream.history;
      own.t.push(point.t);
      own.rate.push(this.columns.rate[this.place]);
      own.median.push(this.columns.med[this.place]);
      if (own.t.length > HISTORY) { own.t.shift(); own.rate.shift(); own.median.shift(); }
    }
    this.points += 1;
    this.dirty.add("charts");
  }

  takeBook(message) {
    this.ladder = message;
    if (!this.ladders.length || message.t > this.ladders[this.ladders.length - 1].t) {
      this.ladders.push(message);
      if (this.ladders.length > 600) this.ladders.shift();
      this.dirty.add("book");
    }
  }
}

function merged(old, fresh) {
  if (!old.t.length) return fresh;
  const first = fresh.t[0] ?? Infinity;
  const keep = old.t.findIndex((t) => t >= first);
  const before = keep < 0 ? old.t.length : keep;
  const result = {};
  for (const name of Object.keys(fresh)) result[name] = [...(old[name] ?? []).slice(0, before), ...fresh[name]].slice(-HISTORY);
  return result;
}
