"""The second factor at the log-in of staff: codes of an app, recovery codes and remembered devices."""
