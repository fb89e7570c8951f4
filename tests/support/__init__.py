"""What tests lean on: servers, a mail server that can be told what to answer, the whole product, a browser."""
