"""net: one WebSocket connection (`ws`: no other file knows its library), one REST client a venue (`rest`), and the limits of both."""
