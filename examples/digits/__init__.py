"""The whole story on real models: two digit readers, one flag, one experiment, one report."""
