"""What the adapters of all engines share and is no drafting: options, switch, monitor, counts and feed."""
