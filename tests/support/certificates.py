"""Keys and self-signed certificates for servers of tests."""

import subprocess
from pathlib import Path


def make(folder: Path, name: str, *, days: int = 2, is_expired: bool = False) -> Path:
    """Return NAME.pem, with a key and a certificate for the name; NAME.pem.crt has the certificate only."""
    file = folder / f"{name}.pem"
    certificate = f"{file}.crt"
    words = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days {days} -subj /CN={name}"
    _openssl(*words.split(), "-addext", f"subjectAltName=DNS:{name}", "-keyout", str(file), "-out", certificate)
    if is_expired:
        _openssl("x509", "-in", certificate, "-days", "-1", "-signkey", str(file), "-out", certificate)
    file.write_bytes(file.read_bytes() + Path(certificate).read_bytes())
    return file


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
