"""Emails as mail servers write them, addressed to a bounce address."""

from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"
NAMES = sorted(path.stem for path in SAMPLES.glob("*.eml"))


def sample(name: str, address: str = "bounces+1-abc@status.example.com") -> bytes:
    return (SAMPLES / f"{name}.eml").read_bytes().replace(b"BOUNCE_ADDRESS", address.encode())
