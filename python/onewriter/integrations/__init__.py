"""For libraries that have a place of their own for a logger. Each module needs its library."""
