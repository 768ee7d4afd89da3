// English. A trader's panel.
export default {
  reason: "Reason", state: "State", subject: "About", "p-started": "Started", venue: "Venue", what: "What happened", "t-side-buy": "buy", "t-side-sell": "sell",
  t: {
    title: "Trader", flatten: "Leave all positions…", confirm: "Leave all positions now", cancel: "Do not",
    sure: "All orders of trader {trader} are cancelled and all its positions are closed at the market. {seconds} s to confirm.", refused: "Not done: {why}",
    begun: "The exit has begun. The trader stays at FLATTEN until somebody resumes it.", disarmed: "Taken back: nothing was done.",
    "too-late": "Not confirmed in time: nothing was done.", "no-answer": "the dashboard does not answer", positions: "Positions", flat: "Nothing is held.", orders: "Orders",
    "of-all": "{shown} of {all}", room: "Limits", accounts: "Accounts and markets", figures: "What the trader measures of itself", tail: "Journal, the newest first",
    simulated: "not real money", waiting: "not trading yet", stale: "The trader has said nothing for {seconds} s; it stood at {rung}",
    gone: "The trader's process is gone ({seconds} s); it stood at {rung}. What it held is below; its next start reads it again",
    resume: "Incident {incident}: once you have looked, hoga resume {incident} --data {data}", exit: "Exit", disk: "The journal cannot be written ({why}): {count} records wait",
    armed: "A flatten is armed by {by}", net: "net, {currency}", realized: "won today, {currency}", "open-pnl": "open, {currency}", fees: "fees today, {currency}",
    funding: "funding today, {currency}", sent: "orders sent", fills: "trades", unknown: "orders nobody knows", journal: "journal records", strategies: "strategies running",
    symbol: "Instrument", strategy: "Strategy", quantity: "Quantity", entry: "Entry", unrealized: "Open profit", id: "Id", side: "Side", kind: "Kind", filled: "Filled", age: "Since",
    all: "all of it", nobodys: "nobody's", limit: "Limit", used: "Used", of: "Of", share: "Share", stream: "Stream", compared: "Compared with the venue", equity: "Equity", bid: "Bid",
    ask: "Ask", mark: "Mark", data: "Data", live: "✓ live", down: "✕ down", ready: "✓ ready", "not-ready": "▲ not ready", "not-yet": "not yet", ago: "{span} ago", step: "Step",
    span: "Over", count: "Times", p50: "p50", p99: "p99", p999: "p99.9", most: "Most", bar: "Bar", when: "Time", record: "Record",
  },
  "t-mode": {
    live: "live", paper: "on paper", shadow: "shadow: nothing is sent",
  },
  "t-rung": {
    ACTIVE: "it trades", NO_OPEN: "nothing that raises a position", REDUCING: "only what reduces positions", HALTED: "only stops that protect", FLATTEN: "all positions are left",
  },
  "t-kind": {
    market: "market", limit: "limit", stop: "stop", take: "take", trail: "trail",
  },
  "t-cause": {
    "operator-flatten": "somebody asked for the emergency exit", "operator-halt": "somebody asked for a halt", "stopped-flatten": "it was stopped, and ON_STOP is flatten",
    "daily-loss": "the day's loss reached MAX_DAILY_LOSS", drawdown: "the equity is MAX_DRAWDOWN below its highest", "engine-fault": "the engine failed",
    "risk-fault": "the risk gate failed", "log-fault": "the order journal cannot be written", invariant: "what can never be was found",
    "late-fill": "an order that was proven absent was filled", overfill: "an order was filled beyond its quantity",
    "stream-dead": "the account's stream is dead, and the venue cannot be asked either", "stream-down": "the account's stream is down",
    "unknown-order": "nobody knows what became of an order", mismatch: "the venue and the trader disagree", unexplained: "a position that no trade explains",
    unreconciled: "orders and positions are not read yet", "stale-market": "market data are stale", "stale-with-position": "market data are stale, and there is a position",
    clock: "the clock is wrong", backlog: "more waits than can be worked off", settings: "leverage, margin type or position mode are not as they should be",
    unprotected: "a position has no stop within its deadline", unprotectable: "the price is beyond the stop, and none can be placed", "strategy-fault": "the strategy failed",
    "log-quarantined": "the order journal is not as it was written", "losses-in-a-row": "MAX_LOSSES_IN_A_ROW is reached", "margin-call": "the venue calls for margin",
  },
  "t-f": {
    decision: "frame → decision", bytes: "frame → order's bytes", ack: "bytes → the venue's answer", fill: "bytes → first trade", gc: "garbage collection", lag: "event loop lag",
    lock: "waiting for locks", backlog: "events that wait", memory: "memory growth",
  },
};
