"""What commands say: tables, progress, results, and where and when they were measured."""
