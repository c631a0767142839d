"""Drafters of others and simpler ones of ours, behind the interface of `SamDrafter`."""
