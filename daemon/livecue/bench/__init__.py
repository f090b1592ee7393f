"""`livecue bench`: the daemon measured from outside, beside the floor of the same machine in the same run."""
