"""The metrics: what is counted, their text, and the files for Prometheus in deploy/prometheus/."""
