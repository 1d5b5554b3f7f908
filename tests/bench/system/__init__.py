"""The system as a whole, measured."""
