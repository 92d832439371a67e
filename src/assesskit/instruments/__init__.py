"""Programs of ours that observe or disturb a pod from inside the grader: the relay, the collector, the load generator."""
