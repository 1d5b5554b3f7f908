"""What this package raises beside `deploy.errors`."""

from deploy.errors import DeployError


class NotMadeError(DeployError):
    """A fault cannot be made here; the message is why, and follows on "because"."""
