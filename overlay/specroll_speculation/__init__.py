"""What all adapters share and is no drafting: options, switch, monitor, counts and feed."""
