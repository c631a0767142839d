"""How patch sets are made and held against the conventions."""
