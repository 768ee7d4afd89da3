// English. The hub's panel, and alerts.
export default {
  missed: "Missed", "hk-public": "public", "hk-private": "private",
  al: {
    "connection-lost": "Connection lost", "error-rate": "Many bad frames", gap: "Incident", disk: "Disk", clock: "Clock", duplicates: "Repeated frames", ladder: "The trader's ladder",
    exit: "Emergency exit", relay: "Relay",
  },
  at: {
    lost: "the connection is {state}", "bad-frames": "{percent} % of its frames cannot be used", incident: "1 incident: {what}", incidents: "{count} incidents, the newest: {what}",
    "disk-full": "the reserve of {reserve} MB is reached, nothing is recorded", writer: "the disk refuses to be written: {why}",
    clock: "this machine's clock is off by {offset} ms (by {source})",
    skewed: "latencies of {venue} come out as {median} ms, though this machine's clock is off by {offset} ms only (by {source})",
    "skewed-alone": "latencies of {venue} come out as {median} ms, the clocks differ: nobody could tell how far this machine's is off",
    duplicates: "{count} frames came twice within a minute on one connection, byte for byte; they are kept aside",
    jumps: "ids began anew in {count} streams within a minute: the venue was restarted or reset; everything is recorded",
    "relay-away": "what is recorded does not reach NATS ({why}); nothing is lost, it is sent when NATS is back",
  },
  i: {
    disconnect: "{who} was cut for {span}", "latency-gate": "the latency gate was closed for {span}", backpressure: "the disk was slower than the market for {span}",
    "disk-full": "the disk was full for {span}", crash: "the recorder had been killed; {span} are missing", shutdown: "the recorder was off for {span}",
    silence: "nothing came for {span}", "sequence-gap": "the venue's ids have a hole over {span}", "clock-step": "this machine's clock was set by {span}",
    malformed: "frames could not be read for {span}",
  },
  who: {
    conn: "connection {conn}", venue: "a connection to {venue}, or a subscription there,", none: "a connection",
  },
  hub: {
    "": "Hub: components and their subscriptions", unused: "No program uses the hub; hoga.connect() does.", components: "{count} components, {subscriptions} subscriptions, {values} latest values kept",
    delivered: "{count} events delivered", latency: "socket to callback {ms} ms (mean / p99)", dropped: "{count} dropped", raised: "{count} callbacks raised",
    stale: "{count} old frames", subs: "{count} subscriptions", requests: "{count} requests", errors: "{percent} errors",
  },
};
