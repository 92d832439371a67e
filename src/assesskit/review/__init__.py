"""Review: judged criteria, with the evidence beside the anchors, in a browser or from a file."""
