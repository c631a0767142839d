"""Pictures of what the commands found, a module a command."""
