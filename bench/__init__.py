"""Speed and memory of mailproto beside its peers, as ratios measured in one run: `make bench`."""
