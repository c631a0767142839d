"""Prompts, and the rows that are made of them: context, draft, target, outcomes."""
