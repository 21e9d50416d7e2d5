"""What several tests share: small programs to run against, and ways to wait without sleeping long."""
