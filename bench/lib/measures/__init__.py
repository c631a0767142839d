"""Figures of what engines did, beside those of the method that they are compared with."""
