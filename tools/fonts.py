"""The font of pictures. Without it, they would depend on the fonts of the machine that makes them."""

import shutil
import subprocess
import sys

FONT = "Inter"  # close to the system fonts of most readers, and first in the style sheets among free fonts


def require_font() -> None:
    """Exit with a message unless Chromium will find the font."""
    command = shutil.which("fc-list")
    if not command or not subprocess.run([command, FONT], capture_output=True, check=True).stdout:  # noqa: S603 (our own command)
        sys.exit(f"The pictures need the font {FONT} (Debian: apt-get install fontconfig fonts-inter).")
