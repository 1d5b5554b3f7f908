"""When a certificate ends."""

from pathlib import Path

from cryptography import x509


def not_after_s(path: str) -> float:
    """When the first certificate of a PEM file ends, Unix seconds.

    Raises:
        OSError: the file cannot be read.
        ValueError: there is no certificate in it.
    """
    return x509.load_pem_x509_certificate(Path(path).read_bytes()).not_valid_after_utc.timestamp()
