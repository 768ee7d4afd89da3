"""app: wiring. Reads the configuration, builds the rooms, and connects them; the only room that knows them all."""
