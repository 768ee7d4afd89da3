"""net: connections and requests. `ws` is the only file that knows the WebSocket library; plan, backoff and ratelimit are pure."""
