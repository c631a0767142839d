"""The suffix automaton, against whose drafts those of the index are tested."""
