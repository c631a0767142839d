"""What a training run starts from, decides and leaves behind."""
