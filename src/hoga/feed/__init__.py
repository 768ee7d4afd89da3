"""feed: keeps connections to a venue up, for ever, and hands their frames to an inlet (`hub.port`).

`connection` is one public connection, `feed` all that a recorder needs, `wire` those that the hub asks for, `private` an account's.
"""
