"""Models at run time: the names that clients ask for, and the deployments that answer.

table        which model an asked name is; which one is asked instead
pool         one model: its deployments, and which of them is next
deployment   one provider's model: how it is doing, and whether it takes calls
cooldowns    who is left out for a while, shared by replicas
retry        what to do after a failure, a pure decision
prompt       what of a call keeps it with its prompt cache
overrides    what a caller may decide for one call
"""
