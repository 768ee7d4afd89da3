// English. What is wrong: in a sentence, and in the few words of the bar.
export default {
  r: {
    "not-running": "No recorder is running for {folder}", "page-empty": "The recorder is starting", "page-foreign": "The recorder's page is not one of hoga's",
    "page-version": "The recorder is another version of hoga than this dashboard", "page-torn": "The recorder's page cannot be read",
    stale: "The recorder has given no sign of life for {seconds} s", starting: "The recorder is starting", stopping: "The recorder is being stopped",
    "disk-full": "The disk is full: {free} MB free, and {reserve} MB are kept back ({venue}). Recording is paused", writer: "The disk refuses to be written: {why} ({venue})",
    disconnected: "{connection} has been disconnected for {seconds} s ({why}): {streams} streams are not recorded. Attempt {attempt} in {retry} s",
    quiet: "Nothing has come on {connection} for {seconds} s: {streams} streams", unsubscribed: "{venue} has not accepted {count} subscriptions for {seconds} s: {names}",
    silent: "{count} silent for {seconds} s: {names}", gate: "Latency gate closed: {names} too late (median {median} ms, threshold {threshold} ms). Not recorded",
    late: "Late, but recorded: {names} (median {median} ms, threshold {threshold} ms)", backpressure: "The disk is slower than the market: {waiting} records wait",
    "disk-low": "The disk is nearly full: {free} MB free, recording pauses at {reserve} MB",
    "disk-soon": "The disk reserve will be reached in {hours} h: hoga writes {per_day} MB a day", clock: "The clock of this machine is off by {offset} ms (by {source})",
    skewed: "The clocks of this machine and of {venue} differ: latencies come out as {median} ms. Check this machine's (chrony, NTP)",
    memory: "Memory is short: {percent} % in use, {limit} % desired at most", sealing: "{waiting} minutes wait to be sealed ({venue})",
    "relay-away": "What {collector} records has not reached NATS for {seconds} s ({why}). Nothing is lost: {waiting} ledgers and days wait on disk",
    "relay-damaged": "{count} files are not as they were sealed and are not sent to NATS, the newest {file}",
    "never-connected": "{connection} has not connected for {seconds} s ({why}): {streams} streams are not recorded. Attempt {attempt} in {retry} s",
    "disk-trend": "The disk reserve will be reached in {hours} h, as all programs on this file system use it up; hoga itself is not the cause",
    "skewed-venue": "The clock of {venue} seems to be off: latencies come out as {median} ms, though this machine's is off by {offset} ms only (by {source})",
  },
  v: {
    disconnected: "{connection} down for {span} · again in {retry} s (attempt {attempt})",
    "never-connected": "{connection} not connected for {span} · again in {retry} s (attempt {attempt})", silent: "{count} silent for {span}: {names}",
    gate: "too late: {names}, median {median} ms", "disk-full": "the disk is full: {free} MB free", "disk-low": "the disk is nearly full: {free} MB free",
    unsubscribed: "subscription not accepted for {span}: {names}", stale: "the recorder has said nothing for {span}",
  },
};
