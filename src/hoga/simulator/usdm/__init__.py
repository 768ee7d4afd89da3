"""simulator.usdm: Binance USDⓈ-M futures on the wire. Shares with `simulator.binance` what the two venues share."""
