"""The base of what this package raises."""


class DeployError(Exception):
    """Anything that stops the start; the message is one line that names the variable and the fix."""
