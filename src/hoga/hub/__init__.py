"""hub: all WebSocket subscriptions of a process in one place: who wants what, on the fewest requests, delivered to everybody.

`subscriptions`, `epochs`, `metrics`, `independence`, `alerts`, `states`, `pace` decide and never wait; `routing` and
`delivery` carry events to consumers; `pool` and `client` hold the latest values; `manager` is the shell around them.
The hub opens no socket: a `wire.Wire` brings the frames (`app.hub` makes them from connections).
"""
