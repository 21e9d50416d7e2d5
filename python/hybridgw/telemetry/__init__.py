"""What operators see: metrics of the whole host, rendered by any worker."""
