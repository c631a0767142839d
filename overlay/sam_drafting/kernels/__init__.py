"""The work, compiled: free functions on arrays, whose meaning `layout` describes."""
