"""What a number of clients needs, and how they come back."""
