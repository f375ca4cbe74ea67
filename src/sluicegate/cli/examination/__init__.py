"""What `sluicegate doctor` looks at, one file for each."""
