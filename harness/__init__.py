"""What tests, benchmarks and tools share: the running product, nginx, a scriptable SMTP server, a browser."""
