"""What operators copy to their machines: units, settings and the commands of docs/install.md."""
