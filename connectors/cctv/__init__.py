"""Traffic cameras of Kota Medan: the list, the availability logs, and the prober that writes those logs."""
