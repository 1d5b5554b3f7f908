"""A certificate for a gateway that ends TLS itself, made for one run."""

from pathlib import Path

from bench.host.processes import ProcessError
from bench.servers.server import HOST, free_port


def of_gateway(folder: str) -> dict[str, str]:
    """Make one in ``folder``, with an elliptic key; return the settings. Operators ask another port, without TLS.

    Raises:
        ProcessError: the package for it is not installed.
    """
    try:
        import trustme
    except ImportError:
        raise ProcessError("a certificate needs the Python package trustme: pip install trustme") from None
    file = Path(folder) / "gateway.pem"
    trustme.CA().issue_cert(HOST).private_key_and_cert_chain_pem.write_to_path(str(file))
    return {"GATEWAY_TLS_CERT": str(file), "GATEWAY_PRIVATE_PORT": str(free_port())}
