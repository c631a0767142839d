"""What decisions on drafts are worth."""
