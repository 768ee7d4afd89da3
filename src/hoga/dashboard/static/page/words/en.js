// English. What is always needed.
export default {
  picture: "picture", skip: "Skip to the streams", simulated: "SIMULATED DATA: this is not a market", connections: "Connections", log: "Log",
  never: "not in sight", none: "none", happened: "Incidents", find: "Search", less: "less", age: "{span} old",
  "viewers-1": "1 viewer", "minutes-1": "1 minute",
  "not-told-yet": "Waiting for the recorder.", "up-of": "{up} of {all} up", "machine-recorder": "Machine and recorder", "of-cpus": "of {count}",
  "in-use-rss": "{percent}, recorder {rss}", "free-of": "{free} free of {total}", "p50-p99-most": "{p50} / {p99} / {most}", "net-in-out": "in {in}/s · out {out}/s",
  "after-an-hour": "known after an hour", "days-at": "{span} at {pace} a day", "clock-by": "off by {ms} (by {source})", "clock-unknown": "not compared with anybody",
  minutes: "{count} minutes", "first-minute": "the first minute is being written", waiting: "{count} waiting", "days-merged": "{count} days merged", each: "{cost} each {span}",
  viewers: "{count} viewers", restarts: "restarted {count} times", instruments: "Instruments", "of-streams": "{count} · {streams} streams",
  "filter-hint": "btc  venue:upbit  state:silent", "stand-still": "Stand still (space)", "go-on": "Go on (space)",
  "zoom-back": "Back from the zoom (Escape, double click)", group: "Step, ticks", sum: "Sum", ladder: "Order book", price: "Price", size: "Size",
  "waiting-book": "Waiting for the book.", "more-reasons": "{count} more reasons", "more-reasons-1": "1 more reason",
  "since-at": "since {time}", "went-on": "went on when last heard", "incidents-open": "{open} open · {count} in 24 h", "incidents-day": "{count} in 24 h", "group-ticks": "Levels of {ticks} ticks", "spread-line": "{text} · {ticks} ticks · {bps} bps", "spread-one": "{text} · 1 tick · {bps} bps",
  state: {
    recording: "Recording", degraded: "Degraded", stopped: "Not recording", waiting: "Connecting…",
  },
  s: {
    ok: "✓ recording", gated: "✕ too late", disk: "✕ disk full", disconnected: "✕ disconnected", silent: "✕ silent", down: "✕ down", never: "… connecting", unknown: "? unknown",
  },
  cs: {
    disconnected: "… disconnected", connecting: "… connecting", connected: "✓ connected", handover: "✓ handover", reconnecting: "✕ reconnecting", refused: "✕ refused",
    stopped: "✕ stopped",
  },
  n: {
    group: "Put price levels together", streams: "{count} streams", range: "Time range of the curves", now: "Now", tabs: "Parts of the page", "streams-1": "1 stream", filter: "Search",
    sort: "Order of the list",
  },
  loss: {
    "": "lost: {loss}", none: "none lost", unknown: "not countable", n: "{count} frames", "n-1": "1 frame", least: "≥ {count} frames",
  },
  g: {
    disconnect: "disconnected", "latency-gate": "too late", backpressure: "disk too slow", "disk-full": "disk full", crash: "killed", shutdown: "stopped", silence: "silent",
    "sequence-gap": "ids missing", "clock-step": "clock set", malformed: "unreadable",
  },
  k: {
    orderbook: "order book", execution: "trades", delta: "book changes", quote: "best prices", ticker: "ticker", kline: "candles",
  },
  p: {
    map: "Map", charts: "Curves", today: "Today",
  },
  tab: {
    now: "Now", streams: "Streams", book: "Book", curves: "Curves", incidents: "Incidents", trader: "Trader",
  },
  tip: {
    find: "Search the instruments (/)", theme: "Light or dark (t)", language: "한국어로 보기 (l)", help: "Help: keys, and what each figure means (?)",
    settings: "Settings: language, theme, colours, times", close: "Close (Esc)", before: "The instrument before (↑)", next: "The next instrument (↓)",
    "only-bad": "Only what is in trouble (b)",
  },
  sub: {
    recording: "{live} of {streams} streams", since: "for {span}", last: "{ago} ago: {what}, {span}",
  },
  link: {
    live: "live", stale: "stale", lost: "no answer from the dashboard for {span}", "lost-short": "no answer", "lost-word": "Dashboard lost", over: "session over: reload",
    full: "too many viewers, trying again", wait: "connecting",
  },
  c: {
    "reconnects-1": "1 reconnect{per}", up: "up {span}", reconnects: "{count} reconnects{per}", "per-hour": " ({count} in the last hour)", "never-cut": "never cut",
    health: "health {percent} %", epoch: "epoch {epoch}", down: "down since {time} ({span})", again: "again in {seconds} s (attempt {attempt})", trying: "attempt {attempt}",
  },
  tile: {
    clock: "not latencies: the clocks differ", "records-1": "1 record", rate: "Frames", latency: "Latency p50 / p99", share: "Recorded today", incidents: "Incidents today", todisk: "To disk", disk: "Disk", records: "{count} records",
    "not-yet": "not known yet", day: "{share} % of the UTC day so far", worst: "worst {name} {ms} ms", open: "{count} open",
    "of-today": "of {count} today", "nothing-lost": "nothing was lost", "p50-most": "half {p50}, most {most} ms", free: "{unit} free", "days-later": "days left: known in 1 h",
    pace: "hoga writes {pace} a day", years: "for ten years and more", days: "days left", left: "left", "free-pace": "{free} free, {pace} a day",
  },
  no: {
    log: "Nothing has been logged yet.", incidents: "No incidents in the last 24 hours.",
    connection: "No connection yet.", "instrument-short": "No instrument", match: "No instrument matches “{filter}”. Try a part of its name, venue:…, kind:… or state:trouble.",
    instrument: "No instrument is configured: SYMBOLS and STREAMS in hoga.conf name them.", canvas: "(This browser draws no pictures.)",
    book: "No stream of this instrument carries its whole book.",
  },
  w: {
    disconnect: "{who}cut", "latency-gate": "{who}too late: gate closed", backpressure: "Disk slower than the market", "disk-full": "Disk full", crash: "Recorder killed",
    shutdown: "Recorder off", silence: "{who}silent", "sequence-gap": "{who}ids missing", "clock-step": "Clock set", malformed: "{who}unreadable frames",
  },
  ml: {
    cpu: "Processors", collector: "Recorder", workers: "Workers", memory: "Memory", disk: "Disk", todisk: "To disk", fsync: "fsync", lag: "Loop lag", gc: "GC pause", net: "Network",
    days: "Disk lasts", trend: "Disk, all programs", clock: "Clock", queue: "Queue", sealed: "Sealed", lost: "Lost", odd: "Odd frames", temp: "Temperature", publish: "Snapshot",
    dash: "Dashboard",
  },
  fact: {
    latency: "{median}, p99 {p99}", records: "{count} records", flush: "handed to disk every {span}", queue: "{count} wait for the disk", day: "{share} % of today",
  },
  sort: {
    trouble: "trouble first", name: "by name", rate: "by rate", latency: "by latency", p99: "by p99", gaps: "by gaps",
  },
  pc: {
    rate: "Frames per second", latency: "Latency", disk: "Receipt to disk", load: "Processors and queue", cpu: "machine", collector: "recorder, of one processor",
    "collector-short": "recorder", queue: "records waiting", alt: "{title}, {from} to {to}", said: "{name}: last {now}, lowest {low}, highest {high}",
    empty: "nothing was measured in this time", bands: "Incidents marked: {count}",
  },
  tape: {
    "": "Last trades", time: "Time", none: "No trade in the last five minutes.", never: "Trades of this instrument are not recorded.", lost: "{count} trades came too fast to be shown.",
  },
  heat: {
    "": "Depth and trades", alt: "Depth of {name} over the last {minutes} min. {best}", best: "Best bid {bid}, best ask {ask}.", nothing: "no book was kept", size: "size {size}", "no-size": "nothing there",
  },
  day: {
    none: "No instruments yet.", said: "{whole} of {count} instruments have no minute with a loss today.", worst: "Worst: {name}, {words}.",
    minutes: "{whole} min whole, {missed} min with a loss", ahead: "not judged yet", before: "not recorded: recording had not begun", whole: "recorded whole",
    part: "up to {share} % of the minute missed", missed: "missed",
  },
  own: {
    none: "No incident of it today.", some: "{count} incidents of it today:", one: "1 incident of it today:",
  },
};
