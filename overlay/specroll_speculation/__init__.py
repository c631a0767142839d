"""What the adapters of all engines share and is no drafting: switch, monitor, counts and feed."""
