"""How files change: planned in memory, written as one transaction."""
