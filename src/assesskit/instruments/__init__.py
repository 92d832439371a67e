"""Programs of ours that observe or disturb a pod from inside the grader: relay, collector, load."""
