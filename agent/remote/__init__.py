"""Settings from the centre: a signed document over the box's own file, tried on probation before it stays.

document     which sections it may change, and how it is laid over the box's own
trial        the steps from one document to another; pure · trial_file: the same, on the disk
probation    whether the sources stand it; pure
follower     asks the centre, takes up, watches, goes back
"""
