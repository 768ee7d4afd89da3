"""simulator.binance: Binance spot's wire protocol: streams, control messages, REST. Own encoders, nothing shared with the client side."""
