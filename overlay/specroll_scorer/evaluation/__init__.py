"""What a scorer gains and costs on held-out rows, beside rules without training."""
