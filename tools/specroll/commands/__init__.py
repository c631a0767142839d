"""One module a command; each function returns a report and prints nothing."""
