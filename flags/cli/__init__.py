"""The commands of the flags house: each file a group of the `pointsman` command."""
