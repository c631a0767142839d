"""Real engines: how their methods are configured, started and stepped, and what they are asked."""
