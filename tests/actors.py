"""Who acts in tests that are not about rights."""

from incidents.staff.actors import command

ANYBODY = command("tests")
