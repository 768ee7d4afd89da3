"""hub: all WebSocket subscriptions of a process in one place: who wants what, on the fewest requests, delivered to everybody.

`subscriptions`, `epochs`, `metrics`, `independence`, `alerts`, `states`, `pace`, `lingering` decide and never wait; `routing`,
`consumers` and `mailbox` carry events to those who asked for them; `pool` and `client` hold the latest values; `manager` is
the shell around them.
The hub opens no connection to a venue: a `Wire` brings the frames. `local_server` gives them on to other processes over a Unix socket, and
`local_wire` is the wire that takes them from there.
"""
