"""What commands are told: lists of numbers, lines of text, prompts."""
