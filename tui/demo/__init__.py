"""A small HTTP server on loopback that behaves as servers do, well and badly, for `winch demo`."""
