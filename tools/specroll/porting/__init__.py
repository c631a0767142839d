"""What a person should look at when a series is carried to another upstream release."""
