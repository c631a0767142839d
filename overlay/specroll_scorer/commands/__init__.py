"""The commands of `train_spd_scorer`."""
